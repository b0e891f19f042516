"""`python -m benchmarks.torture`: attack Tenfold and count what holds."""

import sys

from benchmarks.torture.command import main

sys.exit(main())
