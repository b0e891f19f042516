"""`python -m train.sweep`: compare settings of a recipe by a grid or a search."""

from tenfold.data.process import run_main


def main(started: float) -> int:
    """Run the command."""
    from tenfold.train.sweep.command import main
    return main()


run_main(main)
