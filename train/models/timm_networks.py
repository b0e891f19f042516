"""Build networks of the package timm (an extra) by name, "timm/NAME", adapted to our channels, classes and size."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from tenfold.data.errors import MachineFault, RecipeFault
from tenfold.data.networks import TIMM_PREFIX
from tenfold.data.settings import nearest
from tenfold.data.vision import torchvision
from tenfold.train.models.blocks import head
from tenfold.train.models.head import mark


def timm_network(name: str, channels: int, classes: int, canvas: Sequence[int], *, head_widths: Sequence[int] = (),
                 dropout: float = 0.0) -> nn.Module:
    """Build a network of timm with random weights: "timm/resnet18", or with a tag "timm/resnet18.a1_in1k".

    Its head goes through `head_widths`; `dropout` comes before each of the head's layers. MachineFault: timm is not
    installed. RecipeFault: timm has no such network.
    """
    timm, name = import_timm(), name.removeprefix(TIMM_PREFIX)
    if not timm.is_model(name):                  # this also refuses what timm would download, such as "hf-hub:…"
        raise RecipeFault(f"[model] name '{TIMM_PREFIX}{name}'", "is not a network of timm",
                          nearest(name, timm.list_models()))
    fixed = {"img_size": tuple(canvas)} if timm.get_pretrained_cfg(name).fixed_input_size else {}
    net = timm.create_model(name, pretrained=False, in_chans=channels, num_classes=classes, **fixed)
    last = net.get_classifier()
    if not isinstance(last, (nn.Linear, nn.Conv2d)):
        raise ValueError("it does not end in one layer")
    if head_widths or dropout:
        kind = nn.Linear if isinstance(last, nn.Linear) else nn.Conv2d
        deep = nn.Sequential(*head(last.weight.shape[1], classes, head_widths, dropout, kind))
        net.set_submodule(next(at for at, module in net.named_modules() if module is last), deep)
        last = deep
    mark(last)
    return net


def timm_weights(name: str) -> dict[str, Any]:
    """Return the default weights of timm's network, from its cache or downloaded. Raises what timm does."""
    return import_timm().create_model(name.removeprefix(TIMM_PREFIX), pretrained=True).state_dict()


def timm_normalisation(name: str) -> tuple[list[float], list[float]]:
    """Return (mean, std) of red, green and blue, 0 … 1, of the pixels that timm's weights were trained on."""
    settings = import_timm().get_pretrained_cfg(name.removeprefix(TIMM_PREFIX))
    return list(settings.mean), list(settings.std)


def import_timm() -> Any:
    """Return the package timm. MachineFault: it is not installed."""
    torchvision()                                # timm imports it, and with a CPU build of torch it needs preparation
    try:
        import timm
    except ImportError:
        raise MachineFault("timm", f"is not installed, and networks '{TIMM_PREFIX}…' are built by it",
                           "pip install 'tenfold[timm]'") from None
    return timm
