"""Train a model on shards, and score it. Uses torch; never OpenCV, Pillow or joblib, and nothing of preprocess.

Read in this order: `batches/` (shards → uint8 batches on the device), `models/` (networks by name), `augment/` (random
augmentation on the device), `learn/` (loss, optimizer, learning rate: one step), `run/` (the loop inside its budget,
its state and its checkpoints; `run/training.py` holds train()), `score/` (a model on its test rows), `model_file`
(best.pth opened for use), `bench/` (loader settings, timed), `sweep/` (many runs, to choose settings by). Shared by
them: `device` (where to compute), `precision` (in which type of number), `normalise` (pixels to what a network sees),
`cpu_load` (of other processes), `barrier_sleep` (threads that sleep meanwhile), `chance` (better than guessing?),
`inputs` (the recipe and shards that a command names), `csv_file`.

Importing this package costs nothing: torch is imported by the files that need it, after the command line was read.
"""
