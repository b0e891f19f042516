"""List the recipes that have a name, or print one so that it can be copied: `tenfold recipes photos > mine.toml`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tenfold.data.command import Parser, run
from tenfold.data.errors import RecipeFault
from tenfold.data.files import read_file
from tenfold.data.process import run_main
from tenfold.data.recipe_lookup import find_recipe, recipe_names


def list_recipes() -> dict[str, str]:
    """Return {name: first sentence of the comment at the head of the file} of every recipe that a bare name finds."""
    return {name: first_sentence(find_recipe(name), name) for name in recipe_names()}


def first_sentence(path: Path, name: str) -> str:
    """Return the first sentence of the comment at the head of a recipe, without the name with which it begins."""
    comment = []
    for line in read_file(path).decode("utf-8", "replace").splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    return " ".join(comment).partition(". ")[0].removeprefix(f"{name}: ").rstrip(".")


def show(args: Any) -> dict[str, Any]:
    """Print the list of recipes, or the named one."""
    if not args.name:
        recipes = list_recipes()
        width = max(map(len, recipes), default=0)
        for name, line in recipes.items():
            print(f"{name:{width}}  {line}")
        return {"recipes": recipes}
    path = find_recipe(args.name)
    try:
        text = read_file(path).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        from tenfold.data.settings import nearest
        raise RecipeFault(args.name, "is no recipe", nearest(args.name, recipe_names())) from None
    print(*text.splitlines(), sep="\n")
    return {"name": path.stem, "path": str(path), "text": text}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tenfold recipes`."""
    parser = Parser(prog="tenfold recipes", description="List the recipes that come along, or print one.",
                    epilog="Copy one to change it: tenfold recipes photos > mine.toml", allow_abbrev=False)
    parser.add_argument("name", nargs="?", help="the recipe to print (default: list them all)")
    parser.add_json()
    return run(show, parser.parse_args(argv))


if __name__ == "__main__":
    run_main(lambda started: main())
