"""Many runs, to choose settings by."""
