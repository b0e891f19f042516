"""`python -m train.score`: measure how often a model is right, and where it is wrong."""

from tenfold.data.process import run_main


def main(started: float) -> int:
    """Run the command."""
    from tenfold.train.score.command import main
    return main()


run_main(main)
