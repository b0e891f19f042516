"""Find trials that would repeat another: where training takes no step, keys that only steps use change nothing."""

from tenfold.data.tables import Train
from tenfold.train.sweep.trial import Trial

# keys of [train] that count without a step, too: the fit of the head and the evaluation use them
_FITTED_BY = {"label_smoothing", "sampling", "class_weights", "precision", "budget"}
OF_STEPS = frozenset(f"train.{name}" for name in Train.__dataclass_fields__ if name not in _FITTED_BY)


def repeated(trial: Trial, trials: list[Trial]) -> Trial | None:
    """Return a finished trial whose result `trial` would repeat: it took no step, and other keys are the same."""
    def apart_from_steps(settings: dict) -> dict:
        return {name: value for name, value in settings.items() if name not in OF_STEPS}
    return next((t for t in trials if t.state == "finished" and t.steps == 0 and t.repeats is None
                 and apart_from_steps(t.settings) == apart_from_steps(trial.settings)), None)


def repeat(trial: Trial, other: Trial) -> None:
    """Copy the result of an equal trial to `trial`, instead of running it, and save it."""
    trial.state, trial.repeats, trial.reason = "finished", other.number, f"not run: as trial {other.number}"
    trial.val_top1, trial.shards, trial.steps = other.val_top1, other.shards, 0
    trial.save()


def repeats_notes(trials: list[Trial]) -> list[str]:
    """Return the note that says why trials were not run; [] if all were."""
    repeats = [t for t in trials if t.repeats is not None]
    if not repeats:
        return []
    keys = sorted({name for t in repeats for name in t.settings} & OF_STEPS)
    change = "changes" if len(keys) == 1 else "change"
    return [f"note: {len(repeats)} of {len(trials)} trials were not run: only the head learns, and it is fitted "
            f"without a step of training (model.head = \"fitted\"), so {', '.join(keys)} {change} nothing"]
