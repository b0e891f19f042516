"""`python -m train.models`: list the networks with their parameters and multiply-adds."""

from importlib import import_module

from tenfold.data.process import run_main

run_main(lambda started: import_module("tenfold.train.models.command").main())
