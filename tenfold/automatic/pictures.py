"""Draft recipes for pictures without pretrained weights: a residual network, or a small network on edge directions."""

from dataclasses import replace
from typing import Any

from tenfold.automatic.choices import FIXED, Draft
from tenfold.automatic.fit import (
    FitContext,
    choose_adamw,
    choose_edge_network,
    choose_network,
    edge_networks,
    start_draft,
)
from tenfold.automatic.regression import LEAST_STEPS, regression_if_few_steps

_SMALL = 64                  # pictures with a shorter side of at most this many pixels are varied while training


def pictures_from_scratch(context: FitContext) -> Draft:
    """Return the draft for pictures without pretrained weights: a residual network, or `shapes` if few steps fit."""
    look = context.look
    draft = start_draft(context, "from scratch", "pictures: a residual network from random weights")
    draft.choose("clean.channels", 3 if look.is_colour else 1,
                 f"{look.colour_share:.0%} of the pictures looked at have colours")
    draft.choose("model.name", "resnet", f"residual; for fewer than {LEAST_STEPS} steps, one on edges is better")
    draft.choose("model.depth", 1, FIXED)
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
    draft.choose("model.stem_stride", 1, "such small pictures are not halved at once")
    draft.choose("model.whiten", True, "the first filters come from the training images, which saves steps")
    choose_network(draft, context, _residual_networks([side]))
    if not context.machine.is_timed:
        draft.choose("train.epochs", draft.settings["train.epochs"] * draft.settings["draw.copies"],
                     draft.reasons["train.epochs"])
    draft.choose("draw.canvas", [side, side], "the shorter side of the pictures (median)")
    draft.choose("draw.copies", 1, "random views are made while training")
    draft.choose("draw.fit", "stretch", "whole pictures").choose("draw.place", False, "whole pictures")
    draft.choose("augment.crop", max(1, side // 8), "crop and flip: 59.5 to 61.9% on CIFAR-10")
    draft.choose("augment.border", "reflect", FIXED)
    if look.may_mirror:
        draft.choose("augment.flip", 0.5, look.mirror_reason)


def _fit_large_pictures(draft: Draft, context: FitContext) -> None:
    """Choose a network on squares of the pictures, of which varied copies are drawn."""
    look = context.look
    draft.choose("model.stem_stride", 2, "halves the pictures at once, so that more steps fit")
    choose_network(draft, context, _residual_networks([64, 96, 128]))
    draft.choose("draw.fit", "stretch" if look.is_long else "cover",
                 "a square of the picture" + (" would lack half of it" if look.is_long else ""))
    for key, value in (("scale", [0.6, 1.0]), ("rotation", 10), ("contrast", [0.7, 1.3])):
        draft.choose(f"draw.{key}", value, FIXED)
    draft.choose("draw.flip", 0.5 if look.may_mirror else 0.0, look.mirror_reason)


def _residual_networks(canvases: list[int]) -> list[dict[str, Any]]:
    """Return settings of networks of four stages: the narrowest on the smallest canvas first, the largest last."""
    return [{"draw.canvas": [canvas, canvas], "model.widths": [width << k for k in range(4)]}
            for canvas in canvases for width in (16, 32, 64)]


def shapes_name(varied: bool, any_angle: bool = False) -> str:
    """Return the name of the draft that `shapes` makes."""
    return "shapes, at any angle" if any_angle else "shapes, varied strongly" if varied else "shapes"


def shapes(context: FitContext, varied: bool, any_angle: bool = False) -> Draft:
    """Return the draft for characters, signs and other shapes in photographs: edges in grey, varied copies.

    varied: vary copies strongly. any_angle: rotate them to any angle, and mirror them. On 34 characters on photographs,
    27 training images each, a network trained for the same time reached 77.9% at 32 pixels, 81.6% at 40 and 80.4% at
    48; without strong variation 74.6, 79.5 and 79.8%.
    """
    look = context.look
    draft = start_draft(context, shapes_name(varied, any_angle),
                        "shapes in photographs: a small network on directions of edges, varied copies")
    draft.choose("clean.channels", 1, "grey" + (f", and no mirror images: {look.mirror_reason}" if not look.may_mirror
                                                else ": in few steps, edges teach more than colours"))
    choose_edge_network(draft, context, edge_networks((32, 40, 48), canvas_first=True))
    draft.choose("draw.fit", *(("stretch", "pictures are nearly square") if look.is_nearly_square else
                               ("inside", "the whole picture: most are not square")))
    strength = (f"{'strong' if varied else 'mild'} variation: {look.images_per_class:.0f} images a class, and the "
                "race, if there was one")
    draft.choose("draw.rotation", 180 if any_angle else 15 if varied else 10,
                 "any angle, by the race" if any_angle else strength)
    if any_angle:
        draft.choose("draw.flip", 0.5, look.mirror_reason)
    draft.choose("draw.shear", 22 if varied else 15, strength)
    draft.choose("draw.aspect", 1.4 if varied else 1.25, "as draw.shear")
    draft.choose("draw.scale", [0.55, 1.0] if varied else [0.7, 1.0], "as draw.shear")
    draft.choose("draw.place", True, "anywhere on the canvas")
    draft.choose("draw.contrast", [0.25, 1.45] if varied else [0.5, 1.3], "as draw.shear")
    choose_adamw(draft, 0.003, 0.05)
    return regression_if_few_steps(draft)
