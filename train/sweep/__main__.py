"""`python -m train.sweep`: compare settings of a recipe by a grid or a search."""

import sys

from tenfold.train.sweep.command import main

sys.exit(main())
