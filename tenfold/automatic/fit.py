"""Fit a draft to the time: choose network, canvas, batch, copies and epochs so that enough training steps fit.

On small sets, good runs of two minutes took 1,550 to 2,650 steps and bad ones 440 or fewer; larger sets need several
passes over their images. So network and canvas are the largest with which enough of both fit, at the measured speed.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tenfold.automatic.choices import FIXED, Draft
from tenfold.automatic.look import Look
from tenfold.automatic.machine import Machine
from tenfold.data.wording import counted

FEW_PER_CLASS = 60           # with fewer training images of a class, copies are varied more
GOOD_STEPS = 1500            # a larger network is chosen only if this many training steps of it fit into the time
_PASSES = 8                  # a larger network is chosen only if it can be trained on this many views of each image
_SMALL_BATCH = 32            # the smallest batch, in images
GOOD_BATCH = 64              # the batch at which networks are timed, in images
_LARGE_BATCH = 128           # the largest batch, in images
_EFFICIENCY = 0.85           # training reaches this share of the measured rate: evaluations and checkpoints take time
_DRAW_SHARE = 0.12           # drawing copies takes at most this share of the time
_BUILD_SHARE = 0.2           # drawing may take longer if, together with cleaning, it takes at most this share
_COPY_SECONDS = 60e-6        # one core draws and writes a copy of 32×32 pixels in this many seconds
_EDGE_NETWORKS = ((1, 16), (2, 16), (2, 32), (2, 64))        # convolutions at each of three widths, the first width


@dataclass(frozen=True)
class FitContext:
    """Everything that a draft is fitted to: images, machine and time."""
    data: str                # path of the images
    look: Look
    machine: Machine
    cores: int               # cores that draw copies
    seed: int
    seconds: float           # seconds for drawing and training


def start_draft(context: FitContext, name: str, about: str) -> Draft:
    """Return a draft with seed, images, splits, and how often each class is drawn."""
    look = context.look
    draft = Draft(name, about).choose("seed", context.seed, "one number decides every split, copy, order and weight")
    draft.choose("source.data", context.data, "the images of the call")
    choose_images(draft, look, "there is time to read")
    draft.choose("source.max_bad", 1.0, "pictures that cannot be used are left out: "
                 f"{look.unusable_share:.0%} of those looked at")
    if look.largest_class > 3 * look.smallest_class:
        draft.choose("train.sampling", 0.5, f"classes have {look.smallest_class} to {look.largest_class} images: small "
                     "ones are drawn more often than their share")
    return draft


def choose_images(draft: Draft, look: Look, why: str) -> None:
    """Choose the images of `look`, all or some of each class, and the splits; why: the reason for using only some."""
    if look.per_class:
        draft.choose("source.per_class", look.per_class, f"{why} {look.images:,} images")
    for split, share in look.split_shares.items():
        draft.choose(f"split.{split}", share, "share of each class " + (
            "on which candidates and epochs are compared" if split == "val" else "that only the score uses"))
    if look.groups:
        draft.choose("split.groups", look.groups, "given with the call (--groups)")
    elif look.split_shares and look.subfolders and look.subfolders.are_groups:
        draft.choose("split.groups", "folder", look.subfolders.reason)
    if look.split_shares:
        draft.choose("split.small_classes", "train", f"the smallest class has {counted(look.smallest_class, 'image')}; "
                     "those with too few to be divided are only trained on")


def choose_network(draft: Draft, context: FitContext, networks: list[dict[str, Any]]) -> None:
    """Choose the largest network with which enough training steps fit, and copies, batch and epochs to match.

    networks: the settings of each, from small to large. The first is chosen even if too few steps of it fit.
    """
    images = max(GOOD_STEPS * GOOD_BATCH, _PASSES * context.look.training_images)
    needed = images / context.seconds
    draft.choose("draw.copies", 1)
    chosen, rate = dict[str, Any](), 0.0
    for network in networks:
        for key, value in network.items():
            draft.choose(key, value)
        measured = context.machine.training_rate(draft.recipe("auto"), context.look.classes, GOOD_BATCH)
        if chosen and measured * _EFFICIENCY < needed:
            break
        chosen, rate = network, measured * _EFFICIENCY
    for key, value in chosen.items():
        draft.choose(key, value, "chosen together with model.widths")
    draft.choose("model.widths", chosen["model.widths"], f"about {rate:,.0f} images/s in training "
                 f"{context.machine.where}, {needed:,.0f} are needed for {images:,.0f} in {context.seconds:.0f} s")
    _fit_plan(draft, context, rate)


def edge_networks(canvases: Iterable[int], canvas_first: bool = False) -> list[dict[str, Any]]:
    """Return the settings of networks on directions of edges: by canvas, then by size, both ascending.

    canvas_first: a larger canvas is worth more than a larger network, so only the smallest one has the first canvas.
    """
    networks = [{"draw.canvas": [canvas, canvas], "model.repeat": repeat,
                 "model.widths": [width << k for k in range(3)]}
                for canvas in canvases for repeat, width in _EDGE_NETWORKS]
    return networks[:1] + networks[len(_EDGE_NETWORKS):] if canvas_first else networks


def choose_edge_network(draft: Draft, context: FitContext, networks: list[dict[str, Any]]) -> None:
    """Choose the largest of these networks on directions of edges with which enough steps fit.

    Such a network learns shapes in fewer steps than one on pixels.
    """
    draft.choose("model.name", "convnet", "plain: on edges it learns shapes in fewer steps than a residual network")
    draft.choose("model.gradients", 2, "strength and direction of edges in cells of 2×2 pixels, whatever the tones are")
    draft.choose("model.dropout", 0.3, FIXED)
    choose_network(draft, context, networks)


def _fit_plan(draft: Draft, context: FitContext, rate: float) -> None:
    """Choose copies, batch and epochs for the time; rate: images a second in training."""
    canvas, sources = draft.settings["draw.canvas"], context.look.training_images
    images = rate * context.seconds
    batch = _batch_for(images / GOOD_STEPS)
    draft.steps = images / batch
    drawable = context.seconds * _DRAW_SHARE * context.cores / (_COPY_SECONDS * canvas[0] * canvas[1] / 1024)
    copies = max(1, min(100, int(images / sources), int(drawable / sources)))
    draft.choose("draw.copies", copies, f"about {images:,.0f} images can be trained on in the time")
    if context.machine.is_timed:
        draft.choose("train.epochs", "auto", "as many as fit; the learning rate falls to 0 at the end of the budget")
    else:
        draft.choose("train.epochs", max(1, round(images / (copies * sources))),
                     "passes over all copies that make up these images")
    draft.choose("train.batch", batch, f"about {images / batch:,.0f} steps")


def _batch_for(images: float) -> int:
    """Return the batch: the largest power of two up to `images`, within bounds."""
    return int(min(_LARGE_BATCH, max(_SMALL_BATCH, 2 ** int(math.log2(max(1.0, images))))))


def limit_copies(draft: Draft, drawing: float, cleaning: float, seconds: float) -> float:
    """Choose fewer copies if drawing them takes too long; return the seconds that drawing then takes.

    drawing, cleaning: the measured seconds of each; seconds: those left for everything.
    """
    seconds, copies = max(1.0, seconds), int(draft.settings["draw.copies"])
    allowed = max(_DRAW_SHARE * seconds, _BUILD_SHARE * seconds - cleaning)
    if drawing <= allowed or copies == 1:
        return drawing
    fewer = max(1, int(copies * allowed / drawing))
    draft.choose("draw.copies", fewer, f"{copies} take about {drawing:.0f} s to draw")
    if draft.settings["train.epochs"] != "auto":
        epochs = math.ceil(draft.settings["train.epochs"] * copies / fewer)
        draft.choose("train.epochs", epochs, draft.reasons["train.epochs"])
    return drawing * fewer / copies


def choose_adamw(draft: Draft, lr: float, decay: float) -> None:
    """Choose AdamW with a learning rate that falls to 0; lr: that for a batch of GOOD_BATCH."""
    batch = draft.settings["train.batch"]
    draft.choose("train.optimizer", "adamw", "better in few steps than SGD on 91 classes: 21% and 18%")
    draft.choose("train.lr", round(lr * math.sqrt(batch / GOOD_BATCH), 5),
                 f"{lr:g} at batch {GOOD_BATCH}, and in proportion to the root of the batch")
    draft.choose("train.weight_decay", decay, "fixed: less, at a higher rate, changed nothing on digits")
    draft.choose("train.schedule", "cosine", "fixed: a linear one was no better on digits, characters and CIFAR-10")
    draft.choose("train.warmup", 0.05, FIXED)
    draft.choose("train.label_smoothing", 0.1, "fixed: half as much, at a higher rate, changed nothing on digits")
    draft.choose("train.keep", "last", "the best of few val images would be the luckiest")
    draft.choose("train.ema", 0.99, "the mean weights of some hundred steps are kept, or the last ones if better")
