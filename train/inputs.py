"""Find the recipe and shards that command-line options name, and the settings that may change on --resume."""

import argparse
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.data.errors import AUGMENT_AGAIN, RecipeFault, ShardFault
from tenfold.data.recipe import (
    PIXELS_VERSION,
    Recipe,
    as_in_file,
    make_recipe,
    pixel_differences,
    pixels_note,
    read_recipe,
    recipe_tables,
    renewed,
)
from tenfold.data.schema import INDEX
from tenfold.data.settings import override

if TYPE_CHECKING:
    from tenfold.data.shardset import ShardSet

FREE_TO_CHANGE = {"source.data", "train.budget", "train.engine", "train.workers", "train.pin_memory"}


def named_recipe(args: argparse.Namespace) -> tuple[Recipe, Path]:
    """Return (the recipe, the folder of shards) that --recipe, --shards and --set name.

    RecipeFault: neither is given. ShardFault: the shards carry no recipe.
    """
    from tenfold.data.shardset import read_index
    if not args.recipe and not args.shards:
        raise RecipeFault("--recipe", "is missing", "give --recipe recipes/x.toml or --shards shards/x")
    if args.recipe:
        recipe = read_recipe(args.recipe, args.set)
        return recipe, Path(args.shards or f"shards/{recipe.name}")
    carried = read_index(args.shards)["recipe"]
    model = carried.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("args"), dict):
        raise ShardFault(Path(args.shards) / INDEX, "carries no recipe", AUGMENT_AGAIN)
    tables = override(as_in_file(renewed(carried)), args.set)
    return make_recipe(tables, f"{args.shards}/dataset.json"), Path(args.shards)


def with_pixels_of(shards: "ShardSet", recipe: Recipe) -> Recipe:
    """Return the recipe with the tables that made the shards' pixels.

    A note is printed if those differ from its own, or if the pixels were drawn by another version.
    """
    for note in pixels_note(f"{shards.shown} holds", shards.index.get("pixels_version"), "this Tenfold draws",
                            PIXELS_VERSION, "`tenfold augment` makes the set again"):
        print(note)
    different = pixel_differences(shards.recipe, recipe)
    if different:
        print(f"note: {shards.shown} was made with other settings than are asked for ({'; '.join(different[:4])}); "
              "it is used as it is (`tenfold augment` makes it anew)")
    theirs = shards.recipe
    levels = {f.name: getattr(theirs.source, f.name) for f in fields(theirs.source) if f.name.startswith("levels")}
    source = replace(recipe.source, per_class=theirs.source.per_class, **levels)     # scoring reads deep pictures alike
    return replace(recipe, source=source,
                   split=theirs.split, clean=theirs.clean, draw=theirs.draw, shards=theirs.shards)


def fixed_settings(recipe: Recipe) -> dict:
    """Return {"table.key": value} of all settings that --resume must find unchanged: all but FREE_TO_CHANGE."""
    return {name: value for name, value in _flat(recipe_tables(recipe)) if name not in FREE_TO_CHANGE}


def _flat(tables: dict) -> Iterator[tuple[str, object]]:
    for table, content in tables.items():
        if isinstance(content, dict):
            yield from ((f"{table}.{key}", value) for key, value in content.items())
        else:
            yield table, content
