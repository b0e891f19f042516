"""Benchmark loader settings on the user's own shards.

Read in this order: `timing` (measure how fast batches are loaded), `figures` (bench.png), `command` (the command
line).
"""
