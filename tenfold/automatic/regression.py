"""Settings of recipes whose head is fitted by a regression, in one pass over the images and without training steps."""

from tenfold.automatic.choices import Draft

LEAST_STEPS = 300            # a regression takes the network's place if fewer training steps fit
_MOST_COPIES = 10            # it is fitted to at most this many copies of each image
_OF_STEPS = ("train.epochs", "train.batch", "train.optimizer", "train.lr", "train.weight_decay", "train.schedule",
             "train.warmup", "train.ema")        # settings that only training steps use


def regression_if_few_steps(draft: Draft) -> Draft:
    """Put a regression on directions of edges, which is solved in a second, in the network's place if few steps fit.

    On 34 printed characters, 40 images each, a network trained for 414 steps reached 88% and the regression 90%; on
    five letters 93 steps reached 83%, 186 steps 87%, and the regression 87%. Return the draft.
    """
    if draft.steps >= LEAST_STEPS:
        return draft
    draft.choose("draw.canvas", [48, 48], "8×8 cells of edges; cells of 4 and of 8 pixels were as good on two sets")
    draft.choose("draw.scale", [0.8, 0.95], "varied little: a regression learns each cell by itself")
    draft.choose("draw.place", False, "in the middle: a regression learns each cell by itself")
    draft.choose("draw.copies", min(_MOST_COPIES, draft.settings["draw.copies"]), "each is used once")
    draft.choose("model.gradients", 6, "strength and direction of edges in cells of 6×6 pixels, whatever the tones are")
    draft.choose("model.dropout", 0.0, "a regression has its weight decay")
    draft.choose("model.widths", [], f"no network: about {draft.steps:.0f} steps fit, too few to train one")
    draft.choose("model.head", "fitted", "a regression on the edges")
    draft.choose("model.freeze", ["backbone"], "nothing but the regression is trained")
    draft.choose("train.refit", True, "once its weight decay is chosen, it is fitted to val, too")
    draft.choose("train.epochs", 1)
    say_no_steps(draft)
    weight_classes_in_loss(draft)
    draft.about = "a regression on directions of edges: there is no time for a network"
    return draft


def say_no_steps(draft: Draft) -> None:
    """Give the reason for the settings that only training steps use, where none follows the fitting of a head."""
    for key in _OF_STEPS:
        draft.choose(key, draft.settings[key], "of no effect, unless there is no time to fit the head")


def weight_classes_in_loss(draft: Draft) -> None:
    """Weight all classes alike in the loss of a fitted head, instead of drawing the rows of some more often."""
    if draft.settings.pop("train.sampling", None):
        draft.choose("train.class_weights", "balanced", draft.reasons.pop("train.sampling"))
