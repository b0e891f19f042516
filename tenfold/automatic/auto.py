"""The automatic mode: look at a folder, choose and try recipes, augment, train and score, all within one budget."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import joblib

from tenfold.automatic.checks import (
    MADE,
    another_name_advised,
    check_seed,
    check_source,
    checked_groups,
    checked_name,
    groups_digest,
    readable_part,
    set_aside,
    set_recipe_aside,
)
from tenfold.automatic.choices import Draft, write_recipe
from tenfold.automatic.clock import LEAST_BUDGET, Clock
from tenfold.automatic.look import Look
from tenfold.automatic.looking import look
from tenfold.automatic.naming import absolute_path, default_name, is_of, keep_run_of_others
from tenfold.automatic.state import State, kept_call
from tenfold.automatic.summary import budget_lines, chosen_line, head_lines, left_lines, race_line, result_lines
from tenfold.automatic.training import train_and_score
from tenfold.data.errors import UserFault
from tenfold.data.files import lock_folder, make_folder
from tenfold.data.image_set import image_set
from tenfold.data.leftovers import leftovers_removed
from tenfold.data.recipe import digest_of
from tenfold.data.settings import check_count
from tenfold.data.sources.doubts import GROUPING
from tenfold.data.sources.opening import open_source
from tenfold.version import __version__

if TYPE_CHECKING:
    from tenfold.train.run.training import Run
    from tenfold.train.score.scoring import Score

_NOMINAL_READ = 0.002        # where nothing is timed, one core is assumed to read a picture in this many seconds
_NOMINAL_CORES = 2           # where nothing is timed, this many cores are assumed


@dataclass(frozen=True)
class AutoResult:
    """What the automatic mode made: its recipe, its run and the run's score."""
    recipe: Path
    run: Run
    score: Score
    lines: list[str] = field(repr=False)         # what was seen, tried, chosen and reached, as printed


