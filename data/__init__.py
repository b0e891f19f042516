"""Ground floor: what both stages share. numpy and h5py (torchvision by one door); imports neither room above it.

Read in this order: `errors` (what can be wrong with what the user gave), `settings`, `tables` and `recipe`
(a TOML file becomes frozen dataclasses), `source` (labelled images, one at a time; a folder by `parts`, `listing`,
`layout` and `folder`, an .npz by `npz`, `labels` and `arrays`, the class names of both by `names` and `classes`),
`split` (train / val / test by source image), `groups` (which images belong together), `stratify` (units of them cut
into parts) and `remarks` (what to say of it), `schema` (the format on disk as values), `files` (a file
appears whole or not at all), `shard` and `chunks` (write and open one file), `shardset` (open and verify
all of them), `identity` (which images a set was made of), `public` and `fetch` (named sets → arrays files), `vision`
(the one door to torchvision), `command` (what every command line does alike), `targets` and `make` (what each make
target runs, from which variables).
"""
