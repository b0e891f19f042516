"""Benchmark loader settings on the user's own shards.

Read in this order: `timing` (how fast batches come), `figures` (the picture), `command` (the command line).
"""
