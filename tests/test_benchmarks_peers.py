"""What the benchmark of peers says of a loader before and after it is timed."""

import numpy as np
import pytest
import torch
from cases import each

from benchmarks.peer_process import check
from benchmarks.peers import COPY, verdict

RNG = np.random.default_rng(0)
IMAGE, LABEL = RNG.integers(0, 256, (1300, 3, 5, 1), np.uint8), RNG.integers(0, 10, 1300)


def epoch_of(rows, kinds=LABEL, dtype=torch.uint8):
    """A loader's epoch: these rows, 256 a batch."""
    return lambda: ((torch.from_numpy(IMAGE[some]).to(dtype), torch.from_numpy(kinds[some]))
                    for some in np.split(rows, range(256, len(rows), 256)))


def test_a_permutation_is_an_epoch_and_so_is_one_without_its_short_batches():
    order = RNG.permutation(1300)
    for rows in (order, order[:1024]):
        check(epoch_of(rows), IMAGE, LABEL, lossless=True)


@each("epoch", [
    epoch_of(np.r_[np.arange(1300), 7]), epoch_of(np.r_[np.arange(1299), 7]), epoch_of(np.arange(700)),
    epoch_of(np.arange(1300), np.roll(LABEL, 1)), epoch_of(np.arange(1300), dtype=torch.float32)],
      ids=["a row more", "one twice", "half", "labels shifted", "floats"])
def test_what_is_no_epoch_is_refused(epoch):
    with pytest.raises(ValueError, match="rows"):
        check(epoch, IMAGE, LABEL, lossless=True)


def test_the_closing_line_names_the_fastest_peer_that_mixes_rows():
    medians = {COPY: 100.0, "ours, threads, 2 workers": 60.0, "A, raw": 3.0, "B": 4.0, "C, by block in process": 6.0}
    first, second = verdict("2×2×1", medians).split("; ")
    assert "threads engine is 15.0 times" in first
    assert "(B)" in first
    assert "10.0 times" in second
    assert "(C, by block in process)" in second
