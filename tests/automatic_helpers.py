"""Looks at sets that are made up, and a machine whose rates are known."""

import dataclasses

import torch

from tenfold.automatic.angles import Matches
from tenfold.automatic.fit import FitContext
from tenfold.automatic.look import Look
from tenfold.automatic.machine import Machine
from tenfold.automatic.marks import InkFacts

MARKS = InkFacts(pen=0.05, box=0.6, position_spread=0.1, size_spread=0.2, rotations=Matches(upright=0.9, quarters=0.9))
INK = Look(images=600, classes=6, smallest_class=100, largest_class=100, size=(200, 200), aspect=1.0, sampled=64,
           colour_share=0.0, ink_share=1.0, polarity="dark", votes=(60, 4), marks=MARKS, seconds=0.01, official={},
           counts=(100,) * 6)
PHOTOS = dataclasses.replace(INK, size=(193, 256), colour_share=0.9, ink_share=0.02, polarity="each", marks=None)
SIGNS = dataclasses.replace(PHOTOS, unmirrored=(0.9, 256))


class Fixed(Machine):
    """A machine whose rates are known: images a second of 32×32 and the narrowest network, less for others."""

    def __init__(self, rate: float):
        super().__init__(torch.device("cpu"))
        self.rate = rate

    def _rate(self, recipe, classes, batch, kind):
        width = (recipe.model.args.get("widths") or [32])[0]
        return self.rate * (32 / recipe.draw.canvas[0])**2 * (16 / width)**1.5


class Card(Fixed):
    """A machine of known rates that counts as a graphics card."""

    is_accelerated = True


def context(seen, seconds, rate=2000.0):
    """What a draft is fitted to: a set that was looked at, some seconds, and a machine of a known rate."""
    return FitContext("images", seen, Fixed(rate), 2, 0, seconds)
