"""Recipes for photographs and other pictures: with a pretrained network, or from random weights."""

from dataclasses import replace
from typing import Any

from tenfold.automatic.choices import LARGEST, Draft
from tenfold.automatic.fit import (
    FEWEST_STEPS,
    Setting,
    begin,
    largest,
    largest_on_edges,
    train_by_adam,
    use,
    weight_loss,
    without_network,
)
from tenfold.automatic.look import Look

_PICTURES = (96, 112, 128, 160, 192, 224, 256, LARGEST)  # pixels of a side at which a pretrained network is timed
_ENLARGED = 7                # times that a picture is enlarged for the network, at most
_FEATURES = 0.3              # share of the time for computing the features,
_HEAD_ONLY = 0.4             # if only the head is trained
_FEW = 400                   # training pictures up to which only the head is: val is too small to show overfitting
_SOME, _GENTLE, _FEW_EPOCHS = 2500, 0.0003, 4    # up to so many, the last blocks are trained at this rate, so long;
_SMALL = 64                  # pixels of a side up to which random views are made while training
_VIEWS = 4                   # of each picture, at most
_RATE, _EPOCHS = 0.001, 12   # rate with more pictures, and epochs at most
_EARLY = ["_conv_stem", "_bn0", *(f"_blocks.{number}" for number in range(11))]      # layers that stay frozen


def pictures_pretrained(setting: Setting) -> Draft:
    """Return the recipe with ImageNet's weights: the head is fitted, then the last blocks are trained."""
    draft = begin(setting, "pretrained", "pictures: a network pretrained on ImageNet")
    draft.choose("clean.channels", 3)
    draft.choose("draw.canvas", [96, 96]).choose("draw.copies", 1)
    draft.choose("model.name", "efficientnet_lite0", "4.6 million parameters, 75% of ImageNet")
    draft.choose("model.weights", "imagenet").choose("model.normalise", "imagenet")
    draft.choose("model.head", "fitted", "by logistic regression on the features of all rows, in seconds")
    _fit_picture_size(draft, setting)
    return draft


def _fit_picture_size(draft: Draft, setting: Setting) -> None:
    """Choose the largest size at which the features of all pictures take a share of the time, and the views of each.

    If even the smallest size takes longer, only some of the pictures are used.
    """
    look, (side, longest) = setting.look, sorted(setting.look.size)
    alone = f"the head alone learns from {look.training_images:,.0f} pictures" if look.training_images <= _FEW else ""
    share = _HEAD_ONLY if alone else _FEATURES
    sizes = [size for size in _PICTURES if size <= max(_PICTURES[1], _ENLARGED * side)]
    taken, rate = 0, 0.0
    for size in sizes:
        canvas = min(size, max(8, longest))
        draft.choose("draw.canvas", [canvas, canvas]).choose("model.size", size if size != canvas else 0)
        measured = setting.machine.forward_rate(draft.recipe("auto"), look.classes)
        if taken and look.images_but_test > measured * share * setting.seconds:
            break
        taken, rate = size, measured
        if look.images_but_test > rate * _HEAD_ONLY * setting.seconds:
            alone, share = "there is time to fit the head only", _HEAD_ONLY
            look = look.subset(rate * share * setting.seconds / (1 - look.shares.get("test", 0.0)))
            use(draft, look, "there is time to pass through the network")
            break
    seconds = share * setting.seconds
    canvas = min(taken, max(8, longest))
    copies = max(1, min(_VIEWS, int(seconds * rate / look.images_but_test)))
    draft.choose("draw.canvas", [canvas, canvas], f"pictures are {look.size[1]}×{look.size[0]} (median)")
    draft.choose("model.size", taken if taken != canvas else 0, f"the network sees {taken} pixels: {rate:.0f} images/s "
                 f"{setting.machine.where}, {look.images_but_test / rate:.0f} s for those of train and val")
    draft.choose("draw.copies", copies, "views of each picture, as many as that pass takes time for")
    if side <= canvas and 0.75 < look.shape < 1.33:
        draft.choose("draw.fit", "stretch", "pictures are nearly square").choose("draw.place", False)
    else:
        draft.choose("draw.fit", "cover", "a square of the picture")
        draft.choose("draw.scale", [0.85, 1.0] if copies > 1 else [1.0, 1.0]).choose("draw.place", copies > 1)
    if copies > 1 and look.may_mirror:
        draft.choose("draw.flip", 0.5, look.mirror_words)
    elif copies > 1:
        draft.choose("draw.flip", 0.0, look.mirror_words).choose("draw.rotation", 8)
        draft.choose("draw.scale", [0.85, 1.0]).choose("draw.place", True)
    _choose_layers(draft, look, alone)
    if not (alone or setting.machine.is_timed):
        rate = setting.machine.training_rate(draft.recipe("auto"), look.classes, draft.settings["train.batch"])
        passes = (1 - share) * setting.seconds * rate / look.images_but_test / copies
        draft.choose("train.epochs", max(1, min(draft.settings["train.epochs"], round(passes))))


