"""Find the file of a recipe by its name, and list the names of all recipes."""

import os
from pathlib import Path

RECIPES = Path("recipes")    # searched for a bare name, in the current folder
PACKAGED = Path(__file__).resolve().parents[1] / "recipes"       # recipes of the package, in a checkout or a wheel


def find_recipe(name: str | os.PathLike[str]) -> Path:
    """Return the file that `name` means: itself, recipes/<name>.toml, or the recipe that comes with the package.

    Returns `name` as it is if none of them exists.
    """
    path = Path(name)
    paths = candidates(path)
    if path.parent == Path("."):
        paths.append(PACKAGED / paths[-1].name)
    return next((candidate for candidate in paths if os.path.isfile(candidate)), path)


def candidates(path: Path) -> list[Path]:
    """Return the user's own files that `path` may mean, in the order in which they are tried."""
    named = [path] if path.suffix in (".toml", ".json") else [path, path.parent / f"{path.name}.toml"]
    return named if path.is_absolute() else [*named, RECIPES / named[-1]]


def recipe_names() -> list[str]:
    """Return the names of the recipes in ./recipes and of those in the package."""
    return sorted({file.stem for folder in (RECIPES, PACKAGED) for file in folder.glob("*.toml")})
