"""Recipes for photographs and other pictures: with a pretrained network, or from random weights."""

from dataclasses import replace
from typing import Any

from tenfold.automatic.choices import LARGEST, Draft
from tenfold.automatic.fit import (
    LEAST_STEPS,
    FitContext,
    choose_adamw,
    choose_edge_network,
    choose_images,
    choose_network,
    edge_networks,
    regression_if_few_steps,
    start_draft,
    weight_classes_in_loss,
)
from tenfold.automatic.look import Look

_SIZES = (96, 112, 128, 160, 192, 224, 256, LARGEST)     # a pretrained network sees squares of one of these sides
_ENLARGED = 7                # a picture is enlarged at most this many times for the network
_VIEWS = 4                   # features of at most this many views of each picture are computed
_FEATURES_SHARE = 0.3        # computing the features takes at most this share of the time
_HEAD_ONLY_SHARE = 0.4       # computing the features takes at most this share if only the head is trained
_HEAD_ONLY = 400             # with at most this many training pictures, only the head is trained: val is too small to
                             # show overfitting
_GENTLE = 2500               # with at most this many training pictures, the last blocks are trained gently
_GENTLE_LR, _GENTLE_EPOCHS = 0.0003, 4           # gentle training has this learning rate and number of epochs
_LR, _EPOCHS = 0.001, 12     # other training of the last blocks has this learning rate and number of epochs
_EARLY_LAYERS = ["_conv_stem", "_bn0", *(f"_blocks.{number}" for number in range(11))]       # these stay frozen
_SMALL = 64                  # pictures with a shorter side of at most this many pixels are varied while training


def pictures_pretrained(context: FitContext) -> Draft:
    """Return the draft with ImageNet's weights: the head is fitted, then the last blocks are trained."""
    draft = start_draft(context, "pretrained", "pictures: a network pretrained on ImageNet")
    draft.choose("clean.channels", 3)
    draft.choose("draw.canvas", [96, 96]).choose("draw.copies", 1)
    draft.choose("model.name", "efficientnet_lite0", "4.6 million parameters, 75% top-1 on ImageNet")
    draft.choose("model.weights", "imagenet").choose("model.normalise", "imagenet")
    draft.choose("model.head", "fitted", "by logistic regression on the features of all rows, in seconds")
    look, rate, head_only_reason = _choose_size(draft, context)
    share = _HEAD_ONLY_SHARE if head_only_reason else _FEATURES_SHARE
    copies = max(1, min(_VIEWS, int(share * context.seconds * rate / look.train_val_images)))
    _choose_views(draft, look, copies)
    _choose_layers(draft, look, head_only_reason)
    if not (head_only_reason or context.machine.is_timed):
        rate = context.machine.training_rate(draft.recipe("auto"), look.classes, draft.settings["train.batch"])
        epochs = (1 - share) * context.seconds * rate / look.train_val_images / copies
        draft.choose("train.epochs", max(1, min(draft.settings["train.epochs"], round(epochs))))
    return draft


def _choose_size(draft: Draft, context: FitContext) -> tuple[Look, float, str]:
    """Choose the largest size of pictures whose features can be computed in a share of the time.

    If even the smallest size takes longer, only some of the pictures are used. Return (what is known of the pictures
    that are used, pictures a second through the network, why only the head is trained or "").
    """
    look, (side, longest) = context.look, sorted(context.look.size)
    head_only_reason = (f"only the head is trained, with {look.training_images:,.0f} pictures to learn from"
                        if look.training_images <= _HEAD_ONLY else "")
    share = _HEAD_ONLY_SHARE if head_only_reason else _FEATURES_SHARE
    chosen, rate = 0, 0.0
    for size in (size for size in _SIZES if size <= max(_SIZES[1], _ENLARGED * side)):
        canvas = min(size, max(8, longest))
        draft.choose("draw.canvas", [canvas, canvas]).choose("model.size", size if size != canvas else 0)
        measured = context.machine.forward_rate(draft.recipe("auto"), look.classes)
        if chosen and look.train_val_images > measured * share * context.seconds:
            break
        chosen, rate = size, measured
        if look.train_val_images > rate * _HEAD_ONLY_SHARE * context.seconds:
            head_only_reason = "there is time to train the head only"
            look = look.subset(rate * _HEAD_ONLY_SHARE * context.seconds / (1 - look.split_shares.get("test", 0.0)))
            choose_images(draft, look, "the network has time for")
            break
    canvas = min(chosen, max(8, longest))
    draft.choose("draw.canvas", [canvas, canvas], f"pictures are {look.size[1]}×{look.size[0]} (median)")
    draft.choose("model.size", chosen if chosen != canvas else 0,
                 f"the network sees {chosen} pixels: {rate:.0f} images/s {context.machine.where}, "
                 f"{look.train_val_images / rate:.0f} s for those of train and val")
    return look, rate, head_only_reason


def _choose_views(draft: Draft, look: Look, copies: int) -> None:
    """Choose the views of each picture: how many, how they are cropped, and how they are varied."""
    draft.choose("draw.copies", copies, "views of each picture: as many as there is time for")
    if min(look.size) <= draft.settings["draw.canvas"][0] and look.is_nearly_square:
        draft.choose("draw.fit", "stretch", "pictures are nearly square").choose("draw.place", False)
    else:
        draft.choose("draw.fit", "cover", "a square of the picture")
        draft.choose("draw.scale", [0.85, 1.0] if copies > 1 else [1.0, 1.0]).choose("draw.place", copies > 1)
    if copies > 1 and look.may_mirror:
        draft.choose("draw.flip", 0.5, look.mirror_reason)
    elif copies > 1:
        draft.choose("draw.flip", 0.0, look.mirror_reason).choose("draw.rotation", 8)
        draft.choose("draw.scale", [0.85, 1.0]).choose("draw.place", True)


