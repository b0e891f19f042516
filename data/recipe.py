"""A recipe: one TOML file that says how a set is made and how a model is trained on it.

Preprocessing and training read the same file. For the tables of preprocessing, the trainer uses the recipe that is
stored with the shards, because that is how their pixels were made.
"""

import hashlib
import json
import math
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tenfold.data.errors import RecipeFault, unreadable
from tenfold.data.files import read_file
from tenfold.data.networks import check_network
from tenfold.data.recipe_checks import check_recipe
from tenfold.data.recipe_lookup import RECIPES, candidates, find_recipe, recipe_names
from tenfold.data.settings import fill, nearest, override
from tenfold.data.tables import Augment, Clean, Draw, Model, Shards, Source, Split, Train

PIXELS_VERSION = 11  # raised when the same recipe draws other pixels than before: old shards are then made again


@dataclass(frozen=True)
class Recipe:
    """What a recipe file says: a table for each stage."""
    name: str
    seed: int
    source: Source
    split: Split
    clean: Clean
    draw: Draw
    shards: Shards
    model: Model
    train: Train
    augment: Augment = field(default_factory=Augment)


_TABLES = {"source": Source, "split": Split, "clean": Clean, "draw": Draw, "shards": Shards,
           "model": Model, "train": Train, "augment": Augment}
_SUCCESSORS = {"bitshuffle-lz4": "lz4", "lzf": "gzip"}      # compressions that are only read, no longer written
_SHORT, _PIECE = 64, 4096    # items of a list that may contain columns; items of a column that are hashed at once
_PIXEL_TABLES = ("split", "clean", "draw", "shards")        # tables on which the bytes of a set depend


def read_recipe(name: str | os.PathLike[str], assignments: Iterable[str] = ()) -> Recipe:
    """Read a recipe from a TOML file (or a JSON file), and change it by `--set` assignments.

    A bare name that is not a file means recipes/<name>.toml. RecipeFault: no such file, not TOML, an unknown or missing
    key, a value out of bounds, an unknown network or an unknown argument of it.
    """
    path = find_recipe(name)
    try:
        text = read_file(path).decode("utf-8")
        tables = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        tried = ", ".join(map(str, candidates(path)[1:]))
        raise unreadable(error, path) or RecipeFault(
            path, (error.strerror or "cannot be read") + (f", nor is there {tried}" if tried else ""),
            _other_recipes(path)) from None
    except (ValueError, RecursionError) as error:      # what tomllib, json and utf-8 raise
        raise RecipeFault(path, f"is not a recipe ({error})", "see recipes/sample.toml") from None
    if isinstance(tables, dict):
        tables = override(tables, assignments)
    recipe = make_recipe(tables, str(path), name=path.stem)
    check_network(recipe.model.name, recipe.model.args, f"{path} [model]")
    return recipe


def _other_recipes(path) -> str:
    """Return the advice for a recipe that does not exist: the nearest name."""
    names = recipe_names()
    return nearest(path.stem, names) if names else f"name a recipe, such as {RECIPES}/sample.toml"


def make_recipe(tables: dict, where: str = "recipe", name: str = "recipe") -> Recipe:
    """Make a Recipe from nested plain values, such as those of a TOML file or of `recipe_tables`."""
    if not isinstance(tables, dict):
        raise RecipeFault(where, "is not a table of tables", "see recipes/sample.toml")
    for key in tables:
        if key not in {*_TABLES, "name", "seed"}:
            raise RecipeFault(where, f"unknown key '{key}'", nearest(key, {*_TABLES, "name", "seed"}))
    model = tables.get("model", {})
    if isinstance(model, dict) and not isinstance(model.get("args"), dict):
        listed = {f.name for f in fields(Model)} - {"args"}
        model = {"args": {k: v for k, v in model.items() if k not in listed},
                 **{k: v for k, v in model.items() if k in listed}}
    values: dict[str, Any] = {key: fill(cls, model if key == "model" else tables.get(key, {}), f"{where} [{key}]")
                              for key, cls in _TABLES.items()}
    recipe = Recipe(name=tables.get("name", name), seed=tables.get("seed", 0), **values)
    check_recipe(recipe, where)
    parse_duration(recipe.train.budget, f"{where} [train] budget")
    return recipe


