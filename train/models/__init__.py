"""Networks by name. A network takes (B, C, H, W) normalised floats and gives (B, classes) logits."""

import copy
import inspect

import torch
from torch import nn

from data.errors import RecipeFault
from data.settings import nearest
from train.models.convnet import convnet
from train.models.light import light, light2
from train.models.resnet import resnet

MODELS = {"resnet": resnet, "convnet": convnet, "light": light, "light2": light2}


def build_model(name: str, arguments: dict, channels: int, classes: int, canvas: tuple[int, int]) -> nn.Module:
    """The network `name` with the recipe's arguments, for pictures of `canvas` (height, width).

    RecipeFault: no such network, no such argument, a value it cannot take, a canvas too small.
    """
    if name not in MODELS:
        raise RecipeFault(f"[model] name '{name}'", "is not a network", nearest(name, MODELS))
    make = MODELS[name]
    known = [p for p in inspect.signature(make).parameters if p not in ("channels", "classes", "canvas")]
    for argument in arguments:
        if argument not in known:
            raise RecipeFault(f"[model] {argument}", f"is not an argument of '{name}'", nearest(argument, known))
    try:
        model = make(channels=channels, classes=classes, canvas=canvas, **arguments)
        with torch.no_grad():                    # what would only fail in the first step fails here
            model.eval()(torch.zeros(1, channels, *canvas))
        return model.train()
    except (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError) as error:
        raise RecipeFault(f"[model] '{name}' with {arguments}", f"cannot be built ({str(error).partition(chr(10))[0]})",
                          "see recipes/sample.toml for values that work") from None


def check_batch(model: nn.Module, batch: int, image: torch.Tensor) -> None:
    """RecipeFault: batches of a single image, which normalisation over a batch may not be able to take.

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
