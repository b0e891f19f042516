"""`python -m train.score`: measure how often a model is right, and where it is wrong."""

import sys

from tenfold.train.score.command import main

sys.exit(main())
