"""Build a network by name, and check that it can take the canvas and the batch."""

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tenfold.data.errors import RecipeFault
from tenfold.data.networks import TIMM_PREFIX, check_network
from tenfold.train.models import published
from tenfold.train.models.convnet import cnn6, convnet
from tenfold.train.models.efficientnet_lite0 import efficientnet_lite0
from tenfold.train.models.resnet import heavy11, heavy22, light, light2, resnet, seresnet, wrn
from tenfold.train.models.timm_networks import timm_network

MODELS: dict[str, Callable[..., nn.Module]] = {
    "resnet": resnet, "seresnet": seresnet, "wrn": wrn, "convnet": convnet, "cnn6": cnn6,
    "light": light, "light2": light2, "heavy11": heavy11, "heavy22": heavy22,
    "efficientnet_lite0": efficientnet_lite0}
CANNOT = (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError, AssertionError)
_TABLES = 10_000_000          # values besides its weights that a network may make while it is built
_LARGE = (32, 64, 128, 224, 448, 896, 2048)     # sides at which every network is happy, at the latest


def build_model(name: str, arguments: dict, channels: int, classes: int, canvas: tuple[int, int],
                check: bool = True) -> nn.Module:
    """Build the network `name` with the recipe's arguments, for pictures of `canvas` (height, width).

    check: let a network without memory see such a picture first. That imports torch._dynamo and sympy, four
    seconds of a core, which a training needs anyway.

    RecipeFault: no such network, no such argument, a value it cannot take, a canvas too small.
    """
    make = partial(maker(name, arguments), channels=channels, classes=classes)
    try:
        if check:
            dry_run(make, channels, canvas)     # what would only fail in the first step fails here
        return make(canvas=canvas).train()
    except CANNOT as error:
        fact = str(error).partition("\n")[0]
        side = None if isinstance(error, published.Uneven) else _smallest(make, channels, canvas)
        if side:
            raise RecipeFault(f"[model] '{name}'", f"cannot take pictures of {canvas[0]}×{canvas[1]} ({fact})",
                              f"it takes {side}×{side} at the least: raise draw.canvas, or model.size") from None
        raise RecipeFault(f"[model] '{name}' with {arguments}", f"cannot be built ({fact})",
                          "see recipes/sample.toml for values that work") from None


def maker(name: str, arguments: dict) -> Callable[..., nn.Module]:
    """Return a function of channels, classes and canvas that builds a network.

    RecipeFault: no such network, no such argument, a value of another kind.
    """
    check_network(name, arguments)
    theirs = timm_network if name.startswith(TIMM_PREFIX) else published.published
    return partial(MODELS.get(name) or partial(theirs, name), **arguments)


def dry_run(make: Callable[..., nn.Module], channels: int, canvas: Sequence[int]) -> tuple[nn.Module, torch.Tensor]:
    """Build a network on the device "meta" and run it once on an empty picture; return (network, picture).

    Draws no random number, and takes tenths of a second for the largest. Raises whatever the network raises: CANNOT.
    """
    model = without_memory(make, canvas).eval()
    image = torch.zeros(1, channels, *canvas, device="meta")
    with torch.no_grad():
        model(image)
    return model, image


def without_memory(make: Callable[..., nn.Module], canvas: Sequence[int]) -> nn.Module:
    """Build a network on the device "meta": shapes and names without values. Draws no random number."""
    with torch.random.fork_rng(devices=[]), _NoMemory():
        return make(canvas=canvas).to("meta")


def check_batch(model: nn.Module, batch: int, image: torch.Tensor) -> None:
    """Raise RecipeFault if batches hold a single image and the network normalises over the batch.

    image (1, C, H, W), as the model takes it.
    """
    if batch > 1:
        return
    try:
        with torch.no_grad():
            copy.deepcopy(model).train()(image)
    except ValueError:
        raise RecipeFault("[train] batch", "of one image is too small for this network's batch normalisation",
                          "give 2 or more, and as many training rows") from None


class WeightLimit(TorchFunctionMode):
    """Let a network be built inside that has about so many weights at most; ValueError: it has more."""

    def __init__(self, weights: int):
        super().__init__()
        self._left = 2 * weights + _TABLES

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in (torch.empty, torch.zeros, torch.ones):
            size = args if args and isinstance(args[0], int) else (kwargs or {}).get("size") or args[0]
            self._left -= math.prod(size)
            if self._left < 0:
                raise ValueError("its network has more weights than it holds")
        return func(*args, **(kwargs or {}))


class _NoMemory(TorchFunctionMode):
    """Make weights without memory. The device "meta" as default would take it from small tables too, which
    some networks (RegNet, Swin) compute their shape from."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.empty and kwargs.get("device") is None:
            kwargs = kwargs | {"device": "meta"}
        return func(*args, **kwargs)


def _smallest(make, channels, canvas) -> int | None:
    """The smallest square that fits, above the canvas's shorter side; None: the size is not the trouble."""
    def fits(*size) -> bool:
        try:
            dry_run(make, channels, size)
            return True
        except CANNOT:
            return False
    low = min(canvas)
    high = next((side for side in _LARGE if side > low and fits(side, side)), None)
    if high is None or fits(*canvas):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle, middle) else (middle, high)
    return high
