"""Check that plain values that were read from a file have the right kinds: `misfit`.

A kind is written like the values that it describes:

    str, bool, dict, object      an instance of that type; int: a whole number, never a bool
    range(1, 4097)               a whole number in that range
    Number(0)                    a number from 0 on; float is Number(): any finite one
    "dark", None                 this value and no other
    ("dark", "light")            one of several kinds
    [str]                        a list, each of that kind; [int, int]: a list of exactly two
    {"rows": int, "stamp?": str} a dictionary with these keys; it may lack those with a "?", and may have others
    {str: int}                   a dictionary of any strings to values of that kind
"""

import math
import sys
from dataclasses import dataclass
from typing import Any

_TYPES = {str: "a string", int: "a whole number", bool: "true or false", dict: "a table"}
COUNT = range(2**53)         # other readers of JSON hold whole numbers exactly up to here


@dataclass(frozen=True)
class Number:
    """The kind of a number, whole or not."""
    low: float = -math.inf   # the least allowed value
    nan: bool = False        # floats that are not finite are allowed, too


def misfit(value: Any, kind: Any, name: str = "it") -> str:
    """Return what is wrong with a value, such as "rows.train is a list, not a whole number"; "" if nothing is."""
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return _is_not(value, kind, name)
        if str in kind:
            strange = next((key for key in value if not isinstance(key, str)), None)
            return f"a key of {name} is no string" if strange is not None else _first(
                (item, kind[str], _below(name, key)) for key, item in value.items())
        lacking = [key for key in kind if not key.endswith("?") and key not in value]
        return f"{name} lacks {lacking[0]!r}" if lacking else _first(
            (value[key], each, _below(name, key)) for key, each in
            ((key.removesuffix("?"), each) for key, each in kind.items()) if key in value)
    if isinstance(kind, list):
        if not isinstance(value, list) or len(kind) not in (1, len(value)):
            return _is_not(value, kind, name)
        if kind == [str] and all(type(item) is str for item in value):       # long lists of paths
            return ""
        kinds = kind * len(value) if len(kind) == 1 else kind
        return _first((item, each, f"{name}[{i}]") for i, (item, each) in enumerate(zip(value, kinds, strict=True)))
    if isinstance(kind, tuple):
        facts = [misfit(value, each, name) for each in kind]
        nested = isinstance(value, (dict, list)) and isinstance(kind[-1], type(value))
        return "" if "" in facts else facts[-1] if nested else _is_not(value, kind, name)
    return "" if _is_one(value, kind) else _is_not(value, kind, name)


def _first(checks) -> str:
    return next((fact for check in checks if (fact := misfit(*check))), "")


def _below(name: str, key: str) -> str:
    return repr(key)[1:-1][:40] if name == "it" else f"{name}.{repr(key)[1:-1][:40]}"


def _is_one(value: Any, kind: Any) -> bool:
    """Return whether a value is of a kind that is not made of other kinds."""
    if isinstance(kind, range):
        return type(value) is int and value in kind
    if kind is float or isinstance(kind, Number):
        wanted = kind if isinstance(kind, Number) else Number()
        finite = type(value) in (int, float) and value >= wanted.low and abs(value) <= sys.float_info.max
        return finite or (wanted.nan and type(value) is float)
    if isinstance(kind, type):
        return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    return type(value) is type(kind) and value == kind


def _is_not(value: Any, kind: Any, name: str) -> str:
    shown = repr(value) if value is None or isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    return f"{name} is {shown[:40]}, not {_words(kind)}"


def _words(kind: Any) -> str:
    """Describe a kind in words."""
    if isinstance(kind, tuple):
        return " or ".join(map(_words, kind))
    if isinstance(kind, range):
        return f"a whole number from {kind.start} to {kind[-1]}"
    if isinstance(kind, list):
        return f"a list of {len(kind) if len(kind) > 1 else _words(kind[0])}"
    if kind is float or isinstance(kind, Number):
        low = getattr(kind, "low", -math.inf)
        return "a number" + (f" from {low:g} on" if low > -math.inf else "")
    if isinstance(kind, dict):
        return "a table"
    if isinstance(kind, type):
        return _TYPES.get(kind, kind.__name__)
    return repr(kind)
