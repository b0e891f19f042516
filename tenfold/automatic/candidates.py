"""List the candidate recipes for a set of images, the likeliest first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import Setting
from tenfold.automatic.ink import ink, ink_name
from tenfold.automatic.look import Look
from tenfold.automatic.machine import Machine
from tenfold.automatic.pictures import pictures_from_nothing, pictures_pretrained, shapes

_SHORT = 4.0                 # seconds of a trial, at least, where candidates differ much and the images say little,
_CAREFUL = 15.0              # and where they differ little, or the images say which is likely


@dataclass(frozen=True)
class Candidate:
    """A candidate recipe that may be tried: its name, and the function that fits it to the images and the seconds."""
    name: str
    make: Callable[[Setting], Draft]
    least: float             # seconds of a trial below which none is made, where this is the likeliest


def candidates(look: Look, machine: Machine, pretrained: bool) -> list[Candidate]:
    """Return the candidates that what was seen leaves open, the likeliest first."""
    if look.marks and look.is_ink:               # the first for type checkers
        varies = look.marks.varies
        cut = [True, False] if varies is None else [varies]
        turned = [False, True] if look.upright is None else [not look.upright]
        return [Candidate(ink_name(c, t), partial(ink, marks=look.marks, cut=c, turned=t), _CAREFUL)
                for t in turned for c in cut]
    scratch = Candidate("from nothing", pictures_from_nothing, _SHORT)
    tuned = [Candidate("pretrained", pictures_pretrained, _SHORT)] if pretrained else []
    if not look.may_mirror:
        grey = Candidate("shapes", shapes, _CAREFUL if look.are_signs else _SHORT)
        colour = [scratch] if look.is_colour else []
        # ImageNet's features tell few characters and signs apart; things that are all seen from one side, they do
        return [grey, *tuned, *colour] if look.are_signs else [*tuned, grey, *colour]
    return [*tuned, scratch] if machine.is_accelerated or not tuned else tuned
