"""The state of a training run (step, epoch, best result, random states), saved to and restored from last.pth."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from tenfold.data.errors import CheckpointFault
from tenfold.train.device import random_state, set_random_state
from tenfold.train.learn.learner import Learner
from tenfold.train.run.checkpoint import save


@dataclass
class RunState:
    """How far a run has come, its best result and its history; stored in last.pth under "position"."""
    epoch: int = 0           # epochs completed
    batch: int = 0           # batches taken in the epoch under way
    step: int = 0            # optimiser steps taken
    best_top1: float = -1.0
    best_loss: float = float("inf")
    best_epoch: int = 0      # epochs completed then
    seconds: float = 0.0     # on the training clock
    training: float = 0.0    # of those, between the first batch of an epoch and its last
    waiting: float = 0.0     # of those, for data
    images: int = 0          # trained on
    late: float = 0.0        # seconds of the budget that progress stands for where the clock, not the steps, steers
    done: bool = False
    history: list = field(default_factory=list)     # a dictionary an epoch, as in metrics.csv

    @property
    def images_per_second(self) -> float:
        """Images trained on per second of training."""
        return self.images / max(self.training, 1e-9)

    @property
    def data_wait_fraction(self) -> float:
        """The share of the training seconds that was spent waiting for data."""
        return self.waiting / max(self.training, 1e-9)

    def row(self, train: tuple[float, float], val: tuple[float, float], lr: float, seconds: float) -> dict:
        """Return the line of metrics.csv for the epoch that ended; train, val: (loss, top-1)."""
        return {"epoch": self.epoch, "step": self.step, "seconds": round(seconds, 2), "lr": lr,
                "train_loss": train[0], "train_top1": train[1], "val_loss": val[0], "val_top1": val[1],
                "images_per_second": round(self.images_per_second, 1),
                "data_wait_fraction": round(self.data_wait_fraction, 4)}

    def restore(self, values: dict) -> None:
        """Take over the values that `asdict` gave. TypeError: a value is missing, unknown or of another type."""
        other = RunState(**values)
        for name, default in asdict(RunState()).items():
            if type(values[name]) is not type(default):
                raise TypeError(f"'{name}' of its state is of another type")
            setattr(self, name, getattr(other, name))


def save_state(path: Path, head: dict, learner: Learner, state: RunState, step_metrics: torch.Tensor) -> None:
    """Write last.pth: a run that is killed any time later goes on from here to the same weights.

    head: what the run is (checkpoint.describe). step_metrics: (steps, 2), loss and right answers of each step of the
    epoch under way.
    """
    save(path, head | {
        "weights": learner.model.state_dict(), "metrics": state.history[-1] if state.history else {},
        "average": learner.ema.module.state_dict(), "optimizer": learner.optimizer.state_dict(),
        "random": random_state(step_metrics.device), "seen": step_metrics[:state.batch].clone(),
        "position": asdict(state)})


def load_state(path: Path, last: dict, learner: Learner, state: RunState, step_metrics: torch.Tensor) -> None:
    """Put what `save_state` wrote into learner, state and step_metrics. CheckpointFault: it does not fit them."""
    try:
        learner.model.load_state_dict(last["weights"])
        learner.ema.module.load_state_dict(last["average"])
        learner.optimizer.load_state_dict(last["optimizer"])
        set_random_state(last["random"], step_metrics.device)
        state.restore(last["position"])
        before = step_metrics[:state.batch]
        if last["seen"].shape != before.shape:
            raise ValueError("its losses do not match its step")
        before.copy_(last["seen"])
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointFault(path, f"does not fit this run ({str(error).partition(chr(10))[0]})",
                              "train without --resume") from None
    if not path.with_name("best.pth").exists():      # moved away: the best from here on
        state.best_top1, state.best_loss = RunState.best_top1, RunState.best_loss
        state.best_epoch = state.epoch
