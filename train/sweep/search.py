"""Choose the settings of the next trial: every combination of a grid, or Optuna's search."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.data.errors import CheckpointFault, MachineFault
from tenfold.data.tables import Train
from tenfold.train.sweep.space import Key, grid
from tenfold.train.sweep.trial import Trial

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

PRUNERS = ("median", "hyperband", "none")


class Grid:
    """Tries every combination of a grid, each trained to its end."""

    def __init__(self, keys: list[Key]):
        self._settings = list(grid(keys))
        self.planned = len(self._settings)

    def next(self) -> dict | None:
        """Return the settings to try next, or None if all were tried."""
        return self._settings.pop(0) if self._settings else None

    def hopeless(self, curve: list[float]) -> bool:
        """Return whether the trial should be stopped early: never."""
        return False

    def tell(self, trial: Trial) -> None:
        """Report a trial that ended. A grid does not need it."""


class Search:
    """Tries settings that Optuna's tree-structured Parzen estimator chooses; its study is in study.db.

    Each session makes study.db anew from the trials' folders, which have checksums (SQLite has none). Trials that were
    interrupted or failed are tried first, with the same settings.
    """

    def __init__(self, keys: list[Key], out: Path, trials: list[Trial], planned: int, pruner: str, seed: int,
                 epochs: int):
        try:
            import optuna
        except ImportError:
            raise MachineFault("optuna", "is not installed, and a --search needs it",
                               "pip install optuna, or give a --grid") from None
        self._optuna, self._keys, self.planned, self._epochs = optuna, keys, planned, epochs
        ended = [self._as_told(t) for t in trials if t.ended()]
        _remove_study(out)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # another seed in each session, so that a continued sweep does not draw the same numbers again
        sampler = optuna.samplers.TPESampler(n_startup_trials=max(4, planned // 4), seed=seed + len(trials))
        self._study = optuna.create_study(storage=storage_of(out), study_name="sweep", direction="maximize",
                                          sampler=sampler)
        self._pruner, self._trials = pruner, trials
        self._study.add_trials(ended)
        self._again = [t.settings for t in trials if not t.ended()]
        self._left = planned - len(ended)

    def next(self) -> dict | None:
        """Return the settings to try next, or None if as many as planned were tried."""
        if self._left <= 0:
            return None
        self._left -= 1
        self._study.pruner = self._make_pruner()
        if self._again:
            settings = self._again.pop(0)
            self._study.enqueue_trial({key.name: _stored(key, settings[key.name]) for key in self._keys})
        self._trial, self._reported = self._study.ask(), 0
        settings = {key.name: self._suggested(key) for key in self._keys}
        epochs = settings.get("train.epochs")
        self._last = self._evaluations() if epochs is None else \
            min(self._evaluations(), Train(epochs=epochs).most_epochs)
        return settings

    def _evaluations(self) -> int:
        """Return the expected evaluations of a trial: those of finished trials, or its epochs if none has finished.

        A short budget makes fewer or more evaluations than the planned epochs.
        """
        return max((len(t.curve) for t in self._trials if t.state == "finished"), default=self._epochs)

    def _make_pruner(self):
        """Return a pruner that counts evaluations."""
        pruners, most = self._optuna.pruners, self._evaluations()
        return {"median": lambda: pruners.MedianPruner(4, n_warmup_steps=max(1, most // 5)),
                "hyperband": lambda: pruners.HyperbandPruner(1, max_resource=most, reduction_factor=3),
                "none": pruners.NopPruner}[self._pruner]()

    def _as_told(self, trial: Trial):
        """Return an earlier session's trial in Optuna's form. CheckpointFault: its settings are not of this search."""
        ranges = {key.name: self._range(key) for key in self._keys}
        last = trial.curve[-1] if trial.curve else None
        try:
            return self._optuna.trial.create_trial(
                state=self._state(trial), value=trial.val_top1 if trial.state == "finished" else last,
                params={key.name: _stored(key, trial.settings[key.name]) for key in self._keys}, distributions=ranges,
                intermediate_values=dict(enumerate(trial.curve, 1)))
        except (ValueError, TypeError):
            raise CheckpointFault(trial.folder / "trial.json", "holds settings that are not of this search",
                                  "give another --out, or remove its folder") from None

    def _range(self, key: Key):
        """Return the Optuna distribution of the values of a key."""
        kinds = self._optuna.distributions
        if key.choices:
            return kinds.CategoricalDistribution([_stored(key, choice) for choice in key.choices])
        kind = kinds.IntDistribution if isinstance(key.low, int) else kinds.FloatDistribution
        return kind(key.low, key.high, log=key.log)

    def _state(self, trial: Trial):
        states = self._optuna.trial.TrialState
        return {"finished": states.COMPLETE, "pruned": states.PRUNED}.get(trial.state, states.FAIL)

    def _suggested(self, key: Key):
        if key.choices:                          # Optuna takes no lists: all choices as JSON
            return json.loads(self._trial.suggest_categorical(key.name, [_stored(key, c) for c in key.choices]))
        suggest = self._trial.suggest_int if isinstance(key.low, int) else self._trial.suggest_float
        return suggest(key.name, key.low, key.high, log=key.log)

    def hopeless(self, curve: list[float]) -> bool:
        """Return whether the trial should be stopped early. curve: top-1 of val of each evaluation so far."""
        for number in range(self._reported, len(curve)):
            self._trial.report(curve[number], number + 1)
        news, self._reported = len(curve) > self._reported, len(curve)
        return bool(news and len(curve) < self._last and self._trial.should_prune())

    def tell(self, trial: Trial) -> None:
        """Report to the study how the trial ended."""
        self._study.tell(self._trial, trial.val_top1 if trial.state == "finished" else None, state=self._state(trial))


def storage_of(out: Path) -> "RDBStorage":
    """Return the storage of a search in `out`; it keeps no connection open."""
    from optuna.storages import RDBStorage
    from sqlalchemy.pool import NullPool  # which Optuna requires
    return RDBStorage(f"sqlite:///{out / 'study.db'}", engine_kwargs={"poolclass": NullPool})


def _remove_study(out: Path) -> None:
    """Remove the study of an earlier session and the files that SQLite adds to it."""
    for name in ("study.db", "study.db-journal", "study.db-wal", "study.db-shm"):
        try:
            (out / name).unlink(missing_ok=True)
        except OSError as error:
            raise CheckpointFault(out / name, f"cannot be made anew ({error.strerror})", "remove it") from None


def _stored(key: Key, value: object):
    """Return a value in the form in which the study stores it."""
    return json.dumps(value) if key.choices else value
