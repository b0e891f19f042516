"""Select the recipe of a call: let the candidates race, then divide the rest of the budget for the winner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tenfold.automatic.candidates import Candidate, candidates
from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import FitContext, limit_copies
from tenfold.automatic.look import Look
from tenfold.automatic.pretrained import is_time_to_tune
from tenfold.automatic.race import Trial, keep_weights, run_race, run_trial
from tenfold.preprocess.pipeline import build_cost

if TYPE_CHECKING:
    from tenfold.automatic.auto import Automatic

_START_SECONDS = 3.0         # a training takes this many seconds to begin, after its shards are built
_IDLE_VAL = 0.05             # share of each class for val if nothing is chosen by it
_COMMAND_SECONDS = 10.0      # `tenfold train` takes about as long to start, and its budget includes that


def select_draft(call: Automatic, seen: Look) -> Draft:
    """Return the draft of the candidate that wins the race, or of the most promising one if there is no race."""
    clock, build_seconds = call.clock, seen.build_seconds(call.cores)
    if not (call.pretrained or seen.is_ink):
        print("note: no pretrained network is installed; it helps most on photographs: "
              "pip install 'tenfold[pretrained]'")

    def context(seconds: float) -> FitContext:
        return FitContext(str(call.data), seen, call.machine, call.cores, call.seed,
                          max(1.0, seconds - build_seconds - _START_SECONDS))

    def attempt(candidate: Candidate, number: int, seconds: float) -> Trial:
        return _trial(call, candidate.name, number, seconds, lambda: candidate.make(context(seconds)))
    found = candidates(seen, call.machine, call.pretrained,
                       lambda: is_time_to_tune(context(clock.left() - _figure_seconds(call))))
    race_seconds = clock.race_seconds()
    winner = run_race(found, race_seconds, build_seconds + _START_SECONDS, attempt)
    clock.nominal_spent = race_seconds if call.state.trials else 0.0
    chosen = winner.make(context(clock.left() - _figure_seconds(call)))
    _learn_most_of_val(chosen)
    return _divide_rest(call, chosen, seen)


def _learn_most_of_val(draft: Draft) -> None:
    """Choose a smaller val split where it chooses nothing more: the last weights are kept.

    The test split stays as it was in the race, and the rows that leave val are learnt: see split_sources.
    """
    if draft.settings.get("train.keep") == "last" and not draft.settings.get("train.refit") \
            and draft.settings.get("split.val", 0) > _IDLE_VAL:
        draft.choose("split.val", _IDLE_VAL, "share of each class that shows how training goes: now it chooses nothing "
                     "but the temperature of the probabilities, and the weight decay of a fitted head")


def _divide_rest(call: Automatic, chosen: Draft, seen: Look) -> Draft:
    """Divide the time that is left among build, training and score: limit the copies, choose the budget of training."""
    clock, state = call.clock, call.state
    state.weights = keep_weights(chosen, state.trials, call.folder / "trial.pth")
    draw_seconds = 0.0
    if clock.is_timed:
        cost = build_cost(chosen.recipe(call.name), call.source, call.shards)
        draw_seconds = limit_copies(chosen, cost.draw_seconds / call.cores, cost.clean_seconds / call.cores,
                                    clock.left() - _figure_seconds(call))
    used = seen.with_per_class(chosen.settings.get("source.per_class", 0))
    score_rate = call.machine.scoring_rate(chosen.recipe(call.name), used.classes)
    state.scoring = _figure_seconds(call) + (used.images - used.train_val_images) / score_rate
    seconds = clock.train_seconds(state.scoring + used.build_seconds(call.cores) + draw_seconds)
    if not clock.is_timed:
        return chosen.choose("train.budget", f"{seconds / 3600:.0f}h", "no limit: the epochs are the plan")
    return chosen.choose("train.budget", f"{seconds + _COMMAND_SECONDS:.0f}s", f"about what training had of "
                         f"{call.budget:g} s, and {_COMMAND_SECONDS:.0f} s for `tenfold train` to start")


def _figure_seconds(call: Automatic) -> float:
    """Return the seconds for the figures and files of a score."""
    return 2.0 + 0.02 * call.budget


def _trial(call: Automatic, name: str, number: int, seconds: float, make: Callable[[], Draft]) -> Trial:
    """Run a trial of a candidate in round `number`, or return its result from an earlier, stopped call."""
    state = call.state
    known = next((trial for trial in state.trials if (trial.name, trial.round) == (name, number)), None)
    if known:
        return known
    folder = call.folder / "trials" / f"{number}-{len(state.trials)}"
    trial = run_trial(make, number, call.source, folder, call.clock.limit(seconds), call.workers,
                      str(call.machine.device))
    if not call.clock.is_timed:                  # the seconds that are left to the others decide what these are
        trial = replace(trial, seconds=seconds)
    print(f"tried {trial} in {trial.seconds:.0f} s", flush=True)
    state.trials.append(trial)
    state.save(call.folder, call.clock.spent())
    return trial
