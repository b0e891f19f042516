"""Threads beside other processes: fewer of them, or asleep at barriers, only where that is faster and nobody minds."""

import os
import sys
import threading
import time

import pytest
import torch
import train_helpers as t
from cases import each
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.train import barrier_sleep, cpu_load
from tenfold.train.barrier_sleep import BarrierSleep, LoadWatcher, sleep_when_busy
from tenfold.train.cpu_load import Load, LoadMeter, core_limit
from tenfold.train.run import threads as threads_module
from tenfold.train.run.threads import ThreadChoice, held_threads

CPU = torch.device("cpu")


class Machine:
    """Cores that a training and `busy` other processes share fairly; its seconds pass only when a step is taken."""

    def __init__(self, monkeypatch, cores: int, step: float = 0.1, sleeps: bool = True):
        monkeypatch.setattr(torch, "set_num_threads", self.set_threads)
        monkeypatch.setattr(threads_module, "core_limit", lambda: None)
        for name in threads_module.COUNT_SETTINGS:
            monkeypatch.delenv(name, raising=False)
        self.cores, self.step, self.sleeps = cores, step, sleeps
        self.threads, self.used, self.busy, self.time, self.said = cores, [cores], 0, 0.0, []
        self.asleep = self.on = False
        self.watcher = LoadWatcher(cores, self.load, sleep=self)
        self.watcher.start = lambda: None
        self.choice = self.new_choice()

    def new_choice(self, **how) -> ThreadChoice:
        return ThreadChoice(CPU, say=self.said.append, watcher=self.watcher, now=lambda: self.time, **how)

    def set_threads(self, count: int) -> None:
        self.threads = count
        self.used.append(count)

    def switch(self, on: bool) -> None:
        self.asleep = self.on = on and self.sleeps

    def load(self) -> Load:
        others = self.busy * min(1.0, self.cores / (self.threads + self.busy))
        return Load(others, others, self.cores)

    def rate(self, threads: int, asleep: bool) -> float:
        """Steps a second: all wait for the slowest thread, which shares its core where there are too few."""
        share = min(1.0, self.cores / (threads + self.busy))
        late = 1.0 if share == 1 or threads == 1 else 0.85 if asleep else 0.3
        return threads ** 0.9 * share * late / self.step

    def best(self) -> float:
        return max(self.rate(count, asleep) for count in range(1, self.cores + 1) for asleep in (False, self.sleeps))

    def train(self, seconds: float) -> float:
        """Train for so long; steps a second over it."""
        start, steps, looked = self.time, 0, self.time
        self.choice.begin()
        while self.time < start + seconds:
            self.time += 1 / self.rate(self.threads, self.asleep)
            steps += 1
            self.choice.stepped()
            while looked + barrier_sleep.SECONDS <= self.time:
                looked += barrier_sleep.SECONDS
                self.watcher.look()
        return steps / (self.time - start)


@each("cores", [2, 4, 16])
@each("sleeps", [True, False])
@each("step", [0.04, 0.25])
def test_nine_tenths_of_the_best_setting_as_load_comes_and_goes(monkeypatch, cores, sleeps, step):
    machine = Machine(monkeypatch, cores, step * cores, sleeps)
    for busy in (0, 3, 0, 2 * cores, 1, 0):
        machine.busy = busy
        machine.train(100)                       # to notice, and to try
        rate = machine.train(300)
        assert rate >= 0.9 * machine.best(), (busy, machine.threads, machine.said)
        assert busy or (machine.threads, machine.asleep) == (cores, False)
        assert busy or not machine.said or machine.said[-1].endswith(f"with {cores} of {cores} threads")


@each("cores", [2, 16])
def test_an_idle_machine_never_changes_the_count(monkeypatch, cores):
    machine = Machine(monkeypatch, cores)
    for busy in (0, 0.2, 0):                     # what a system does by itself
        machine.busy = busy
        machine.train(500)
    machine.busy = 1                             # something that ends soon
    machine.train(3)
    machine.busy = 0
    machine.train(100)
    assert machine.used == [cores]
    assert not machine.said
    assert machine.choice.stored == 0


def test_a_short_run_a_number_of_the_user_compiled_kernels_and_held_threads_never_change_the_count(monkeypatch):
    for step, seconds in ((0.02, 1.9), (5.0, 14.0)):
        machine = Machine(monkeypatch, 2, step)
        machine.busy = 1
        machine.train(seconds)
        assert machine.used == [2]
    machine = Machine(monkeypatch, 2)
    machine.busy, machine.choice = 1, machine.new_choice(fixed=True)
    machine.train(100)
    assert machine.used == [2]
    machine = Machine(monkeypatch, 2)
    with held_threads():
        machine.busy, machine.choice = 1, machine.new_choice()
    machine.train(100)
    assert machine.used == [2]
    for name in threads_module.COUNT_SETTINGS:
        machine = Machine(monkeypatch, 2)
        monkeypatch.setenv(name, "2")
        machine.busy, machine.choice = 1, machine.new_choice()
        machine.train(100)
        assert machine.used == [2]
        assert machine.asleep                    # which changes no bit


