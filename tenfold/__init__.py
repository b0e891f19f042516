"""Multiply a folder of labelled images into augmented shards, and train a classifier on them inside ten minutes.

    import tenfold
    shards = tenfold.augment("my_images", recipe="photos")
    run    = tenfold.train(shards, budget="10m")
    score  = tenfold.score(run.best, tta=8)
    model  = tenfold.load(run.best)
    model.predict(["a.jpg", array, pil_image])

These are the functions that the commands call. What is wrong with what was given is raised as a `UserFault`; nothing
of the caller's process is changed. Importing this package loads neither numpy nor torch: each function does, when it
is called.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence

from tenfold import arguments
from tenfold.callable_package import make_callable
from tenfold.data.errors import (
    CheckpointFault,
    MachineFault,
    RecipeFault,
    ShardFault,
    SourceFault,
    TrainingFault,
    UserFault,
)

TYPE_CHECKING = False        # as in `typing`, which takes some milliseconds
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any, TypeAlias

    from tenfold.automatic.auto import AutoResult
    from tenfold.batches import Batches
    from tenfold.data.recipe import Recipe
    from tenfold.data.shardset import ShardSet
    from tenfold.predict.model import Model, Prediction
    from tenfold.train.run.training import Run
    from tenfold.train.score.scoring import Score

__all__ = ["AutoResult", "Batches", "CheckpointFault", "MachineFault", "Model", "Prediction", "Recipe", "RecipeFault",
           "Run", "Score", "ShardFault", "ShardSet", "SourceFault", "TrainingFault", "UserFault",
           "__version__", "augment", "auto", "load", "open_batches", "open_shards", "read_recipe", "score", "train"]

PathLike: TypeAlias = "str | os.PathLike[str]"
Settings: TypeAlias = "str | Sequence[str] | Mapping[str, Any]"          # "train.lr=0.002", several, or a dictionary
# imported when they are first asked for
_LATER = {"AutoResult": "tenfold.automatic.auto", "Batches": "tenfold.batches", "Recipe": "tenfold.data.recipe",
          "ShardSet": "tenfold.data.shardset", "__version__": "tenfold.version",
          "Model": "tenfold.predict.model", "Prediction": "tenfold.predict.model",
          "Run": "tenfold.train.run.training", "Score": "tenfold.train.score.scoring"}


@arguments.made_plain
def read_recipe(name: PathLike | Recipe, *settings: str) -> Recipe:
    """The recipe in a TOML file, or of that name ("photos"), with `settings` such as "train.lr=0.002" laid over it.

    RecipeFault: no such recipe, no such key, or a value out of bounds.
    """
    from tenfold.data import recipe as recipes
    if isinstance(name, recipes.Recipe):
        return recipes.change_recipe(name, settings) if settings else name
    return recipes.read_recipe(arguments.text("recipe", name, "give its name or its file"), settings)


@arguments.made_plain
def open_shards(shards: PathLike | ShardSet) -> ShardSet:
    """A set that `augment` made, by its folder. ShardFault: missing, unfinished or damaged."""
    from tenfold.data.shardset import ShardSet, open_set
    return (shards if isinstance(shards, ShardSet) else open_set(arguments.path("shards", shards))).lasting()


@arguments.made_plain
def augment(data: PathLike, recipe: PathLike | Recipe, *, settings: Settings = (),
            out: PathLike | None = None, workers: int = 0, plain: bool = False) -> ShardSet:
    """Turn labelled images, a folder of class folders, a table of labels or an .npz, into shards of augmented copies.

    recipe: a file, a recipe's name ("photos") or a Recipe; `settings` such as "draw.copies=20", or
    {"draw.copies": 20}, are laid over it. out: the folder for the shards (default: shards/<recipe name>). workers:
    processes (0: one for each core).
    plain: every image becomes one row of the test split, as for scoring. Prints what was found and left out.
    SourceFault: images or labels cannot be used. RecipeFault: a setting. MachineFault: the disk or memory.
    """
    from pathlib import Path

    from tenfold.data.settings import check_count
    from tenfold.data.sources.opening import open_images
    from tenfold.preprocess.findings import augment_and_report
    workers = check_count("workers", workers, least=0)
    asked = read_recipe(recipe, *arguments.assignments(settings))
    source = open_images(asked, arguments.path("data", data), training=not plain)
    print(*source.notes, sep="\n")
    folder = Path(arguments.path("out", out or f"shards/{asked.name}"))
    built = augment_and_report(asked, source, folder, workers, plain)
    return open_shards(built.folder)


@arguments.made_plain
def train(shards: PathLike | ShardSet, recipe: PathLike | Recipe | None = None, *, settings: Settings = (),
          budget: str | float | None = None, out: PathLike | None = None, device: str | None = None,
          resume: bool = False) -> Run:
    """Train a classifier on shards within a budget, "45s", "10m" or seconds, that counts everything from this call on.

    recipe: how to train (default: the recipe that the shards carry); `settings` such as "train.lr=0.002" are laid
    over it. out: the folder of the run (default: runs/<recipe name>). device: cpu, cuda or mps (default: the best
    there is). resume: go on with the run in `out` that was stopped. Prints a line at each evaluation.

    TrainingFault: the loss is not finite, or the budget too short. RecipeFault: a setting. ShardFault, CheckpointFault:
    a file. MachineFault: the device, disk or memory.
    """
    import time
    from pathlib import Path

    started = time.monotonic()
    from tenfold.data.recipe import parse_duration
    from tenfold.train.run import training
    opened = open_shards(shards)
    asked = read_recipe(opened.recipe if recipe is None else recipe, *arguments.assignments(settings))
    seconds = parse_duration(asked.train.budget if budget is None else budget, "budget")
    return training.train(opened, asked, Path(arguments.path("out", out or f"runs/{asked.name}")), budget=seconds,
                          device=device, resume=resume, started=started)


@arguments.made_plain
def auto(data: PathLike, budget: str | float = "10m", *, name: str = "", device: str | None = None, workers: int = 0,
         seed: int = 0, plan: str = "seconds", groups: str = "") -> AutoResult:
    """Look at labelled images, choose and prove a recipe, augment, train and score, all within one budget.

    data: a folder of class folders, a table of labels or an .npz. name: of the recipe (recipes/<name>.toml, in which
    each line says what decided it), the shards and the run (default: auto-<folder>). A call that was stopped goes on
    when it is repeated. plan: "steps": nothing is timed; what a nominal machine would do in the budget is chosen and
    trained, so that the same images and seed give the same recipe, however long it takes here. groups: which images
    stay together in one split, as a recipe's split.groups: "folder", "path:REGEX" or a .csv file.

    Returns the path of the recipe, the run (`result.run.best` is the model), the score, and the lines that say what was
    seen, tried and chosen, which it prints, too. Raises the faults of `augment`, `train` and `score`. UserFault: an
    argument, or too short a budget.
    """
    import time
    from pathlib import Path

    started = time.monotonic()
    from tenfold.automatic.auto import Automatic
    from tenfold.data.recipe import parse_duration
    from tenfold.data.settings import check_count
    return Automatic(Path(arguments.path("data", data)), parse_duration(budget, "budget"),
                     name=name and arguments.text("name", name, "give a plain name"), device=device,
                     workers=check_count("workers", workers, least=0), seed=check_count("seed", seed, least=0),
                     plan=plan, groups=groups and arguments.text("groups", groups, "give a text such as 'folder'"),
                     started=started).run()


@arguments.made_plain
def score(model: PathLike | Model | Run, shards: PathLike | ShardSet | None = None, *, data: PathLike | None = None,
          tta: int = 1, device: str | None = None, out: PathLike | None = None) -> Score:
    """Score a model on the test rows of shards it was not trained on.

    model: best.pth, a loaded model (on its own device) or a run. shards: default shards/<name of the model's recipe>.
    data: score a labelled folder, table of labels or .npz instead, through the plain view of the model's recipe. tta:
    average over so many views of each image that the model is unsure of. out: a folder for score.json, predictions.csv
    and the pictures (default: no files are written). Prints what to know before trusting the score.

    CheckpointFault: the model's file, or other classes or rows. ShardFault, SourceFault: the images.
    """
    from contextlib import nullcontext

    from tenfold.data.settings import check_count
    from tenfold.train.score import scoring
    from tenfold.train.score.files import scored_folder
    tta = check_count("tta", tta)
    opened = arguments.model(model, device)
    if data is not None and shards is not None:
        raise UserFault("shards and data", "are both given", "choose one")
    opened.with_tta(tta)                         # refused before images are read
    place: AbstractContextManager[Any]
    if data is not None:
        from tenfold.data.sources.opening import open_images
        found = open_images(opened.recipe, arguments.path("data", data), training=False)
        scoring.check_classes(opened, found.classes, data)
        place = scored_folder(opened.recipe.name)
    else:
        place = nullcontext(f"shards/{opened.recipe.name}" if shards is None else shards)
    with place as folder:
        scored = open_shards(folder) if data is None else augment(data, opened.recipe, out=folder, plain=True)
        result = scoring.score(opened, scored, tta=tta, device=device,
                               out=None if out is None else arguments.path("out", out))
    for note in result.notes:
        print(note)
    return result


@arguments.made_plain
def load(model: PathLike, device: str | None = None) -> Model:
    """Open a trained model, such as best.pth. CheckpointFault: missing, damaged or foreign."""
    from tenfold.predict.model import Model
    return Model.open(arguments.path("model", model), device)


@arguments.made_plain
def open_batches(shards: PathLike | ShardSet, split: str = "train", *, batch: int = 256, shuffle: bool | None = None,
                 seed: int = 0, device: str = "cpu", engine: str = "auto", workers: int = 2) -> Batches:
    """Open one split for a training loop of your own: `for images, labels in batches` is an epoch.

    images: uint8 (B, H, W, C) tensors on `device`, labels: int64 (B,). shuffle: a new order in every epoch, and whole
    batches only (default: for the train split). engine: "memory", "threads" (streams from disk) or "auto". workers:
    reading threads. ShardFault: the set is damaged, or has no such rows. UserFault: an argument.
    """
    from tenfold.batches import Batches
    shuffled = split == "train" if shuffle is None else shuffle
    return Batches.open(open_shards(shards), split, batch=batch, shuffle=shuffled, seed=seed, device=device,
                        engine=engine, workers=workers)


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'tenfold' has no attribute {name!r}")


def __dir__() -> Sequence[str]:
    return sorted({*globals(), *__all__})


# `tenfold.train` is a function, above, and a package, in which the trainer lies
make_callable("tenfold.train", train)
