"""Build torchvision's classification networks by name, adapted to our channels, classes and picture size."""

import functools
from collections.abc import Sequence

from torch import nn

from tenfold.data.networks import TIMM_PREFIX
from tenfold.data.vision import torchvision
from tenfold.train.models.blocks import head, kaiming_init
from tenfold.train.models.head import layers, mark
from tenfold.train.models.timm_networks import timm_normalisation

# arguments for torchvision: no auxiliary classifiers, and Inception's own initial weights
_THEIRS = {"googlenet": {"aux_logits": False, "init_weights": True},
           "inception_v3": {"aux_logits": False, "init_weights": True}}
# trained on pixels of mean and deviation 0.5 (the first two also have code that undoes the usual normalisation)
_HALVES = ("googlenet", "inception_v3", "efficientnet_v2_l", "efficientnet_lite0")
_PUBLISHED = 1000            # classes of ImageNet


class Uneven(ValueError):
    """A canvas that cannot be divided into whole patches; a larger canvas is not always better."""


def published(name: str, channels: int, classes: int, canvas: Sequence[int], *, stem: str = "published",
              init: str = "published", head_widths: Sequence[int] = (), dropout: float = 0.0) -> nn.Module:
    """Build torchvision's network `name`, with a first layer for `channels` and a head for `classes`.

    stem: "small" keeps the size of small pictures: stride 1, a 3×3 kernel, no pooling directly after it. init:
    "kaiming" initialises convolutions as He et al. (arXiv:1502.01852) do. The head is one layer, or goes through
    `head_widths`; `dropout` comes before each of its layers, in addition to the network's own dropout. The logits of
    a SqueezeNet's new head may be negative; torchvision's never are.
    """
    _choose("stem", stem, ("published", "small"))
    _choose("init", init, ("published", "kaiming"))
    sizes: dict[str, object] = {}
    if name.startswith("vit_"):
        patch = int(name.rpartition("_")[2])
        _whole_patches(canvas, patch)
        sizes = {"image_size": canvas[0]}
    elif name.startswith("maxvit"):
        _whole_patches(canvas, 224)              # 5 halvings, then windows of 7
        sizes = {"input_size": tuple(canvas)}
    net = torchvision().models.get_model(name, weights=None, num_classes=classes, **_THEIRS.get(name, {}), **sizes)
    if name.startswith("squeezenet") and classes != _PUBLISHED:
        _let_logits_fall(net)
    if stem == "small":
        _make_stem_small(net)
    if channels != 3:
        _sum_colours(net, channels)
    if init == "kaiming":
        kaiming_init(net)
    if head_widths or dropout:
        _deepen(net, classes, head_widths, dropout)
    return net


@functools.cache
def names() -> tuple[str, ...]:
    """Return the names of every classification network that the installed torchvision has, sorted."""
    models = torchvision().models
    return tuple(models.list_models(module=models))


def usual_normalisation(name: str, channels: int) -> tuple[list[float], list[float]]:
    """Return (mean, std) per channel, 0 … 1, of the pixels that the published weights were trained on.

    For grey pictures, the means of the three channels' values.
    """
    if name.startswith(TIMM_PREFIX):
        mean, std = timm_normalisation(name)
    else:
        mean, std = ([0.5] * 3, [0.5] * 3) if name in _HALVES else ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    return (mean, std) if channels == 3 else ([sum(mean) / 3] * channels, [sum(std) / 3] * channels)


def _choose(key, value, choices) -> None:
    if value not in choices:
        raise ValueError(f"{key} must be {' or '.join(map(repr, choices))}")


def _whole_patches(canvas, patch: int) -> None:
    if canvas[0] != canvas[1] or canvas[0] % patch:
        raise Uneven(f"it takes square pictures whose sides are multiples of {patch}")


def _like(old: nn.Conv2d, **changes) -> nn.Conv2d:
    settings = {key: getattr(old, key) for key in ("in_channels", "out_channels", "kernel_size", "stride", "padding",
                                                   "dilation", "groups")}
    return nn.Conv2d(**settings | changes, bias=old.bias is not None)


def _make_stem_small(net) -> None:
    (at, first), (_, second), *_ = layers(net)
    if first.stride != (2, 2) or first.kernel_size not in ((3, 3), (7, 7)):
        raise ValueError("it has no stem of stride 2 to make small")
    small = _like(first, kernel_size=3, stride=1, padding=1)
    if small.kernel_size == first.kernel_size:
        small.weight = first.weight              # keeps the initial values, and published weights fit
    else:
        kaiming_init(small)
    net.set_submodule(at, small)
    for at, module in list(net.named_modules()):
        if module is second:
            break
        if isinstance(module, nn.MaxPool2d):
            net.set_submodule(at, nn.Identity())


def _sum_colours(net, channels: int) -> None:
    """Make the first layer take grey pictures: its weights become the sum of those for red, green and blue."""
    at, first = layers(net)[0]
    grey = _like(first, in_channels=channels)
    grey.weight = nn.Parameter(first.weight.detach().sum(1, keepdim=True))
    if first.bias is not None:
        grey.bias = first.bias
    net.set_submodule(at, grey)


def _let_logits_fall(net) -> None:
    """Remove the ReLU behind a SqueezeNet's head: harmless for ImageNet's thousand classes, harmful for a new head.

    With it, a class whose logits are negative for all pictures gets no gradient any more and is never predicted again.
    CIFAR-10, training the head alone by SGD at rates from 0.0001 to 0.01: 80 to 82% without the ReLU; with it, 20 to
    78%, depending on rate and seed (benchmarks/log.md).
    """
    at = next(name for name, m in net.classifier.named_children() if isinstance(m, nn.ReLU))
    net.classifier.set_submodule(at, nn.Identity())


def _deepen(net, classes: int, widths, dropout: float) -> None:
    """Replace the last layer by a head that goes through `widths`, with dropout."""
    at, last = layers(net)[-1]
    if isinstance(last, nn.Linear):
        deep = nn.Sequential(*head(last.in_features, classes, widths, dropout))
    else:                                        # SqueezeNet's, which averages the logits of all positions
        deep = nn.Sequential(*head(last.in_channels, classes, widths, dropout, nn.Conv2d))
    net.set_submodule(at, mark(deep))
