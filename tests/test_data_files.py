"""A file appears whole or not at all; a folder has one builder at a time."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading

import pytest
from cases import each
from conftest import leftovers

from tenfold.data import files
from tenfold.data.errors import MachineFault
from tenfold.data.files import free_name, lock_folder, make_folder, publish, publish_together, set_aside_previous
from tenfold.data.leftovers import leftovers_removed, publish_unlocked, remove_leftovers, remove_leftovers_of


def test_publish_replaces_whole(tmp_path):
    (tmp_path / "x").write_text("old")
    with publish(tmp_path / "x") as temporary:
        temporary.write_text("new")
        assert (tmp_path / "x").read_text() == "old"
    assert (tmp_path / "x").read_text() == "new"
    assert os.listdir(tmp_path) == ["x"]


def test_a_free_name_is_the_first_that_nothing_has(tmp_path):
    (tmp_path / "a.b-before-1").mkdir()
    (tmp_path / "a.b-before-1.toml").touch()
    (tmp_path / "a.b-before-3.toml").touch()
    assert free_name(tmp_path / "a.b") == tmp_path / "a.b-before-2"
    assert free_name(tmp_path / "a.b", ".toml") == tmp_path / "a.b-before-2.toml"
    assert free_name(tmp_path / "new") == tmp_path / "new-before-1"


@each("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_publish_leaves_nothing_behind_what_fails(tmp_path, error):
    (tmp_path / "x").write_text("old")
    def fail():
        with publish(tmp_path / "x") as temporary:
            temporary.write_text("half")
            raise error
    with pytest.raises(error):
        fail()
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_files_that_belong_together_are_all_of_one_call(tmp_path):
    names = ("a", "b", "c")

    def write(text, error=None, which=names):
        with publish_together(tmp_path, names) as place:
            for name in which:
                with publish(place / name) as temporary:
                    temporary.write_text(text)
                    if error and name == "b":
                        raise error
    write("1")
    (tmp_path / "mine").touch()
    with pytest.raises(MachineFault, match=f"^{tmp_path / 'b'}: no space left"):       # not the temporary name
        write("2", OSError(28, "No space left on device"))
    with pytest.raises(KeyboardInterrupt):
        write("2", KeyboardInterrupt())
    assert {name: (tmp_path / name).read_text() for name in names} == dict.fromkeys(names, "1")
    write("3", which=("a", "c"))                 # b is an earlier call's
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "3", "c": "3", "mine": ""}
    (tmp_path / "b").mkdir()
    with pytest.raises(MachineFault, match="is a folder"):
        write("4")
    assert (tmp_path / "a").read_text() == "3"


def test_a_folder_in_the_files_place_is_named(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(MachineFault, match=r"/x: is a folder"), publish(tmp_path / "x"):
        pass
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_too_large_for_the_system_is_the_machines_fault(tmp_path):
    code = f"""
import resource
from tenfold.data.files import publish
from tenfold.data.errors import MachineFault
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with publish({str(tmp_path / "x")!r}) as temporary:
        temporary.write_bytes(bytes(5000))
except MachineFault as fault:
    print(fault)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "larger than this system allows" in ran.stdout
    assert os.listdir(tmp_path) == []


def test_make_folder_refuses_what_cannot_be_one(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(MachineFault):
            make_folder(path)
    assert os.listdir(make_folder(tmp_path / "a" / "b")) == []


def test_a_folder_without_permission_is_the_machines_fault():
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o555)
        code = f"""
import os
from tenfold.data.errors import MachineFault
from tenfold.data.files import make_folder
if os.geteuid() == 0:                # root may write anywhere: be nobody
    os.setgid(65534)
    os.setuid(65534)
for path in ({place!r}, {place + "/below"!r}):
    try:
        make_folder(path)
    except MachineFault as fault:
        print(fault)
"""
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert ran.stdout.count("permission denied") == 2
        assert os.listdir(place) == []


