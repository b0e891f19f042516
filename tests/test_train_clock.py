"""The budget is a contract on any machine; a run that fits is steered by its steps alone."""

import itertools

import pytest
from cases import each

from tenfold.train.run.clock import Clock

BUDGETS = [1.0, 20.0, 600.0, 36_000.0]


class Machine:
    """A machine whose seconds pass only when it works."""

    def __init__(self):
        self.time = 1000.0

    def clock(self, budget, started_for=2.0, before=0.0) -> Clock:
        clock = Clock(budget, self.time - started_for, before, now=lambda: self.time)
        clock.begin()
        return clock


def drive(machine, clock, steps, step_seconds, closing=0.0) -> list[float]:
    """The progress seen before each step, and the one that ended the run."""
    seen = []
    for step in itertools.count():
        seen.append(clock.progress(step, steps))
        if seen[-1] >= 1:
            return seen
        machine.time += step_seconds
        clock.reserve(step_seconds + closing)


@each("budget", BUDGETS)
@each("slowness", [0.01, 0.5, 0.99, 1.5, 10, 1000])
def test_progress_rises_from_nothing_to_the_end_and_never_falls(budget, slowness):
    machine, steps = Machine(), 400
    seen = drive(machine, machine.clock(budget, 0.1 * budget), steps, slowness * budget / steps / 10)
    assert seen[0] == 0
    assert all(0 <= a <= b <= 1 for a, b in itertools.pairwise(seen))
    assert len(seen) <= steps + 1


@each("budget", BUDGETS[1:])
def test_a_run_that_fits_is_steered_by_its_steps_alone(budget):
    for jitter in (1.0, 0.3):                    # machines of two speeds take the same steps to the bit
        machine, steps = Machine(), 300
        seen = drive(machine, machine.clock(budget, 0.1 * budget), steps, jitter * 0.5 * budget / steps)
        assert seen == [n / steps for n in range(steps + 1)]


@each("budget", BUDGETS)
@each("step_share", [0.001, 0.01, 0.05, 0.2])
@each("closing_share", [0.0, 0.05])
def test_however_slow_the_machine_the_end_comes_before_the_budget(budget, step_share, closing_share):
    machine = Machine()
    clock = machine.clock(budget, 0.1 * budget)
    seen = drive(machine, clock, 10**9, step_share * budget, closing_share * budget)
    assert seen[-1] == 1
    assert clock.elapsed() + closing_share * budget < budget


@each("step_share", [0.001, 0.01])
def test_a_slow_machine_anneals_all_the_way(step_share):
    machine = Machine()
    seen = drive(machine, machine.clock(600), 10**9, step_share * 600)
    assert seen[-2] > 1 - 3 * step_share
    assert max(b - a for a, b in itertools.pairwise(seen[:-1])) < 3 * step_share


def test_the_deadline_leaves_room_for_what_follows_the_last_step():
    machine = Machine()
    clock = machine.clock(600)
    assert clock.deadline() < 600
    clock.reserve(10)
    assert clock.deadline() + 10 <= 600
    clock.reserve(4)                           # a measurement replaces a guess, and a slow one is not believed for ever
    assert 590 < clock.deadline() <= 596


def test_start_up_and_the_run_before_count():
    machine = Machine()
    assert machine.clock(600, started_for=50).elapsed() >= 50
    assert machine.clock(600, started_for=50, before=100).elapsed() >= 150
    assert machine.clock(60, started_for=70).progress(0, 100) == 1
    assert machine.clock(60, started_for=1, before=70).progress(0, 100) == 1


def test_a_late_start_still_leaves_the_schedule_some_time():
    machine = Machine()
    seen = drive(machine, machine.clock(60, started_for=50), 10**9, 0.1)
    assert seen[0] == 0
    assert len(seen) > 20


@each("stopped_at", [0.2, 0.5, 0.9])
def test_a_resumed_run_goes_on_from_where_the_clock_had_brought_it(stopped_at):
    machine = Machine()
    clock = machine.clock(600)
    while (reached := clock.progress(0, 10**9)) < stopped_at:
        machine.time += 1
    later = machine.clock(600, before=clock.elapsed())
    later.reached = reached
    seen = drive(machine, later, 10**9, 1)
    assert seen[0] == pytest.approx(reached)
    assert seen[-1] == 1
    assert all(a <= b for a, b in itertools.pairwise(seen))
    assert later.elapsed() < 600


@each("gone,fits,free", [(0, True, 60), (400, True, 450), (650, True, 650), (100, False, 100)])
def test_time_counts_after_a_tenth_of_the_budget_or_a_quarter_of_the_rest_or_at_once(gone, fits, free):
    machine = Machine()
    clock = Clock(600.0, machine.time - gone / 2, gone / 2, now=lambda: machine.time)
    clock.reserve(0)
    assert (clock.running(), clock.left()) == (gone / 2, 600 - gone)
    clock.begin(fits)
    machine.time += free - gone
    assert clock.progress(0, 100) == (gone > 600)
    machine.time += 1
    assert clock.progress(0, 100) > 0


def test_what_is_granted_is_left_though_the_budget_is_spent_and_never_takes_any_away():
    machine = Machine()
    for gone, left in ((70, 9), (55, 9), (10, 50)):
        clock = Clock(60.0, machine.time - gone, least=9.0, now=lambda: machine.time)
        clock.grant()
        assert clock.budget - clock.elapsed() == pytest.approx(left)
