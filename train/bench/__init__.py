"""Loader settings, timed on the shards of a user."""
