"""Checkpoints are written beside the training, whole and in order, and what fails is told."""

import collections
import os
import signal
import threading

import pytest
import torch
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.errors import MachineFault, TrainingFault
from tenfold.train.device import copy_to_host
from tenfold.train.run import checkpoint_writer as module
from tenfold.train.run.checkpoint_writer import CheckpointWriter

CPU = torch.device("cpu")


class Disk:
    """What is written where, in order; a write waits while `free` is not set, and fails with `error`."""

    def __init__(self, monkeypatch):
        self.written, self.error = [], None
        self.free, self.begun = threading.Event(), threading.Event()
        self.free.set()
        for name in ("save", "write_metrics"):
            monkeypatch.setattr(module, name, self.write)

    def write(self, path, content):
        self.begun.set()
        assert self.free.wait(10)
        if self.error:
            raise self.error
        self.written.append((path.name, content["x"].item() if isinstance(content, dict) else len(content)))


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def open_writer(monkeypatch, every=-1.0, **how) -> CheckpointWriter:
    monkeypatch.setattr(module, "EVERY", every)
    monkeypatch.setattr(module, "FIRST", every)
    return CheckpointWriter(t.Path(), {}, CPU, **how)


def state(number: int) -> dict:
    return {"x": torch.tensor(float(number))}


def test_best_comes_before_metrics_and_last(disk, monkeypatch):
    with open_writer(monkeypatch) as writer:
        writer.hold(state(1), [{}], best=state(2))
    assert disk.written == [("best.pth", 2), ("metrics.csv", 1), ("last.pth", 1)]
    assert writer.seconds > 0


def test_while_one_is_written_the_newest_is_held_and_the_rest_let_go(disk, monkeypatch):
    disk.free.clear()
    with open_writer(monkeypatch) as writer:
        assert writer.is_due()
        writer.hold(state(1), [])
        assert disk.begun.wait(10)
        for number in (2, 3, 4):
            assert not writer.is_due()           # one at a time
            writer.hold(state(number), [], best=state(number) if number < 4 else None)
        disk.free.set()
    assert disk.written == [("last.pth", 1), ("best.pth", 3), ("last.pth", 4)]


def test_until_it_is_due_only_metrics_are_written(disk, monkeypatch):
    with open_writer(monkeypatch, every=1000.0) as writer:
        assert not writer.is_due()
        writer.hold(state(1), [{}], best=state(1))
        writer._thread.join()
        assert disk.written == [("metrics.csv", 1)]
    assert disk.written == [("metrics.csv", 1), ("best.pth", 1), ("last.pth", 1)]


def test_none_is_begun_that_the_end_would_wait_for(disk, monkeypatch):
    left = 1000.0
    with open_writer(monkeypatch, left=lambda: left) as writer:
        writer.seconds = 10.0
        assert writer.is_due()
        left = 19.0
        assert not writer.is_due()


def test_what_is_held_is_a_copy(monkeypatch):
    running = state(1) | {"y": [torch.zeros(2)]}
    with open_writer(monkeypatch, every=1000.0) as writer:
        writer.hold(running, [])
        running["x"] += 1
        running["y"][0] += 1
    last = torch.load("last.pth", weights_only=True)
    assert last["x"] == 1
    assert last["y"][0].tolist() == [0, 0]


def test_a_copy_keeps_what_is_shared_and_the_versions_of_modules():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    content = {"a": model.state_dict(), "b": model.state_dict(), "c": (1, "x", None)}
    copy = copy_to_host(content, CPU)()
    assert copy["c"] == content["c"]
    assert type(copy["a"]) is collections.OrderedDict
    assert copy["a"]._metadata == content["a"]._metadata
    for name, value in content["a"].items():
        assert torch.equal(copy["a"][name], value)
        assert copy["a"][name].stride() == value.stride()
        assert copy["a"][name].data_ptr() != value.data_ptr()
        assert copy["b"][name] is copy["a"][name]


def test_what_fails_is_raised_by_the_next_call(disk, monkeypatch):
    disk.error = MachineFault("last.pth", "no space left on the disk")
    for call in (CheckpointWriter.is_due, CheckpointWriter.flush):
        writer = open_writer(monkeypatch)
        writer.hold(state(1), [])
        writer._thread.join()
        with pytest.raises(MachineFault):
            call(writer)


@pytest.mark.parametrize(("stop", "reported"), [
    (None, MachineFault), (KeyboardInterrupt(), MachineFault), (TrainingFault("step 1", "diverged"), TrainingFault)])
def test_where_a_run_is_stopped_and_the_disk_is_full(disk, monkeypatch, stop, reported):
    disk.error = MachineFault("last.pth", "no space left on the disk")

    def run():
        with open_writer(monkeypatch, every=1000.0) as writer:
            writer.hold(state(1), [])
            if stop:
                raise stop
    with pytest.raises(reported):
        run()


def test_a_full_disk_ends_the_command_in_one_line(tmp_path, capsys, monkeypatch):
    shards = t.written(tmp_path / "set")

    def full(path, content):
        raise MachineFault(path, "no space left on the disk", "free some space")
    monkeypatch.setattr(module, "save", full)
    assert "no space" in t.one_line(t.train(capsys, shards))
    t.at_step(monkeypatch, 2, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert "no space" in t.one_line(t.train(capsys, shards))     # and not "train with resume"
    t.write_each_state(monkeypatch)
    assert "no space" in t.one_line(t.train(capsys, shards))
