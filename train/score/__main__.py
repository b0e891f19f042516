"""`python -m train.score`: measure how often a model is right, and where it is wrong."""

from importlib import import_module

from tenfold.data.process import run_main

run_main(lambda started: import_module("tenfold.train.score.command").main())