def _choose_layers(draft: Draft, look: Look, head_only_reason: str) -> None:
    """Choose what is trained after the head is fitted: the last blocks, or nothing if there is a reason."""
    lr, epochs = (_GENTLE_LR, _GENTLE_EPOCHS) if look.training_images <= _GENTLE else (_LR, _EPOCHS)
    if head_only_reason:
        draft.choose("model.freeze", ["backbone"], head_only_reason)
        weight_classes_in_loss(draft)
    else:
        draft.choose("model.freeze", _EARLY_LAYERS, "the last blocks are trained, too, once the head is fitted")
    epochs_reason, lr_reason = ("", "") if head_only_reason else (
        "or fewer, if the time is too short", f"{look.training_images:,.0f} pictures to learn from")
    draft.choose("train.epochs", 1 if head_only_reason else epochs, epochs_reason)
    draft.choose("train.batch", 64).choose("train.optimizer", "adamw").choose("train.lr", lr, lr_reason)
    draft.choose("train.weight_decay", 0.05).choose("train.schedule", "cosine").choose("train.warmup", 0.2)
    draft.choose("train.ema", 0.99)


def pictures_from_scratch(context: FitContext) -> Draft:
    """Return the draft for pictures without pretrained weights: a residual network, or `shapes` if few steps fit."""
    look = context.look
    draft = start_draft(context, "from scratch", "pictures: a residual network from random weights")
    draft.choose("clean.channels", 3 if look.is_colour else 1)
    draft.choose("model.name", "resnet").choose("model.depth", 1)
    if min(look.size) <= _SMALL:
        _fit_small_pictures(draft, context)
    else:
        _fit_large_pictures(draft, context)
    if draft.steps < LEAST_STEPS:
        return replace(shapes(context, varied=False), name=draft.name)
    choose_adamw(draft, 0.002, 0.05)
    return draft


def _fit_small_pictures(draft: Draft, context: FitContext) -> None:
    """Choose a network on whole pictures, which are varied while training."""
    look, side = context.look, max(8, min(context.look.size))
    draft.choose("model.stem_stride", 1)
    choose_network(draft, context, _residual_networks([side]))
    if not context.machine.is_timed:
        draft.choose("train.epochs", draft.settings["train.epochs"] * draft.settings["draw.copies"])
    draft.choose("draw.copies", 1, "random views are made while training").choose("draw.fit", "stretch")
    draft.choose("draw.place", False)
    draft.choose("augment.crop", max(1, side // 8)).choose("augment.border", "reflect")
    if look.may_mirror:
        draft.choose("augment.flip", 0.5, look.mirror_reason)


def _fit_large_pictures(draft: Draft, context: FitContext) -> None:
    """Choose a network on squares of the pictures, of which varied copies are drawn."""
    look = context.look
    draft.choose("model.stem_stride", 2)
    choose_network(draft, context, _residual_networks([64, 96, 128]))
    draft.choose("draw.fit", "cover").choose("draw.scale", [0.6, 1.0]).choose("draw.rotation", 10)
    draft.choose("draw.contrast", [0.7, 1.3])
    draft.choose("draw.flip", 0.5 if look.may_mirror else 0.0, look.mirror_reason)


def _residual_networks(canvases: list[int]) -> list[dict[str, Any]]:
    """Return settings of networks of four stages: the narrowest on the smallest canvas first, the largest last."""
    return [{"draw.canvas": [canvas, canvas], "model.widths": [width << k for k in range(4)]}
            for canvas in canvases for width in (16, 32, 64)]


def shapes_name(varied: bool) -> str:
    """Return the name of the draft that `shapes` makes."""
    return "shapes, varied strongly" if varied else "shapes"


def shapes(context: FitContext, varied: bool) -> Draft:
    """Return the draft for characters, signs and other shapes in photographs: edges in grey, varied copies.

    varied: vary copies strongly. On 34 characters on photographs, 27 training images each, a network trained for the
    same time reached 77.9% at 32 pixels, 81.6% at 40 and 80.4% at 48; without strong variation 74.6, 79.5 and 79.8%.
    """
    look = context.look
    draft = start_draft(context, shapes_name(varied),
                        "shapes in photographs: a small network on directions of edges, varied copies")
    draft.choose("clean.channels", 1, "grey" + (f", and no mirror images: {look.mirror_reason}" if not look.may_mirror
                                                else ": in few steps, edges teach more than colours"))
    choose_edge_network(draft, context, edge_networks((32, 40, 48), canvas_first=True))
    draft.choose("draw.fit", "stretch" if look.is_nearly_square else "inside")
    draft.choose("draw.rotation", 15 if varied else 10, f"{look.images_per_class:.0f} images a class")
    draft.choose("draw.shear", 22 if varied else 15).choose("draw.aspect", 1.4 if varied else 1.25)
    draft.choose("draw.scale", [0.55, 1.0] if varied else [0.7, 1.0]).choose("draw.place", True)
    draft.choose("draw.contrast", [0.25, 1.45] if varied else [0.5, 1.3])
    choose_adamw(draft, 0.003, 0.05)
    return regression_if_few_steps(draft)
