"""The short form of `make torture`, and that the harness itself sees what it is there to see."""

import os
import signal
import subprocess
import sys
import time

import pytest
import train_helpers as t

from benchmarks.torture import table
from benchmarks.torture.children import Kill, run_child
from benchmarks.torture.inputs import judge
from benchmarks.torture.lanes import Limits, run_cases
from benchmarks.torture.mutate import mutated_bytes, mutated_value
from benchmarks.torture.outcomes import (
    CRASH,
    HANG,
    LEFT,
    MEMORY,
    NOISE,
    READ,
    REFUSED,
    SET_ASIDE,
    TRACEBACK,
    Case,
    Count,
)
from tenfold.data.errors import UserFault


def behave(number):
    """Cases that end in each way that a lane can see."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        time.sleep(60)
    return READ, f"case {number}"


def test_a_crash_and_a_hang_are_one_case_each_and_the_others_go_on():
    found = {case.number: case for case in run_cases(range(8), behave, 2, Limits(1.0))}
    assert sorted(found) == list(range(8))
    assert {number: case.outcome for number, case in found.items() if case.outcome != READ} == {3: CRASH, 5: HANG}


def fault(error):
    def read():
        raise error
    return read


def test_each_way_to_end_has_its_name():
    from tenfold.preprocess.decode.levels import BadPicture
    told = {"is no recipe": REFUSED, "does not fit in memory": MEMORY}
    for words, outcome in told.items():
        assert judge(fault(UserFault("x", words)))[0] == outcome
    assert judge(fault(BadPicture("damaged: cut short")))[0] == SET_ASIDE
    assert judge(fault(BadPicture("damaged: KeyError(5)")))[0] == NOISE
    assert judge(fault(KeyError(5)))[0] == TRACEBACK
    assert judge(fault(MemoryError()))[0] == MEMORY
    assert judge(lambda: os.write(2, b"libpng: oh\n"))[0] == NOISE
    assert judge(lambda: None) == (READ, "")


def test_a_process_is_killed_before_the_operation_that_was_drawn(tmp_path):
    def body():
        for name in "abcd":
            (tmp_path / "in" / name).write_text(name)
        return 0
    ended = run_child(body, tmp_path / "in")
    assert (ended.code, ended.operations, ended.left) == (0, 4, ())
    for name in "abcd":
        (tmp_path / "in" / name).unlink()
    assert run_child(body, tmp_path / "in", Kill(operation=3)).code == -signal.SIGKILL
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["a", "b", "tmp"]


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="no /proc to find processes in")
def test_what_a_process_leaves_running_is_seen_and_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.torture.children.GONE_WITHIN", 0.05)
    ended = run_child(lambda: bool(not subprocess.Popen(["sleep", "50"])), tmp_path / "in")
    assert ["sleep" in words for words in ended.left] == [True]


def test_mutations_are_made_again_by_their_seed():
    import random
    tree = {"a": [1, 2, {"b": "x"}], "c": {}}
    for seed in range(50):
        one, two = (random.Random(seed) for _ in range(2))
        assert mutated_bytes(b"some bytes" * 9, one) == mutated_bytes(b"some bytes" * 9, two)
        assert repr(mutated_value(tree, one)) == repr(mutated_value(tree, two))
    assert tree == {"a": [1, 2, {"b": "x"}], "c": {}}


def test_the_table_counts_what_failed_and_says_how_to_repeat_it(capsys):
    count = Count("odd kind")
    for case in (Case(0, READ), Case(1, LEFT, "a process"), Case(2, READ)):
        count.add(case)
    table.print_count(count, 8)
    table.print_failures([count], seed=4)
    out = capsys.readouterr().out
    assert out.split()[2:5] == ["3", "2", "1"]
    assert "--seed 4 --case odd_kind:1" in out


@pytest.mark.slow
@pytest.mark.alone
def test_the_short_form_finds_nothing(tmp_path):
    ran = subprocess.run([sys.executable, "-m", "benchmarks.torture", "--short", "--json", "--folder", tmp_path],
                         env=t.environment(), capture_output=True, text=True, check=False)
    facts = t.last_json(ran.stdout)
    assert [row for row in facts["rows"] if row["failed"]] == [], ran.stderr
    assert ran.returncode == 0, ran.stderr
    assert facts["tried"] > 1_500
    assert not any(tmp_path.iterdir())
