"""What a training step computes: loss, optimizer, learning rate, EMA. Nothing here knows the clock or writes files.

Read in this order: `loss` (augmented batch → loss), `compile` (the loss through torch.compile), `cuda_graph` (a step
that is launched at once), `optimizer` and `muon`, `scaling` (of the loss for float16), `schedule` (the learning rate
over the run), `ema` (the running mean of the weights), `learner` (all of these: one step), `one_pass` (once through all
rows), `frozen` and `features` (compute the frozen first part of a network only once), `head_features`, `logistic`,
`folds` and `fitted_head` (fit the last layer by logistic regression), `cost` (the time of a step).
"""
