"""Build shards of augmented copies from labelled images; uses OpenCV, Pillow and joblib, never torch.

Read in this order. Pictures: `decode/` (bytes → pixels), `clean/` (once for each source image), `draw/` (once for each
copy). The build: `job` (what is asked for), `survey/` (a table with a row for each source image, and their splits),
`plan` (which row lies in which shard), `draw_shards`, `publish` (dataset.json), and `pipeline`, which runs these stages
one after the other over the processes of `pool` (`worker` is what runs in them); `cost` estimates what a build takes,
and `findings` prints what it found in the images.
Beside it: `plain_view` (one picture, as its test row has it), `preview` (a contact sheet), `report` (what a set is made
of), `fonts` (of what is written into pictures), and `command`.
"""
