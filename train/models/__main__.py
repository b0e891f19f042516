"""`python -m train.models`: list the networks with their parameters and multiply-adds."""

import sys

from tenfold.train.models.command import main

sys.exit(main())
