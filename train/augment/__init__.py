"""Random augmentation of batches on the device.

Read in this order: `sample` (draw the random numbers of a batch, and apply them), `ops` (the operations, which use no
random numbers of their own).
"""
