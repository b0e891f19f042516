"""python -m benchmarks.bundle shards.tar recipes/a.toml …: recipes and their shards as one small file.

For a machine that has a graphics card and neither network nor OpenCV: `python -m benchmarks.gpu shards.tar`
unpacks it. A set that several recipes train on is packed once; a file of pretrained weights goes along.
"""

import argparse
import json
import lzma
import shutil
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import rows
from tenfold.data.command import make_parser, run
from tenfold.data.errors import RecipeFault, ShardFault

AT_MOST = 60_000_000         # bytes, as much as is carried in one piece
INDEX = "bundle.json"


def pack(args: argparse.Namespace) -> dict:
    """args.recipes: "recipe.toml" or "recipe.toml=folder of its shards" (else shards/<name>)."""
    from tenfold.data.files import publish
    from tenfold.data.recipe import read_recipe
    from tenfold.data.shardset import open_set
    found: dict[str, Any] = {}
    sets: dict[str, Any] = {}
    for text in args.recipes:
        path, _, folder = text.partition("=")
        recipe = read_recipe(path, args.set)
        if recipe.name in found:
            raise RecipeFault(path, f"is a second recipe of the name '{recipe.name}'", "rename one")
        shards = open_set(folder or f"shards/{recipe.name}")
        sets[shards.index["digest"]] = shards
        found[recipe.name] = (Path(path), shards.index["digest"], _weights(path, recipe.model.weights))
    places = {digest: f"sets/{number}" for number, digest in enumerate(sets)}
    about: dict[str, Any] = {
        "recipes": {name: places[digest] for name, (_, digest, _) in found.items()},
        "weights": {name: f"weights/{name}.pth" for name, (_, _, weights) in found.items() if weights},
        "commit": rows.commit()}
    with publish(args.bundle) as temporary:
        with _compressed(temporary, sets.values()) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
            for digest, shards in sets.items():
                for file in ["dataset.json", "sources.h5", *(s["name"] for s in shards.index["shards"])]:
                    tar.add(shards.folder / file, f"{places[digest]}/{file}")
            for name, (path, _, weights) in found.items():
                tar.add(path, f"recipes/{name}.toml")
                if weights:
                    tar.add(weights, about["weights"][name])
            index = Path(f"{temporary}.json")
            index.write_text(json.dumps(about))
            tar.add(index, INDEX)
            index.unlink()
        size = temporary.stat().st_size
        if size > AT_MOST:
            raise ShardFault(args.bundle, f"would be {size / 1e6:.1f} MB, and may be {AT_MOST / 1e6:.0f}",
                             "name fewer recipes, or make sets with fewer draw.copies")
    print(f"{args.bundle}: {size / 1e6:.1f} MB, {', '.join(found)}")
    return {"bytes": size, "recipes": list(found)}


def _weights(recipe: str, weights: str) -> Path | None:
    """The file; what would be downloaded cannot be on a machine without a network."""
    if weights and not Path(weights).is_file():
        raise RecipeFault(recipe, f"begins with the weights '{weights}', which are no file that could be packed",
                          "give --set model.weights=FILE.pth")
    return Path(weights) if weights else None


def _compressed(path: Path, sets: Any) -> Any:
    """A file that xz packs; colour is packed as differences to the neighbouring pixel, which is a fifth smaller."""
    colour = all(s.row_shape[2] == 3 for s in sets)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
    return lzma.open(path, "w", filters=[{"id": lzma.FILTER_DELTA, "dist": 3}, *filters] if colour else filters)


def unpack(path: Path, folder: Path) -> tuple[dict[str, tuple[Path, Path, list[str]]], str]:
    """({recipe's name: (its file, folder of its shards, settings it needs there)}, the commit it was packed at)."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with tarfile.open(path) as tar:
            tar.extractall(folder, filter="data")
        about = json.loads((folder / INDEX).read_text())
        settings = {name: [f"model.weights={folder / file}"] for name, file in about["weights"].items()}
        return ({name: (folder / f"recipes/{name}.toml", folder / place, settings.get(name, []))
                 for name, place in about["recipes"].items()}, about["commit"])
    except FileNotFoundError:
        raise ShardFault(path, "does not exist or is no bundle", "pack one: python -m benchmarks.bundle") from None
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError, LookupError, TypeError) as error:
        raise ShardFault(path, f"is no bundle ({error})", "pack one: python -m benchmarks.bundle") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.bundle", "Pack recipes and their shards into one file of 60 MB at most.")
    parser.add_argument("bundle", metavar="shards.tar")
    parser.add_argument("recipes", nargs="+", metavar="recipe.toml[=shards]", help="shards: by default shards/<name>")
    return run(pack, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
