"""Choose the settings of the next trial: every combination of a grid, or Optuna's search."""

import contextlib
import json
from pathlib import Path

from tenfold.data.errors import MachineFault
from tenfold.data.files import open_file
from tenfold.train.sweep.space import Key, grid
from tenfold.train.sweep.trial import Trial

PRUNERS = ("median", "hyperband", "none")


class Grid:
    """Every combination of a grid in turn, each trained to its end."""

    def __init__(self, keys: list[Key]):
        self._settings = list(grid(keys))
        self.planned = len(self._settings)

    def next(self) -> dict | None:
        """Return the settings to try next; None: all were."""
        return self._settings.pop(0) if self._settings else None

    def hopeless(self, history: list[float]) -> bool:
        """Whether the trial is not worth its next epoch: never."""
        return False

    def tell(self, trial: Trial) -> None:
        """Report a trial that ended: a grid does nothing with it."""


class Search:
    """Settings chosen by Optuna's tree-structured Parzen estimator, its study in study.db.

    The trials' own folders say what is done; the study learns it, and is asked for more. A trial that was
    under way or failed in an earlier session comes first, with the same settings.
    """

    def __init__(self, keys: list[Key], out: Path, trials: list[Trial], planned: int, pruner: str, seed: int,
                 epochs: int):
        try:
            import optuna
        except ImportError:
            raise MachineFault("optuna", "is not installed, and a --search needs it",
                               "pip install optuna, or give a --grid") from None
        self._optuna, self._keys, self.planned, self._epochs = optuna, keys, planned, epochs
        with contextlib.suppress(FileNotFoundError), open_file(out / "study.db"):
            pass                                 # SQLite would wait at a pipe
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # the seed moves on with the trials: a sweep that goes on must not draw the same numbers again
        sampler = optuna.samplers.TPESampler(n_startup_trials=max(4, planned // 4), seed=seed + len(trials))
        self._study = optuna.create_study(storage=f"sqlite:///{out / 'study.db'}", study_name="sweep",
                                          direction="maximize", load_if_exists=True, sampler=sampler)
        self._pruner, self._trials = pruner, trials
        states = optuna.trial.TrialState
        for left in self._study.get_trials(states=(states.RUNNING,)):
            self._study.tell(left.number, state=states.FAIL)
        self._again = [t.settings for t in trials if not t.ended()]
        self._left = planned - len(self._study.get_trials(states=(states.COMPLETE, states.PRUNED)))

    def next(self) -> dict | None:
        """Return the settings to try next; None: as many as planned were tried."""
        if self._left <= 0:
            return None
        self._left -= 1
        self._study.pruner = self._make_pruner()
        if self._again:
            settings = self._again.pop(0)
            self._study.enqueue_trial({key.name: _stored(key, settings[key.name]) for key in self._keys})
        self._trial, self._reported = self._study.ask(), 0
        settings = {key.name: self._suggested(key) for key in self._keys}
        self._last = settings.get("train.epochs", self._epochs)
        return settings

    def _make_pruner(self):
        """Make the pruner for the epochs that trials can reach: short shares allow far fewer than are planned."""
        pruners, ended = self._optuna.pruners, [t.epochs for t in self._trials if t.state == "finished"]
        epochs = max(ended, default=self._epochs)
        return {"median": lambda: pruners.MedianPruner(4, n_warmup_steps=max(1, epochs // 5)),
                "hyperband": lambda: pruners.HyperbandPruner(1, max_resource=epochs, reduction_factor=3),
                "none": pruners.NopPruner}[self._pruner]()

    def _suggested(self, key: Key):
        if key.choices:                          # Optuna takes no lists: all choices as JSON
            return json.loads(self._trial.suggest_categorical(key.name, [_stored(key, c) for c in key.choices]))
        suggest = self._trial.suggest_int if isinstance(key.low, int) else self._trial.suggest_float
        return suggest(key.name, key.low, key.high, log=key.log)

    def hopeless(self, history: list[float]) -> bool:
        """Whether the trial is not worth its next epoch; history: validation top-1 after each so far."""
        for epoch in range(self._reported, len(history)):
            self._trial.report(history[epoch], epoch + 1)
        news, self._reported = len(history) > self._reported, len(history)
        return bool(news and len(history) < self._last and self._trial.should_prune())

    def tell(self, trial: Trial) -> None:
        """Report to the study how the trial ended."""
        states = self._optuna.trial.TrialState
        state = {"finished": states.COMPLETE, "pruned": states.PRUNED}.get(trial.state, states.FAIL)
        self._study.tell(self._trial, trial.val_top1 if trial.state == "finished" else None, state=state)


def _stored(key: Key, value: object):
    """A value as the study keeps it."""
    return json.dumps(value) if key.choices else value
