"""Train all layers of a pretrained network, on views that are varied while training."""

import copy
from itertools import takewhile

from tenfold.automatic.choices import FIXED, Draft
from tenfold.automatic.fit import FitContext
from tenfold.automatic.seen_pictures import ENLARGED, choose_seen, choose_views

_SIZES = (128, 160, 192, 224)                    # the network sees squares of one of these sides, in pixels
_LEAST_EPOCHS, _LEAST_VIEWS = 15, 2500           # so many epochs and views are worth training all layers …
_LARGER = 2                  # … and so many times as many are worth a larger size
_MOST_EPOCHS, _MOST_VIEWS = 30, 20_000           # at most so many are trained on, whichever are more
_COPIES, _ROWS = 8, 8000     # of each picture at most so many copies are drawn, and of all pictures about so many
_BATCH = 64                  # views in a training step
_SHARE = 0.8                 # training takes this share of the time, beside the start, the head and the evaluations


def all_layers_fit(draft: Draft, context: FitContext) -> bool:
    """Return whether there is time to train all layers of the draft's network."""
    return _views(draft, context, _SIZES[0]) >= _least_views(context)


def train_all_layers(draft: Draft, context: FitContext) -> Draft:
    """Choose to train all layers after the head is fitted, at the largest size of which enough views fit into the time.

    The fitted head comes first because the errors of a random one spoil the layers below (Kumar et al. 2022,
    arXiv:2202.10054). 12,000 views of 160 pixels, four minutes of two cores, and the head alone, held-out pictures: 29
    signs of a hand, 13 pictures each, 98.9 and 73.0%; expressions of faces 88.7 and 73.5%; coins 87.1 and 68.4%; blood
    cells 83.1 and 76.3%, with 9,000 views of 224 pixels 87.5%. On an H100, 10 epochs of 9,000 pictures of CIFAR-10
    reached 94%.
    """
    look, machine, needed = context.look, context.machine, _LARGER * _least_views(context)
    sizes = [size for size in _SIZES[1:] if size <= ENLARGED * min(look.size)]
    if machine.is_accelerated:                   # the largest first, because to try each takes seconds
        sizes.reverse()
        size = next((size for size in sizes if _views(draft, context, size) >= needed), _SIZES[0])
    else:
        size = max(takewhile(lambda size: _views(draft, context, size) >= needed, sizes), default=_SIZES[0])
    seen = _views(draft, context, size)
    choose_seen(draft, size, look, f"{seen:,.0f} views can be trained on {machine.where}; {needed:,.0f} are worth a "
                                   "larger size")
    choose_views(draft, look, max(1, min(_COPIES, _ROWS // look.training_images)))
    draft.choose("augment.crop", size // 10, "random views are made while training")
    draft.choose("augment.border", "reflect", FIXED)
    draft.choose("augment.flip", 0.5 if look.may_mirror else 0.0, look.mirror_reason)
    _choose_training(draft, context, seen)
    return draft


def _least_views(context: FitContext) -> float:
    """Return the views with which training all layers is worth its time."""
    return max(_LEAST_EPOCHS * context.look.training_images, _LEAST_VIEWS)


def _views(draft: Draft, context: FitContext, size: int) -> float:
    """Return how many views of a size all layers of the draft's network can be trained on in the time."""
    draft = choose_seen(copy.deepcopy(draft), size, context.look).choose("train.batch", _BATCH)
    rate = context.machine.training_rate(draft.recipe("auto"), context.look.classes, _BATCH)
    return _SHARE * context.seconds * rate


def _choose_training(draft: Draft, context: FitContext, seen: float) -> None:
    """Choose epochs, as many as fit but not many more than pay, and the optimizer. seen: the views that fit."""
    rows = context.look.training_images * draft.settings["draw.copies"]
    most = max(_MOST_EPOCHS * context.look.training_images, _MOST_VIEWS)
    epochs = max(1, round(min(seen, most) / rows))
    draft.choose("train.epochs", "auto" if context.machine.is_timed and seen < most else epochs,
                 f"of all layers; about {seen / rows:.1f} fit into the time")
    draft.choose("train.batch", _BATCH, "halved by the training if few steps fit")
    draft.choose("train.optimizer", "adamw", FIXED)
    draft.choose("train.lr", 0.001, "10 epochs of 9,000 pictures of CIFAR-10 reached 94.5%, and 92.8% at 0.0003")
    draft.choose("train.weight_decay", 0.05, FIXED).choose("train.schedule", "cosine", FIXED)
    draft.choose("train.warmup", 0.1, FIXED).choose("train.label_smoothing", 0.1, FIXED)
    draft.choose("train.keep", "last", "the best of few val images would be the luckiest")
    draft.choose("train.ema", 0.99, "the mean weights of some hundred steps are kept, or the last ones if better")
