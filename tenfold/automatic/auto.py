"""Automatic: look at a folder, choose and test recipes, augment, train and score, all within one budget."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import joblib

from tenfold.automatic.checks import MADE, check_source, checked_name, plain_name, set_aside, whole_budget_named
from tenfold.automatic.choices import Draft, write_recipe
from tenfold.automatic.clock import LEAST, Clock
from tenfold.automatic.look import Look
from tenfold.automatic.looking import look
from tenfold.automatic.race import Trial, keep_weights, run_race, run_trial
from tenfold.automatic.state import State
from tenfold.automatic.summary import head_lines, race_line, result_lines
from tenfold.data.errors import UserFault
from tenfold.data.files import lock_folder, make_folder
from tenfold.data.image_set import image_set
from tenfold.data.leftovers import leftovers_removed
from tenfold.data.sources.opening import open_source
from tenfold.version import __version__

if TYPE_CHECKING:
    from tenfold.data.recipe import Recipe
    from tenfold.train.run.training import Run
    from tenfold.train.score.scoring import Score

_STARTED = 3.0               # seconds until training has begun, besides those of its build
_READING, _CORES = 0.002, 2  # seconds of one core to read a picture, and cores, where nothing is timed


@dataclass(frozen=True)
class AutoResult:
    """What the automatic mode made: its recipe, its run and the run's score."""
    recipe: Path
    run: Run
    score: Score
    lines: list[str] = field(repr=False)         # what was seen, tried, chosen and reached


