"""Plan a run before its first step: where the recipe's images do not fit into the budget, decide what is cut."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from tenfold.data.tables import Train

STEPS = 1500                 # that a network needs to come far: good runs of ten minutes took 1,550 to 2,650
SMALLEST_BATCH = 32
EVALUATIONS = 5              # of a run that does not fit; fewer where they would take more than a tenth of it
LEAST_EVALUATIONS = 2
_SHARE = 0.1                 # of the seconds that evaluations may take
_SLOWER = 0.7                # a smaller batch may cost that share of the images a second


@dataclass(frozen=True)
class Cost:
    """Seconds of a training step, and of evaluating a batch of as many rows."""
    step: float
    forward: float

    def scaled(self, factor: float) -> "Cost":
        """Return the cost of so many times as many rows."""
        return Cost(factor * self.step, factor * self.forward)


@dataclass(frozen=True)
class Plan:
    """What a run does: the recipe's epochs, or as much as fits into its budget. Stored in last.pth."""
    images: int              # to be trained on at most, each time counted
    steps: int               # planned, or about as many as fit
    batch: int               # rows
    lr: float                # peak learning rate, for this batch
    evaluations: int = 0     # spread evenly over the time; 0: the plan fits, and one follows each epoch
    val_batches: int = 0     # of an evaluation; 0: all

    @property
    def fits(self) -> bool:
        """Whether the recipe's whole plan is expected to end within the budget."""
        return not self.evaluations

    def evaluation_is_due(self, t: float, done: int, epoch_ends: bool = False) -> bool:
        """Whether to evaluate at progress t, after so many evaluations; epoch_ends: an epoch's last step was taken."""
        return epoch_ends if self.fits else t >= (done + 1) / self.evaluations


def whole_plan(config: Train, steps_an_epoch: int, batch: int) -> Plan:
    """Return the plan that the recipe asks for. batch: rows, fewer than the recipe's where the set is small."""
    steps = config.most_epochs * steps_an_epoch
    return Plan(steps * batch, steps, batch, config.lr)


def fitted(plan: Plan, config: Train, val_rows: int, seconds: float, measure: Callable[[int], Cost]) -> Plan:
    """Return the plan, or where it takes more than `seconds` one that fits.

    measure: gives the cost of a batch of so many rows. Too few steps for a network to learn in are made more, by a
    smaller batch, as long as that costs few images a second; the learning rate follows it (linearly for SGD,
    arXiv:1706.02677, by the square root for the others, arXiv:2205.10287).
    """
    cost = measure(plan.batch)
    evaluation = math.ceil(val_rows / plan.batch) * cost.forward
    if plan.steps * cost.step + config.most_epochs * evaluation <= seconds:
        return plan
    batch, training = plan.batch, (1 - _SHARE) * seconds
    while batch >= 2 * SMALLEST_BATCH and training < STEPS * cost.step and config.compile == "none":
        smaller = measure(batch // 2)
        if smaller.step > cost.step / 2 / _SLOWER:
            break
        batch, cost = batch // 2, smaller
    ratio = batch / plan.batch
    evaluations, val_batches = _evaluations(math.ceil(val_rows / batch), cost.forward, seconds)
    return replace(plan, steps=max(1, min(plan.images // batch, int(training / cost.step))), batch=batch,
                   lr=plan.lr * (ratio if config.optimizer == "sgd" else math.sqrt(ratio)),
                   evaluations=evaluations, val_batches=val_batches)


def _evaluations(batches: int, forward: float, seconds: float) -> tuple[int, int]:
    """Return how often val is looked at, and on how many of its batches (0: all), for a tenth of the seconds."""
    affordable = _SHARE * seconds / max(forward, 1e-9)           # batches in all
    if affordable >= LEAST_EVALUATIONS * batches:
        return min(EVALUATIONS, max(1, int(affordable / max(1, batches)))), 0
    return LEAST_EVALUATIONS, max(1, int(affordable / LEAST_EVALUATIONS))


def describe(plan: Plan, planned: Plan, val_rows: int, is_open: bool) -> str:
    """Return a line about a plan that was fitted to the budget. is_open: the recipe says "auto" for its epochs; else
    the line tells what was cut from the planned ones, and how to have more.
    """
    changed = ["the learning rate falls to its end within them"]
    if plan.batch != planned.batch:
        changed.append(f"batch {plan.batch} instead of {planned.batch}, lr {plan.lr:.2g} instead of {planned.lr:.2g}")
    if val_rows:
        looked = min(val_rows, plan.val_batches * plan.batch or val_rows)
        of = f", on {looked:,} of {val_rows:,} rows" if looked < val_rows else ""
        changed.append(f"val is evaluated {plan.evaluations} time{'s' * (plan.evaluations > 1)}{of}")
    if is_open:
        return f"about {plan.steps:,} steps fit into the budget: {'; '.join(changed)}"
    share = plan.steps * plan.batch / planned.images
    part = f"{share:.1%}" if share >= 0.001 else "less than 0.1%"
    return (f"note: the plan of {planned.steps:,} steps does not fit into the budget, about {plan.steps:,} do "
            f"({part} of its images): {'; '.join(changed)}. For more: a longer --budget, a smaller draw.canvas or "
            "network, fewer draw.copies")
