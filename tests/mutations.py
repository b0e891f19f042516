"""Plain values changed in one place each: what a damaged or a foreign file may hold instead."""

import copy
from collections.abc import Iterator
from typing import Any

GONE = object()              # the value is removed
DEEP: list = []
for _ in range(900):
    DEEP = [DEEP]
ODD = [GONE, None, True, "x", "", -1, 0, 7, 10**310, 0.5, -0.5, float("nan"), float("inf"), [], {}, [None], {"x": 1},
       DEEP]


def places(value: Any, most: int = 3) -> Iterator[tuple]:
    """Yield the path to each value inside, and to the first `most` of each list."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:most]) if isinstance(value, list) else ()
    for key, item in items:
        yield (key,)
        yield from ((key, *path) for path in places(item, most))


def changed(value: Any, path: tuple, odd: Any) -> Any:
    """Return a copy of `value` in which `odd` stands at `path`, or nothing where it is GONE."""
    whole = copy.copy(value)
    at = whole
    for key in path[:-1]:
        at[key] = copy.copy(at[key])
        at = at[key]
    if odd is GONE:
        del at[path[-1]]
    else:
        at[path[-1]] = odd
    return whole


def each_change(value: Any, most: int = 1) -> Iterator[tuple[str, Any]]:
    """Yield (what was changed, the changed copy) for every place and every odd value."""
    for path in places(value, most):
        for odd in ODD:
            yield f"{'.'.join(map(str, path))} = {'gone' if odd is GONE else repr(odd)[:20]}", changed(value, path, odd)
