"""Fit a draft to the time: choose network, canvas, batch, copies and epochs so that enough training steps fit.

On small sets, good runs of two minutes took 1,550 to 2,650 steps and bad ones 440 or fewer; larger sets need several
passes over their images. So network and canvas are the largest with which both fit, by the speed measured here.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tenfold.automatic.choices import Draft
from tenfold.automatic.look import Look
from tenfold.automatic.machine import Machine

STEPS = 1500                 # of a run, at least where the time allows;
_PASSES = 8                  # so many views of each image, too
_LEAST_BATCH, GOOD_BATCH, _BATCH = 32, 64, 128
_OVERHEAD = 0.85             # share of the measured rate that is left: optimizer, evaluations and checkpoints take time
_DRAWN = 0.12                # share of the time that drawing copies may take,
_DRAWN_LATE = 0.2            # and drawing and cleaning together, where drawing turns out to be slow
_COPY = 60e-6                # seconds of one core to draw and write a copy of 32×32 pixels
_BAD = 1.5                   # the build accepts so many times the share of bad pictures in the sample
FEW = 60                     # training images a class below which copies are varied more
FEWEST_STEPS = 300           # from which a network is trained
_VARIED = 10                 # copies of an image where none is

_EDGE_NETWORKS = ((1, 16), (2, 16), (2, 32), (2, 64))        # convolutions at each of three widths, the first width


@dataclass(frozen=True)
class Setting:
    """Everything that a draft depends on."""
    data: str
    look: Look
    machine: Machine
    cores: int               # for drawing copies
    seed: int
    seconds: float           # for drawing and training


def begin(setting: Setting, name: str, about: str) -> Draft:
    """Return a draft with seed, images, splits, and how often each class is drawn."""
    look = setting.look
    draft = Draft(name, about).choose("seed", setting.seed, "one number decides every split, copy, order and weight")
    draft.choose("source.data", setting.data)
    use(draft, look, "there is time to read")
    if look.unread:
        draft.choose("source.max_bad", min(1.0, round(_BAD * look.unread + 0.1, 2)), f"{look.unread:.0%} of the "
                     "pictures looked at cannot be used; they are left out")
    if look.most > 3 * look.least:
        draft.choose("train.sampling", 0.5, f"classes have {look.least} to {look.most} images: half way to all "
                     "equally often")
    return draft


def use(draft: Draft, look: Look, why: str) -> None:
    """Choose the images of `look`, all or some of each class, and the splits; why: the reason for using only some."""
    if look.per_class:
        draft.choose("source.per_class", look.per_class, f"{why} {look.images:,} images")
    for split, share in look.shares.items():
        draft.choose(f"split.{split}", share, "share of each class that " + (
            "chooses among candidates and epochs" if split == "val" else "only the score sees"))


def _power_of_two(rows: float) -> int:
    return int(min(_BATCH, max(_LEAST_BATCH, 2 ** int(math.log2(max(1.0, rows))))))


def largest(draft: Draft, setting: Setting, steps: list[dict[str, Any]]) -> None:
    """Choose the largest of `steps` (settings, small to large) with which enough training steps fit; fit the plan."""
    images = max(STEPS * GOOD_BATCH, _PASSES * setting.look.training_images)
    needed = images / setting.seconds
    draft.choose("draw.copies", 1)
    taken, rate = dict[str, Any](), 0.0
    for step in steps:
        for key, value in step.items():
            draft.choose(key, value)
        measured = setting.machine.training_rate(draft.recipe("auto"), setting.look.classes, GOOD_BATCH)
        if taken and measured * _OVERHEAD < needed:
            break
        taken, rate = step, measured * _OVERHEAD
    for key, value in taken.items():
        draft.choose(key, value)
    draft.choose("model.widths", taken["model.widths"], f"about {rate:,.0f} images/s in training "
                 f"{setting.machine.where}, {needed:,.0f} are needed for {images:,.0f} in {setting.seconds:.0f} s")
    _fit_plan(draft, setting, rate)


def largest_on_edges(draft: Draft, setting: Setting, canvases: Iterable[int]) -> None:
    """Choose the largest network on directions of edges, and the largest canvas, with which enough steps fit.

    Such a network learns shapes in fewer steps than one on pixels.
    """
    draft.choose("model.name", "convnet")
    draft.choose("model.gradients", 2, "strength and direction of edges in cells of 2×2 pixels, whatever the tones are")
    draft.choose("model.dropout", 0.3)
    largest(draft, setting, [{"draw.canvas": [canvas, canvas], "model.repeat": repeat,
                            "model.widths": [width << k for k in range(3)]}
                           for canvas in canvases for repeat, width in _EDGE_NETWORKS])


def _fit_plan(draft: Draft, setting: Setting, rate: float) -> None:
    """Choose copies, batch and epochs for as many images as fit into the time."""
    look, canvas = setting.look, draft.settings["draw.canvas"]
    images, sources = rate * setting.seconds, look.training_images
    batch = _power_of_two(images / STEPS)
    draft.steps = images / batch
    drawn = setting.seconds * _DRAWN * setting.cores / (_COPY * canvas[0] * canvas[1] / 1024)
    copies = max(1, min(100, int(images / sources), int(drawn / sources)))
    draft.choose("draw.copies", copies, f"about {images:,.0f} images can be trained on in the time")
    if setting.machine.is_timed:
        draft.choose("train.epochs", "auto", "as many as fit; the learning rate falls to 0 at the end of the budget")
    else:
        draft.choose("train.epochs", max(1, round(images / (copies * sources))))
    draft.choose("train.batch", batch, f"about {images / batch:,.0f} steps")


def without_network(draft: Draft) -> Draft:
    """Return the draft with a regression on directions of edges, solved in a second, if few training steps fit.

    On 34 printed characters, 40 images each, a network trained for 414 steps reached 88% and the regression 90%; on
    five letters 93 steps reached 83%, 186 steps 87%, and the regression 87%.
    """
    if draft.steps >= FEWEST_STEPS:
        return draft
    draft.choose("draw.canvas", [48, 48]).choose("draw.place", False).choose("draw.scale", [0.8, 0.95])
    draft.choose("draw.copies", min(_VARIED, draft.settings["draw.copies"]), "each is passed once")
    draft.choose("model.gradients", 6, "strength and direction of edges in cells of 6×6 pixels, whatever the tones are")
    draft.choose("model.dropout", 0.0)
    draft.choose("model.widths", [], f"no network: about {draft.steps:.0f} steps fit, which teach one too little")
    draft.choose("model.head", "fitted", "a regression on the edges").choose("model.freeze", ["backbone"])
    draft.choose("train.epochs", 1).choose("train.batch", draft.settings["train.batch"])
    weight_loss(draft)
    return replace(draft, about="a regression on directions of edges: there is no time for a network")


def weight_loss(draft: Draft) -> None:
    """Weight classes in the loss instead of drawing some more often, which a fitted head ignores."""
    if draft.settings.pop("train.sampling", None):
        draft.choose("train.class_weights", "balanced", draft.reasons.pop("train.sampling"))


def limit_copies(draft: Draft, drawing: float, cleaning: float, seconds: float) -> float:
    """Choose fewer copies if drawing them takes too long; return the seconds that drawing takes then.

    drawing, cleaning: measured seconds; seconds: time left for everything.
    """
    seconds, copies = max(1.0, seconds), int(draft.settings["draw.copies"])
    allowed = max(_DRAWN * seconds, _DRAWN_LATE * seconds - cleaning)
    if drawing <= allowed or copies == 1:
        return drawing
    fewer = max(1, int(copies * allowed / drawing))
    draft.choose("draw.copies", fewer, f"{copies} take about {drawing:.0f} s to draw")
    if draft.settings["train.epochs"] != "auto":
        epochs = math.ceil(draft.settings["train.epochs"] * copies / fewer)
        draft.choose("train.epochs", epochs, draft.reasons["train.epochs"])
    return drawing * fewer / copies


def train_by_adam(draft: Draft, lr: float, decay: float) -> None:
    """Choose AdamW with a learning rate that falls to 0; lr: for a batch of GOOD_BATCH."""
    batch = draft.settings["train.batch"]
    draft.choose("train.optimizer", "adamw").choose("train.lr", round(lr * math.sqrt(batch / GOOD_BATCH), 5),
                                                    f"{lr:g} at batch {GOOD_BATCH}, and with the root of the batch")
    draft.choose("train.weight_decay", decay).choose("train.schedule", "cosine").choose("train.warmup", 0.05)
    draft.choose("train.label_smoothing", 0.1).choose("train.ema", 0.99, "the mean of some hundred steps is kept, "
                                                      "or the last weights where they are better")
