"""`python -m train`: the same as `tenfold train`, in a checkout."""

from tenfold.data.process import run_main


def main(started: float) -> int:
    """Run the command; the interpreter's start and the heavy imports count against the budget."""
    from tenfold.train.run.command import main
    return main(started=started)


run_main(main)
