"""Prepare a trial: write its recipe.json, and build shards for it if its settings change the pixels."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TextIO

from tenfold.data.errors import RecipeFault
from tenfold.data.files import publish
from tenfold.data.recipe import Recipe, digest_of, pixels_digest, recipe_tables
from tenfold.train.sweep.space import with_settings
from tenfold.train.sweep.trial import Trial, run_process, why

PIXELS = ("source", "split", "clean", "draw", "shards")


def changes_pixels(names: Iterable[str]) -> bool:
    """Return whether any of the keys "table.key" changes the content of shards."""
    return any(name.partition(".")[0] in PIXELS for name in names)


@dataclass(frozen=True)
class Preparation:
    """The recipe and the shards that all trials of a sweep start from."""
    recipe: Recipe
    shards: Path             # of the recipe
    own_shards: bool         # whether each trial needs its own shards
    _current: set[Path] = field(default_factory=set)     # shards that this session has built, or found to be up to date

    def prepare(self, trial: Trial, lock: TextIO, enough: Callable[[], bool]) -> str:
        """Write the trial's recipe.json and build its shards; return "" or, if that fails, why.

        Shards of an earlier session are made again if the images have changed since.
        """
        try:
            recipe = with_settings(self.recipe, trial.settings)
        except RecipeFault as fault:             # each value is allowed, but not all of them together
            return str(fault)
        weights = Path(recipe.model.weights)
        if weights.is_file():                    # absolute, because the trial runs in its own folder
            recipe = replace(recipe, model=replace(recipe.model, weights=str(weights.resolve())))
        with publish(trial.folder / "recipe.json") as temporary:
            temporary.write_text(json.dumps(recipe_tables(recipe), indent=1) + "\n")
        folder = self._shards_of(recipe)
        trial.shards = str(folder.resolve())
        trial.save()
        if not self.own_shards or folder in self._current:
            return ""
        log = trial.folder / "augment.log"
        code = run_process(["preprocess", "--recipe", trial.folder / "recipe.json", "--out", folder, "--set",
                            f"seed={self.recipe.seed}"], ".", log, lock, enough)
        if code:
            return why(code, log)
        self._current.add(folder)
        return ""

    def _shards_of(self, recipe: Recipe) -> Path:
        """Return the folder of shards, drawn with the sweep's seed: a trial's own seed only affects its training."""
        if not self.own_shards:
            return self.shards
        drawn = replace(recipe, seed=self.recipe.seed)
        return Path(f"shards/{recipe.name}-{digest_of([pixels_digest(drawn), asdict(recipe.source)])[:12]}")