def test_the_sweep_takes_halves_only(tmp_path):
    (tmp_path / ".part-99999999-x.h5").touch()
    (tmp_path / ".part-99999999-together").mkdir()
    (tmp_path / ".part-99999999-together" / "x").touch()
    (tmp_path / "x.h5").touch()
    other = f".part-{os.getppid()}-report.json"  # of a process that is writing beside this one
    (tmp_path / other).touch()
    remove_leftovers(tmp_path)
    assert set(os.listdir(tmp_path)) == {"x.h5", other}


def test_what_ended_processes_left_of_one_file_is_swept_and_no_more(tmp_path):
    ended = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    kept = {f".part-{os.getpid()}-x.h5", f".part-{ended}-y.h5", ".part-odd-x.h5", "x.h5"}
    for name in {f".part-{ended}-x.h5"} | kept:
        (tmp_path / name).touch()
    remove_leftovers_of(tmp_path / "x.h5")
    assert set(os.listdir(tmp_path)) == kept


def test_a_file_in_a_folder_that_nobody_locks_takes_what_killed_ones_left_of_it_away(tmp_path):
    ended = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    for name in (f".part-{ended}-x [1]", f".part-{ended}-together/x", f".part-{ended}-y"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with publish_unlocked(tmp_path / "x [1]") as temporary:
        temporary.write_text("1")
    assert not (tmp_path / f".part-{ended}-x [1]").exists()
    with publish_together(tmp_path, ["a"]) as place:
        (place / "a").write_text("1")
    assert set(os.listdir(tmp_path)) == {"x [1]", "a", f".part-{ended}-y"}


def test_swept_before_and_behind(tmp_path):
    (tmp_path / ".part-99999999-x.h5").touch()

    def fail():
        with leftovers_removed(tmp_path, tmp_path / "none"):
            assert leftovers(tmp_path) == []
            (tmp_path / ".part-99999998-x.h5").touch()
            raise KeyError
    with pytest.raises(KeyError):
        fail()
    assert leftovers(tmp_path) == []


def test_a_folder_has_one_builder_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ENDING", 0.0)
    with lock_folder(tmp_path), pytest.raises(MachineFault, match="another command"), lock_folder(tmp_path):
        pass
    with lock_folder(tmp_path):
        pass


def test_the_processes_of_a_killed_command_are_given_time_to_end(tmp_path):
    ended = []
    with contextlib.ExitStack() as held:
        held.enter_context(lock_folder(tmp_path))
        held.callback(ended.append, True)
        end = threading.Timer(0.1, held.close)
        end.start()
        with lock_folder(tmp_path):
            assert ended
        end.join()


def test_an_earlier_run_is_set_aside_and_nothing_else(tmp_path, monkeypatch):
    names = ("last.pth", "score.json", "curves.png")
    run = tmp_path / "runs/x"
    run.mkdir(parents=True)
    (run / "score.json").write_text("0")
    assert set_aside_previous(run, names, ["last.pth", "best.pth"]) is None        # no model, no run
    assert (run / "score.json").exists()
    for number in (1, 2):
        for name in ("last.pth", "mine.txt", *(["score.json"] if number == 1 else [])):
            (run / name).write_text(str(number))
        monkeypatch.chdir(tmp_path if number == 1 else run)          # a folder may be named from within
        line = set_aside_previous("runs/x" if number == 1 else ".", names, ["last.pth", "best.pth"])
        assert ("in place of an older one" in line) == (number == 2)
        assert ("runs/x.previous" in line)
        assert [path.name for path in run.iterdir()] == ["mine.txt"]
        assert (tmp_path / "runs/x.previous/last.pth").read_text() == str(number)
    assert sorted(path.name for path in (tmp_path / "runs/x.previous").iterdir()) == ["last.pth"]
    (run / "last.pth").touch()
    shutil.rmtree(tmp_path / "runs/x.previous")
    (tmp_path / "runs/x.previous").touch()                           # a file of the user's, not a folder
    with pytest.raises(MachineFault, match=r"x\.previous"):
        set_aside_previous(run, names, ["last.pth", "best.pth"])
    assert (run / "last.pth").exists()
