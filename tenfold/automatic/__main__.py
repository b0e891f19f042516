"""`python -m tenfold.automatic`: a folder and a budget in, a proven recipe and a scored model out."""

from tenfold.data.process import run_main


def main(started: float) -> int:
    """Run the command."""
    from tenfold.automatic.command import main
    return main(started=started)


run_main(main)
