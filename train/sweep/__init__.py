"""Hyperparameter sweeps: many runs of a recipe with other settings, by grid or search.

Read in this order: `space` (what varies), `search` (which settings come next), `trial` (one run in a process of its
own), `preparation` (its recipe and shards), `record` (sweep.json and the budget), `session` (trial after trial),
`leaderboard` and `figures` (the tables and pictures), `command` (the command line).
"""