class Automatic:
    """One call of the automatic mode: its images, folders, clock and state.

    copied: best.pth is copied to the current folder, as `tenfold train` does. The other arguments are those of
    `tenfold.auto`; started: the time.monotonic() from which the budget counts.
    """

    def __init__(self, data: Path, budget: float, *, name: str = "", device: str | None = None, workers: int = 0,
                 seed: int = 0, plan: str = "seconds", copied: bool = False, started: float | None = None):
        if plan not in ("seconds", "steps"):
            raise UserFault("plan", f"is {plan!r}", "give 'seconds' or 'steps'")
        self.clock = Clock(budget, time.monotonic() if started is None else started, is_timed=plan == "seconds")
        if budget < LEAST:
            raise UserFault("--budget", f"of {budget:g} s is too short to look, augment, train and score",
                            f"give {LEAST:g} s at least")
        self.data, self.budget, self.seed, self.workers, self._copied = data, budget, seed, workers, copied
        self._call = f"{MADE} {data}`, budget {budget:g} s, seed {seed}" + ", plan in steps" * (plan == "steps")
        if copied:
            from tenfold.train.run.command import check_copy
            check_copy()
        self.source = open_source(data)
        check_source(self.source)
        self.name = checked_name(name or f"auto-{plain_name(data)}", data)
        self.out, self.shards = Path("runs") / self.name, Path("shards") / self.name
        self.recipe = make_folder("recipes") / f"{self.name}.toml"
        self.folder = make_folder(Path("runs") / f"{self.name}-race")
        from tenfold.automatic.machine import CountedMachine, Machine
        from tenfold.train.models.weight_sources import packaged_weights
        self.machine = (Machine if self.clock.is_timed else CountedMachine).here(device)
        self.pretrained = bool(packaged_weights())
        self.state = State.resumed(self.folder, {
            "images": image_set(self.source), "budget": budget, "plan": plan, "seed": seed,
            "device": str(self.machine.device), "pretrained": self.pretrained, "version": __version__})
        self.clock.before = self.state.seconds

    def run(self) -> AutoResult:
        """Run it all, or the rest of an interrupted call. UserFault: images, budget or machine do not allow it."""
        with lock_folder(self.folder), leftovers_removed(self.folder):
            try:
                return self._run()
            except KeyboardInterrupt:
                raise KeyboardInterrupt("the same call goes on where this one was stopped") from None

    def _run(self) -> AutoResult:
        state, unpacked = self.state, make_folder(self.folder / "look")
        seen = look(self.source, unpacked, self.clock.look)
        if not self.clock.is_timed:
            seen = replace(seen, seconds=_READING, slowest=_READING)
        shutil.rmtree(unpacked)
        if state.per_class is None:
            state.per_class = self._images_to_read(seen).per_class
        seen = seen.with_per_class(state.per_class)
        lines = seen.lines()
        print(*self.source.notes, *lines, sep="\n", flush=True)
        printed = len(lines)
        if state.chosen is None:
            state.chosen = self._choose(seen)
            set_aside(self.out, self.recipe)     # from here on, what lies there is from this call
            state.save(self.folder, self.clock.spent())
        lines += [race_line(state.trials)] if state.trials else []
        lines.append(f"chosen: {state.chosen.name} ({state.chosen.about})")
        lines += ["training goes on from the weights that its trial came to"] if state.weights else []
        write_recipe(state.chosen, self.recipe, head_lines(self.name, self._call, lines))
        print(*lines[printed:], f"{self.recipe} says what decided its lines", sep="\n", flush=True)
        run, score = self._train(state.chosen.recipe(self.name))
        told = result_lines(run, score, self.budget)
        if over := self.clock.overrun():
            told.append(f"note: it took {over:.0f} s more than the budget: the machine is slower since it was timed")
        state.done = True
        state.save(self.folder, self.clock.spent())
        write_recipe(state.chosen, self.recipe, head_lines(self.name, self._call, lines + told))
        shutil.rmtree(self.folder / "trials", ignore_errors=True)
        return AutoResult(self.recipe, run, score, lines + told)

    def _choose(self, seen: Look) -> Draft:
        """Return the draft of the candidate that wins the race, or of the likeliest if none is held."""
        from tenfold.automatic.candidates import Candidate, candidates
        from tenfold.automatic.fit import FitContext, limit_copies
        cores, reading = self._cores, seen.build_seconds(self._cores)
        if not (self.pretrained or seen.is_ink):
            print("note: what helps pictures most, a pretrained network, is missing: pip install 'tenfold[pretrained]'")

        def fitted(candidate: Candidate, seconds: float) -> Draft:
            return candidate.make(FitContext(str(self.data), seen, self.machine, cores, self.seed,
                                          max(1.0, seconds - reading - _STARTED)))

        def attempt(candidate: Candidate, number: int, seconds: float) -> Trial:
            return self._trial(candidate.name, number, seconds, partial(fitted, candidate, seconds))
        winner = run_race(candidates(seen, self.machine, self.pretrained), self.clock.race, reading + _STARTED, attempt)
        pictures = 2.0 + 0.02 * self.budget      # seconds for the files of a score
        self.clock.nominal = self.clock.race if self.state.trials else 0.0
        chosen = fitted(winner, self.clock.left() - pictures)
        self.state.weights = keep_weights(chosen, self.state.trials, self.folder / "trial.pth")
        drawing = limit_copies(chosen, *self._draw_times(chosen), self.clock.left() - pictures) if self.clock.is_timed \
            else 0.0
        recipe = chosen.recipe(self.name)
        seen = seen.with_per_class(chosen.settings.get("source.per_class", 0))
        test_images = seen.images - seen.train_val_images
        self.state.scoring = pictures + test_images / self.machine.scoring_rate(recipe, seen.classes)
        seconds = self.clock.training(self.state.scoring + reading + drawing)
        return chosen.choose("train.budget", f"{seconds:.0f}s", f"about what training had of {self.budget:g} s"
                             if self.clock.is_timed else "its epochs are the plan, however long they take")

    def _draw_times(self, draft: Draft) -> tuple[float, float]:
        """Return (seconds for drawing a draft's rows, seconds for cleaning its pictures), measured."""
        from tenfold.preprocess.pipeline import build_cost
        cost = build_cost(draft.recipe(self.name), self.source, self.shards)
        return cost.draw_seconds / self._cores, cost.clean_seconds / self._cores

    @property
    def _cores(self) -> int:
        cores = int(joblib.cpu_count())
        return min(self.workers or cores, cores) if self.clock.is_timed else _CORES

    def _images_to_read(self, seen: Look) -> Look:
        """Return what is known of the images that there is time to read. UserFault: they are too few."""
        each, time_for = seen.seconds / self._cores, self.clock.reading()
        part = seen.subset(time_for / each - seen.official.get("test", 0))
        if (needed := part.images * each) > time_for:
            raise UserFault("--budget", f"of {self.budget:g} s is too short: {self.clock.spent():.0f} s are gone, and "
                            f"reading {part.images:,} images, the fewest to train on and any official test split, "
                            f"takes about {needed:.0f} s", f"give {self.clock.budget_for(needed):.0f} s or more")
        return part

    def _trial(self, name: str, number: int, seconds: float, make: Callable[[], Draft]) -> Trial:
        """Run a trial, or return its result from an earlier call."""
        known = next((t for t in self.state.trials if (t.name, t.round) == (name, number)), None)
        if known:
            return known
        folder = self.folder / "trials" / f"{number}-{len(self.state.trials)}"
        trial = run_trial(make, number, self.source, folder, self.clock.limit(seconds), self.workers,
                          str(self.machine.device))
        print(f"tried {trial} in {trial.seconds:.0f} s", flush=True)
        self.state.trials.append(trial)
        self.state.save(self.folder, self.clock.spent())
        return trial

    def _train(self, recipe: Recipe) -> tuple[Run, Score]:
        from tenfold.data.shardset import open_set
        from tenfold.preprocess.command import print_findings
        from tenfold.preprocess.pipeline import augment
        from tenfold.train.run.command import copied_here
        from tenfold.train.run.training import train
        from tenfold.train.score.scoring import score
        built = augment(recipe, self.source, self.shards, self.workers)
        print_findings(built.index, built.folder / "dataset.json")
        rows = ", ".join(f"{count} {split}" for split, count in built.rows.items())
        print(f"{built.folder}: {rows} rows")
        self.state.save(self.folder, self.clock.spent())
        shards, device = open_set(self.shards), str(self.machine.device)
        if Path(self.state.weights).is_file():
            recipe = replace(recipe, model=replace(recipe.model, weights=self.state.weights))
        resume = (self.out / "last.pth").exists()            # left by an interrupted call
        copied = copied_here(self.out / "best.pth", resume) if self._copied else contextlib.nullcontext()
        with copied, whole_budget_named(self.budget):
            run = train(shards, recipe, self.out, device=device, resume=resume,
                        budget=self.clock.training(self.state.scoring), least=self.clock.least_training)
        return run, score(run.best, shards, device=device, out=self.out)
