"""Take what is given to the public functions: numbers of NumPy, paths of any kind, settings in a dictionary."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping

from tenfold.data.errors import RecipeFault, UserFault

TYPE_CHECKING = False        # as in `tenfold`
if TYPE_CHECKING:
    from typing import Any, ParamSpec, TypeVar

    from tenfold.predict.model import Model

    P = ParamSpec("P")
    T = TypeVar("T")

_SHOWN = 60                  # characters of a value in a message


def made_plain(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function so that it gets each argument as `plain` makes it."""
    @functools.wraps(function)
    def call(*args: P.args, **more: P.kwargs) -> T:
        named = {name: plain(value) for name, value in more.items()}
        return function(*map(plain, args), **named)      # type: ignore[arg-type]
    return call


def plain(value: Any) -> Any:
    """Return a scalar of NumPy or torch as Python's number, and a path as its string; anything else as it is."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def text(name: str, value: object, cure: str) -> str:
    """Return the value of the argument `name`. UserFault: it is not a text, or empty."""
    if not isinstance(value, str) or not value:
        raise UserFault(name, f"is {_brief(value)}", cure)
    return value


def path(name: str, value: object) -> str:
    """Return the path in the argument `name`. UserFault: it is none."""
    return text(name, value, "give a path")


def model(given: Any, device: str | None) -> Model:
    """Return a model: opened, if it is given as a path or a run. UserFault: it is on another device than `device`."""
    from tenfold.predict.model import Model
    from tenfold.train.device import choose_device
    if not isinstance(given, Model):
        return Model.open(path("model", plain(getattr(given, "best", given))), device)
    asked, there = choose_device(device or given.device), given.device
    if (asked.type, asked.index or 0) != (there.type, there.index or 0):
        raise UserFault(f"device {device}", f"is not that of the loaded model, {there}",
                        f"load it with device={str(device)!r}")
    return given


def assignments(settings: object) -> list[str]:
    """Return settings as a list of assignments "table.key=value", however they were given. RecipeFault: they are none.

    A dictionary's values may be what `plain` takes, and lists, tuples and arrays.
    """
    if isinstance(settings, Mapping):
        return [f"{key}={_in_toml(key, value)}" for key, value in settings.items()]
    if isinstance(settings, str):
        return [settings]
    if not isinstance(settings, Iterable):
        raise RecipeFault("settings", f"is {_brief(settings)}", 'give {"train.lr": 0.002}, or "train.lr=0.002"')
    return [*settings]


def _in_toml(key: object, value: object) -> str:
    """Return a value as TOML, which JSON is but for None and dictionaries."""
    import json

    def plainer(inner: Any) -> Any:
        found = plain(inner)
        if found is inner and not hasattr(inner, "tolist"):
            raise TypeError
        return inner.tolist() if found is inner else found
    try:
        if value is None or isinstance(value, Mapping):
            raise TypeError
        return json.dumps(value, ensure_ascii=False, default=plainer)
    except (TypeError, ValueError):              # ValueError: a list that contains itself
        raise RecipeFault(f"settings {key}", f"is {_brief(value)}",
                          "give a number, a text, True, False or a list of them") from None


def _brief(value: object) -> str:
    """Return a value as one short line."""
    from tenfold.data.wording import readable
    return readable(" ".join(repr(value).split()), _SHOWN)
