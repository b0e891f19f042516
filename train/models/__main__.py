"""`python -m train.models`: list the networks with their parameters and multiply-adds."""

from tenfold.data.process import run_main


def main(started: float) -> int:
    """Run the command."""
    from tenfold.train.models.command import main
    return main()


run_main(main)
