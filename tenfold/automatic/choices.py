"""A draft of a recipe, with the reason for each setting, and how it is written as TOML."""

import hashlib
import math
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenfold.data.leftovers import publish_unlocked
from tenfold.data.recipe import Recipe, make_recipe
from tenfold.data.wording import readable

FIXED = "fixed: not compared with other values"      # the reason for a setting that nothing decided
LARGEST = 288                # the longest side of any draft's canvas, in pixels
_WIDTH = 120                 # a line of a recipe has at most this many characters
_LONGEST = 1000              # a reason is cut off after this many characters
_COLUMN = 32                 # comments begin in this column
_ORDER = ("source", "split", "clean", "draw", "shards", "model", "augment", "train")


@dataclass
class Draft:
    """A candidate recipe: its settings ("table.key": value) and the reason for each."""
    name: str
    about: str               # what it trains on what, in a line
    steps: float = math.inf                      # training steps that fit into the time
    settings: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def choose(self, key: str, value: Any, reason: str = "") -> "Draft":
        """Set a key and the reason for its value; return the draft."""
        self.settings[key], self.reasons[key] = value, reason
        return self

    def tables(self) -> dict[str, Any]:
        """Return the settings as tables, as in a TOML file."""
        tables: dict[str, Any] = {}
        for key, value in self.settings.items():
            table, _, name = key.partition(".")
            if name:
                tables.setdefault(table, {})[name] = value
            else:
                tables[table] = value
        return tables

    def recipe(self, name: str) -> Recipe:
        """Return the recipe. RecipeFault: a value is out of bounds."""
        return make_recipe(self.tables(), where=f"the candidate '{self.name}'", name=name)


def write_recipe(draft: Draft, path: Path, head: list[str]) -> str:
    """Write a draft as a recipe file, with reasons as comments; return its SHA-256. head: comment lines at the top."""
    lines = [*(f"# {readable(line, _LONGEST)}" if line else "#" for line in head), ""]
    tables = draft.tables()
    lines += _assignment("seed", tables["seed"], draft.reasons["seed"]) if "seed" in tables else []
    for table in (t for t in _ORDER if t in tables):
        lines += ["", f"[{table}]"]
        for name, value in tables[table].items():
            lines += _assignment(name, value, draft.reasons[f"{table}.{name}"])
    text = "".join(f"{line}\n" for line in lines).encode()
    with publish_unlocked(path) as temporary:
        temporary.write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def _assignment(name: str, value: Any, reason: str) -> list[str]:
    """Return the lines of `name = value   # reason`, wrapped."""
    start = f"{name} = {toml_value(value)}"
    if not reason:
        return textwrap.wrap(start, _WIDTH, subsequent_indent="    ") if isinstance(value, list) else [start]
    if len(start) > _WIDTH // 2:
        above = textwrap.wrap(readable(reason, _LONGEST), _WIDTH - 2)
        return [*(f"# {line}" for line in above), *_assignment(name, value, "")]
    column = max(_COLUMN, len(start) + 2)
    first, *more = textwrap.wrap(readable(reason, _LONGEST), max(40, _WIDTH - column - 2))
    return [f"{start:{column}}# {first}", *(f"{'':{column}}# {line}" for line in more)]


def toml_value(value: Any) -> str:
    """Return a plain value in TOML: a string, number, boolean or a list of them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c
                          for c in value.replace("\\", "\\\\").replace('"', '\\"'))
        return f'"{escaped}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    return repr(round(value, 6)) if isinstance(value, float) else repr(value)