class Automatic:
    """One call of the automatic mode: its images, folders, clock and state.

    copied: best.pth is copied to the current folder, as `tenfold train` does. started: the time.monotonic() from which
    the budget counts. The other arguments are those of `tenfold.auto`.
    """

    def __init__(self, data: Path, budget: float, *, name: str = "", device: str | None = None, workers: int = 0,
                 seed: int = 0, plan: str = "seconds", groups: str = "", copied: bool = False,
                 started: float | None = None):
        if plan not in ("seconds", "steps"):
            raise UserFault("plan", f"is {plan!r}", "give 'seconds' or 'steps'")
        self.clock = Clock(budget, time.monotonic() if started is None else started, is_timed=plan == "seconds")
        if budget < LEAST_BUDGET:
            raise UserFault("--budget", f"{budget:g} s is too short to look, augment, train and score",
                            f"give {LEAST_BUDGET:g} s at least")
        self.data, self.budget, self.copied = data, budget, copied
        self.seed, self.workers = check_seed(seed), check_count("--workers", workers, least=0)
        self.groups = checked_groups(groups)
        self._call = f"{MADE} {data}`, budget {budget:g} s, seed {self.seed}"
        self._call += "" if self.clock.is_timed else ", plan in steps"
        self._call += f", groups {groups}" if groups else ""
        if copied:
            from tenfold.train.run.best_copy import check_copy
            check_copy()
        self.source = open_source(data, groups=groups)
        check_source(self.source)
        grouped = groups_digest(groups, self.source)
        self.name = checked_name(name or default_name(data), data)
        from tenfold.automatic.machine import CountedMachine, Machine
        from tenfold.train.models.weight_sources import packaged_weights
        self.machine = (Machine if self.clock.is_timed else CountedMachine).here(device)
        self.pretrained = bool(packaged_weights())
        self.state = State({
            "data": str(absolute_path(data)), "images": image_set(self.source), "stamps": digest_of(self.source.stamps),
            "budget": budget, "plan": plan, "seed": self.seed, "groups": grouped, "device": str(self.machine.device),
            "pretrained": self.pretrained, "version": __version__})
        # from here on, something is written
        self.out, self.shards = Path("runs") / self.name, Path("shards") / self.name
        self.recipe = make_folder("recipes") / f"{self.name}.toml"
        self.folder = make_folder(Path("runs") / f"{self.name}-race")

    def run(self) -> AutoResult:
        """Run the call, or the rest of it if it was stopped. UserFault: images, budget or machine do not suffice."""
        from tenfold.train.run.threads import held_threads
        held = contextlib.nullcontext() if self.clock.is_timed else held_threads()
        with another_name_advised(), lock_folder(self.folder), leftovers_removed(self.folder), held:
            self.take_up()
            try:
                return self._run()
            except KeyboardInterrupt:
                raise KeyboardInterrupt("the same call goes on where this one was stopped") from None
            except UserFault:
                self.state.end(self.folder)
                raise

    def take_up(self) -> None:
        """Take up what the same call left if it was stopped; remove what another call left, but for a run on other
        images, which is renamed. The folder is locked."""
        kept, before = State.resumed(self.folder, self.state.call), kept_call(self.folder)
        if kept:
            self.state, self.clock.spent_before = kept, kept.seconds
        else:
            if before and not is_of(before, self.data, self.state.call["images"]):
                keep_run_of_others(self.out, str(before.get("data")))
            shutil.rmtree(self.folder / "trials", ignore_errors=True)
            with contextlib.suppress(OSError):
                (self.folder / "trial.pth").unlink()

    def _run(self) -> AutoResult:
        """Look, choose, train and score; write the recipe before training, and again with the results."""
        state, seen = self.state, self._look()
        lines = seen.lines()
        print(*self.source.notes, *lines, sep="\n", flush=True)
        printed = len(lines)
        if state.chosen is None:
            from tenfold.automatic.selection import select_draft
            state.chosen = select_draft(self, seen)
            set_aside(self.out)                  # from here on, it is this call's
        lines += [race_line(state.trials)] if state.trials else []
        lines.append(chosen_line(state.chosen, state.trials))
        lines += ["training goes on from the weights of its trial"] if Path(state.weights).is_file() else []
        self._write_recipe(state.chosen, lines)
        print(*lines[printed:], f"{self.recipe} gives the reason for each line", sep="\n", flush=True)
        run, score = train_and_score(self, state.chosen.recipe(self.name))
        results, seconds = result_lines(run, score, self.out), self.budget - self.clock.spent()
        left = left_lines(state.chosen, seconds, self.budget, run.facts["epochs"]) if self.clock.is_timed else []
        results += left or ([] if score.is_guessing else budget_lines(run, state.trials, state.chosen.name))
        if over := self.clock.overrun():
            results.append(f"note: this took {over:.0f} s more than the budget")
        state.done = True
        self._write_recipe(state.chosen, lines + results)
        shutil.rmtree(self.folder / "trials", ignore_errors=True)
        return AutoResult(self.recipe.absolute(), run, score, lines + results)

    def _write_recipe(self, chosen: Draft, lines: list[str]) -> None:
        """Write the recipe, with the lines printed so far, and save the state."""
        set_recipe_aside(self.recipe, self.state.recipe)
        self.state.recipe = write_recipe(chosen, self.recipe, head_lines(self.name, self._call, lines))
        self.state.save(self.folder, self.clock.spent())

    def _look(self) -> Look:
        """Return what a sample of the images shows, of those that there is time to read."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="look-") as unpacked:
            seen = look(self.source, Path(unpacked), self.clock.look_seconds())
        if not self.clock.is_timed:
            seen = replace(seen, seconds=_NOMINAL_READ, slowest=_NOMINAL_READ)
        seen = replace(seen, groups=self.groups)
        if self.groups or (seen.subfolders and seen.subfolders.are_groups):      # the recipe does what the note advises
            self.source = replace(self.source, notes=[n for n in self.source.notes if not n.endswith(GROUPING)])
        if self.state.per_class is None:
            self.state.per_class = readable_part(seen, self.clock, self.cores).per_class
        return seen.with_per_class(self.state.per_class)

    @property
    def cores(self) -> int:
        """Return the number of cores that build shards."""
        cores = int(joblib.cpu_count())
        return min(self.workers or cores, cores) if self.clock.is_timed else _NOMINAL_CORES
