"""`python -m train`: the same as `tenfold train`, in a checkout."""

import time

STARTED = time.monotonic()   # before the heavy imports: they count against the budget

import sys  # noqa: E402

from tenfold.train.run.command import main  # noqa: E402

sys.exit(main(started=STARTED))
