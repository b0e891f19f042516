"""The names of all networks and their arguments, as plain values, so that recipes can be checked without torch.

`train/models` builds the networks; a test compares this table with its signatures.
"""

import functools
import importlib.util
import re
from pathlib import Path

from tenfold.data.errors import RecipeFault
from tenfold.data.settings import converted, nearest

_HEAD = {"head_widths": tuple[int, ...], "dropout": float}
_STEPS = {"widths": tuple[int, ...], "depth": int}
NETWORKS = {
    "resnet": {**_STEPS, "stem_stride": int, "se": bool, "whiten": bool, **_HEAD},
    "seresnet": {**_STEPS, "stem_stride": int, **_HEAD},
    "wrn": {"depth": int, "width": int, "se": bool, **_HEAD},
    "convnet": {"widths": tuple[int, ...], "kernel": int, "repeat": int, "gradients": int, **_HEAD},
    "cnn6": {"widths": tuple[int, ...], "kernel": int, **_HEAD},
    "light": {"widths": tuple[int, ...], "dropout": float},
    "light2": {"widths": tuple[int, ...], "dropout": float},
    "heavy11": {**_STEPS, "se": bool, **_HEAD},
    "heavy22": {**_STEPS, "se": bool, **_HEAD},
    "efficientnet_lite0": _HEAD,
}
PUBLISHED = {"stem": ("published", "small"), "init": ("published", "kaiming"), **_HEAD}    # of torchvision's networks

TIMM_PREFIX = "timm/"        # before the name of a network of timm; the package itself knows the names
TIMM = _HEAD
_TIMM_NAME = re.compile(re.escape(TIMM_PREFIX) + r"\w+(\.\w+)?", re.ASCII)     # network, and tag of its weights


def check_network(name: str, arguments: dict, where: str = "[model]") -> None:
    """Raise RecipeFault for an unknown network or argument, or for a value of a wrong type.

    If torchvision is not installed, any other name is accepted as one of its networks. A name of the form "timm/…" is
    always accepted.
    """
    of_timm = _TIMM_NAME.fullmatch(name)
    published = () if name in NETWORKS or of_timm else torchvision_networks()
    if name not in NETWORKS and published and name not in published:
        raise RecipeFault(f"{where} name '{name}'", "is not a network", nearest(name, (*NETWORKS, *published)))
    known = NETWORKS.get(name, TIMM if of_timm else PUBLISHED)
    for argument, value in arguments.items():
        if argument not in known:
            raise RecipeFault(f"{where} {argument}", f"is not an argument of '{name}'", nearest(argument, known))
        _check_kind(name, argument, value, known[argument], where)


def _check_kind(name: str, argument: str, value, kind, where: str) -> None:
    """Raise RecipeFault if a value does not fit. kind: a type that `settings` knows, or a tuple of allowed strings."""
    try:
        fits, cure = (value in kind, f"choose from {', '.join(map(repr, kind))}") if isinstance(kind, tuple) \
            else (True, converted(value, kind, argument))
    except RecipeFault as fault:
        fits, cure = False, fault.cure
    if not fits:
        raise RecipeFault(f"{where} {argument}", f"is {value!r}, with which '{name}' cannot be built", cure)


@functools.cache
def torchvision_networks() -> tuple[str, ...]:
    """Return the names of torchvision's classification networks, () if it is not installed or cannot be read.

    They are read from its source code, because importing it needs torch and takes a second.
    """
    spec = importlib.util.find_spec("torchvision")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else None
    names = []
    for file in sorted(folder.glob("*.py")) if folder else ():
        names += re.findall(r"^@register_model\(\)\n(?:@.*\n(?:    .*\n|\)\n)*)*def (\w+)\(",
                            file.read_text(encoding="utf-8"), re.MULTILINE)
    return tuple(sorted(names))
