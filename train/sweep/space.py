"""The search space of a sweep: recipe keys and their values, parsed from the command line.

    train.lr=0.001,0.002             these values, each read as TOML, else as a string
    draw.canvas=[28,28],[32,32]      values may be lists
    model.dropout=0..0.5             any number between the two; whole numbers if both ends are whole
    train.lr=log:1e-4..1e-2          the same, evenly in the logarithm
"""

import itertools
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tenfold.data.errors import RecipeFault
from tenfold.data.recipe import Recipe, as_in_file, make_recipe, recipe_tables

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"(log:)?({NUMBER}?)\.\.({NUMBER})")


@dataclass(frozen=True)
class Key:
    """A recipe key with its choices, or with the bounds of a range."""
    name: str                        # "table.key"
    choices: tuple = ()
    low: float = 0
    high: float = 0
    log: bool = False

    def ends(self) -> tuple:
        """Return all choices, or the bounds."""
        return self.choices or (self.low, self.high)


def parse_space(texts: Iterable[str], option: str) -> list[Key]:
    """Parse ["train.lr=0.001,0.002", …] into keys.

    RecipeFault: not of the form above, a range in a grid, a key twice.
    """
    keys = [_key(text, option) for text in texts]
    for key in keys:
        if sum(other.name == key.name for other in keys) > 1:
            raise RecipeFault(f"{option} {key.name}", "is given twice", "write all its values behind one =")
        if key.name in ("name", "train.budget"):
            raise RecipeFault(f"{option} {key.name}", "cannot vary", "each trial gets an equal share of --budget")
        if option == "--grid" and not key.choices:
            raise RecipeFault(f"{option} {key.name}", "is a range", "list its values, or use --search")
    return keys


def _key(text: str, option: str) -> Key:
    name, equals, raw = (part.strip() for part in text.partition("="))
    if not equals or not raw or not re.fullmatch(r"[^.\s]+(\.[^.\s]+)?", name):
        raise RecipeFault(f"{option} {text}", "is not a key with values",
                          f"write {option} train.lr=0.001,0.002" + ("" if option == "--grid" else
                                                                    " or train.lr=log:1e-4..1e-2"))
    found = RANGE.fullmatch(raw)
    if not found:
        values = _values(raw)
        return Key(name, tuple(value for i, value in enumerate(values) if value not in values[:i]))
    log, low, high = bool(found[1]), *(float(n) if re.search(r"[.eE]", n) else int(n) for n in found.groups()[1:])
    if not low < high or (log and low <= 0):
        raise RecipeFault(f"{option} {text}", "is an empty range" if not low < high else "has no logarithm at its end",
                          "the lower bound comes first" if not low < high else "begin above 0")
    if isinstance(low, float) or isinstance(high, float):
        low, high = float(low), float(high)
    return Key(name, (), low, high, log)


def _values(raw: str) -> list:
    """Return the values between commas: all read as TOML, or else each singly, as a string if it is not TOML."""
    try:
        return tomllib.loads(f"v = [{raw}]")["v"]
    except (ValueError, RecursionError):
        pass
    values = []
    for one in raw.split(","):
        try:
            values.append(tomllib.loads(f"v = {one}")["v"])
        except ValueError:
            values.append(one.strip())
    return values


def grid(keys: list[Key]) -> Iterator[dict]:
    """Yield every combination of choices (and of the ends of ranges), the last key varying fastest."""
    for values in itertools.product(*(key.ends() for key in keys)):
        yield dict(zip((key.name for key in keys), values, strict=True))


def check(recipe: Recipe, keys: list[Key], make: Callable[[Recipe], object] = lambda recipe: None) -> None:
    """Raise RecipeFault if a value is not allowed whatever the other keys are, before time is spent on trials.

    make: also called with each recipe, for faults that only show when it is used.
    """
    for key in keys:
        others = [other for other in keys if other is not key]
        for value in key.ends():
            rest = itertools.islice(itertools.chain([{}], grid(others)), 4096)
            faults = (_fault(recipe, {key.name: value, **more}, make) for more in rest)
            first = next(faults)
            if first and all(faults):
                raise first


def _fault(recipe: Recipe, settings: dict, make) -> RecipeFault | None:
    try:
        make(with_settings(recipe, settings))
    except RecipeFault as fault:
        return fault
    return None


def with_settings(recipe: Recipe, settings: dict) -> Recipe:
    """Return the recipe with settings {"table.key": value} changed."""
    tables = as_in_file(recipe_tables(recipe))
    for name, value in settings.items():
        table, dot, key = name.partition(".")
        if dot and isinstance(tables.setdefault(table, {}), dict):
            tables[table][key] = value
        else:
            tables[name] = value
    return make_recipe(tables, "sweep")


def as_set(settings: dict) -> str:
    """Return settings as they are written after --set."""
    return " ".join(f"{name}={as_text(value)}" for name, value in settings.items())


def as_text(value: object) -> str:
    """Return a value as text to show: numbers with four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
