"""`python -m train.bench`: time loader settings on shards."""

from importlib import import_module

from tenfold.data.process import run_main

run_main(lambda started: import_module("tenfold.train.bench.command").main())
