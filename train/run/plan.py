"""Plan a run before its first step: if the recipe's plan does not fit into the budget, decide what is cut."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from tenfold.data.tables import Train
from tenfold.data.wording import counted

STEPS = 1500                 # steps that a network needs to learn well: good runs of ten minutes took 1,550 to 2,650
SMALLEST_BATCH = 32
EVALUATIONS = 5              # of a run that does not fit; fewer if they would take more than a tenth of it
LEAST_EVALUATIONS = 2
_SHARE = 0.1                 # of the seconds may be spent on evaluations
_SLOWER = 0.7                # a smaller batch must still train at least this share of the images per second


@dataclass(frozen=True)
class Cost:
    """Seconds of a training step, and of evaluating a batch of as many rows."""
    step: float
    forward: float


@dataclass(frozen=True)
class Plan:
    """What a run does: the recipe's epochs, or as much as fits into its budget. Stored in last.pth."""
    images: int              # to train on, at most; an image counts each time
    steps: int               # planned, or about as many as fit
    batch: int               # rows
    lr: float                # peak learning rate, for this batch
    evaluations: int = 0     # spread evenly over the time; 0: the plan fits, and one follows each epoch
    val_batches: int = 0     # batches of an evaluation; 0: all

    @property
    def fits(self) -> bool:
        """Return whether the recipe's whole plan is expected to end within the budget."""
        return not self.evaluations

    def evaluation_is_due(self, t: float, done: int, epoch_ends: bool = False) -> bool:
        """Return whether to evaluate at progress t after `done` evaluations. epoch_ends: an epoch has just ended."""
        return epoch_ends if self.fits else t >= (done + 1) / self.evaluations


def least_pause(evaluation: float, budget: float) -> float:
    """Return the seconds between two evaluations of a run that fits but has become slow, if its epochs are longer.

    evaluation: the seconds of one. They are made as often, and take as small a share, as those of a run that does not
    fit.
    """
    return max(budget / EVALUATIONS, evaluation / _SHARE)


def whole_plan(config: Train, steps_an_epoch: int, batch: int) -> Plan:
    """Return the plan that the recipe asks for. batch: its rows, or fewer if the set is small."""
    steps = config.most_epochs * steps_an_epoch
    return Plan(steps * batch, steps, batch, config.lr)


def fitted(plan: Plan, config: Train, val_rows: int, seconds: float, measure: Callable[[int], Cost]) -> Plan:
    """Return the plan, or a smaller one if it takes more than `seconds`.

    measure: returns the cost of a batch of so many rows. If a network could not learn well in the steps that fit, the
    batch is made smaller for more steps, as long as images per second stay nearly the same. The learning rate is scaled
    with the batch: linearly for SGD (arXiv:1706.02677), by its square root for the others (arXiv:2205.10287).
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
    """Return how often to evaluate, and on how many of the `batches` of val (0: all), in a tenth of the seconds."""
    affordable = _SHARE * seconds / max(forward, 1e-9)           # batches in all
    if affordable >= LEAST_EVALUATIONS * batches:
        return min(EVALUATIONS, max(1, int(affordable / max(1, batches)))), 0
    return LEAST_EVALUATIONS, max(1, int(affordable / LEAST_EVALUATIONS))


def describe(plan: Plan, planned: Plan, val_rows: int, is_open: bool) -> str:
    """Return a line about a plan that was fitted to the budget: what was cut, and how to get more.

    is_open: the recipe's epochs are "auto", so nothing was cut.
    """
    changed = ["the learning rate falls to its end within them"]
    if plan.batch != planned.batch:
        changed.append(f"batch {plan.batch} instead of {planned.batch}, lr {plan.lr:.2g} instead of {planned.lr:.2g}")
    if val_rows:
        looked = min(val_rows, plan.val_batches * plan.batch or val_rows)
        of = f", on {looked:,} of {val_rows:,} rows" if looked < val_rows else ""
        changed.append(f"val is evaluated {counted(plan.evaluations, 'time')}{of}")
    if is_open:
        return f"about {plan.steps:,} steps fit into the budget: {'; '.join(changed)}"
    share = plan.steps * plan.batch / planned.images
    part = f"{share:.1%}" if share >= 0.001 else "less than 0.1%"
    return (f"note: the plan of {planned.steps:,} steps does not fit into the budget, about {part} of its images do, "
            f"in {plan.steps:,} steps: {'; '.join(changed)}. For more: a longer budget, a smaller draw.canvas or "
            "network, fewer draw.copies")
