"""When a process began is the system's word, and leaving it does what was registered for its end."""

import subprocess
import sys
import time

import train_helpers as t

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
