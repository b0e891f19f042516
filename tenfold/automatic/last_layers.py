"""Freeze the early layers of a pretrained network, and train its head or its last blocks on features kept in memory."""

from tenfold.automatic.choices import FIXED, LARGEST, Draft
from tenfold.automatic.fit import FitContext, choose_images
from tenfold.automatic.look import Look
from tenfold.automatic.regression import say_no_steps, weight_classes_in_loss
from tenfold.automatic.seen_pictures import ENLARGED, choose_seen, choose_views

_SIZES = (96, 112, 128, 160, 192, 224, 256, LARGEST)     # a pretrained network sees squares of one of these sides
_VIEWS = 4                   # features of at most this many views of each picture are computed
_FEATURES_SHARE = 0.3        # computing the features takes at most this share of the time
_HEAD_ONLY_SHARE = 0.4       # computing the features takes at most this share if only the head is trained
HEAD_ONLY = 400              # with at most this many training pictures, only the head is trained: val is too small to
                             # show overfitting
GENTLE = 2500                # with at most this many training pictures, the last blocks are trained gently
_GENTLE_LR, _GENTLE_EPOCHS = 0.0003, 4           # gentle training has this learning rate and number of epochs
_LR, _EPOCHS = 0.001, 12     # other training of the last blocks has this learning rate and number of epochs
_EARLY_LAYERS = ["_conv_stem", "_bn0", *(f"_blocks.{number}" for number in range(11))]       # these stay frozen
_SIDE_ON_CARD = 224          # the side of the pictures on a graphics card: to measure another one takes it seconds


def train_last_layers(draft: Draft, context: FitContext) -> Draft:
    """Freeze the early layers, whose features are computed once, and train the head, or the last blocks as well."""
    look, rate, head_only_reason = _choose_size(draft, context)
    share = _HEAD_ONLY_SHARE if head_only_reason else _FEATURES_SHARE
    copies = max(1, min(_VIEWS, int(share * context.seconds * rate / look.train_val_images)))
    choose_views(draft, look, copies)
    _choose_layers(draft, look, head_only_reason)
    if not (head_only_reason or context.machine.is_timed):
        rate = context.machine.training_rate(draft.recipe("auto"), look.classes, draft.settings["train.batch"])
        epochs = (1 - share) * context.seconds * rate / look.train_val_images / copies
        draft.choose("train.epochs", max(1, min(draft.settings["train.epochs"], round(epochs))),
                     "as many as a nominal machine has time for")
    return draft


def _choose_size(draft: Draft, context: FitContext) -> tuple[Look, float, str]:
    """Choose the largest size of pictures whose features can be computed in a share of the time.

    If even the smallest size takes longer, only some of the pictures are used. Return (what is known of the pictures
    that are used, pictures a second through the network, why only the head is trained or "").
    """
    look = context.look
    head_only_reason = (f"only the head is trained, with {look.training_images:,.0f} pictures to learn from"
                        if look.training_images <= HEAD_ONLY else "")
    share = _HEAD_ONLY_SHARE if head_only_reason else _FEATURES_SHARE
    chosen, rate = 0, 0.0
    sizes = [size for size in _SIZES if size <= max(_SIZES[1], ENLARGED * min(look.size))]
    if context.machine.is_accelerated:
        sizes = [size for size in sizes if size <= _SIDE_ON_CARD][-1:]
    for size in sizes:
        choose_seen(draft, size, look)
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
    choose_seen(draft, chosen, look, f"{rate:.0f} images/s {context.machine.where}, "
                                     f"{look.train_val_images / rate:.0f} s for those of train and val")
    return look, rate, head_only_reason


def _choose_layers(draft: Draft, look: Look, head_only_reason: str) -> None:
    """Choose which layers are trained after the head is fitted: the last blocks, or none if a reason is given."""
    lr, epochs = (_GENTLE_LR, _GENTLE_EPOCHS) if look.training_images <= GENTLE else (_LR, _EPOCHS)
    draft.choose("train.epochs", 1 if head_only_reason else epochs, "or fewer, if the time is too short")
    draft.choose("train.batch", 64, FIXED).choose("train.optimizer", "adamw", FIXED)
    draft.choose("train.lr", lr, f"{look.training_images:,.0f} pictures to learn from")
    draft.choose("train.weight_decay", 0.05, FIXED).choose("train.schedule", "cosine", FIXED)
    draft.choose("train.warmup", 0.2, "long, so that the first steps do not undo the fitted head; not compared")
    draft.choose("train.ema", 0.99, "the mean weights of some hundred steps are kept, or the last ones if better")
    if not head_only_reason:
        draft.choose("model.freeze", _EARLY_LAYERS, "the last blocks are trained, too, once the head is fitted")
        return
    draft.choose("model.freeze", ["backbone"], head_only_reason)
    draft.choose("train.refit", True, "once its weight decay is chosen, the head is fitted to val, too")
    weight_classes_in_loss(draft)
    say_no_steps(draft)
