"""The recipe for pictures with a network pretrained on ImageNet: its head, its last blocks or all of it are trained."""

from tenfold.automatic.choices import LARGEST, Draft
from tenfold.automatic.fit import FitContext, choose_images, start_draft, weight_classes_in_loss
from tenfold.automatic.look import Look

_SIZES = (96, 112, 128, 160, 192, 224, 256, LARGEST)     # a pretrained network sees squares of one of these sides
_ENLARGED = 7                # a picture is enlarged at most this many times for the network
_VIEWS = 4                   # features of at most this many views of each picture are computed
_FEATURES_SHARE = 0.3        # computing the features takes at most this share of the time
_HEAD_ONLY_SHARE = 0.4       # computing the features takes at most this share if only the head is trained
HEAD_ONLY = 400              # with at most this many training pictures, only the head is trained: val is too small to
                             # show overfitting
_GENTLE = 2500               # with at most this many training pictures, the last blocks are trained gently
_GENTLE_LR, _GENTLE_EPOCHS = 0.0003, 4           # gentle training has this learning rate and number of epochs
_LR, _EPOCHS = 0.001, 12     # other training of the last blocks has this learning rate and number of epochs
_EARLY_LAYERS = ["_conv_stem", "_bn0", *(f"_blocks.{number}" for number in range(11))]       # these stay frozen
_ON_CARD = 224               # the side that a graphics card begins with: to measure another one takes it seconds
_SMALLER = (160, 128)        # the sides that are tried if it is too slow for that
_ALL_EPOCHS = 12, 30         # all layers are trained if so many epochs fit, and for at most so many
_TRAINED_SHARE = 0.8         # training takes this share of the time, beside the start, the head and the evaluations


def pictures_pretrained(context: FitContext) -> Draft:
    """Return the draft with ImageNet's weights: the head is fitted, then the last blocks or all layers are trained."""
    draft = start_draft(context, "pretrained", "pictures: a network pretrained on ImageNet")
    draft.choose("clean.channels", 3)
    draft.choose("draw.canvas", [96, 96]).choose("draw.copies", 1)
    draft.choose("model.name", "efficientnet_lite0", "4.6 million parameters, 75% top-1 on ImageNet")
    draft.choose("model.weights", "imagenet").choose("model.normalise", "imagenet")
    draft.choose("model.head", "fitted", "by logistic regression on the features of all rows, in seconds")
    if context.machine.is_accelerated and context.look.training_images > _GENTLE and _train_all_layers(draft, context):
        return draft
    return _train_on_features(draft, context)


