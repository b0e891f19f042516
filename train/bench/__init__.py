"""Loader settings, timed on the shards of a user.

Read in this order: `timing` (how fast batches come), `figures` (the picture), `command` (the command line).
"""
