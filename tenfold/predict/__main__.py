"""`python -m tenfold.predict`: label new pictures with a model."""

from tenfold.data.process import run_main


def main(started: float) -> int:
    """Run the command."""
    from tenfold.predict.command import main
    return main()


run_main(main)
