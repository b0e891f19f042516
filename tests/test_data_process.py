"""A command's process: its age, signals before and after the work, streams that cannot be written, its exit code."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import train_helpers as t
from cases import each

from tenfold.data.command import run
from tenfold.data.process import STOPS, stopped_by_signals
from tenfold.data.streams import Output

SCRIPT = """
import atexit, sys, time
from tenfold.data.process import leave, process_began
atexit.register(lambda: print("at exit"))
print(time.monotonic() - process_began())
print("to stderr", file=sys.stderr)
leave(7)
"""


def test_a_process_knows_its_age_and_leaves_with_its_code():
    start = time.monotonic()
    ran = subprocess.run([sys.executable, "-c", SCRIPT], env=t.environment(), capture_output=True, text=True,
                         check=False)
    age, last = ran.stdout.splitlines()
    assert 0 < float(age) <= time.monotonic() - start + 0.02         # clock ticks of a hundredth of a second
    assert (ran.returncode, last, ran.stderr) == (7, "at exit", "to stderr\n")


def test_an_interrupt_in_a_finaliser_is_not_lost(capsys):
    """Python prints an exception there, and goes on."""
    def held():
        try:
            yield
        finally:
            signal.raise_signal(signal.SIGINT)

    def finalise():
        with stopped_by_signals():
            generator = held()
            next(generator)
            del generator
            time.sleep(20)
    with pytest.raises(KeyboardInterrupt):
        finalise()
    assert capsys.readouterr().err == ""


# forks a process for each case: what it prints goes to pipes, but for the stream of the case
CASES = """
import atexit, json, os, signal, sys
from tenfold.data.process import run_main

def work(started):
    print("out", flush=True)
    print("err", file=sys.stderr)
    return 0

def early(number):
    return lambda started: os.kill(os.getpid(), number)

def late(number):
    def main(started):
        atexit.register(os.kill, os.getpid(), number)
        return work(started)
    return main

def refused(started):
    raise SystemExit(2)

def closed(name, number):
    def prepare():
        os.close(number)
        setattr(sys, name, None)
    return prepare

def on(path, number):
    return lambda: os.dup2(os.open(path, os.O_WRONLY), number)

def unread(number):
    def prepare():
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, number)
    return prepare

def case(prepare, main):
    pipes = [os.pipe() for _ in range(2)]
    pid = os.fork()
    if not pid:
        for number, (_, writer) in enumerate(pipes, 1):
            os.dup2(writer, number)
        os.closerange(3, 30)
        prepare and prepare()
        run_main(main)
    said = []
    for reader, writer in pipes:
        os.close(writer)
        said.append(open(reader).read())
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), *said]

cases = {"plain": (None, work), "refused": (None, refused),
         "no input": (closed("stdin", 0), work), "no output": (closed("stdout", 1), work),
         "no errors": (closed("stderr", 2), work), "unread": (unread(1), work), "errors unread": (unread(2), work)}
if os.path.exists("/dev/full"):
    cases |= {"full": (on("/dev/full", 1), work), "errors full": (on("/dev/full", 2), work)}
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)        # these tests may run after `nohup`
    cases |= {f"early {number:d}": (None, early(number)), f"late {number:d}": (None, late(number)),
              f"ignored {number:d}": (lambda n=number: signal.signal(n, signal.SIG_IGN), late(number))}
print(json.dumps({name: case(*what) for name, what in cases.items()}))
"""


def test_streams_and_signals_are_told_by_the_exit_code():
    ran = subprocess.run([sys.executable, "-c", CASES], env=t.environment(), capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    both, interrupted = [0, "out\n", "err\n"], [130, "", "interrupted; nothing was begun\n"]
    expected = {"plain": both, "refused": [2, "", ""], "no input": both, "no output": [0, "", "err\n"],
                "no errors": [0, "out\n", ""], "unread": [0, "", "err\n"], "errors unread": [0, "out\n", ""],
                "full": [2, "", "err\nstandard output: cannot be written (No space left on device); the work itself "
                                "is done\n"], "errors full": [2, "out\n", ""]}
    for number in STOPS:
        expected |= {f"early {number:d}": interrupted, f"late {number:d}": both, f"ignored {number:d}": both}
    assert found == {name: expected[name] for name in found}
    assert len(found) >= 16


def test_a_stream_that_fails_is_written_no_more():
    class Failing:
        encoding, asked = "utf-8", 0

        def write(self, text):
            self.asked += 1
            raise OSError(28, "No space left on device")
        flush = close = None
    failing = Failing()
    output = Output(failing, "standard error")
    print("one", file=output)
    output.flush()
    assert (failing.asked, output.encoding) == (1, "utf-8")
    assert output.fault() == "standard error: cannot be written (No space left on device)"


def call(body) -> int:
    return run(body, argparse.Namespace(json=False))


@each("number", STOPS)
def test_any_signal_ends_a_command_in_order(capsys, number):
    mine = signal.signal(number, signal.SIG_DFL)             # these tests may run after `nohup`
    before = {stop: signal.getsignal(stop) for stop in STOPS}
    assert call(lambda args: os.kill(os.getpid(), number)) == 130
    assert capsys.readouterr().err == "interrupted; what was finished is kept\n"

    def import_something(args):                  # as extension modules do
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            raise ImportError("initialisation failed") from None
    assert call(import_something) == 130
    assert "Traceback" not in capsys.readouterr().err
    assert {stop: signal.getsignal(stop) for stop in STOPS} == before
    signal.signal(number, signal.SIG_IGN)        # nohup
    try:
        assert call(lambda args: os.kill(os.getpid(), number)) == 0
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, mine)


SEEN = """
import contextlib, runpy, signal, sys            # runpy imports it, or not, by the version of Python
before = {*sys.modules}
signal.signal = lambda *given: sys.exit(" ".join(sorted({*sys.modules} - before)))
runpy.run_module("tenfold", run_name="__main__", alter_sys=True)
"""


def test_signals_are_handled_when_next_to_nothing_is_imported():
    ran = subprocess.run([sys.executable, "-S", "-c", SEEN], env=t.environment(), capture_output=True, text=True,
                         check=False)
    assert {"tenfold", "tenfold.data.process"} <= {*ran.stderr.split()} <= {
        "tenfold", "tenfold.arguments", "tenfold.callable_package", "tenfold.data", "tenfold.data.errors",
        "tenfold.data.process", "tenfold.train",
        "__future__", "atexit", "collections.abc", "errno", "importlib", "types", "warnings"}, ran.stderr
