"""`python -m train.sweep`: compare settings of a recipe by a grid or a search."""

from importlib import import_module

from tenfold.data.process import run_main

run_main(lambda started: import_module("tenfold.train.sweep.command").main())
