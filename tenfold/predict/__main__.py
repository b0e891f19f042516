"""`python -m tenfold.predict`: label new pictures with a model."""

import sys

from tenfold.predict.command import main

sys.exit(main())
