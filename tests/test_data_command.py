"""What every command does alike: one JSON line, one line for a fault, fixed exit codes."""

import argparse
import errno
import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cases import each

from tenfold.data.command import make_parser, run
from tenfold.data.errors import MachineFault, RecipeFault, ShardFault, SourceFault, UserFault, machine_fault

pytestmark = pytest.mark.usefixtures("kept_handler")


def call(body, as_json=False):
    return run(body, argparse.Namespace(json=as_json))


def boom(error):
    def body(args):
        raise error
    return body


def test_json_is_the_last_line_and_people_read_the_other_stream(capsys):
    def body(args):
        print("for people")
        return {"rows": 3}
    assert call(body, True) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"rows": 3}
    assert err == "for people\n"
    assert call(body) == 0
    assert capsys.readouterr().out == "for people\n"


@each("fault", [RecipeFault, SourceFault, ShardFault, MachineFault])
@each("as_json", [False, True])
def test_a_users_fault_is_one_line_and_code_2(capsys, fault, as_json):
    assert call(boom(fault("new\nline.png", "is odd", "mend it")), as_json) == 2
    out, err = capsys.readouterr()
    assert err == "new line.png: is odd; mend it\n"
    assert out == ""


@each("error", [
    OSError(errno.ENOSPC, "No space left"), PermissionError(errno.EACCES, "denied", "f"), OSError(errno.EFBIG, "big"),
    OSError(errno.EROFS, "read-only", "f"), RuntimeError("(errno = 28, error message = 'No space left on device')"),
    IsADirectoryError(errno.EISDIR, "Is a directory", b"f"), OSError(errno.ENAMETOOLONG, "File name too long", "f"),
    FileNotFoundError(errno.ENOENT, "No such file", "f"), OSError(errno.ELOOP, "links", "f"),
], ids=repr)
def test_what_the_machine_refuses_is_one_line_and_code_2(capsys, error):
    assert call(boom(error)) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_full_disks_advice_is_good_for_every_command(capsys):
    """`tenfold auto` has no --out, `tenfold verify` writes nothing."""
    assert call(boom(OSError(errno.ENOSPC, "No space left on device", "f"))) == 2
    assert capsys.readouterr().err == "f: no space left on the disk; free some space, or write to another disk\n"


@each("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"),
                OSError(errno.ENOMEM, "Cannot allocate memory", "f")], ids=repr)
def test_memory_that_is_used_up_is_one_line_and_code_2(capsys, error):
    assert call(boom(error)) == 2
    assert capsys.readouterr().err == ("memory: is used up in this command; ask for fewer --workers, or free some "
                                       "memory\n")


def test_our_own_fault_shows_where_and_is_code_1(capsys):
    assert call(boom(ZeroDivisionError("x"))) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), KeyboardInterrupt("run it again")])
def test_interrupted_is_130_and_one_line(capsys, error):
    assert call(boom(error)) == 130
    assert capsys.readouterr().err == f"interrupted; {str(error) or 'what was finished is kept'}\n"


def test_sigterm_is_like_ctrl_c():
    assert call(lambda args: os.kill(os.getpid(), signal.SIGTERM)) == 130


def test_a_reader_who_leaves_is_no_fault():
    def body(args):
        raise BrokenPipeError
    import sys
    out = sys.stdout
    try:
        assert call(body) == 0
    finally:
        sys.stdout = out


def test_the_parsers_complaint_is_one_line_and_code_2(capsys):
    parser = make_parser("python -m x", "does x")
    for argv in (["--nonsense"], ["--js"], ["--set"]):
        with pytest.raises(SystemExit) as stop:
            parser.parse_args(argv)
        assert stop.value.code == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert parser.parse_args(["--set", "a.b=1", "--set", "c=2"]).set == ["a.b=1", "c=2"]


def test_a_file_that_looks_like_an_option_is_told_how_to_be_written(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-x").mkdir()
    monkeypatch.setattr(sys, "argv", ["tenfold", "-x", "-y"])
    for words, cure in ((["-x"], "write ./-x for the file or folder"), (["-y"], "see")):
        with pytest.raises(SystemExit):
            make_parser("tenfold train", "trains").parse_args(words)
        assert f"unrecognized arguments: {words[0]}; {cure}" in capsys.readouterr().err


def test_faults_come_home_from_workers_whole():
    for cls in (UserFault, *UserFault.__subclasses__()):
        fault = pickle.loads(pickle.dumps(cls("where", "fact", "cure")))
        assert type(fault) is cls
        assert str(fault) == "where: fact; cure"


def test_no_machine_fault_behind_an_ordinary_error():
    assert machine_fault(ValueError("errno = 280"), "x") is None
    assert machine_fault(OSError(errno.ENOENT, "none"), "x") is None


LAST = """
import argparse, atexit, gc
from tenfold.data.command import run
before = gc.get_freeze_count()                   # not 0 in Python 3.12
atexit.register(lambda: print(gc.get_freeze_count() > before))   # called last
run(lambda args: {}, argparse.Namespace(json=False))
print(gc.get_freeze_count() > before)
"""


def test_the_end_of_a_command_collects_no_garbage():
    """It walks over all of torch: seconds on a busy machine, after the time that a budget allows."""
    ran = subprocess.run([sys.executable, "-c", LAST], capture_output=True, text=True, check=True,
                         cwd=Path(__file__).resolve().parents[1])
    assert ran.stdout.split() == ["False", "True"]
