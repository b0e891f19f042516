"""The state of a training run (step, epoch, best result, random states), saved to and restored from last.pth."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from tenfold.data.errors import CheckpointFault
from tenfold.data.fields import COUNT, Number
from tenfold.train.chance import is_clearly_higher
from tenfold.train.device import random_state, set_random_state
from tenfold.train.learn.learner import Learner
from tenfold.train.learn.optimizer import load_optimizer
from tenfold.train.run.step_metrics import StepMetrics
from tenfold.train.run.validation import Validation

_ANY = Number(nan=True)
_ROW = {"epoch": Number(0), "step": COUNT, "val_rows": COUNT} | dict.fromkeys(
    ("seconds", "lr", "train_loss", "train_top1", "val_loss", "val_top1", "images_per_second", "data_wait_fraction"),
    _ANY)
_SOME = range(1, 2**53)
_PLAN = {"images": _SOME, "steps": _SOME, "batch": _SOME, "lr": Number(0), "evaluations": COUNT, "val_batches": COUNT}
# what last.pth holds in addition to best.pth, in the form that `fields.misfit` takes
LAST_FIELDS = {
    "average": {str: torch.Tensor}, "optimizer": {str: object}, "scaler?": {str: object},
    "random": {"cpu": torch.Tensor}, "seen": torch.Tensor, "position": {
        "epoch": COUNT, "batch": COUNT, "step": COUNT, "best_top1": _ANY, "best_loss": _ANY, "best_epoch": COUNT,
        "seconds": Number(0), "training": Number(0), "waiting": Number(0), "images": COUNT, "late": Number(0),
        "plan": _PLAN, "threads": range(4097), "done": bool, "history": [_ROW]}}


@dataclass
class RunState:
    """How far a run has come, its best result and its history; stored in last.pth under "position"."""
    epoch: int = 0           # epochs completed
    batch: int = 0           # batches taken in the epoch under way
    step: int = 0            # optimizer steps taken
    best_top1: float = -1.0
    best_loss: float = float("inf")
    best_epoch: int = 0      # epochs completed at the best result
    seconds: float = 0.0     # of the budget
    training: float = 0.0    # seconds of these between the first and the last batch of an epoch
    waiting: float = 0.0     # seconds of these that the loop waited for data
    images: int = 0          # trained on
    late: float = 0.0        # progress in seconds of the budget if it follows the clock; 0 if it follows the images
    plan: dict = field(default_factory=dict)        # of the whole run: the values of a Plan
    threads: int = 0         # compute threads; 0: torch's default
    done: bool = False
    history: list = field(default_factory=list)     # a dictionary for each evaluation: the rows of metrics.csv

    @property
    def row_steps(self) -> int:
        """Steps since the last evaluation: those that the next row of the history will cover."""
        return self.step - (self.history[-1]["step"] if self.history else 0)

    @property
    def evaluations(self) -> int:
        """Evaluations since training began; the one of a fitted head, before the first step, does not count."""
        return len(self.history) - bool(self.history and not self.history[0]["step"])

    @property
    def images_per_second(self) -> float:
        """Images trained on per second of training."""
        return self.images / max(self.training, 1e-9)

    @property
    def data_wait_fraction(self) -> float:
        """The share of the training seconds that was spent waiting for data."""
        return self.waiting / max(self.training, 1e-9)

    def row(self, epoch: float, train: tuple[float, float], val: Validation, lr: float, seconds: float) -> dict:
        """Return the row of metrics.csv for the steps since the last row. train: (loss, top-1)."""
        return {"epoch": epoch, "step": self.step, "seconds": round(seconds, 2), "lr": lr,
                "train_loss": train[0], "train_top1": train[1], "val_loss": val.loss, "val_top1": val.top1,
                "val_rows": val.rows, "images_per_second": round(self.images_per_second, 1),
                "data_wait_fraction": round(self.data_wait_fraction, 4)}

    def add(self, row: dict, keep: str = "best") -> bool:
        """Add a row to the history; return whether its weights become those of best.pth.

        keep: "best" or "last" (train.keep of a recipe). Without val rows, the last are the best.
        """
        self.history.append(row)
        best = not row["val_rows"] or self.best_top1 < 0 or self._is_best(row, keep)
        if best:
            self.best_top1, self.best_loss, self.best_epoch = row["val_top1"], row["val_loss"], self.epoch
        return best

    @property
    def best_row(self) -> dict | None:
        """The row of the history whose weights are in best.pth."""
        return next((row for row in reversed(self.history)
                     if self._is_as_good(row) and int(row["epoch"]) == self.best_epoch), None)

    def since_best(self) -> int:
        """Return the number of evaluations after the first that is as good as the one of best.pth."""
        first = (n for n, row in enumerate(self.history, 1) if self._is_as_good(row))
        return len(self.history) - next(first, len(self.history))

    def _is_as_good(self, row: dict) -> bool:
        """Return whether a row of the history has the results of the best one; NaN, without val rows, equals NaN."""
        pairs = (row["val_top1"], self.best_top1), (row["val_loss"], self.best_loss)
        return all(one == other or (math.isnan(one) and math.isnan(other)) for one, other in pairs)

    def _is_best(self, row: dict, keep: str) -> bool:
        """Return whether the weights of a row of the history are better than the best, or with "last" hardly worse.

        A row of fewer val images than others, for lack of time, must be clearly better.
        """
        now = row["val_top1"], row["val_rows"]
        most_rows = max(earlier["val_rows"] for earlier in self.history)
        if keep == "last":
            return not is_clearly_higher(max((r["val_top1"], r["val_rows"]) for r in self.history), now)
        if row["val_rows"] < most_rows:
            return is_clearly_higher(now, (self.best_top1, most_rows))
        return (row["val_top1"], -row["val_loss"]) > (self.best_top1, -self.best_loss)

    def restore(self, values: dict) -> None:
        """Restore what `asdict` returned, already checked by `LAST_FIELDS`. ValueError: the history cannot be right."""
        for row in values["history"]:
            if not all(math.isnan(row[name]) or 0 <= row[name] <= 1 for name in ("train_top1", "val_top1")) \
                    or not (row["val_rows"] or math.isnan(row["val_top1"])):
                raise ValueError("its history holds a share of right answers that cannot be")
        for name in asdict(RunState()):
            setattr(self, name, values[name])


def state_content(learner: Learner, state: RunState, steps: StepMetrics) -> dict:
    """Return what last.pth holds besides checkpoint.describe: all that a resumed run needs to reach the same weights.

    The tensors are those of the run, not copies. steps: the metrics since the last evaluation.
    """
    return {
        "weights": learner.model.state_dict(), "metrics": state.history[-1] if state.history else {},
        "average": learner.ema.module.state_dict(), "optimizer": learner.optimizer.state_dict(),
        "scaler": learner.scaling.state_dict(), "random": random_state(steps.device),
        "seen": steps.values, "position": asdict(state)}


def load_state(path: Path, last: dict, learner: Learner, state: RunState, steps: StepMetrics) -> None:
    """Restore learner, state and steps from what `state_content` returned. CheckpointFault: it does not fit them."""
    try:
        learner.model.load_state_dict(last["weights"])
        learner.ema.module.load_state_dict(last["average"])
        load_optimizer(learner.optimizer, last["optimizer"])
        learner.scaling.load_state_dict(last.get("scaler", {}))
        set_random_state(last["random"], steps.device)
        state.restore(last["position"])
        if last["seen"].shape != (state.row_steps, 2):
            raise ValueError("its losses do not match its step")
        steps.restore(last["seen"])
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointFault(path, f"does not fit this run ({str(error).partition(chr(10))[0]})",
                              "train without resuming") from None
    if not path.with_name("best.pth").exists():      # moved away: keep the best result from here on
        state.best_top1, state.best_loss = RunState.best_top1, RunState.best_loss
        state.best_epoch = state.epoch
