"""Hyperparameter sweeps: many runs of a recipe with other settings, by grid or search.

Read in this order: `space` (what varies), `search` (which settings are next), `trial` (one run in a separate process),
`preparation` (its recipe and shards), `repeats` (trials whose result is known), `record` (sweep.json and the
budget), `session` (runs one trial after another), `leaderboard` and `figures` (the tables and pictures), `command` (the
command line).
"""
