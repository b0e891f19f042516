"""The names of all networks and of their arguments, as plain values: recipes are checked against them without torch.

`train/models` makes them; a test holds this table against its signatures.
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
    "resnet": {**_STEPS, "stem_stride": int, "se": bool, **_HEAD},
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
PUBLISHED = {"stem": ("published", "small"), "init": ("published", "kaiming"), **_HEAD}    # of each of torchvision's

TIMM_PREFIX = "timm/"        # before the name of one of timm's, which the package itself knows
TIMM = _HEAD
_TIMM_NAME = re.compile(re.escape(TIMM_PREFIX) + r"\w+(\.\w+)?", re.ASCII)     # network, and tag of its weights


def check_network(name: str, arguments: dict, where: str = "[model]") -> None:
    """Raise RecipeFault for an unknown network or argument, or a value of another type. Where torchvision is not
    installed, a name that may be one of its networks passes, and always one that may be timm's."""
    of_timm = _TIMM_NAME.fullmatch(name)
    theirs = () if name in NETWORKS or of_timm else torchvision_networks()
    if name not in NETWORKS and theirs and name not in theirs:
        raise RecipeFault(f"{where} name '{name}'", "is not a network", nearest(name, (*NETWORKS, *theirs)))
    known = NETWORKS.get(name, TIMM if of_timm else PUBLISHED)
    for argument, value in arguments.items():
        if argument not in known:
            raise RecipeFault(f"{where} {argument}", f"is not an argument of '{name}'", nearest(argument, known))
        _check_kind(name, argument, value, known[argument], where)


def _check_kind(name: str, argument: str, value, kind, where: str) -> None:
    """kind: a type that `settings` knows, or the strings to choose from."""
    try:
        fits, cure = (value in kind, f"choose from {', '.join(map(repr, kind))}") if isinstance(kind, tuple) \
            else (True, converted(value, kind, argument))
    except RecipeFault as fault:
        fits, cure = False, fault.cure
    if not fits:
        raise RecipeFault(f"{where} {argument}", f"is {value!r}, with which '{name}' cannot be built", cure)


@functools.cache
def torchvision_networks() -> tuple[str, ...]:
    """Return the names of the installed torchvision's classification networks, read from its source: to import it takes
    torch and a second. Empty where there is none, or none that can be read."""
    spec = importlib.util.find_spec("torchvision")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else None
    names = []
    for file in sorted(folder.glob("*.py")) if folder else ():
        names += re.findall(r"^@register_model\(\)\n(?:@.*\n(?:    .*\n|\)\n)*)*def (\w+)\(",
                            file.read_text(encoding="utf-8"), re.MULTILINE)
    return tuple(sorted(names))
