"""Convert TOML tables and `--set` options to frozen dataclasses; a value that does not fit raises RecipeFault.

A setting is a dataclass field made with `setting`, which also says what values are allowed:

    @dataclass(frozen=True)
    class Train:
        lr: float = setting(0.002, above=0)          # peak learning rate

Types that a field may have: bool, int, float, str, `int | float`, `int | Literal["auto"]`,
`tuple[float, float]`, `tuple[int, int]`, `tuple[str, ...]`, tuples of such tuples, and `dict` for arguments that
another package checks.
"""

import difflib
import json
import math
import operator
import tomllib
from collections.abc import Iterable
from dataclasses import MISSING, field, fields
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from tenfold.data.errors import RecipeFault, UserFault

T = TypeVar("T")
# name -> (comparison that is true for a value out of bounds, words)
_BOUNDS = {"low": (operator.lt, "at least"), "high": (operator.gt, "at most"), "above": (operator.le, "more than"),
           "below": (operator.ge, "less than")}


def setting(default: Any = MISSING, **bounds: Any) -> Any:
    """Make a dataclass field with bounds. Without a default, the recipe must name it.

    bounds: `low`, `high` (inclusive), `above`, `below` (exclusive), `choices`.
    """
    assert bounds.keys() <= {*_BOUNDS, "choices"}, bounds
    return field(default=default, metadata=bounds)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return "did you mean 'x'?" with the nearest of `names`, or the list of all names if none is near."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(sorted(names))}"


def check_count(name: str, value: object, least: int = 1) -> int:
    """Return `value` as an int. UserFault: it is not a whole number, or below `least`."""
    try:
        count = -1 if isinstance(value, bool) else operator.index(value)   # type: ignore[arg-type]  # it may raise
    except TypeError:
        count = -1
    if count < least:
        raise UserFault(f"{name} {value!r}", f"is not a whole number from {least} on", f"give {least} or more")
    return count


def fill(cls: type[T], table: dict, where: str) -> T:
    """Make an instance of the dataclass `cls` from a table {key: TOML value}. RecipeFault: something does not fit.

    where: file and table, as messages shall name them.
    """
    if not isinstance(table, dict):
        raise RecipeFault(where, f"is {table!r}", "write it as a table of key = value lines")
    known = {f.name: f for f in fields(cls)}      # type: ignore[arg-type]
    for name in table:
        if name not in known:
            raise RecipeFault(where, f"unknown key '{name}'", nearest(name, known))
    values = {}
    for name, key in known.items():
        if name in table:
            values[name] = _checked(converted(table[name], key.type, f"{where} {name}"),
                                    key.metadata, f"{where} {name}")
        elif key.default is MISSING and key.default_factory is MISSING:
            raise RecipeFault(where, f"the key '{name}' is missing", f"add a line '{name} = …'")
    return cls(**values)


def converted(value: Any, kind: Any, where: str) -> Any:
    """Return a TOML value as the field's type; an int is accepted for a float, but never a bool."""
    if get_origin(kind) in (Union, UnionType):
        for option in get_args(kind):
            if type(value) is option or (get_origin(option) is Literal and value in get_args(option)):
                return value
        raise RecipeFault(where, f"is {value!r}", f"give {_named(kind)}")
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        many = kinds[-1] is Ellipsis
        if not isinstance(value, (list, tuple)) or not (many or len(value) == len(kinds)):
            raise RecipeFault(where, f"is {value!r}", f"give {_named(kind)}")
        each = [kinds[0]] * len(value) if many else kinds
        return tuple(converted(v, k, where) for v, k in zip(value, each, strict=True))
    if kind is float and type(value) is int:
        return float(value) if abs(value) < 2**1023 else math.inf
    if type(value) is not kind:
        raise RecipeFault(where, f"is {value!r}", f"give {_named(kind)}")
    return value


def _named(kind) -> str:
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_named(k) for k in get_args(kind))
    if get_origin(kind) is Literal:
        return " or ".join(map(json.dumps, get_args(kind)))
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if kinds[-1] is Ellipsis:
            return f"a list like [{_named(kinds[0])}, …]"
        return "a list [" + ", ".join(_named(k) for k in kinds) + "]"
    return {int: "a whole number", float: "a number", bool: "true or false",
            str: 'a string in "quotes"', dict: "a table"}.get(kind, str(kind))


def _checked(value, bounds, where):
    """Return the value; RecipeFault if one of its numbers is out of bounds."""
    for number in value if isinstance(value, tuple) else (value,):
        choices = bounds.get("choices")
        if choices and number not in choices:
            cure = nearest(str(number), map(str, choices))
            raise RecipeFault(where, f"is {number!r}", f"choose from {', '.join(map(repr, choices))}"
                              + (f" ({cure})" if "mean" in cure else ""))
        if isinstance(number, float) and not math.isfinite(number):
            raise RecipeFault(where, f"is {number}", "give a finite number")
        for bound, (breaks, words) in _BOUNDS.items():
            if bound in bounds and not isinstance(number, str) and breaks(number, bounds[bound]):
                raise RecipeFault(where, f"is {number}", f"give a value of {words} {bounds[bound]}")
    return value


def override(tables: dict, assignments: Iterable[str]) -> dict:
    """Return the tables, changed by assignments "table.key=value"; a value that is not TOML is taken as a string."""
    tables = {k: dict(v) if isinstance(v, dict) else v for k, v in tables.items()}
    for text in assignments:
        path, equals, raw = str(text).partition("=")
        keys = path.strip().split(".")
        if not equals or len(keys) > 2 or not all(keys):
            raise RecipeFault(f"--set {text}", "is not an assignment",
                              "write --set table.key=value, such as --set train.lr=0.002")
        try:
            value: Any = tomllib.loads(f"v = {raw}")["v"]
        except (ValueError, RecursionError):
            value = raw.strip()      # --set model.name=light2 needs no quotes
        if len(keys) == 1:
            tables[keys[0]] = value
        else:
            table = tables.setdefault(keys[0], {})
            if not isinstance(table, dict):
                raise RecipeFault(f"--set {text}", f"'{keys[0]}' is not a table")
            table[keys[1]] = value
    return tables
