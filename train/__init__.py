"""Shards in, a model out: torch; never cv2, Pillow or joblib, and nothing of preprocess.

Read in this order: `batches/` (shards → uint8 batches on the device), `models/` (networks by name),
`augment` (chance on the device) and `warp` (what it does), `objective` (what a step descends),
`optimizer` and `muon`, `clock` and `schedule` (the budget and the learning rate), `average` (of the
weights), `checkpoint` (what a run leaves behind), `position` (where a run is), `evaluate`, `loop` (the
run itself), `report` (tables and pictures), `measure`, `views` and `score`, `timing` and `bench` (loader
settings), `space`, `search`, `trial`, `standings` and `sweep` (many runs, to choose settings by),
`__main__` (the command).

Importing this package costs nothing: torch is imported by the files that need it, after the
command line has been read.
"""
