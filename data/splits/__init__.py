"""Decide which source images are trained on, and which are held out for validation and test.

Read in this order: `assign` (each image to train, val or test), `groups` (which images belong together), `stratify`
(units of them cut into splits) and `notes` (what people should know of the result).
"""
