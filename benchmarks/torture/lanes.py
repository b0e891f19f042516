"""Run many cases in a few forked processes, so that a crash, a hang or hunger for memory is one case's outcome.

A lane is a process that works through its share of the cases and writes a line about each. Where it dies or stands
still, the case that it was at is what did it, and a new lane goes on behind it.
"""

import contextlib
import json
import os
import resource
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.torture.outcomes import CRASH, HANG, Case

Work = Callable[[int], tuple[str, str]]          # the number of a case -> (outcome, words)


@dataclass(frozen=True)
class Limits:
    """How long a case may take, and how much more memory than at its beginning a lane may have."""
    seconds: float = 10.0
    megabytes: int | None = None


@dataclass
class _Lane:
    """A process and the cases that it still has to do."""
    numbers: list[int]
    pid: int = 0
    pipe: int = -1
    heard: float = 0.0
    text: bytes = b""


def run_cases(numbers: Sequence[int], work: Work, lanes: int, limits: Limits) -> Iterator[Case]:
    """Yield the outcome of each case as it comes. Call it where no thread runs beside: it forks."""
    waiting = [_Lane(list(numbers[i::lanes])) for i in range(lanes)]
    with selectors.DefaultSelector() as selector:
        running = [lane for lane in waiting if lane.numbers]
        try:
            for lane in running:
                _start(lane, work, limits, selector)
            while running:
                for key, _ in selector.select(0.2):
                    yield from _hear(key.data)
                for lane in list(running):
                    late = time.monotonic() - lane.heard > limits.seconds
                    if lane.pipe >= 0 and not late:
                        continue
                    yield from _end(lane, selector, late)
                    if lane.numbers:
                        _start(lane, work, limits, selector)
                    else:
                        running.remove(lane)
        finally:
            for lane in running:
                _stop(lane.pid)


def _start(lane: _Lane, work: Work, limits: Limits, selector: selectors.BaseSelector) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    lane.pid = os.fork()
    if not lane.pid:
        code = 1
        try:
            os.close(reading)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
            _work_through(lane.numbers, work, limits, writing)
            code = 0
        except SystemExit:
            pass
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writing)
    lane.pipe, lane.heard, lane.text = reading, time.monotonic(), b""
    selector.register(reading, selectors.EVENT_READ, lane)


def _work_through(numbers: list[int], work: Work, limits: Limits, pipe: int) -> None:
    if limits.megabytes and Path("/proc/self/statm").exists():
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + (limits.megabytes << 20),) * 2)
    for number in numbers:
        try:
            outcome, words = work(number)
        except Exception:                        # of the harness itself
            outcome, words = CRASH, traceback.format_exc()[-1500:]
        line = json.dumps([number, outcome, words[:2000]]) + "\n"
        os.write(pipe, line.encode())


def _hear(lane: _Lane) -> Iterator[Case]:
    got = os.read(lane.pipe, 1 << 16)
    if not got:
        lane.pipe = ~lane.pipe                   # at its end, not yet closed
        return
    lane.heard = time.monotonic()
    *lines, lane.text = (lane.text + got).split(b"\n")
    for line in lines:
        case = Case(*json.loads(line))
        lane.numbers.remove(case.number)
        yield case


def _end(lane: _Lane, selector: selectors.BaseSelector, late: bool) -> Iterator[Case]:
    """Take a lane that ended or stands still away, with the case that did it."""
    pipe = lane.pipe if lane.pipe >= 0 else ~lane.pipe
    selector.unregister(pipe)
    os.close(pipe)
    status = _stop(lane.pid) if late else os.waitpid(lane.pid, 0)[1]
    lane.pid = 0
    if lane.numbers:
        number = lane.numbers.pop(0)
        code = os.waitstatus_to_exitcode(status)
        yield Case(number, HANG, "no end") if late else Case(number, CRASH, f"the process ended with {code}")


def _stop(pid: int) -> int:
    """End a lane, which ends what it started; the status of its end."""
    if not pid:
        return 0
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        for _ in range(100):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return status
            time.sleep(0.02)
    return os.waitpid(pid, 0)[1]


@contextlib.contextmanager
def caught_noise(words: list[str]) -> Iterator[None]:
    """Add to `words` what is written to the file descriptors 1 and 2 inside: a library's own words."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    file = os.memfd_create("noise") if hasattr(os, "memfd_create") else os.open("/dev/null", os.O_RDWR)
    try:
        os.dup2(file, 1)
        os.dup2(file, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, old in enumerate(kept, 1):
            os.dup2(old, number)
            os.close(old)
        if os.fstat(file).st_size:
            words.append(os.pread(file, 4000, 0).decode("utf-8", "replace"))
        os.close(file)
