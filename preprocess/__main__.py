"""`python -m preprocess`: augment a folder of labelled images into shards."""

from importlib import import_module

from tenfold.data.process import run_main

run_main(lambda started: import_module("tenfold.preprocess.command").main())
