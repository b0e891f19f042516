"""`python -m tenfold.predict`: label new pictures with a model."""

from importlib import import_module

from tenfold.data.process import run_main

run_main(lambda started: import_module("tenfold.predict.command").main())
