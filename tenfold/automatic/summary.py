"""Summarise what the automatic mode saw, tried, chose and reached, in about ten lines."""

import math
import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.automatic.race import Trial
from tenfold.data.wording import counted, readable, some
from tenfold.train.chance import is_clearly_higher

if TYPE_CHECKING:
    from tenfold.automatic.choices import Draft
    from tenfold.train.run.training import Run
    from tenfold.train.score.scoring import Score

_Z = 1.96                    # a 95% interval extends this many standard deviations to each side
_WEAK = 3                    # at most this many weak classes are named, and half of all, …
_LEAST_IMAGES = 3            # … of those with at least this many test images
_SURE = 0.9                  # a mistake with at least this probability may be a wrong label
_CONFUSED = 0.2              # … unless more than this share of its class is taken for the same other class
_NAMED, _SHOWN = 12, 48      # at most this many such images are named, each by at most so many characters
_WIDTH = 118                 # in lines of at most this many characters
_LEFT = 0.1                  # it is said if more than this share of the budget is left


def interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95% interval of a share of `count` rows (Wilson, 1927)."""
    if not count:
        return 0.0, 1.0
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def head_lines(name: str, call: str, lines: list[str]) -> list[str]:
    """Return the head of a recipe: the call that made it, the lines it printed, and how to run the recipe."""
    return [f"{name}: {call}.", "", *lines, "", "To repeat it, as it is or with lines changed:", "",
            *(f"  tenfold {verb} --recipe {shlex.quote(f'recipes/{name}.toml')}" for verb in ("augment", "train")),
            "  tenfold score best.pth"]


def race_line(trials: Sequence[Trial]) -> str:
    """Return a line with the result of each trial."""
    last = max(trial.round for trial in trials)
    by_round = [", ".join(str(t) for t in trials if t.round == number) for number in range(last + 1)]
    counts = sorted({trial.val_rows for trial in trials if trial.val_rows}) or [0]
    rows = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else counts[0]      # fewer: its time was up
    return f"tried, val top-1 of {rows} rows: " + "; then ".join(by_round)


def chosen_line(draft: "Draft", trials: Sequence[Trial]) -> str:
    """Return a line with the chosen recipe, and why it is not the one with the highest val top-1, if it is not."""
    own = _last_trial(trials, draft.name)
    is_lower = own and any((trial.val_top1 or 0.0) > (own.val_top1 or 0.0) for trial in trials
                            if trial.round == own.round)
    why = ", as no other is better by more than a standard error" if is_lower else ""
    return f"chosen: {draft.name} ({draft.about}){why}"


def _last_trial(trials: Sequence[Trial], name: str) -> Trial | None:
    """Return the last trial of a candidate that had time to begin; None: there is none."""
    return next((trial for trial in reversed(trials) if trial.name == name and trial.began), None)


def result_lines(run: "Run", score: "Score", out: Path) -> list[str]:
    """Return the results of training and scoring, and what would help most. out: the folder of the run."""
    low, high = interval(score.top1, score.images)
    facts = run.facts
    done = f"trained {facts['steps']:,} steps" if facts["steps"] else "fitted the head, with no step of training,"
    lines = [f"{done} in {facts['seconds']:.0f} s, val top-1 "
             + ("unknown" if run.val_top1 is None else f"{run.val_top1:.1%}"),
             f"score: {score.top1:.1%} of {score.images} test images{_seen(score)} "
             f"(95% interval {low:.1%} to {high:.1%}), macro-F1 {score.macro_f1:.3f}"]
    lines += [*score.notes, *facts["notes"]]
    return lines + _help_lines(score, out)


def _seen(score: "Score") -> str:
    """Return how many of the test images were trained on, or chose an epoch, in words; "": it is not known."""
    seen = score.facts["seen_in_training"]
    if seen is None:
        return ""
    return f", of which {seen} were seen in training" if seen else " that were not seen in training"


def _help_lines(score: "Score", out: Path) -> list[str]:
    per_class = score.per_class
    if score.is_guessing:
        return []                                # more images of a class would not help
    weak = sorted((name for name, values in per_class.items() if values["support"] >= _LEAST_IMAGES
                   and values["f1"] < 1), key=lambda name: per_class[name]["f1"])[:min(_WEAK, len(per_class) // 2)]
    lines = []
    if weak:
        words = (f"{readable(name)} (F1 {per_class[name]['f1']:.2f}"
                 + (f", trained on {counted(per_class[name]['trained_on'], 'image')}" if "trained_on" in per_class[name]
                    else "") + ")" for name in weak)
        lines.append(f"weakest classes, where more images may help most: {some(words)}")
    return lines + _doubt_lines(score, out)


def _doubt_lines(score: "Score", out: Path) -> list[str]:
    """Return a line on sure mistakes that may be wrong labels, and one on two classes that are not told apart.

    If many images of a class are surely predicted as the same other class, as one that is its mirror image, it is not
    their labels that are in doubt.
    """
    wrong = sorted((p for p in score.predictions if p["true"] != p["predicted"] and p["probability"] >= _SURE),
                   key=lambda p: -p["probability"])
    pairs = Counter((p["true"], p["predicted"]) for p in wrong)
    confused = [pair for pair, count in pairs.most_common()
                if count > 1 and count > _CONFUSED * score.per_class[pair[0]]["support"]]
    lines = []
    if confused:
        true, predicted = confused[0]
        lines.append(f"{pairs[confused[0]]} of {counted(score.per_class[true]['support'], 'test image')} of "
                     f"'{readable(true)}' are predicted as '{readable(predicted)}' with {_SURE:.0%} or more: the "
                     "network does not tell these two classes apart, or their images are mixed")
    doubted = [p for p in wrong if (p["true"], p["predicted"]) not in confused]
    if doubted:
        # "\0" stands for a blank at which no line ends
        images = (f"{readable(p['path'], _SHOWN)}\0({readable(p['predicted'], _SHOWN // 2)})" for p in doubted)
        lines.append(f"check the labels of {counted(len(doubted), 'test image')}, predicted as another class (in "
                     f"brackets) with {_SURE:.0%} or more; {readable(str(out / 'predictions.csv'))} has all:")
        named = textwrap.wrap(some(images, _NAMED), _WIDTH, initial_indent="  ", subsequent_indent="  ",
                              break_on_hyphens=False)
        lines += [line.replace("\0", " ") for line in named]
    return lines


def budget_lines(run: "Run", trials: Sequence[Trial], name: str) -> list[str]:
    """Return a line on what a longer budget may gain, in a list; []: nothing is known of it.

    A trial of the chosen candidate, `name`, ended with a learning rate of 0, as the run did, so their difference shows
    what time gains. Within a run, the falling rate alone lets val rise towards the end.
    """
    trial = _last_trial(trials, name)
    rows = int(run.best_row["val_rows"]) if run.best_row else 0
    if run.val_top1 is None or not rows:
        return []
    if trial and trial.val_top1 is not None and trial.val_rows:
        came = f"from {trial.val_top1:.1%} in its trial of {trial.seconds:.0f} s to {run.val_top1:.1%}"
        if is_clearly_higher((run.val_top1, rows), (trial.val_top1, trial.val_rows)):
            return [f"a longer budget may help: val top-1 rose {came}"]
        return [f"a longer budget would probably help little: val top-1 did not clearly rise, {came}"]
    if rise := clear_rise(run.history):
        return [f"a longer budget may help: val top-1 rose by {100 * rise:.1f} points in the last fifth of training, "
                "partly because the learning rate fell"]
    return []


def clear_rise(history: list[dict[str, float]]) -> float:
    """Return how far val top-1 rose in the last fifth of a run; 0: not at all, or no further than chance explains.

    history: the rows of metrics.csv.
    """
    early, late = ([row for row in history if (row["seconds"] > 0.8 * history[-1]["seconds"]) == is_late]
                   for is_late in (False, True))
    if not early or not late[-1]["val_rows"]:
        return 0.0
    before, after = (max((row["val_top1"], int(row["val_rows"])) for row in part) for part in (early, late))
    return after[0] - before[0] if is_clearly_higher(after, before) else 0.0


def left_lines(draft: "Draft", seconds: float, budget: float, done: int) -> list[str]:
    """Return a line that says why much of the budget is unused, in a list; [] if little is, or its end was estimated.

    seconds: those unused; done: epochs that were trained.
    """
    epochs = draft.settings["train.epochs"]
    fitted = draft.settings.get("model.freeze") == ["backbone"]
    if seconds <= _LEFT * budget or epochs == "auto" or (done < epochs and not fitted):
        return []
    why = ("only the head is trained, and it is fitted in one pass; a longer budget may choose larger pictures, more "
           "views of each, or more layers to train") if fitted else \
        f"the recipe plans {counted(epochs, 'epoch')} (train.epochs)"
    return [f"note: {seconds:.0f} s of the budget are left: {why}"]