def _choose_layers(draft: Draft, look: Look, alone: str) -> None:
    """Choose what is trained after the head is fitted: the last blocks, or nothing. alone: why nothing is, or ""."""
    rate, epochs = (_GENTLE, _FEW_EPOCHS) if look.training_images <= _SOME else (_RATE, _EPOCHS)
    if alone:
        draft.choose("model.freeze", ["backbone"], alone)
        weight_loss(draft)
    else:
        draft.choose("model.freeze", _EARLY, "the last blocks learn too, once the head is fitted")
    draft.choose("train.epochs", 1 if alone else epochs, "" if alone else "as many of them as fit")
    draft.choose("train.batch", 64).choose("train.optimizer", "adamw")
    draft.choose("train.lr", rate, "" if alone else f"{look.training_images:,.0f} pictures to learn from")
    draft.choose("train.weight_decay", 0.05).choose("train.schedule", "cosine").choose("train.warmup", 0.2)
    draft.choose("train.ema", 0.99)


def pictures_from_nothing(setting: Setting) -> Draft:
    """Return the recipe for pictures without pretrained weights: a residual network, or `shapes` if few steps fit."""
    look = setting.look
    draft = begin(setting, "from nothing", "pictures: a residual network from random weights")
    draft.choose("clean.channels", 3 if look.is_colour else 1)
    draft.choose("model.name", "resnet").choose("model.depth", 1)
    side = max(8, min(look.size))
    if side <= _SMALL:
        draft.choose("model.stem_stride", 1)
        largest(draft, setting, _sizes([side]))
        if not setting.machine.is_timed:
            draft.choose("train.epochs", draft.settings["train.epochs"] * draft.settings["draw.copies"])
        draft.choose("draw.copies", 1, "random views are made while training").choose("draw.fit", "stretch")
        draft.choose("draw.place", False)
        draft.choose("augment.crop", max(1, side // 8)).choose("augment.border", "reflect")
        if look.may_mirror:
            draft.choose("augment.flip", 0.5, look.mirror_words)
    else:
        draft.choose("model.stem_stride", 2)
        largest(draft, setting, _sizes([64, 96, 128]))
        draft.choose("draw.fit", "cover").choose("draw.scale", [0.6, 1.0]).choose("draw.rotation", 10)
        draft.choose("draw.contrast", [0.7, 1.3])
        draft.choose("draw.flip", 0.5 if look.may_mirror else 0.0, look.mirror_words)
    if draft.steps < FEWEST_STEPS:
        return replace(shapes(setting, varied=False), name=draft.name)
    train_by_adam(draft, 0.002, 0.05)
    return draft


def shapes_name(varied: bool) -> str:
    """Return the name of the draft."""
    return "shapes, varied strongly" if varied else "shapes"


def shapes(setting: Setting, varied: bool) -> Draft:
    """Return the recipe for characters, signs and other shapes in photographs: edges in grey, varied copies.

    varied: strongly. On 34 characters on photographs, 27 training images each, 1,434 steps reached 81.6% with it and
    79.5% without (two seeds).
    """
    look = setting.look
    draft = begin(setting, shapes_name(varied),
                  "shapes in photographs: a small network on directions of edges, varied copies")
    draft.choose("clean.channels", 1, "grey" + (f", and no mirror images: {look.mirror_words}" if not look.may_mirror
                                                else ": edges tell more in few steps than colours"))
    largest_on_edges(draft, setting, (32, 40, 48))
    draft.choose("draw.fit", "stretch" if 0.75 < look.shape < 1.33 else "inside")
    draft.choose("draw.rotation", 15 if varied else 10, f"{look.each:.0f} images a class")
    draft.choose("draw.shear", 22 if varied else 15).choose("draw.aspect", 1.4 if varied else 1.25)
    draft.choose("draw.scale", [0.55, 1.0] if varied else [0.7, 1.0]).choose("draw.place", True)
    draft.choose("draw.contrast", [0.25, 1.45] if varied else [0.5, 1.3])
    train_by_adam(draft, 0.003, 0.05)
    return without_network(draft)


def _sizes(canvases: list[int]) -> list[dict[str, Any]]:
    """Settings of networks of four stages, from the narrowest on the smallest canvas to the widest on the largest."""
    return [{"draw.canvas": [canvas, canvas], "model.widths": [width << k for k in range(4)]}
            for canvas in canvases for width in (16, 32, 64)]
