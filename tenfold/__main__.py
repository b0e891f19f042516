"""Run `python -m tenfold VERB …`, which is `tenfold VERB …` where the console command is not installed."""

import sys

from tenfold.cli import main

sys.exit(main())