def test_a_run_keeps_its_count_when_it_is_resumed_and_puts_back_what_it_found(monkeypatch):
    machine = Machine(monkeypatch, 4, sleeps=False)
    machine.busy = 2
    machine.train(100)
    stored = machine.choice.stored
    assert 0 < stored < 4
    assert machine.said == [f"other processes are busy: training with {stored} of 4 threads"]
    machine.choice.close()
    assert machine.threads == 4
    machine.choice.begin()                       # closed and begun again: the run goes on as it was
    assert machine.threads == stored
    machine.choice = machine.new_choice()
    machine.choice.restore(stored)
    machine.choice.begin()
    assert machine.threads == machine.choice.count == stored
    again = Machine(monkeypatch, 2)              # resumed on another machine, which has fewer
    again.choice.restore(stored)
    again.choice.begin()
    assert again.threads <= 2


@each(("file", "text", "cores"), [
    ("cpu.max", "max 100000\n", None), ("cpu.max", "150000 100000\n", 2), ("cpu.max", "200000 100000\n", 2),
    ("cpu/cpu.cfs_quota_us", "-1\n", None), ("cpu/cpu.cfs_quota_us", "50000\n", 1), ("cpu.weight", "100\n", None)])
def test_a_container_trains_with_as_many_threads_as_it_has_cores(tmp_path, monkeypatch, file, text, cores):
    groups = tmp_path / "sys/fs/cgroup"
    (groups / "cpu").mkdir(parents=True)
    (groups / "cpu/cpu.cfs_period_us").write_text("100000\n")
    (groups / file).write_text(text)
    assert core_limit(tmp_path) == cores
    machine = Machine(monkeypatch, 4)
    monkeypatch.setattr(threads_module, "core_limit", lambda: core_limit(tmp_path))
    with held_threads():                         # the limit is no load
        assert machine.new_choice().count == (cores or 4)
    choice = machine.new_choice()
    assert machine.threads == 4
    choice.begin()
    assert machine.threads == choice.count == choice.default == (cores or 4)
    assert choice.stored == 0
    choice.close()
    assert machine.threads == 4


def test_the_commands_training_keeps_the_count_in_last_pth(tmp_path, capsys, monkeypatch):
    shards = t.written(tmp_path / "set")
    monkeypatch.setattr(ThreadChoice, "stored", 1)
    ran = t.train(capsys, shards, "--json", "--set", "train.epochs=1")
    assert t.last_json(ran.out)["threads"] == 1
    assert torch.load("runs/x/last.pth", weights_only=True)["position"]["threads"] == 1
    restored = []
    monkeypatch.setattr(ThreadChoice, "restore", lambda self, stored: restored.append(stored))
    t.train(capsys, shards, "--resume", "--set", "train.epochs=1")
    assert restored == [1]


def settled(count) -> int:
    """Return the number of threads once it stays the same: threads of earlier tests take a moment to end."""
    before, same, end = count(), 0, time.monotonic() + 10
    while same < 20 and time.monotonic() < end:
        time.sleep(0.005)
        now = count()
        before, same = now, same + 1 if now == before else 0
    return before


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_barriers_sleep_while_a_second_team_is_held_and_spin_again_after_it(monkeypatch):
    for name in barrier_sleep.SPIN_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    tasks, sleep = lambda: len(os.listdir("/proc/self/task")), BarrierSleep()
    torch.ones(1 << 18).add_(1)                  # torch's own team begins with its first work
    threads, before = torch.get_num_threads(), settled(tasks)
    sleep.switch(True)
    assert sleep.on
    assert tasks() >= before + 1 + len(os.sched_getaffinity(0))      # one that holds, and its team
    assert torch.ones(1 << 18).add_(1).sum().item() == 2 ** 19
    sleep.switch(True)
    sleep.switch(False)
    end = time.monotonic() + 10
    while tasks() > before and time.monotonic() < end:       # the team ends a moment after the one that held it
        time.sleep(0.001)
    assert (sleep.on, tasks(), torch.get_num_threads()) == (False, before, threads)
    for name in barrier_sleep.SPIN_SETTINGS:      # what the user says stands
        with monkeypatch.context() as patch:
            patch.setenv(name, "7")
            sleep.switch(True)
            assert not sleep.on


def test_the_load_is_what_others_do_and_not_what_this_process_does(monkeypatch):
    """1 s of wall time on four cores: 2.5 s of work in all, of it 1.2 s our own and 0.5 s of a child."""
    seconds = iter([(0, 0, 0, 0), (1, 2.5, 1.2, 0.5), (2, 3.0, 2.2, 0.0), (3, 3.0, 2.2, 0.0)])
    monkeypatch.setattr(LoadMeter, "_seconds", lambda self: next(seconds))
    monkeypatch.setattr(cpu_load, "_own_cores", lambda: {0, 1, 2, 3})
    meter = LoadMeter()
    load = meter.read()
    assert (load.others, load.foreign, load.cores) == (pytest.approx(1.3), pytest.approx(0.8), 4)
    assert meter.read() == Load(0.0, 0.0, 4)     # never below nothing; a child that ended takes nothing away
    assert meter.read() == Load(0.0, 0.0, 4)


def test_threads_that_watch_end_with_what_they_were_started_for(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    before = threading.active_count()
    with sleep_when_busy(CPU):
        assert threading.active_count() == before + 1
    with sleep_when_busy(torch.device("meta")):
        assert threading.active_count() == before
    choice = ThreadChoice(CPU)
    assert threading.active_count() == before
    choice.begin()
    assert threading.active_count() == before + 1
    choice.close()
    assert threading.active_count() == before
    assert not BarrierSleep().on
