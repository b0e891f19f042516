"""Draw a copy of a cleaned picture: its random view, its geometry on the canvas, and its pixels.

Read in this order: `random_views` (all that is random), `geometry` (where the picture lies), `render` (the pixels),
`pyramid` (the sizes of a picture that they are drawn from), `together` (small arrays, many at once), `memory` (where
the pixels of a shard lie).
"""
