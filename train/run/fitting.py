"""Fit a run's plan to its budget before the first step: measure a step, and cut the plan if it does not fit."""

import functools

from tenfold.data.tables import Train
from tenfold.train.device import is_host
from tenfold.train.learn.cost import measure
from tenfold.train.learn.learner import Learner
from tenfold.train.run.feed import Feed
from tenfold.train.run.pace import Pace
from tenfold.train.run.plan import Cost, Plan, describe, fitted

_UNMEASURED = 0.2            # largest share of the remaining seconds reserved for the end before it is measured
_PROBE = 0.03                # share of the remaining seconds that measuring a step may take


def fit_plan(plan: Plan, config: Train, learner: Learner, feed: Feed, pace: Pace) -> Plan:
    """Return the plan if it fits into the remaining time; else print what is cut, and return a smaller plan."""
    clock, closing, shape = pace.clock, pace.closing, feed.row_shape
    closing.expect_load()
    clock.reserve(min(closing.total(), _UNMEASURED * clock.left()))
    limit, host = _PROBE * clock.left(), is_host(learner.normalise.device)

    @functools.cache
    def cost(batch: int) -> Cost:
        if host and batch != plan.batch:         # on a CPU the time is proportional to the rows
            return cost(plan.batch).scaled(batch / plan.batch)
        return Cost(*measure(learner, batch, shape, config, limit))
    smaller = fitted(plan, config, feed.val_rows, clock.left(), cost)
    if not smaller.fits:
        print(describe(smaller, plan, feed.val_rows, is_open=config.epochs == "auto"))
    return smaller
