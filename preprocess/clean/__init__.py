"""Clean a source image, once for all of its copies: polarity, ground, ink, and the region of interest.

Read in this order: `set_decisions` (what the whole set decided), `polarity` (dark ink or light), `tones` (two
tones and the grain), `ground` (one tone, or light that falls unevenly), `shadows` (those with an edge), `ink` (the
threshold, and dust), `steps` (the recipe's steps in their order).
"""
