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

    def update(self, history: list[dict[str, Any]], left: float) -> None:
        """Draw the history after its first two rows, then once a minute, if that takes little of the seconds `left`.

        A fault in drawing does not stop the run.
        """
        now = time.monotonic()
        if self._closing.affords("curves", left) and (self._drawn < 2 or now - self._last > _SECONDS):
            self._drawn, self._last = self._drawn + 1, now
            with contextlib.suppress(UserFault, OSError):
                self.draw(history)

    def draw(self, history: list[dict[str, Any]]) -> None:
        """Draw the history. MachineFault: disk full, no permission."""
        if self._rehearsal.ident:                # it was started
            self._rehearsal.join()
        with self._closing.timed("curves"):
            draw_curves(self._path, history)

    def finish(self, history: list[dict[str, Any]], left: float) -> None:
        """Draw the whole history if the seconds `left` are enough, else print that it is not drawn."""
        begin = time.monotonic()
        if self._rehearsal.ident:                # a short run may end before the rehearsal
            self._rehearsal.join(max(0.0, left / 2))
        left -= time.monotonic() - begin
        if self._rehearsal.is_alive() or 1.15 * self._closing.seconds["curves"] > left:
            print(f"note: no time was left to draw {self._path}; metrics.csv holds its figures")
        else:
            self.draw(history)


def rehearse() -> None:
    """Draw curves into memory, so that matplotlib does all that it does only once."""
    row = {"epoch": 1, "train_loss": 1.0, "train_top1": 0.5, "val_loss": 1.0, "val_top1": 0.5}
    curves([row, row | {"epoch": 2}]).savefig(io.BytesIO(), format="png", dpi=110)


def draw_curves(path: str | Path, history: list[dict[str, Any]]) -> None:
    """Write curves.png: `curves` of the history; nothing where it is empty."""
    if history:
        publish_figure(path, curves(history))


def curves(history: list[dict[str, Any]]) -> Figure:
    """Return a Figure: loss and top-1 of training and validation over the epochs, the best epoch marked."""
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
        axis.grid(alpha=0.3)
    best = max((row for row in history if not math.isnan(row["val_top1"])), default=None,
               key=lambda row: (row["val_top1"], -row["val_loss"]))          # the epoch of best.pth
    if best:
        axes[1].plot(best["epoch"], best["val_top1"], "o", mfc="none", ms=11, color="black",
                     label=f"best: {best['val_top1']:.2%}")
    axes[0].legend()
    axes[1].legend(loc="lower right")
    return figure