def _train_all_layers(draft: Draft, context: FitContext) -> bool:
    """Choose to train all layers, with random augmentation while training; return False if too few epochs fit.

    On 9,000 pictures of 32×32 in ten classes, 10 epochs reached 94% in 50 s of an H100. With only the last blocks,
    ten minutes of two cores reach 91%.
    """
    look, (side, longest) = context.look, sorted(context.look.size)
    least, most = _ALL_EPOCHS
    draft.choose("train.batch", 64)
    for size in (min(_ON_CARD, _ENLARGED * side), *(size for size in _SMALLER if size < _ENLARGED * side)):
        canvas = _choose_seen(draft, size, longest)
        rate = context.machine.training_rate(draft.recipe("auto"), look.classes, draft.settings["train.batch"])
        epochs = _TRAINED_SHARE * context.seconds * rate / look.training_images
        if epochs >= least:
            break
    else:
        return False
    draft.choose("draw.canvas", [canvas, canvas], f"pictures are {look.size[1]}×{look.size[0]} (median)")
    draft.choose("model.size", size if size != canvas else 0, f"the network sees {size} pixels: {rate:,.0f} images/s "
                 f"in training {context.machine.where}")
    draft.choose("draw.fit", "stretch" if look.is_nearly_square or look.is_long else "cover")
    draft.choose("draw.place", False)
    draft.choose("draw.scale", [1.0, 1.0])
    draft.choose("augment.crop", size // 8, "random views are made while training").choose("augment.border", "reflect")
    draft.choose("augment.flip", 0.5 if look.may_mirror else 0.0, look.mirror_reason)
    fit = "auto" if context.machine.is_timed and epochs < most else min(most, int(epochs))
    draft.choose("train.epochs", fit, f"of all layers; about {epochs:.0f} fit into the time")
    draft.choose("train.optimizer", "adamw").choose("train.lr", _LR).choose("train.weight_decay", 0.05)
    draft.choose("train.schedule", "cosine").choose("train.warmup", 0.1).choose("train.label_smoothing", 0.1)
    draft.choose("train.ema", 0.99)
    return True


def _choose_seen(draft: Draft, size: int, longest: int) -> int:
    """Choose that the network sees squares of `size` pixels; return the side of the canvas, which is not larger than
    the pictures, in pixels."""
    canvas = min(size, max(8, longest))
    draft.choose("draw.canvas", [canvas, canvas]).choose("model.size", size if size != canvas else 0)
    return canvas


def _train_on_features(draft: Draft, context: FitContext) -> Draft:
    """Freeze the early layers, whose features are computed once, and train the head, or the last blocks as well."""
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
                        if look.training_images <= HEAD_ONLY else "")
    share = _HEAD_ONLY_SHARE if head_only_reason else _FEATURES_SHARE
    chosen, rate = 0, 0.0
    sizes = [size for size in _SIZES if size <= max(_SIZES[1], _ENLARGED * side)]
    if context.machine.is_accelerated:
        sizes = [size for size in sizes if size <= _ON_CARD][-1:]
    for size in sizes:
        _choose_seen(draft, size, longest)
        measured = context.machine.forward_rate(draft.recipe("auto"), look.classes)
        measured = min(measured, rate or measured)           # more, only a busy machine seems to do at a larger size
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
    elif look.is_long:
        draft.choose("draw.fit", "stretch", "a square of the picture would lack half of it").choose("draw.place", False)
    else:
        draft.choose("draw.fit", "cover", "a square of the picture")
        draft.choose("draw.scale", [0.85, 1.0] if copies > 1 else [1.0, 1.0]).choose("draw.place", copies > 1)
    if copies > 1 and look.may_mirror:
        draft.choose("draw.flip", 0.5, look.mirror_reason)
    elif copies > 1:
        draft.choose("draw.flip", 0.0, look.mirror_reason).choose("draw.rotation", 8)
        draft.choose("draw.scale", [0.85, 1.0]).choose("draw.place", True)


def _choose_layers(draft: Draft, look: Look, head_only_reason: str) -> None:
    """Choose which layers are trained after the head is fitted: the last blocks, or none if a reason is given."""
    lr, epochs = (_GENTLE_LR, _GENTLE_EPOCHS) if look.training_images <= _GENTLE else (_LR, _EPOCHS)
    if head_only_reason:
        draft.choose("model.freeze", ["backbone"], head_only_reason)
        draft.choose("train.refit", True, "once its weight decay is chosen, the head is fitted to val, too")
        weight_classes_in_loss(draft)
    else:
        draft.choose("model.freeze", _EARLY_LAYERS, "the last blocks are trained, too, once the head is fitted")
    epochs_reason, lr_reason = ("", "") if head_only_reason else (
        "or fewer, if the time is too short", f"{look.training_images:,.0f} pictures to learn from")
    draft.choose("train.epochs", 1 if head_only_reason else epochs, epochs_reason)
    draft.choose("train.batch", 64).choose("train.optimizer", "adamw").choose("train.lr", lr, lr_reason)
    draft.choose("train.weight_decay", 0.05).choose("train.schedule", "cosine").choose("train.warmup", 0.2)
    draft.choose("train.ema", 0.99)
