"""`python -m train.bench`: time loader settings on shards."""

import sys

from tenfold.train.bench.command import main

sys.exit(main())
