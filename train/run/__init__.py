"""One training run: shards in, best.pth, last.pth, metrics.csv and curves.png out, inside a budget.

Read in this order: `training` (train(), the public function), `loop` (the Trainer), `clock` (the budget), `pace`
(what is timed), `state` (where a run is), `checkpoint` (the files), `interrupts` (ctrl-C), `figures` (the curves),
`command` (the command line).
"""
