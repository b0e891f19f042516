"""One training run within a time budget: shards in; best.pth, last.pth, metrics.csv and curves.png out.

Read in this order: `training` (train(), the public function), `loop` (the Trainer), `preparation` (what comes before
the first step), `feed` (the batches), `plan` (what fits into the budget), `clock` (the budget), `pace`
(the timer), `closing` (the time of what follows the last step), `threads` and `thread_trial` (how many threads),
`validation`, `step_metrics`, `state` (how far a run is), `checkpoint` (the files), `checkpoint_writer` (when they are
written), `batch_size` (the largest that fits), `figures` (the curves), `notes` (what the results mean), `best_copy`
(./best.pth), `command` (the command line).
"""
