"""Draw curves.png: loss and top-1 of one training run."""

from __future__ import annotations

import contextlib
import io
import math
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.data.errors import UserFault
from tenfold.data.figures import new_figure, publish_figure
from tenfold.data.out_of_memory import has_started

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tenfold.train.run.closing import Closing
    from tenfold.train.run.state import RunState

_SECONDS = 60.0              # between two drawings while a run goes on


class Curves:
    """Draws curves.png several times during a run and at its end, and measures how long that takes.

    matplotlib is imported, and draws for the first time, in a thread during the run's first steps. So drawing is fast
    at the end, when seconds count.
    """

    def __init__(self, path: Path, closing: Closing):
        self._path, self._closing = path, closing
        self._drawn = 0                          # how often the curves were drawn
        self._last = 0.0                         # when, in seconds of time.monotonic()
        self._rehearsal = threading.Thread(target=self._rehearse)      # not a daemon: the interpreter waits for it

    def begin(self) -> None:
        """Start the rehearsal, in a thread beside the steps that begin now."""
        has_started(self._rehearsal)

    def _rehearse(self) -> None:
        with contextlib.suppress(Exception):     # any fault will show when the curves are drawn
            rehearse()
            with self._closing.timed("curves"):
                rehearse()

    def update(self, state: RunState, left: float) -> None:
        """Draw the history of a run after its first two rows, then once a minute, if that takes little of the seconds
        `left`. A fault in drawing does not stop the run.
        """
        now = time.monotonic()
        if self._closing.affords("curves", left) and (self._drawn < 2 or now - self._last > _SECONDS):
            self._drawn, self._last = self._drawn + 1, now
            with contextlib.suppress(UserFault, OSError):
                self.draw(state)

    def draw(self, state: RunState) -> None:
        """Draw the history of a run. MachineFault: disk full, no permission."""
        if self._rehearsal.ident:                # it was started
            self._rehearsal.join()
        with self._closing.timed("curves"):
            draw_curves(self._path, state.history, state.best_row)

    def finish(self, state: RunState, left: float) -> None:
        """Draw the whole history if the seconds `left` are enough, else print that it is not drawn."""
        begin = time.monotonic()
        if self._rehearsal.ident:                # a short run may end before the rehearsal
            self._rehearsal.join(max(0.0, left / 2))
        left -= time.monotonic() - begin
        if self._rehearsal.is_alive() or 1.15 * self._closing.seconds["curves"] > left:
            print(f"note: no time was left to draw {self._path}; metrics.csv holds its figures")
        else:
            self.draw(state)


def rehearse() -> None:
    """Draw curves into memory, so that matplotlib does all that it does only once."""
    row = {"epoch": 1, "train_loss": 1.0, "train_top1": 0.5, "val_loss": 1.0, "val_top1": 0.5}
    curves([row, row | {"epoch": 2}], row).savefig(io.BytesIO(), format="png", dpi=110)


def draw_curves(path: str | Path, history: list[dict[str, Any]], best: dict[str, Any] | None) -> None:
    """Write curves.png: `curves` of the history; nothing where it is empty."""
    if history:
        publish_figure(path, curves(history, best))


def curves(history: list[dict[str, Any]], best: dict[str, Any] | None) -> Figure:
    """Return a Figure: loss and top-1 of training and validation over the epochs. best: the row that is marked, of the
    weights in best.pth."""
    figure = new_figure(10, 4)
    axes = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for axis, name, label in ((axes[0], "loss", "cross-entropy (nats)"), (axes[1], "top1", "top-1 accuracy")):
        for split in ("train", "val"):
            values = [row[f"{split}_{name}"] for row in history]
            if not all(map(math.isnan, values)):
                axis.plot(epochs, values, marker=".", label=split)
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if len(history) == 1:                    # else the axis shows a few hundredths of an epoch
            axis.set_xlim(epochs[0] - 1, epochs[0] + 1)
        axis.grid(alpha=0.3)
    if best and not math.isnan(best["val_top1"]):
        axes[1].plot(best["epoch"], best["val_top1"], "o", mfc="none", ms=11, color="black",
                     label=f"best.pth: {best['val_top1']:.2%}")
    axes[0].legend()
    axes[1].legend(loc="lower right")
    return figure
