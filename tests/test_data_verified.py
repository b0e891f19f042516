"""No damage to a set goes unnoticed, and what is remembered of a file holds for that very file only."""

import json
import os
import shutil

import pytest
from flips import each_flip
from one_shard import ROWS

from tenfold.data import verified
from tenfold.data.digests import hash_file, read_json, write_json
from tenfold.data.errors import ShardFault
from tenfold.data.shardset import check_set, open_set
from tenfold.data.source_table import SourceTable
from tenfold.data.verify import main

SHARD = "train-00000.h5"


def known(shards) -> tuple:
    """All that is read of a set but its pixels, which come from a file whose hash is right."""
    sources: SourceTable = shards.sources
    return shards.index, [sources.row(i) for i in range(len(sources))]


def rotten(folder) -> None:
    """Flip a bit of a shard so that the file system does not know of it, as a bad disk does."""
    open_set(folder)
    damaged = bytearray((folder / SHARD).read_bytes())
    damaged[len(damaged) // 2] ^= 4
    (folder / SHARD).write_bytes(damaged)
    marks = json.loads((folder / ".verified").read_text())
    marks[SHARD][1:] = verified._state(folder / SHARD)
    (folder / ".verified").write_text(json.dumps(marks))


@pytest.fixture
def settled(monkeypatch):
    """A file that was just written is trusted as one of long ago."""
    monkeypatch.setattr(verified, "_SETTLED", -1.0)


def test_no_flipped_bit_goes_unnoticed(made):
    folder = made()
    whole = known(open_set(folder))
    for name in (SHARD, "sources.h5", "dataset.json"):
        for _ in each_flip(folder / name, 60):
            with pytest.raises(ShardFault) as fault:
                open_set(folder)
            assert str(fault.value).startswith(f"{folder}/")
            assert len(str(fault.value).splitlines()) == 1
    assert known(open_set(folder)) == whole
    text = (folder / "dataset.json").read_text()
    (folder / "dataset.json").write_text(text.replace('"checksum"', '"checksun"'))
    with pytest.raises(ShardFault, match="does not match its digest"):
        open_set(folder)


def test_a_file_is_hashed_once_and_again_when_it_changes(made, monkeypatch, settled):
    folder, hashed = made(), []
    monkeypatch.setattr(verified, "hash_file", lambda path, advance: hashed.append(path.name) or hash_file(path))
    for _ in range(2):
        open_set(folder)
    assert sorted(hashed) == ["sources.h5", SHARD]
    open_set(folder, verify=True)
    assert len(hashed) == 4
    os.utime(folder / SHARD, ns=(0, 0))          # the time of its content, not that of the change, can be set
    open_set(folder)
    assert hashed[4:] == [SHARD]
    os.utime(folder / SHARD, ns=(0, 0))
    open_set(folder)
    assert hashed[5:] == [SHARD]


def test_a_file_that_was_just_written_is_not_trusted_yet(made):
    folder = made()
    open_set(folder)
    assert not (folder / ".verified").exists()   # a write now might leave its time as it is
    for _ in each_flip(folder / SHARD, 1):
        with pytest.raises(ShardFault, match="hash"):
            open_set(folder)


def test_a_copy_of_a_damaged_set_is_refused(made, tmp_path_factory, settled):
    folder = made()
    rotten(folder)
    assert open_set(folder).rows("train") == ROWS              # nobody can know
    copy = tmp_path_factory.mktemp("copy") / "set"
    shutil.copytree(folder, copy)                # as cp -a: with the marks, and the times of the files
    with pytest.raises(ShardFault, match="hash"):
        open_set(copy)


def test_a_set_is_verified(made, settled, capsys):
    folder = made()
    ask = ["--shards", str(folder), "--json"]
    assert main(ask) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 2
    rotten(folder)
    for _ in range(2):
        assert main(ask) == 2
        said = capsys.readouterr().err
        assert f"{folder / SHARD}: is not what was written (its hash differs)\n" in said
        assert "1 of 2 files are not what was written; run `tenfold augment` again" in said
    with pytest.raises(ShardFault, match="hash"):
        open_set(folder)                         # it is not remembered as right any more
    (folder / "sources.h5").unlink()
    assert main(ask) == 2
    assert "2 of 2 files" in capsys.readouterr().err
    assert len(check_set(folder, verify=False)[1]) == 1      # with a file missing nothing is read


def test_a_set_without_a_checksum_is_opened_with_a_line(made, capsys):
    folder = made()
    content = read_json(folder / "dataset.json")
    del content["checksum"]
    (folder / "dataset.json").write_text(json.dumps(content))
    assert open_set(folder).rows("train") == ROWS
    line, = capsys.readouterr().out.splitlines()
    assert line.startswith(f"note: {folder / 'dataset.json'} is of an older version")


def test_a_checksum_stands_for_the_content_not_for_its_form(tmp_path):
    path = tmp_path / "x.json"
    content = {"a": [1, 2.5, None], 3: "ä\udc80", "deep": {"b": float("inf")}}
    write_json(path, content)
    content["3"] = content.pop(3)
    read = read_json(path)
    assert {key: read[key] for key in content} == content
    path.write_text(json.dumps(read, separators=(",", ":")))
    assert read_json(path) == read
    write_json(path, read)                       # with the checksum that it has
    assert read_json(path) == read
