"""Images in, shards out: cv2, Pillow and joblib; never torch.

Read in this order: `decode/` (bytes → pixels), `clean` (once per source image), `chance`, `place` and
`draw` (once per copy), `scratch` (the cleaned pictures between the two stages), `decide` and `survey` (all
sources cleaned, and what the whole set decides), `hold_out` (the split of them), `plan` (which row lies where,
pure), `pool` (worker processes) and `build` (the stages over them), `preview` (a contact sheet), `look` and
`report` (what a set is made of), `__main__` (the command).
"""
