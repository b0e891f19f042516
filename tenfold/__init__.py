"""Multiply a folder of labelled images into augmented shards, and train a classifier on them inside ten minutes."""
