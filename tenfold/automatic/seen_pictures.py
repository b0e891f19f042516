"""What a pretrained network sees of each picture: its size, and how its views are cropped and varied."""

from tenfold.automatic.choices import Draft
from tenfold.automatic.look import Look

ENLARGED = 7                 # a picture is enlarged at most this many times for the network


def choose_seen(draft: Draft, size: int, look: Look, reason: str = "") -> Draft:
    """Choose that the network sees squares of `size` pixels, on a canvas that is not larger than the pictures."""
    canvas = min(size, max(8, *look.size))
    draft.choose("draw.canvas", [canvas, canvas], f"pictures are {look.size[1]}×{look.size[0]} (median)")
    return draft.choose("model.size", size if size != canvas else 0, f"the network sees {size} pixels: {reason}")


def choose_views(draft: Draft, look: Look, copies: int) -> None:
    """Choose the views of each picture: how many, how they are cropped, and how they are varied."""
    draft.choose("draw.copies", copies, "views of each picture")
    if look.is_long or (min(look.size) <= draft.settings["draw.canvas"][0] and look.is_nearly_square):
        draft.choose("draw.fit", "stretch", "a square of the picture would lack half of it" if look.is_long else
                     "pictures are nearly square")
        draft.choose("draw.place", False, "the whole picture")
    else:
        draft.choose("draw.fit", "cover", "a square of the picture")
        draft.choose("draw.place", copies > 1, "another square in each view" if copies > 1 else "the middle")
        draft.choose("draw.scale", [0.85, 1.0] if copies > 1 else [1.0, 1.0], "on seven sets, cropped views were 1.5 "
                     "points better than one plain view" if copies > 1 else "one plain view")
    if copies > 1 and look.may_mirror:
        draft.choose("draw.flip", 0.5, look.mirror_reason)
    elif copies > 1:
        draft.choose("draw.flip", 0.0, look.mirror_reason)
        draft.choose("draw.rotation", 8, "in place of mirror images: views differ by a little")
        draft.choose("draw.scale", [0.85, 1.0], "as draw.rotation").choose("draw.place", True, "as draw.rotation")
