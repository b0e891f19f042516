"""`python -m tenfold.automatic`: a folder and a budget in, a proven recipe and a scored model out."""

from importlib import import_module

from tenfold.data.process import run_main

run_main(lambda started: import_module("tenfold.automatic.command").main(started=started))
