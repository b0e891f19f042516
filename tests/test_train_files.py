"""A set may have more shards than a process may open files, and threads may read any of them at once."""

import itertools
import os
import resource
import threading

import numpy as np
import pytest
import torch
import train_helpers as t

from tenfold.data.errors import ShardFault
from tenfold.data.shardset import open_set
from tenfold.data.tables import Train
from tenfold.train.batches import files, open_batches
from tenfold.train.batches.files import Files
from tenfold.train.batches.reading import Reader


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """104 shards of two rows each."""
    return t.written(tmp_path_factory.mktemp("many") / "set", {"train": (2,) * 104})


def test_more_shards_than_files_may_be_open(many):
    """macOS allows 256; a run has a reader for training rows and one for validation."""
    found, told = open_set(many), []
    allowed, used = resource.getrlimit(resource.RLIMIT_NOFILE), {int(number) for number in os.listdir("/dev/fd")}
    most = next(itertools.islice((n for n in itertools.count() if n not in used), 100, None))      # 100 more
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, allowed[1]))
    try:
        for engine in ("threads", "memory", "dataloader"):
            how = Train(engine=engine, batch=8, workers=0)
            made = open_batches(found, "train", how, 0, torch.device("cpu"), True)
            told.append([int(label.sum()) for _, label in made.epoch(0)])
            made.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)
    assert told[0] == told[1] == told[2]
    assert len(told[0]) == 26


@pytest.mark.parametrize("kept", [1, 3, 64])
def test_threads_read_any_file_at_once(tmp_path, monkeypatch, kept):
    """Each file that is lent stays open and its own, however many others are asked for meanwhile."""
    monkeypatch.setattr(files, "KEPT", kept)
    made = t.written(tmp_path / "set", {"train": (2,) * 20})
    shards, right = open_set(made).shards("train"), t.pixels(made, "train")[0]
    reader, wrong, most = Reader(shards), [], []

    def work(seed):
        rng, out = np.random.default_rng(seed), np.empty((2, *right.shape[1:]), np.uint8)
        for shard in rng.integers(0, 20, 100).tolist():
            reader.read(shard, 0, out)
            most.append(len(reader._files._open))
            if not (out == right[2 * shard:2 * shard + 2]).all():
                wrong.append(shard)
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader.close()
    assert wrong == []
    assert max(most) <= max(kept, 5)
    assert not reader._files._open


def test_a_file_that_is_written_anew_is_refused_not_read(tmp_path):
    """The labels of the old one are in memory."""
    for name in "ab":
        (tmp_path / name).write_text(name)
    made = Files([tmp_path / "a", tmp_path / "b"])
    with made.lent(0):
        pass
    for name in "ab":
        (tmp_path / "new").write_text(name.upper())
        (tmp_path / "new").rename(tmp_path / name)
    with made.lent(0) as file:
        assert files.os.pread(file, 1, 0) == b"a"                # open already: it is the old one
    for _ in range(2):
        with pytest.raises(ShardFault, match="was replaced while it was read"), made.lent(1):
            pass
    made.close()


def test_a_file_that_is_missing_is_a_fault(tmp_path):
    shards = open_set(t.written(tmp_path / "set")).shards("train")
    shards[1].path.unlink()
    with pytest.raises(ShardFault, match="train-00001"):
        Reader(shards)
