"""Workers leave nothing behind: no process, no shared memory; their errors come home, and their end is one line."""

import operator
import os
import signal
import sys
import threading
import time
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from tenfold.data import process
from tenfold.data.errors import MachineFault, SourceFault
from tenfold.preprocess import workers
from tenfold.preprocess.pool import Progress, run_tasks, stream
from tenfold.preprocess.workers import end_idle, hired

THREE = Progress("try", "task", [1, 1, 1])


@pytest.fixture(autouse=True)
def _no_worker_stays():
    yield
    end_idle()


class Stubborn(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, one, two):
        super().__init__(one)


def fail(how: str) -> str:
    if how == "fault":
        raise SourceFault("a.png", "is odd", "mend it")
    if how == "stubborn":
        raise Stubborn("x", "y")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return how


def shared_memory() -> set[str]:
    return set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()


def test_what_goes_wrong_in_a_worker_comes_home():
    before = shared_memory()
    with hired(1) as (worker,):
        for how, error, words in (("fault", SourceFault, "a.png: is odd; mend it"),
                                  ("stubborn", RuntimeError, "Stubborn: x")):
            worker.send(1, fail, (how,))
            with pytest.raises(error, match=words) as caught:
                worker.result()
            assert "in fail" in str(caught.value.__cause__)
    large = [(bytes([i]) * 300_000, b"x" * 300_000) for i in range(9)]           # more than a pipe holds
    assert list(stream(operator.add, large, 2)) == [one + two for one, two in large]
    with pytest.raises(MachineFault, match="trying: the system ended a worker, most likely for lack of memory; ask"):
        run_tasks(fail, ["fine", "killed", "fine"], 2, THREE)
    assert not workers._idle                     # they were ended, with what the others did
    # nothing but the workers: no trackers, and no semaphores that they would have to remove
    assert {name for name in shared_memory() - before if "loky" in name or name.startswith("sem.")} == set()


def test_workers_are_kept_and_end_with_who_started_them():
    one = run_tasks(_number, [0] * 3, 2, THREE)
    kept = workers._idle[:]
    assert set(one) | set(run_tasks(_number, [0] * 3, 2, THREE)) <= {worker.process.pid for worker in kept}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")          # of a fork beside a thread
        pid = os.fork()
    if not pid:                                  # as a DataLoader does: its copy must not keep the pipe open
        os._exit(len(workers._idle))
    assert os.waitpid(pid, 0)[1] == 0
    kept[0].link.close()                         # as the system does for a process that was killed
    assert kept[0].process.wait(timeout=20) == 1
    with closing(stream(operator.neg, ((i,) for i in range(100)), 1)) as found:  # ends early
        assert next(found) == 0
    assert kept[1].process.poll() is not None


def _number(_: int) -> int:
    time.sleep(0.01)
    return os.getpid()


def test_a_process_ends_when_its_parent_is_gone(monkeypatch):
    """Also where some other process holds the pipe; in this one, by what the watch does."""
    ended, parent = threading.Event(), os.getppid()
    monkeypatch.setattr(process, "LOOK", 0.01)
    monkeypatch.setattr(process.os, "kill", lambda pid, number: ended.set() if pid == os.getpid() else None)
    process.end_with(parent)
    assert not ended.wait(0.05)
    monkeypatch.setattr(process.os, "getppid", lambda: 1 if parent != 1 else 2)
    assert ended.wait(20)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no /proc to find processes in")
def test_of_a_killed_command_nothing_lives_on(folder, recipe_file, tmp_path):
    """Killed while it imports, while its workers start, and while they work: its pipe is closed within a moment."""
    import subprocess
    images, before = folder(a=40, b=40), shared_memory()
    argv = [sys.executable, "-m", "preprocess", "--recipe", recipe_file(draw={"copies": 60, "canvas": [64, 64]}),
            "--data", images, "--workers", "2", "--out"]
    for i, at in enumerate(("begun", "workers", "shards")):
        out = tmp_path / str(i)
        command = subprocess.Popen([*argv, out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        while command.poll() is None and not (
                at == "begun" or (at == "workers" and len(_group(command.pid)) > 2) or any(out.glob("train*.h5"))):
            time.sleep(0.01)
        os.kill(command.pid, signal.SIGKILL)
        start = time.monotonic()
        command.communicate(timeout=60)          # to the end of the pipe, which every process of its holds
        while _group(command.pid):
            assert time.monotonic() - start < 10
            time.sleep(0.01)
    assert {name for name in shared_memory() - before if "loky" in name or name.startswith("sem.")} == set()


def _group(number: int) -> list[int]:
    """The processes of a group that have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = entry.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) == number and state != "Z":
            found.append(int(entry.parent.name))
    return found
