"""List the candidate recipes for a set of images, the likeliest first; "way" in this package means such a candidate."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tenfold.automatic.choices import Way
from tenfold.automatic.fit import Setting
from tenfold.automatic.ink import ink, ink_name
from tenfold.automatic.look import Look
from tenfold.automatic.machine import Machine
from tenfold.automatic.pictures import pictures_from_nothing, pictures_pretrained, shapes


@dataclass(frozen=True)
class Candidate:
    """A candidate recipe that may be tried: its name, and the function that fits it to the images and the seconds."""
    name: str
    make: Callable[[Setting], Way]


def candidates(look: Look, machine: Machine, pretrained: bool) -> list[Candidate]:
    """Return the ways that what was seen leaves open, the likeliest first."""
    if look.marks and look.is_ink:               # the first for type checkers
        varies = look.marks.varies
        cut = [True, False] if varies is None else [varies]
        turned = [False, True] if look.upright is None else [not look.upright]
        return [Candidate(ink_name(c, t), partial(ink, marks=look.marks, cut=c, turned=t))
                for t in turned for c in cut]
    scratch = Candidate("from nothing", pictures_from_nothing)
    tuned = [Candidate("pretrained", pictures_pretrained)] if pretrained else []
    if not look.may_mirror:                      # characters, signs: ImageNet's features tell few of them apart
        return [Candidate("shapes", shapes), *tuned, *([scratch] if look.is_colour else [])]
    return [*tuned, scratch] if machine.is_accelerated or not tuned else tuned
