"""List the candidate recipes for a set of images, the most promising first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import FEW_PER_CLASS, FitContext
from tenfold.automatic.ink import ink, ink_name
from tenfold.automatic.look import Look
from tenfold.automatic.machine import Machine
from tenfold.automatic.pictures import pictures_from_scratch, shapes, shapes_name
from tenfold.automatic.pretrained import HEAD_ONLY, pictures_pretrained

_SHORT = 4.0                 # least seconds of a trial if the images say little about which candidate is best
_ON_CARD = 40.0              # least seconds of a trial on a graphics card: an H100 needs 14 s before the first step
                             # of the pretrained network
_FILLED = 0.4                # ink whose strokes are wider than this share of its box is a thing on a plain ground
_THIN = 1 / 64               # thinner strokes, as a share of their box, are lost on the largest canvas for ink
_CAREFUL = 15.0              # least seconds of a trial if the images say which is likely best, or all are similar


@dataclass(frozen=True)
class Candidate:
    """A candidate recipe: its name, and the function that fits it to the images and the time."""
    name: str
    make: Callable[[FitContext], Draft]
    least: float             # least seconds of every trial, if this candidate is the most promising
    is_brief: bool = False   # whether it takes only a small part of a budget


def candidates(look: Look, machine: Machine, pretrained: bool) -> list[Candidate]:
    """Return the candidates that suit what was seen, the most promising first."""
    short = _ON_CARD if machine.is_accelerated else _SHORT
    scratch = Candidate("from scratch", pictures_from_scratch, short)
    head_only = look.training_images <= HEAD_ONLY and not machine.is_accelerated
    tuned = [Candidate("pretrained", pictures_pretrained, short, is_brief=head_only)] if pretrained else []
    if look.marks and look.is_ink:               # `marks` only for type checkers
        varies = look.marks.varies
        cut_options = [True, False] if varies is None else [varies]
        angle_options = [False, True] if look.upright is None else [not look.upright]
        inked = [Candidate(ink_name(cut, any_angle), partial(ink, marks=look.marks, cut=cut, any_angle=any_angle),
                           _CAREFUL) for any_angle in angle_options for cut in cut_options]
        lost_or_filled = not _THIN <= look.marks.pen <= _FILLED
        others = (tuned or [scratch]) if look.is_colour or lost_or_filled else []
        if not (lost_or_filled or look.colours_tell or look.marks.needs_colour):
            return [*inked, *others]
        if not look.mirrored_classes:
            return [*others, *inked]
    if not look.may_mirror:
        least = max(short, _CAREFUL if look.are_signs else 0.0)
        varied = look.images_per_class < FEW_PER_CLASS
        first, second = (Candidate(shapes_name(v), partial(shapes, varied=v), least) for v in (varied, not varied))
        in_colour = [scratch] if look.is_colour else []
        # features learnt on ImageNet, with mirror images, separate things photographed from one side well, but
        # characters, signs, and classes that are mirror images of each other poorly
        shapes_first = look.are_signs or look.mirrored_classes
        return [first, *tuned, second, *in_colour] if shapes_first else [*tuned, first, *in_colour]
    if machine.is_accelerated or not tuned:
        return [*tuned, scratch]
    if not head_only:
        return tuned
    # most of the time is left; things without an upright, such as dice, are told apart by edges only
    varied = look.images_per_class < FEW_PER_CLASS
    turned = Candidate(shapes_name(varied, any_angle=True), partial(shapes, varied=varied, any_angle=True), short)
    return [*tuned, turned]
