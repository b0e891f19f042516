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
_TABLES = 10_000_000          # values, other than weights, that a network may create while it is built
_LARGE = (32, 64, 128, 224, 448, 896, 2048)     # sides that are tried to find one that the network can take


def build_model(name: str, arguments: dict, channels: int, classes: int, canvas: tuple[int, int],
                check: bool = True) -> nn.Module:
    """Build the network `name` with the recipe's arguments, for pictures of `canvas` (height, width).

    check: first run the network on such a picture on the device "meta", which needs no memory. This imports
    torch._dynamo and sympy, which takes four seconds of a core, and which training imports anyway.

    RecipeFault: no such network, no such argument, a value it cannot take, a canvas too small.
    """
    make = partial(maker(name, arguments), channels=channels, classes=classes)
    try:
        if check:
            dry_run(make, channels, canvas)     # fails here, not in the first step, if the canvas does not suit
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
    """Return a function of channels, classes and canvas that builds the network `name` with these arguments.

    RecipeFault: no such network, no such argument, a value of another kind.
    """
    check_network(name, arguments)
    of_library = timm_network if name.startswith(TIMM_PREFIX) else published.published
    return partial(MODELS.get(name) or partial(of_library, name), **arguments)


def dry_run(make: Callable[..., nn.Module], channels: int, canvas: Sequence[int]) -> tuple[nn.Module, torch.Tensor]:
    """Build a network on the device "meta" and run it once on an empty picture; return (network, picture).

    It draws no random numbers and takes at most some tenths of a second. Raises what the network raises: CANNOT.
    """
    model = without_memory(make, canvas).eval()
    image = torch.zeros(1, channels, *canvas, device="meta")
    with torch.no_grad():
        model(image)
    return model, image


def cost(name: str, arguments: dict, channels: int, classes: int, size: Sequence[int]) -> dict:
    """Return {"parameters", "multiply_adds"} for one picture of `size` (height, width).

    Or {"fault"}: why there are none.
    """
    from torch.utils.flop_counter import FlopCounterMode
    try:
        model, image = dry_run(partial(maker(name, arguments), channels=channels, classes=classes), channels, size)
    except CANNOT as error:
        return {"fault": str(error).partition("\n")[0]}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    return {"parameters": sum(p.numel() for p in model.parameters()),
            "multiply_adds": counter.get_total_flops() // 2}


def without_memory(make: Callable[..., nn.Module], canvas: Sequence[int]) -> nn.Module:
    """Build a network on the device "meta": it has shapes and names, but no values. Draws no random numbers."""
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
    """A context in which a network is built; ValueError: it has many more weights than `weights`."""

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
    """A context in which weights are created without memory.

    With the default device "meta", small tables would have no values either, but some networks (RegNet, Swin) compute
    their shape from such tables.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.empty and kwargs.get("device") is None:
            kwargs = kwargs | {"device": "meta"}
        return func(*args, **kwargs)


def _smallest(make, channels, canvas) -> int | None:
    """Return the smallest square side that the network can take, above the canvas's shorter side.

    None: no larger picture helps, or the canvas is not the problem.
    """
    def fits(*size) -> bool:
        try:
            dry_run(make, channels, size)
            return True
        except CANNOT:
            return False
    too_small = min(canvas)
    enough = next((side for side in _LARGE if side > too_small and fits(side, side)), None)
    if enough is None or fits(*canvas):
        return None
    while enough - too_small > 1:                # bisection
        middle = (too_small + enough) // 2
        too_small, enough = (too_small, middle) if fits(middle, middle) else (middle, enough)
    return enough
