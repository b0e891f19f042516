"""What preprocessing and training share: sources, splits, recipes and the shard format. Needs numpy and h5py only.

It imports neither `preprocess` nor `train`. Read in this order:

1. Faults and words: `errors` (what can be wrong with what the user gave), `wording` (counts and lists in messages),
   `fields` (check the kinds of values that a file holds).
2. Recipes: `settings` (TOML becomes frozen dataclasses), `tables` (every key with its unit and bounds), `networks`
   (names and arguments of networks, without torch), `recipe_checks` (keys that must fit each other), `recipe`,
   `recipe_lookup` (where recipes lie), `random_streams` (the numbers of the random streams).
3. Images: `sources` (labelled images, listed without decoding them), `image_set` (which images a set was made of),
   `splits` (train, val and test by source image), `contrast` (whether pictures have that of a training set); named
   public sets: `public`, `fetch` and `vision` (the only file that imports torchvision).
4. Sets on disk: `unique` (the different ones of many numbers), `schema` (the format as values), `files` (a file appears
   whole or not at all), `leftovers`, `digests` and `verified` (damage is noticed when a file is opened), `shard` and
   `chunks` (write and open one file), `source_columns` and `source_table` (a row for each source image), `shardset`
   (open and verify a set).
5. The process: `process` (signals, exit codes, the end with a parent), `streams` (output that cannot be written),
   `quiet` (libraries that print), `memory` (how much is free), `out_of_memory` (say that it is used up).
6. Commands: `command` (what all commands share), `typed_command` (messages that name the command as it was typed),
   `verify`, `make_targets`, `make_steps` and `make` (what each make target runs), `html`, `figures` (charts) and
   `fonts` (of the names in them); these two alone import matplotlib, when they are called.
"""
