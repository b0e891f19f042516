"""List the candidate recipes for a set of images, the likeliest first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import FEW, Setting
from tenfold.automatic.ink import ink, ink_name
from tenfold.automatic.look import Look
from tenfold.automatic.machine import Machine
from tenfold.automatic.pictures import pictures_from_nothing, pictures_pretrained, shapes, shapes_name

_SHORT = 4.0                 # least seconds of a trial: if the images say little about which candidate is best,
_CAREFUL = 15.0              # and if they say which one is likely, or the candidates differ little


@dataclass(frozen=True)
class Candidate:
    """A candidate recipe: its name, and the function that fits it to the images and the time."""
    name: str
    make: Callable[[Setting], Draft]
    least: float             # least seconds of a trial, of all candidates if this one is the likeliest


def candidates(look: Look, machine: Machine, pretrained: bool) -> list[Candidate]:
    """Return the candidates that suit what was seen, the likeliest first."""
    if look.marks and look.is_ink:               # the first for type checkers
        varies = look.marks.varies
        cut = [True, False] if varies is None else [varies]
        turned = [False, True] if look.upright is None else [not look.upright]
        return [Candidate(ink_name(c, t), partial(ink, marks=look.marks, cut=c, turned=t), _CAREFUL)
                for t in turned for c in cut]
    scratch = Candidate("from nothing", pictures_from_nothing, _SHORT)
    tuned = [Candidate("pretrained", pictures_pretrained, _SHORT)] if pretrained else []
    if not look.may_mirror:
        least = _CAREFUL if look.are_signs else _SHORT
        varied = look.each < FEW
        grey, other = (Candidate(shapes_name(v), partial(shapes, varied=v), least) for v in (varied, not varied))
        colour = [scratch] if look.is_colour else []
        # ImageNet's features tell few characters and signs apart; things that are all seen from one side, they do
        return [grey, *tuned, other, *colour] if look.are_signs else [*tuned, grey, *colour]
    return [*tuned, scratch] if machine.is_accelerated or not tuned else tuned
