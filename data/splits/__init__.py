"""Decide which source images are trained on, and which are held out for validation and test.

Read in this order: `assign` (each image to train, val or test), `groups` and `group_table` (which images belong
together), `near` (which near-duplicates do), `series` and `gradual` (which files of one series do), `stratify` (divide
these units into splits) and `notes` (what people should know about the result).
"""