def renewed(tables: dict) -> dict:
    """Return the recipe's tables of an old set or checkpoint, with settings that no longer exist replaced."""
    shards = tables.get("shards") if isinstance(tables, dict) else None
    kind = shards.get("compression") if isinstance(shards, dict) else None
    if not isinstance(shards, dict) or not isinstance(kind, str) or kind not in _SUCCESSORS:
        return tables
    return tables | {"shards": shards | {"compression": _SUCCESSORS[kind]}}


def recipe_tables(recipe: Recipe) -> dict:
    """Return the recipe as nested plain values, for dataset.json and checkpoints; `make_recipe` reads them."""
    return json.loads(json.dumps(asdict(recipe)))


def change_recipe(recipe: Recipe, assignments: Iterable[str], where: str = "recipe") -> Recipe:
    """Change a recipe by assignments such as "train.lr=0.002".

    where: what a fault names. RecipeFault: no such key, or a value out of bounds.
    """
    changed = make_recipe(override(as_in_file(recipe_tables(recipe)), assignments), where, recipe.name)
    check_network(changed.model.name, changed.model.args, f"{where} [model]")
    return changed


def as_in_file(tables: dict) -> dict:
    """Return the tables with the network's arguments as keys of [model], so that `--set model.widths=…` finds them."""
    model = dict(tables["model"])
    return tables | {"model": model.pop("args") | model}


def pixels_digest(recipe: Recipe) -> str:
    """Return a digest of all settings on which the bytes of a set depend; equal digests mean equal pixels."""
    settings: dict[str, Any] = {"version": PIXELS_VERSION, "seed": recipe.seed,
                                **{t: asdict(getattr(recipe, t)) for t in _PIXEL_TABLES}}
    for key in ("groups", "near_duplicates"):        # added later: sets made before keep their digest
        if settings["split"][key] == getattr(Split(), key):
            del settings["split"][key]
    if recipe.source.per_class:                      # likewise
        settings["per_class"] = recipe.source.per_class
    return digest_of(settings)


def pixels_note(one: str, version: object, other: str, other_version: object, cure: str) -> tuple[str, ...]:
    """Return a note, in a tuple, if two things have different versions of the pixels; () if not, or if unknown.

    one, other: such as "best.pth was trained on" and "this Tenfold draws".
    """
    if type(version) is not int or type(other_version) is not int or version == other_version:
        return ()
    return (f"note: {one} pixels of version {version}, {other} version {other_version}: the same image looks a little "
            f"different, which may cost accuracy; {cure}",)


def digest_of(value: Any) -> str:
    """Return a short digest of any value that JSON can hold, or of a list of such values and long columns."""
    digest = hashlib.sha256()
    for text in _as_json(value):
        digest.update(text.encode())
    return digest.hexdigest()[:32]


def _as_json(value: Any) -> Iterator[str]:
    """Yield the JSON of a value in pieces, so that long columns (of numpy, too) are never held as text."""
    array = hasattr(value, "tolist") and hasattr(value, "__len__")
    if not array and (isinstance(value, str) or not isinstance(value, Sequence)):
        yield json.dumps(value, sort_keys=True, separators=(",", ":"))
        return
    yield "["
    if not array and len(value) <= _SHORT:
        for i, item in enumerate(value):
            if i > 0:
                yield ","
            yield from _as_json(item)
    else:
        for first in range(0, len(value), _PIECE):
            piece = value[first:first + _PIECE]
            text = json.dumps(piece.tolist() if array else piece, sort_keys=True, separators=(",", ":"))
            yield f",{text[1:-1]}" if first > 0 else text[1:-1]
    yield "]"


def pixel_differences(built: Recipe, wanted: Recipe) -> list[str]:
    """List how the recipe of the shards differs from the wanted one: ["draw.copies: 20, not 100", …]."""
    differences = [] if built.seed == wanted.seed else [f"seed: {built.seed}, not {wanted.seed}"]
    for table in ("source", *_PIXEL_TABLES):
        a, b = getattr(built, table), getattr(wanted, table)
        keys = ["per_class"] if table == "source" else [f.name for f in fields(a)]
        differences += [f"{table}.{key}: {getattr(a, key)}, not {getattr(b, key)}"
                        for key in keys if getattr(a, key) != getattr(b, key)]
    return differences


def parse_duration(text: object, where: str = "--budget") -> float:
    """Return the seconds, above 0, of a duration such as "45s", "10m", "1.5h" or a plain number of seconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)\s*", str(text))
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0
    if not 0 < seconds < math.inf:
        raise RecipeFault(where, f"is {text!r}", "give seconds, minutes or hours: 45s, 10m, 1h")
    return seconds
