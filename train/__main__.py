"""`python -m train`: the same as `tenfold train`; the start of the interpreter counts against the budget."""

from importlib import import_module

from tenfold.data.process import run_main

run_main(lambda started: import_module("tenfold.train.run.command").main(started=started))
