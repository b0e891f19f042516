"""Survey a set: decode and clean every source image, decide what holds for all of them, assign each to a split.

Read in this order: `fingerprint` with `faint`, `neighbours` and `sorting` (near-duplicates), `facts` and `facts_file`
(what is known of each image), `clean_blocks`, `open_block` and `clean_cache` (cleaned pictures on disk), `cleaning`
(clean one block of images in a worker process), `ranges` and `decisions` (what is decided for the whole set), `table`
(the columns of all images), `survey` (all of this), `splits` (train, val, test), `checks` (what stops a build), `notes`
and `suspects` (what people should know).
"""
