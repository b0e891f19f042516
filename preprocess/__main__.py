"""`python -m preprocess`: augment a folder of labelled images into shards."""

import sys

from tenfold.preprocess.command import main

sys.exit(main())
