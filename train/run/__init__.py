"""One training run: the loop, its budget, its state and its checkpoints."""
