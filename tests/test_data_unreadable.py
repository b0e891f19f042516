"""A file that the system does not let us read is called unreadable, never damaged, and no reason is a bare error."""

import builtins
import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest

from tenfold.data import files
from tenfold.data.errors import MachineFault, unreadable
from tenfold.data.recipe import read_recipe
from tenfold.data.shard import open_shard
from tenfold.data.shardset import read_index
from tenfold.data.source_table import read_source_table
from tenfold.data.sources.opening import open_source
from tenfold.data.sources.source import FolderReader
from tenfold.data.sources.table_files import read_table
from tenfold.data.wording import reason
from tenfold.preprocess.decode import BadPicture
from tenfold.preprocess.decode.pillow import in_words
from tenfold.preprocess.survey.facts import UNREADABLE, load_source
from tenfold.train.run import checkpoint

RECIPE = read_recipe(str(Path(__file__).resolve().parents[1] / "recipes/sample.toml"))
READERS = {
    "dataset.json": lambda path: read_index(path.parent), "sources.h5": lambda path: read_source_table(path.parent),
    "train-00000.h5": lambda path: open_shard(path, 1, (1, 1, 1), (1, 1)), "best.pth": checkpoint.load,
    "x.toml": read_recipe, "x.npz": open_source, "x.csv": lambda path: read_table(path, "", "")}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EIO])
def test_what_may_not_be_read_is_unreadable_not_damaged(tmp_path, monkeypatch, number):
    def refuse(path, *flags):
        raise OSError(number, os.strerror(number), os.fspath(path))
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 3, 3), np.uint8), y=[0, 1])
    for name in set(READERS) - {"x.npz"}:
        (tmp_path / name).touch()
    with monkeypatch.context() as patched:
        patched.setattr(files.os, "open", refuse)
        for name, read in READERS.items():
            with pytest.raises(MachineFault, match="is unreadable") as fault:
                read(tmp_path / name)
            assert "damaged" not in str(fault.value), name
            assert fault.value.where == str(tmp_path / name)
        with pytest.raises(BadPicture, match=f"^{UNREADABLE}: [a-z/ ]+$"):
            load_source(FolderReader(tmp_path), 0, "x.png", RECIPE)
    assert unreadable(RuntimeError(f"open failed (errno = {number}, error message = 'x')"), "f")
    assert not unreadable(ValueError("errno = 130"), "f")


def test_every_reason_is_words():
    errors = [cls for cls in vars(builtins).values() if isinstance(cls, type) and issubclass(cls, Exception)]
    for cls in errors:
        for arguments in ((), ("N",), (7, "Some\nwords \x1b", "file")):
            try:
                error = cls(*arguments)
            except TypeError:
                continue
            for words in (in_words(error), reason(error)):
                assert words.isprintable()
                assert words
                assert not re.search(r"[a-z][A-Z]|Error\b|Exception\b", words), (cls, words)
    assert reason(KeyError("rows")) == "it lacks 'rows'"
    assert reason(EOFError()) == "eof error"
