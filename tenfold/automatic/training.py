"""Augment, train and score by the chosen recipe, or go on where a stopped call was."""

from __future__ import annotations

import contextlib
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.automatic.checks import blame_whole_budget, set_aside
from tenfold.data.errors import CheckpointFault
from tenfold.data.wording import counted, readable

if TYPE_CHECKING:
    from tenfold.automatic.auto import Automatic
    from tenfold.data.recipe import Recipe
    from tenfold.data.shardset import ShardSet
    from tenfold.preprocess.pipeline import BuildResult
    from tenfold.train.run.training import Run
    from tenfold.train.score.scoring import Score


def train_and_score(call: Automatic, recipe: Recipe) -> tuple[Run, Score]:
    """Augment, train and score by the chosen recipe."""
    from tenfold.data.shardset import open_set
    from tenfold.preprocess.findings import print_findings
    from tenfold.preprocess.pipeline import augment
    from tenfold.preprocess.survey.notes import HINTS
    from tenfold.train.score.scoring import score
    built = augment(recipe, call.source, call.shards, call.workers)
    notes = [note for note in built.index["notes"] if not note.endswith(HINTS)]          # this recipe was chosen
    print_findings(built.index | {"notes": notes}, built.folder / "dataset.json")
    rows = ", ".join(f"{count} {split}" for split, count in built.rows.items())
    print(f"{built.folder}: {rows} rows", *odd_line(built, call.recipe), sep="\n")
    call.state.save(call.folder, call.clock.spent())
    shards = open_set(call.shards)
    if Path(call.state.weights).is_file() and not _learnt_test_images(call.state.weights, shards):
        recipe = replace(recipe, model=replace(recipe.model, weights=call.state.weights))
    began = time.monotonic()
    run = train_or_resume(call, shards, recipe)
    # what a resumed run had used before, which no earlier call could save
    call.clock.spent_before += max(0.0, run.facts["seconds"] - (time.monotonic() - began))
    return run, score(call.out / "best.pth", shards, device=str(call.machine.device), out=call.out)


def _learnt_test_images(weights: str, shards: ShardSet) -> bool:
    """Return whether a trial, with a larger val split, learnt images that are in the test split now.

    Of a set with groups, a class may have too few for the larger val split only.
    """
    import torch

    from tenfold.train.run.checkpoint import image_numbers, load
    return bool(torch.isin(image_numbers(shards, "test"), load(weights)["trained_on"]).any())


def odd_line(built: BuildResult, recipe: Path) -> list[str]:
    """Return a line on the suspects that a report would name (blank, tiny, of an odd shape, …), in a list; []: none."""
    from tenfold.data.source_table import read_source_table
    from tenfold.preprocess.survey.suspects import suspects
    found = suspects(read_source_table(built.folder), built.index["classes"],
                     built.index.get("common", {}).get("polarity", "keep"))
    if not found:
        return []
    return [f"note: {counted(len(found), 'image')} may be unfit, such as {readable(found[0]['path'])}, which is "
            f"{found[0]['why']}: tenfold report --recipe {shlex.quote(str(recipe))} names all"]


def train_or_resume(call: Automatic, shards: ShardSet, recipe: Recipe) -> Run:
    """Train, or go on with the training of a stopped call; a run on other shards or settings is set aside."""
    from tenfold.train.run.best_copy import copied_here
    from tenfold.train.run.training import train

    def fit(resume: bool) -> Run:
        return train(shards, recipe, call.out, device=str(call.machine.device), resume=resume,
                     budget=call.clock.train_seconds(call.state.scoring), least=call.clock.least_train_seconds())
    resume = (call.out / "last.pth").exists()            # left by a stopped call, or by `tenfold train`
    copied = copied_here(call.out / "best.pth", resume) if call.copied else contextlib.nullcontext()
    with copied, blame_whole_budget(call.budget):
        try:
            return fit(resume)
        except CheckpointFault as fault:
            if not resume or Path(fault.where).parent != call.out:
                raise
            set_aside(call.out, f"; its {Path(fault.where).name} {fault.fact}, so training begins anew")
            return fit(resume=False)
