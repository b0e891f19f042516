"""Drawn pages for the tests of ink, and how far a cleaned page is from the ideal one."""

import cv2
import numpy as np
from characters import character

from tenfold.data.tables import Clean
from tenfold.preprocess.clean.set_decisions import SetDecisions
from tenfold.preprocess.clean.steps import clean_page

LETTERS = {"bilateral": 9, "threshold": 0.3, "offset": 12.0, "specks": 0.5, "roi": True}     # as letters.toml


def difference(cleaned, cover, tone, near=False) -> float:
    """Between a cleaned page and the ideal one, in units of 255 × the ink's area: mostly the pen's edge, and grain on
    thin pens. near: without the ground further than two pixels away, where no threshold wipes it."""
    apart = np.abs(cleaned[..., 0] - cover * tone)
    if near:
        apart = apart[cv2.dilate((cover > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0]
    return apart.sum() / (255 * max(1, cover.sum()))


def on_a_page(name, pen, height, left=130, top=100):
    """Coverage with one character, float32 (300, 300)."""
    cover, drawn = np.zeros((300, 300), np.float32), character(name, pen, height)
    cover[top:top + drawn.shape[0], left:left + drawn.shape[1]] = drawn
    return cover


def ink_of(tones):
    """The ink that is found on a page of dark ink, tones (H, W) or (H, W, 3)."""
    image = np.clip(np.rint(tones), 0, 255).astype(np.uint8).reshape(*tones.shape[:2], -1)
    return clean_page(image, Clean(channels=image.shape[2], polarity="dark", **LETTERS), SetDecisions("dark"))[1]
