"""Which file a recipe's name means."""

import os
from pathlib import Path

RECIPES = Path("recipes")    # where a bare name is looked for


def find_recipe(name) -> Path:
    """The file that `name` means: itself, or else recipes/<name>.toml. As given where there is neither."""
    return next((path for path in candidates(Path(name)) if os.path.isfile(path)), Path(name))


def candidates(path: Path) -> list[Path]:
    """The files that may be meant, in their order."""
    named = [path] if path.suffix in (".toml", ".json") else [path, path.parent / f"{path.name}.toml"]
    return named if path.is_absolute() else [*named, RECIPES / named[-1]]
