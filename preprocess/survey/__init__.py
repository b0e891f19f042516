"""Survey a set: decode and clean every source image, decide for all of them, and assign each to a split.

Read in this order: `fingerprint` (with `neighbours` and `sorting`), `facts` and `facts_file` (what is known of images),
`clean_blocks` and `clean_cache` (cleaned pictures on disk) and `cleaning` (one block of them, in a worker process),
`ranges` and `decisions` (what only the whole set can decide), `table` (columns of all images) and `survey`, `splits`
(train, val, test), `checks` (what stops a build), `notes` and `suspects` (what people should know).
"""
