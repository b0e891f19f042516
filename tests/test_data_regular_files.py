"""Only regular files are opened: a pipe, a socket, a device or a folder with a file's name is one line, never waited
for."""

import contextlib
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace

import one_shard
import pytest

from tenfold.data.command import run
from tenfold.data.files import lock_folder, open_file, read_file

WORDS = {"pipe": "is a pipe", "socket": "is a socket", "device": "is a device", "folder": "is a folder"}


def put(kind: str, path: Path) -> None:
    """Lay something of this kind at `path`, in place of what is there."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as s, contextlib.chdir(path.parent):     # a name of a socket is short
            s.bind(path.name)


@pytest.fixture
def short_tmp():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def readers(folder: Path, tables) -> dict:
    """{file: what reads it}: every kind of file that a command opens."""
    from tenfold.data.recipe import make_recipe, read_recipe
    from tenfold.data.shardset import open_set
    from tenfold.data.sources.opening import open_source
    from tenfold.data.sources.source import FolderReader
    from tenfold.data.sources.table_files import read_table
    from tenfold.preprocess.plain_view import read_plain
    from tenfold.train.batches.files import Files
    from tenfold.train.run.checkpoint import load
    from tenfold.train.sweep.record import open_record
    from tenfold.train.sweep.trial import Trial, read_trials
    recipe = make_recipe(tables())
    trial = folder / "trials" / "0000"
    trial.mkdir(parents=True)

    def shards():
        open_set(folder).shards("train")

    def locked():
        with lock_folder(folder):
            pass
    made = folder / "train-00000.h5"
    one_shard.index(folder, tables, one_shard.write(folder))
    files = Files([made])
    return {"r.toml": lambda: read_recipe(folder / "r.toml"), "r.json": lambda: read_recipe(folder / "r.json"),
            "train-00000.h5": lambda: files._opened(0), "val-00000.h5": lambda: read_file(folder / "val-00000.h5"),
            "sources.h5": shards, "dataset.json": shards, "x.npz": lambda: open_source(folder / "x.npz"),
            "g.csv": lambda: read_table(folder / "g.csv", "", ""),
            "x.png": lambda: read_plain(str(folder / "x.png"), recipe),
            "y.png": lambda: FolderReader(folder).read(0, "y.png"), "best.pth": lambda: load(folder / "best.pth"),
            "sweep.json": lambda: open_record(folder, recipe, []),
            "trials/0000/trial.json": lambda: read_trials(folder, []),
            "trials/0000/metrics.csv": Trial(trial, {}).history, ".lock": locked}


def test_what_is_no_regular_file_is_one_line_and_never_waited_for(short_tmp, tables, capsys):
    for kind, words in WORDS.items():
        folder = short_tmp / kind
        folder.mkdir()
        for name, read in readers(folder, tables).items():
            put(kind, folder / name)
            code = run(lambda args, read=read: read() or {}, SimpleNamespace(json=False))
            told = capsys.readouterr().err.splitlines()
            named = name in ("sources.h5", "x.npz", "train-00000.h5")        # refused before, in other words
            assert (code, len(told)) == (2, 1), (kind, name, code, told)
            assert words in told[0] or named, (kind, name, told)
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_regular_file_opens_as_by_open(tmp_path):
    path = tmp_path / "a"
    with open_file(path, "w", encoding="utf-8") as f:
        f.write("ä\n")
    with open_file(path, "ab") as f:
        f.write(b"b")
    (tmp_path / "link").symlink_to(path)
    assert read_file(tmp_path / "link") == "ä\nb".encode()
    assert os.stat(path).st_mode & 0o777 == 0o666 & ~_umask()
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# what may open a path itself: files of the system and of the package
ALLOWED = {"data/files.py", "data/process.py", "data/networks.py", "data/streams.py", "train/cpu_load.py",
           "data/memory.py", "train/precision.py"}
# `open` of what we write under a name of our own is fine
READS = re.compile(r"(?<![\w.])(?<!def )open\((?!temporary|unpacked)|\.read_(bytes|text)\(|\bos\.open\(|"
                   r"np\.fromfile\((?!f,)|ZipFile\((?!f\)|temporary)|np\.(load|memmap)\((?!f\b)")


def test_files_are_read_by_one_function(monkeypatch):
    monkeypatch.chdir(Path(__file__).resolve().parents[1])
    found = [f"{path}:{number}: {line.strip()}" for folder in ("data", "preprocess", "train", "tenfold")
             for path in sorted(Path(folder).rglob("*.py"))
             if str(path) not in ALLOWED and path.resolve() == path.absolute()     # not by the links in tenfold/
             for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if READS.search(line)]
    assert not found, "\n".join(found)
