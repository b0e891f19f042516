"""Run the trials of a sweep one after the other, until all are done or the budget is spent."""

import contextlib
from pathlib import Path
from typing import TextIO

from tqdm.auto import tqdm

from tenfold.train.sweep.leaderboard import keep_best, line, write_leaderboard
from tenfold.train.sweep.preparation import Preparation
from tenfold.train.sweep.record import SweepRecord, limit
from tenfold.train.sweep.repeats import repeat, repeated
from tenfold.train.sweep.search import Grid, Search
from tenfold.train.sweep.space import as_set
from tenfold.train.sweep.trial import Trial, new_trial, run_trial


class Session:
    """Runs the trials of a plan in the folder `out`. What must outlast it is in the record and the trials' folders.

    trials: those of earlier sessions, to which new ones are added. lock: the open file that locks the folder.
    """

    def __init__(self, out: Path, lock: TextIO, plan: Grid | Search, trials: list[Trial], record: SweepRecord):
        self.out, self.plan, self.trials, self.record = out, plan, trials, record
        self.budget_spent = False                # too little of it was left for a trial
        self._lock, self._late = lock, 0.0       # late: seconds that a trial took beyond its limit
        record.save()

    def run(self, preparation: Preparation, device: str | None) -> list[Trial]:
        """Run the trials and write the tables; return the trials that were begun, best first.

        KeyboardInterrupt: finished trials are kept, and the same command continues.
        """
        try:
            with tqdm(total=self.plan.planned, desc="sweep", unit="trial", disable=None) as bar:
                while (settings := self.plan.next()) is not None and self._try(settings, preparation, device, bar):
                    bar.update()
        except KeyboardInterrupt:
            kept = sum(t.ended() for t in self._close())
            raise KeyboardInterrupt(f"{kept} trials are kept in {self.out}; the same command goes on") from None
        return self._close()

    def _try(self, settings: dict, preparation: Preparation, device: str | None, bar: tqdm) -> bool:
        """Run a trial, unless it was run before. Returns false if too little of the budget is left for it."""
        trial = next((t for t in self.trials if t.settings == settings), None) or \
            new_trial(self.out, self.trials, settings)
        other = None if trial.ended() else repeated(trial, self.trials)
        if other:
            repeat(trial, other)
        elif not trial.ended():
            bar.set_postfix_str(as_set(settings))
            fault = preparation.prepare(trial, self._lock, lambda: self.record.elapsed() > self.record.budget)
            before = trial.spent() if (trial.folder / "last.pth").exists() else 0.0
            allowed = limit(self.record, before, self._late)
            if not allowed.fair:
                self.budget_spent = True
                return False
            trial.seconds = before
            if fault:
                trial.state, trial.reason = "failed", fault
                trial.save()
            else:
                run_trial(trial, allowed.seconds, device, self._lock, self.plan.hopeless)
                self._late = max(self._late, trial.seconds - allowed.seconds)
            keep_best(self.out, self.trials)
            with contextlib.suppress(BrokenPipeError):
                bar.write(line(trial))
        self.plan.tell(trial)
        self.record.save()
        return True

    def _close(self) -> list[Trial]:
        keep_best(self.out, self.trials)         # an earlier session may have been killed before it did this
        self.record.save()
        return write_leaderboard(self.out, self.trials)
