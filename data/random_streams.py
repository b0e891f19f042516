"""Numbers of the random streams that are derived from a recipe's seed: each purpose has its own random numbers.

A generator is `numpy.random.default_rng([seed, STREAM, …])`. The bytes of a set and the weights of a run depend on
these numbers: never change one, and add new ones at the end. A copy's random view has no number (preprocess/draw).
"""

SPLIT = 1                    # which source images are held out
PLAN = 2                     # the order of the rows on disk
ORDER = 3                    # the order of the rows in an epoch
SAMPLING = 4                 # how often each row comes in an epoch
AUGMENT = 5                  # the augmentation of a batch on the device
THINNING = 6                 # which images of a large class are used
