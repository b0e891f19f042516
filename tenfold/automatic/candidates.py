"""List the candidate recipes for a set of images, the most promising first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import FEW_PER_CLASS, FitContext
from tenfold.automatic.ink import ink, ink_name
from tenfold.automatic.last_layers import GENTLE, HEAD_ONLY
from tenfold.automatic.look import Look
from tenfold.automatic.machine import Machine
from tenfold.automatic.marks import InkFacts
from tenfold.automatic.pictures import pictures_from_scratch, shapes, shapes_name
from tenfold.automatic.pretrained import pictures_pretrained, pictures_tuned

_SHORT = 4.0                 # least seconds of a trial if the images say little about which candidate is best
_SHORT_ON_CARD = 40.0        # least seconds of a trial on a graphics card: an H100 needs 14 s before the first step
                             # of the pretrained network
_TUNED = 30.0                # least seconds of a trial if all layers of the pretrained network can be trained
_FILLED = 0.4                # ink whose strokes are wider than this share of its box is a thing on a plain ground
_THIN = 1 / 64               # thinner strokes, as a share of their box, are lost on the largest canvas for ink
_CAREFUL = 15.0              # least seconds of a trial if the images say which is likely best, or all are similar


@dataclass(frozen=True)
class Candidate:
    """A candidate recipe: its name, and the function that fits it to the images and the time."""
    name: str
    make: Callable[[FitContext], Draft]
    least: float             # least seconds of every trial, if this candidate is the most promising


def candidates(look: Look, machine: Machine, pretrained: bool,
               time_to_tune: Callable[[], bool] = lambda: False) -> list[Candidate]:
    """Return the candidates that suit what was seen, the most promising first.

    pretrained: that network's weights are on disk. time_to_tune: measures whether there is time to train all its
    layers; it is only called if the network may be a candidate.
    """
    inked = _ink_candidates(look, look.marks) if look.marks and look.is_ink else []
    lost_or_filled = look.marks is not None and not _THIN <= look.marks.pen <= _FILLED
    needs_more = look.marks and (lost_or_filled or look.colours_tell or look.marks.needs_colour)
    if inked and not (look.is_colour or needs_more):
        return inked
    short = _SHORT_ON_CARD if machine.is_accelerated else _SHORT
    scratch = Candidate("from scratch", pictures_from_scratch, short)
    is_tuned = pretrained and time_to_tune()
    imagenet = _imagenet_candidates(look, short, is_tuned) if pretrained else []
    if inked and not (needs_more and look.mirrored_classes):
        others = (imagenet or [scratch]) if look.is_colour or lost_or_filled else []
        return [*others, *inked] if needs_more else [*inked, *others]
    if not look.may_mirror:
        return _one_sided_candidates(look, imagenet, scratch, is_tuned)
    if is_tuned:
        return imagenet
    if machine.is_accelerated or not imagenet:
        return [*imagenet, scratch]
    if look.training_images > HEAD_ONLY:
        return imagenet
    # a head leaves most of the time; things without an upright, such as dice, it does not tell apart
    varied = look.images_per_class < FEW_PER_CLASS
    turned = Candidate(shapes_name(varied, any_angle=True), partial(shapes, varied=varied, any_angle=True), short)
    return [*imagenet, turned]


def _imagenet_candidates(look: Look, short: float, is_tuned: bool) -> list[Candidate]:
    """Return the candidates with the pretrained network. is_tuned: there is time to train all layers of it.

    All layers are mostly better than the head alone, which few pictures train, or than last blocks that many train. In
    between it depends: of catsdogs, 900 pictures, all layers label 97.6% right and the last blocks 98.2 to 99.4%.
    """
    if not is_tuned:
        return [Candidate("pretrained", pictures_pretrained, short)]
    least = max(short, _TUNED)
    tuned = Candidate("pretrained, all layers", pictures_tuned, least)
    if HEAD_ONLY < look.training_images <= GENTLE:
        return [Candidate("pretrained", pictures_pretrained, least), tuned]
    return [tuned]


def _ink_candidates(look: Look, marks: InkFacts) -> list[Candidate]:
    """Return the candidates for ink: cut out or where it stands, upright or at any angle, and both if unknown."""
    cut_options = [True, False] if marks.varies is None else [marks.varies]
    angle_options = [False, True] if look.upright is None else [not look.upright]
    return [Candidate(ink_name(cut, any_angle), partial(ink, marks=marks, cut=cut, any_angle=any_angle), _CAREFUL)
            for any_angle in angle_options for cut in cut_options]


def _one_sided_candidates(look: Look, imagenet: list[Candidate], scratch: Candidate, is_tuned: bool
                          ) -> list[Candidate]:
    """Return the candidates for pictures that may not be mirrored. is_tuned: all layers of `imagenet` can be trained.

    A head on features of ImageNet, learnt with mirror images, separates things photographed from one side well, but
    characters, signs, and classes that are mirror images of each other poorly. All layers, of Arabic letters: 68%
    with 2,900 views, where edges had 87%; but of characters on photographs 91% with 6,300, where edges had 78 to 82%.
    """
    least = max(_TUNED if is_tuned else scratch.least, _CAREFUL if look.are_signs else 0.0)
    varied = look.images_per_class < FEW_PER_CLASS
    first, second = (Candidate(shapes_name(v), partial(shapes, varied=v), least) for v in (varied, not varied))
    shapes_first = look.are_signs or look.mirrored_classes is not None
    if is_tuned:                                 # others are hardly ever better, and would take time from these
        return [first, imagenet[-1]] if shapes_first else [imagenet[-1], first]
    found = [first, *imagenet, second] if shapes_first else [*imagenet, first]
    if look.is_colour:
        found.append(scratch)
    return found
