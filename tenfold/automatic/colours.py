"""Find out whether pictures have colours, whether these tell the classes apart, and what is hidden without them."""

import functools

import cv2
import numpy as np

from tenfold.train.chance import guess_rate

_GREY = np.array([0.299, 0.587, 0.114])      # of red, green and blue, by ITU-R BT.601
_COLOURED = 12.0             # a picture is coloured if its channels differ by more than this on average, of 255
_PATCH = 0.02                # a picture is coloured if they differ by four times that in more than this share of it
_TOLD = 0.5                  # colours tell the classes apart if they are right on more than this share of the pictures
                             # that guessing is wrong on
_HIDDEN = 0.25               # ink is hidden in grey if it differs from its ground by less than this share of what it
                             # differs by in one of the colours: yellow on white by a ninth
_ENOUGH = 100_000            # of larger pictures, about so many pixels are looked at
_LEAST = 24                  # with fewer pictures, nothing is known


def is_coloured(pixels: np.ndarray) -> bool:
    """Return whether the channels of a picture, uint8 (H, W, 3), differ on average or in a patch of some size."""
    apart = _differences(pixels)
    return bool(apart.mean() > _COLOURED or np.mean(apart > 4 * _COLOURED) > _PATCH)


def mean_colour(pixels: np.ndarray) -> np.ndarray:
    """Return the mean hue of the coloured pixels of a picture, uint8 (H, W, 3), as a direction: float64 (3,).

    The channels minus their mean, of length 1; 0 if the picture has no coloured pixels. Brightness does not count.
    """
    chosen = pixels[_differences(pixels) > 4 * _COLOURED].astype(np.float64)
    if not len(chosen):
        return np.zeros(3)
    mean = chosen.mean(0) - chosen.mean()
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6))


def colours_tell(colours: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether the nearest other picture by colour is nearly always of the same class.

    colours: (n, 3) of `mean_colour`; labels (n,).
    """
    if len(labels) < _LEAST:
        return False
    near = colours @ colours.T
    np.fill_diagonal(near, -np.inf)
    right = float((labels[near.argmax(1)] == labels).mean())
    guess = guess_rate(np.bincount(labels))
    return right - guess > _TOLD * (1 - guess)


def hidden_in_grey(pixels: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of a picture's ink that hardly differs from its ground if the picture is made grey.

    pixels: uint8 (H, W, 3); mask: uint8 (H, W), above 0 where there is ink.
    """
    step = max(1, round((mask.size / _ENOUGH) ** 0.5))
    pixels, inked = pixels[::step, ::step], mask[::step, ::step] > 0
    if inked.all() or not inked.any():
        return 0.0
    ground = np.median(pixels[~inked], axis=0)
    ink = pixels[inked].astype(np.float64) - ground
    in_grey, in_colour = np.abs(ink @ _GREY), np.abs(ink).max(axis=1)
    return float((in_grey < _HIDDEN * in_colour).mean())


def _differences(pixels: np.ndarray) -> np.ndarray:
    """Return the difference between the highest and the lowest channel of each pixel, uint8 (H, W)."""
    planes = cv2.split(pixels)
    return np.asarray(functools.reduce(cv2.max, planes) - functools.reduce(cv2.min, planes))
