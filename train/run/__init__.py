"""One training run within a time budget: shards in; best.pth, last.pth, metrics.csv and curves.png out.

Read in this order: `training` (train(), the public function), `loop` (the Trainer), `clock` (the budget), `pace`
(what is timed), `state` (where a run is), `checkpoint` (the files), `checkpoint_writer` (when they are written),
`interrupts` (ctrl-C), `figures` (the curves), `command` (the command line).
"""
