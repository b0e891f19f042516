"""Put the results of a run into words: a line for each evaluation, and notes at the end on what they mean."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tenfold.data.wording import counted
from tenfold.train.chance import SURE, guess_rate, is_clearly_higher, is_guessing

_GAP = 0.15                  # a note is printed if top-1 of train is this far above val
_MEMORISED = "the network memorised its training images and does not generalise: are their labels right?"
_NOTHING = "the network has learned little or nothing yet; train longer, or try another train.lr"
_NO_FEATURES = "the features of this network do not tell these classes apart, or there are too few images"


def epoch_line(row: dict[str, Any], epochs: int | Literal["auto"]) -> str:
    """Return the line that is printed after an evaluation. row: of the history; epochs: the planned number."""
    planned = "" if epochs == "auto" else f"/{epochs}"
    return (f"epoch {round(row['epoch'], 2):3g}{planned}  loss {row['train_loss']:.4f}  top-1 {row['train_top1']:.4f}  "
            f"val loss {row['val_loss']:.4f}  val top-1 {row['val_top1']:.4f}  {row['seconds']:.0f} s")


def kept_notes(history: list[dict[str, Any]], best: dict[str, Any] | None) -> list[str]:
    """Return a note if best.pth holds a head that was fitted before the first step, or weights of the first half of the
    training that are not clearly better on val than the last ones. best: the row whose weights are kept."""
    last = history[-1] if history else None
    if not best or not last or best is last:
        return []
    if best["epoch"] == 0:
        return ["note: no epoch of training was better on val than the fitted head, which best.pth holds"]
    results = [(row["val_top1"], row["val_rows"]) for row in (best, last)]
    if best["step"] < last["step"] / 2 and not is_clearly_higher(*results):
        return [f"note: best.pth holds the weights of epoch {best['epoch']:.3g} of {last['epoch']:.3g}: "
                f"{best['val_top1']:.4f} of {counted(best['val_rows'], 'val row')}, not clearly better than "
                f"{last['val_top1']:.4f} of the last; train.keep = \"last\" would keep those"]
    return []


def closing_notes(best: dict[str, Any] | None, val_counts: NDArray[np.int64]) -> list[str]:
    """Return notes on the row of the history whose weights are kept. val_counts: rows of each class in val, int64
    (classes,)."""
    rows = int(val_counts.sum())
    if not best or not rows or math.isnan(best["val_top1"]):
        return []
    val, train = best["val_top1"], best["train_top1"]
    looked = best.get("val_rows", rows)
    guess, is_fitted = guess_rate(val_counts), best["epoch"] == 0        # a fitted head
    notes = []
    if looked < rows:
        notes.append(f"note: val top-1 is that of {looked:,} of {rows:,} val rows")
    if is_guessing(val, guess, looked):
        is_no_better = "is no better" if val <= guess else f"of {counted(looked, 'row')} is not clearly better"
        notes.append(f"note: val top-1 {val:.4f} {is_no_better} than always guessing the most frequent class "
                     f"({guess:.4f}): "
                     f"{_NO_FEATURES if is_fitted else _MEMORISED if train > max(0.5, guess + _GAP) else _NOTHING}")
    elif not is_fitted and train - val > max(_GAP, SURE * math.sqrt(val * (1 - val) / looked)):
        notes.append(f"note: train top-1 {train:.4f} is far above val {val:.4f}: it memorises its training images; "
                     "more images, more random variation in [draw] or [augment], or a smaller network would help")
    return notes
