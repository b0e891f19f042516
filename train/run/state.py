"""Where a run is: all that last.pth holds beside what best.pth holds too."""

from dataclasses import asdict, dataclass, field

import torch

from tenfold.data.errors import CheckpointFault
from tenfold.train.run.checkpoint import save


@dataclass
class Position:
    """Where a run is; all of it goes into last.pth."""
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


def keep(run) -> None:
    """Write the run's last.pth: a run killed any time later goes on from here to the same weights."""
    run.position.seconds = run.clock.elapsed()
    random = {"cpu": torch.get_rng_state()}
    if run.device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(run.device)
    save(run.out / "last.pth", run.head | {
        "weights": run.model.state_dict(), "metrics": run.position.history[-1] if run.position.history else {},
        "average": run.average.module.state_dict(), "optimizer": run.optimizer.state_dict(), "random": random,
        "seen": run.seen[:run.position.batch].clone(), "position": asdict(run.position)})


def go_on(run, last: dict) -> None:
    """Take up what `keep` wrote. CheckpointFault: it does not fit this run."""
    try:
        run.model.load_state_dict(last["weights"])
        run.average.module.load_state_dict(last["average"])
        run.optimizer.load_state_dict(last["optimizer"])
        torch.set_rng_state(last["random"]["cpu"])
        if run.device.type == "cuda" and "cuda" in last["random"]:
            torch.cuda.set_rng_state(last["random"]["cuda"], run.device)
        run.position = Position(**last["position"])
        if any(type(value) is not type(last["position"][name]) for name, value in asdict(Position()).items()):
            raise TypeError("its place is of another kind")
        seen = run.seen[:run.position.batch]
        if last["seen"].shape != seen.shape:
            raise ValueError("its losses are not those of its place")
        seen.copy_(last["seen"])
        run.clock.reached = min(1.0, run.position.late / run.clock.budget)
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointFault(run.out / "last.pth", f"does not fit this run ({str(error).partition(chr(10))[0]})",
                              "train without --resume") from None
    if not (run.out / "best.pth").exists():      # moved away: the best from here on
        run.position.best_top1, run.position.best_loss = Position.best_top1, Position.best_loss
        run.position.best_epoch = run.position.epoch
