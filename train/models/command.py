"""The command `tenfold models`: list every network with its parameters and multiply-adds."""

import re
from functools import partial

from tenfold.data.command import make_parser, run, whole_number

# torchvision's networks in the published systems that recipes/ follows; the others are listed with --all
_USED = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "densenet169",
         "squeezenet1_0")


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = make_parser("tenfold models", "List the networks, with parameters and multiply-adds for one picture.")
    parser.add_argument("--recipe",
                        help="TOML file whose channels, canvas and model.size count (default: RGB, 224×224)")
    parser.add_argument("--classes", type=partial(whole_number, least=1),
                        help="how many (default: those of the recipe's shards, else 1000)")
    parser.add_argument("--all", action="store_true",
                        help="all of torchvision's networks, not only those of the recipes")
    return run(_table, parser.parse_args(argv))


def _table(args) -> dict:
    from tenfold.data.recipe import make_recipe, read_recipe
    from tenfold.data.settings import override
    from tenfold.train.models.build import MODELS, cost
    from tenfold.train.models.published import names
    from tenfold.train.normalise import seen_size
    if args.recipe:
        recipe = read_recipe(args.recipe, args.set)
    else:
        recipe = make_recipe(override({"name": "--set", "clean": {"channels": 3}, "model": {"name": "resnet"},
                                       "draw": {"canvas": [224, 224], "copies": 1}}, args.set))
    size = seen_size(recipe.draw.canvas, recipe.model.size)
    classes = args.classes or _classes(recipe)
    print(f"one picture of {size[0]}×{size[1]}, {recipe.clean.channels} channels, {classes} classes\n")
    names_one = any(re.match(r"\s*model\.(?!size\b)", setting) for setting in args.set)
    asked = [(f"{recipe.name}: {recipe.model.name}", recipe.model.name, recipe.model.args)] \
        if args.recipe or names_one else []
    every = [*asked, *((name, name, {}) for name in (*MODELS, *(names() if args.all else _USED)))]
    width = max(len(label) for label, *_ in every)
    print(f"{'network':{width}} {'parameters':>14} {'multiply-adds':>16}")
    rows = []
    for label, name, values in every:
        rows.append({"network": label, "name": name, "arguments": values}
                    | cost(name, values, recipe.clean.channels, classes, size))
        print(_line(rows[-1], width))
    return {"size": list(size), "channels": recipe.clean.channels, "classes": classes, "models": rows}


def _classes(recipe) -> int:
    """Return how many classes the recipe's shards have; 1000 if there are no shards yet."""
    from tenfold.data.errors import ShardFault
    from tenfold.data.shardset import read_index
    try:
        return len(read_index(f"shards/{recipe.name}")["classes"])
    except (ShardFault, KeyError, TypeError):
        return 1000


def _line(row: dict, width: int) -> str:
    if "fault" in row:
        return f"{row['network']:{width}} {row['fault']}"
    return f"{row['network']:{width}} {row['parameters']:14,} {row['multiply_adds']:16,}"
