"""What a training step computes, without clock or files: loss, optimizer, learning rate, EMA.

Read in this order: `loss` (augmented batch → loss), `compile` (the same by torch.compile), `optimizer` and `muon`,
`scaling` (of the loss for float16), `schedule` (the learning rate over the run), `ema` (the mean of the weights),
`learner` (all of it: one step), `one_pass` (once through all rows), `frozen` and `features` (what is frozen at the
network's beginning is computed once), `logistic` and `fitted_head` (the last layer fitted at once), `cost` (what a step
takes).
"""
