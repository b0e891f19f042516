"""What a training step computes: loss, optimizer, learning rate schedule, mean of the weights."""
