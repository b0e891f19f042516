"""`python -m train`: train a classifier on shards, inside a budget."""

import time

STARTED = time.monotonic()   # before the heavy imports: they count against the budget

import sys  # noqa: E402

from tenfold.train.run.command import main  # noqa: E402

sys.exit(main(started=STARTED))
