"""Run a command of Tenfold in a forked process, kill it at some moment, and see what it leaves.

The process is forked from one that has imported all: a build or a training of a tiny set takes some tenths of a second.
"""

import contextlib
import io
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tenfold.data.process import run_main

# seconds after the end of a process in which its workers must be gone, besides those that they wait for a core: one
# that was still starting, which takes a second, looks for its parent when it has started
GONE_WITHIN = 2.0
_LONGEST = 60.0              # with what they wait for a core
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree"}


@dataclass(frozen=True)
class Kill:
    """When a process is ended: after some seconds, or by itself before its n-th operation on a file."""
    seconds: float = -1.0
    operation: int = -1
    number: int = signal.SIGKILL

    def __str__(self) -> str:
        when = f"after {self.seconds:.4f} s" if self.seconds >= 0 else f"before file operation {self.operation}"
        return f"{signal.Signals(self.number).name} {when}"


@dataclass(frozen=True)
class Ended:
    """How a process ended. code: its exit code, or the number of the signal that ended it, negative."""
    code: int
    out: str
    err: str
    seconds: float
    operations: int          # on files, if it came to its end
    left: tuple[str, ...]    # processes that lived on, shared memory


def run_child(body: Callable[[], int], folder: Path, kill: Kill | None = None, limit: float = 140.0,
              before: Callable[[], object] = int) -> Ended:
    """Run body() -> exit code in a forked process, in `folder`, as a session of its own; TMPDIR is folder/tmp.

    before: called in it before the command begins. What it prints is kept beside the folder meanwhile. After `limit`
    seconds it is killed, and the code is -SIGALRM.
    """
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    notes = {name: folder.with_name(folder.name + name) for name in (".out", ".err", ".operations")}
    begin, code, shared = time.monotonic(), None, _shared_memory()
    stops = {signal.SIGINT, signal.SIGTERM}      # not before the new process has its own handlers
    held = signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    else:
        _be_child(body, folder, kill, notes, before)
    try:
        code = _wait(pid, begin, kill, limit)
        left = tuple(_left(pid, shared))
    finally:
        for each in _session(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        if code is None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    out, err = (notes[name].read_text("utf-8", "replace") if notes[name].exists() else "" for name in (".out", ".err"))
    operations = int(notes[".operations"].read_text()) if notes[".operations"].exists() else 0
    for path in notes.values():
        path.unlink(missing_ok=True)
    return Ended(code, out, err, time.monotonic() - begin, operations, left)


def _be_child(body: Callable[[], int], folder: Path, kill: Kill | None, notes: dict[str, Path],
              before: Callable[[], object]) -> None:
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        os.environ["TMPDIR"] = str(folder / "tmp")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        tqdm.set_lock(threading.RLock())         # one shared by all children stays taken by one that is killed in it
        for name, number in ((os.devnull, 0), (notes[".out"], 1), (notes[".err"], 2)):
            file = os.open(name, os.O_RDONLY if not number else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, number)
            os.close(file)
        count = _count_operations(folder, kill)
        before()
        for name, number in (("stdout", 1), ("stderr", 2)):      # as a new interpreter finds them
            with contextlib.suppress(OSError):
                os.fstat(number)
                raw = io.FileIO(number, "w", closefd=False)
                setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", line_buffering=number == 2))

        def main(started: float) -> int:
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})      # held back until now
                return body()
            finally:
                notes[".operations"].write_text(str(count[0]))
        run_main(main)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _count_operations(folder: Path, kill: Kill | None) -> list[int]:
    """Count what is done to files below `folder`, and end this process where `kill` says so."""
    count, below = [0], f"{folder}{os.sep}"

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & _WRITING):
                return
        elif event in _EVENTS:
            path = arguments[0]
        else:
            return
        if isinstance(path, (str, bytes, os.PathLike)):
            path = os.path.join(below, os.fsdecode(path))
            if path.startswith(below):
                count[0] += 1
                if kill and kill.operation == count[0]:
                    os.kill(os.getpid(), kill.number)
    sys.addaudithook(hook)
    return count


def _wait(pid: int, begin: float, kill: Kill | None, limit: float) -> int:
    at = begin + kill.seconds if kill and kill.seconds >= 0 else None
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        now = time.monotonic()
        if at is not None and now >= at:
            os.kill(pid, kill.number if kill else signal.SIGKILL)
            at = None
        elif now > begin + limit:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -signal.SIGALRM
        time.sleep(0.001 if at is not None else 0.004)


def _shared_memory() -> frozenset[str]:
    return frozenset(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else frozenset()


def _left(pid: int, shared: frozenset[str]) -> Iterator[str]:
    """What lives on after a process has ended; shared: what was in shared memory before it."""
    begin, queued, late = time.monotonic(), dict[int, float](), False
    while (alive := _session(pid)) and not late:
        time.sleep(0.02)
        waited = max((_queued(each) - queued.setdefault(each, _queued(each)) for each in alive), default=0.0)
        gone = time.monotonic() - begin
        late = gone - waited > GONE_WITHIN or gone > _LONGEST
    yield from (f"process {_words_of(each)}" for each in alive)
    own = re.compile(rf"(?<!\d){pid}(?!\d)")
    for name in filter(own.search, _shared_memory() - shared):
        yield f"/dev/shm/{name}"
        with contextlib.suppress(OSError):
            os.unlink(f"/dev/shm/{name}")


def _session(pid: int) -> list[int]:
    """The processes of the session that `pid` began, by /proc; [] where there is none."""
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if entry.isdecimal():
            with contextlib.suppress(OSError, ValueError):
                state, _, _, session, *_ = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                if int(session) == pid and state != "Z":
                    found.append(int(entry))
    return found


def _queued(pid: int) -> float:
    """Seconds that a process was ready to run and waited for a core; 0 where the system does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _words_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:160]
    except OSError:
        return str(pid)
