"""A build that was ended half-way, however, goes on where it stopped and ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import contents, leftovers


@pytest.fixture
def start(folder, recipe_file):
    """Starts the command in a process group of its own: start(out, workers) -> Popen."""
    images, recipe = folder(a=40, b=40), recipe_file(draw={"copies": 60, "canvas": [64, 64]})
    started = []

    def call(out, workers, *more):
        started.append(subprocess.Popen(
            [sys.executable, "-m", "preprocess", "--recipe", recipe, "--data", images, "--out", out, "--workers",
             str(workers), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True))
        return started[-1]
    yield call
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def finished(out) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in out.glob("[!.]*.h5")}


def until_half(process, out, shards=2):
    """Wait until some shards are there and others are not."""
    for _ in range(12_000):                      # a minute, where other programs share the cores
        if len(finished(out)) >= shards:
            assert process.poll() is None, "the build was over too soon for this test"
            return finished(out)
        time.sleep(0.005)
    raise AssertionError("no shards appeared")


def group_is_gone(process) -> bool:
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow                                # a set whose shard is gone is mended in the quick tests of the build
def test_a_killed_build_goes_on_and_ends_with_the_same_bytes(start, tmp_path):
    out = tmp_path / "killed"
    process = start(out, 1)
    kept = until_half(process, out)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (out / "dataset.json").exists()
    facts = [start(place, 2, "--json").communicate() for place in (out, tmp_path / "whole")]
    one, two = (json.loads(text) for text, _ in facts)
    assert one["digest"] == two["digest"]
    assert contents(out) == contents(tmp_path / "whole")
    assert kept.items() <= finished(out).items()
    assert leftovers(out) == []


@pytest.mark.parametrize(("number", "everyone", "workers"), [
    (signal.SIGINT, True, 2), pytest.param(signal.SIGTERM, False, 2, marks=pytest.mark.slow),
    pytest.param(signal.SIGINT, True, 1, marks=pytest.mark.slow)], ids=str)
def test_interrupted_is_one_line_and_nothing_by_halves(start, tmp_path, number, everyone, workers):
    out = tmp_path / "out"
    process = start(out, workers)
    kept = until_half(process, out)
    (os.killpg if everyone else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("interrupted; ")
    assert leftovers(out) == []
    assert not (out / "dataset.json").exists()
    assert kept.items() <= finished(out).items()
    assert group_is_gone(process)


def workers_of(process) -> list[int]:
    """The process numbers of its workers."""
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else pytest.skip("no /proc to find workers in"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                if os.getpgid(int(entry)) == process.pid and b"popen_loky" in f.read():
                    found.append(int(entry))
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.slow                                # workers at work are interrupted in the quick test above
@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_workers_that_are_just_starting_do_not_answer_ctrl_c(start, tmp_path, pause):
    process = start(tmp_path / "out", 2)
    while not workers_of(process):
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(pause)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert err == "interrupted; what was finished is kept\n"
    assert group_is_gone(process)


@pytest.mark.slow
def test_a_worker_that_the_system_ends_is_one_line(start, tmp_path):
    out = tmp_path / "out"
    process = start(out, 2)
    until_half(process, out, 1)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2, err
    assert "lack of memory" in err
    assert len(err.strip().splitlines()) == 1, err
    assert leftovers(out) == []


def test_a_semaphore_that_an_interrupt_left_is_removed_without_a_word():
    leak = ("import os; from preprocess.pool import _start_trackers; _start_trackers();"
            "from joblib.externals.loky.backend.synchronize import Lock; lock = Lock();"
            "print(lock._semlock.name, flush=True); os._exit(0)")
    done = subprocess.run([sys.executable, "-c", leak], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("/loky")
    assert done.stderr == ""


INTERRUPTED_AT = """
import faulthandler, signal, sys
from tenfold.data.process import stopped_by_signals
from tenfold.preprocess.pool import Progress, run_tasks

def interrupt_at(moment):
    "Run tasks, and interrupt them at a line of the libraries that share locks with the threads of the pool."
    passed = 0
    def line(frame, event, arg):
        nonlocal passed
        passed += 1
        if passed == moment:
            signal.raise_signal(signal.SIGINT)
        return line
    def call(frame, event, arg):
        return line if frame.f_code.co_filename.endswith(("futures/_base.py", "threading.py", "queue.py")) else None
    faulthandler.dump_traceback_later(10, exit=True)
    try:
        with stopped_by_signals():
            sys.settrace(call)
            run_tasks(abs, range(12), 2, Progress("draw", "row", [1] * 12))
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)

print(sum(bool(interrupt_at(moment)) for moment in range(100, 1100, 17)))
"""


@pytest.mark.slow
def test_workers_end_at_whatever_moment_the_interrupt_comes():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_AT], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30
