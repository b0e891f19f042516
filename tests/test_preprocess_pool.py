"""Workers leave nothing behind: no process, no shared memory; their errors come home, and their end is one line."""

import operator
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import closing
from pathlib import Path

import pytest
from joblib.externals.loky.process_executor import _ExecutorManagerThread

from tenfold.data import process
from tenfold.data.errors import MachineFault, SourceFault
from tenfold.preprocess.pool import Progress, _end_kept_workers, run_tasks, stream

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="no /proc to find processes in")
THREE = Progress("try", "task", [1, 1, 1])


def noisy(number: int) -> int:
    import cv2
    import numpy as np
    warnings.warn("odd levels", RuntimeWarning, stacklevel=1)
    cv2.imread("/nowhere.png")                   # OpenCV logs what it cannot open
    np.float32([1e30]).astype(np.uint8)          # numpy warns of the cast
    return number


def fail(how: str) -> str:
    if how == "fault":
        raise SourceFault("a.png", "is odd", "mend it")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return how


def threads_of_numpy(_: int) -> set[int]:
    import numpy as np
    from threadpoolctl import threadpool_info
    return {pool["num_threads"] for pool in threadpool_info() if np.__version__ and pool["user_api"] == "blas"}


def left_behind(number: int) -> list[str]:
    """The semaphores of a process that are still there; loky names them by the process."""
    return [name for name in os.listdir("/dev/shm") if f"loky-{number}-" in name]


def test_what_goes_wrong_in_a_worker_comes_home():
    with pytest.raises(SourceFault, match=r"a\.png: is odd; mend it"):
        run_tasks(fail, ["fine", "fault", "fine"], 2, THREE)
    with pytest.raises(MachineFault, match="trying: the system ended a worker, most likely for lack of memory; ask"):
        run_tasks(fail, ["fine", "killed", "fine"], 2, THREE)
    large = [(bytes([i]) * 300_000, b"x" * 300_000) for i in range(9)]           # more than a pipe holds
    with closing(stream(operator.add, large, 1)) as found:
        assert [next(found), next(found)] == [one + two for one, two in large[:2]]       # the rest is not asked for


def test_a_process_ends_when_its_parent_is_gone(monkeypatch):
    """In this process, by what the watch does."""
    ended, parent = threading.Event(), os.getppid()
    monkeypatch.setattr(process, "LOOK", 0.01)
    monkeypatch.setattr(process.os, "kill", lambda pid, number: ended.set() if pid == os.getpid() else None)
    process.end_with(parent)
    assert not ended.wait(0.05)
    monkeypatch.setattr(process.os, "getppid", lambda: 1 if parent != 1 else 2)
    assert ended.wait(20)


@LINUX
@pytest.mark.slow
def test_of_a_killed_command_nothing_lives_on(folder, recipe_file, tmp_path):
    """Killed while it imports, while its workers start, and while they work: its pipe is closed within a moment."""
    images = folder(a=40, b=40)
    argv = [sys.executable, "-m", "preprocess", "--recipe", recipe_file(draw={"copies": 60, "canvas": [64, 64]}),
            "--data", images, "--workers", "2", "--out"]
    for i, at in enumerate(("begun", "workers", "shards")):
        out = tmp_path / str(i)
        command = subprocess.Popen([*argv, out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        while command.poll() is None and not (
                at == "begun" or (at == "workers" and len(_group(command.pid)) > 4) or any(out.glob("train*.h5"))):
            time.sleep(0.01)
        os.kill(command.pid, signal.SIGKILL)
        start = time.monotonic()
        command.communicate(timeout=60)          # to the end of the pipe, which every process of its holds
        while _group(command.pid):
            assert time.monotonic() - start < 10
            time.sleep(0.01)
        assert left_behind(command.pid) == []


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


def test_libraries_print_nothing_in_a_worker(capfd, monkeypatch):
    for name in ("PYTHONWARNINGS", "OPENCV_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    assert list(stream(noisy, [(1,), (2,)], 1)) == [1, 2]
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_while_tasks_wait_to_be_handed_out_ends_no_thread(monkeypatch):
    hand_out = _ExecutorManagerThread.add_call_item_to_queue
    faults = []
    monkeypatch.setattr(threading, "excepthook", faults.append)
    monkeypatch.setattr(_ExecutorManagerThread, "add_call_item_to_queue",
                        lambda thread: thread.executor_flags.shutdown and hand_out(thread))

    def interrupted():
        yield from "abcd"
        raise KeyboardInterrupt
    _end_kept_workers()                          # their thread may already be handing out
    with pytest.raises(KeyboardInterrupt):
        run_tasks(str.upper, interrupted(), 2, Progress("try", "task", [1] * 9))
    assert faults == []


def test_a_worker_computes_in_one_thread_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    for threads in (1, 2):
        _end_kept_workers()
        for found in (*run_tasks(threads_of_numpy, [0, 0, 0], 2, THREE), *stream(threads_of_numpy, [(0,)], 1)):
            assert found <= {threads}            # empty: another library than OpenBLAS
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    _end_kept_workers()
