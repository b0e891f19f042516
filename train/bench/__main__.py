"""`python -m train.bench`: time loader settings on shards."""

from tenfold.data.process import run_main


def main(started: float) -> int:
    """Run the command."""
    from tenfold.train.bench.command import main
    return main()


run_main(main)
