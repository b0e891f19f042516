"""`python -m preprocess`: augment a folder of labelled images into shards."""

from tenfold.data.process import run_main


def main(started: float) -> int:
    """Run the command."""
    from tenfold.preprocess.command import main
    return main()


run_main(main)
