"""tenfold train --resume: what may differ from the run that is to go on, and what may not."""

from dataclasses import asdict

import pytest
import torch
import train_helpers as t
from cases import each
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.train.run.checkpoint import save
from tenfold.train.run.state import RunState

QUICK = ("--set", "train.epochs=1")


def test_resuming_from_nothing_begins_at_the_beginning(shards, capsys):
    t.Path("runs/x").mkdir(parents=True)
    t.Path("runs/x/.part-99999999-last.pth").touch()    # of a run that was killed while it wrote
    ran = t.train(capsys, shards, "--resume", *QUICK)
    assert ran.code == 0
    assert "beginning" in ran.out
    assert not list(t.Path("runs/x").glob(".part-*"))


@pytest.fixture
def ended(shards, capsys):
    assert t.train(capsys, shards, *QUICK).code == 0
    return torch.load("runs/x/last.pth", weights_only=True)


@each("how", ["train.lr=0.5", "train.batch=8", "train.epochs=2", "seed=1", "model.widths=[8,8]"])
@pytest.mark.usefixtures("ended")
def test_resuming_with_other_settings_is_refused(shards, capsys, how):
    key = how.partition("=")[0]
    line = t.one_line(t.train(capsys, shards, "--resume", *QUICK, "--set", how))
    assert (key if key != "model.widths" else "model.args") in line


@pytest.mark.parametrize("how", ["train.workers=7", "train.engine=threads", "train.pin_memory=false"])
@pytest.mark.usefixtures("ended")
def test_resuming_with_other_means_is_welcome(shards, capsys, how):
    assert t.train(capsys, shards, "--resume", *QUICK, "--set", how, "--budget", "3m").code == 0


@pytest.mark.usefixtures("ended")
def test_resuming_on_other_shards_is_refused(tmp_path, capsys):
    other = t.written(tmp_path / "other", {"train": (50,)})
    assert "other shards" in t.one_line(t.train(capsys, other, "--resume", *QUICK))


@each("odd", [
    {"position": {}}, {"position": 3}, {"position": {"seconds": "x"}}, {"position": {"seconds": 1.0}},
    {"optimizer": {}}, {"optimizer": 3}, {"random": {}}, {"random": {"cpu": torch.zeros(3)}},
    {"seen": torch.zeros(9)}, {"seen": "x"}, {"weights": {}}, {"recipe": {}},
    {"optimizer": {"state": {}, "param_groups": []}},
], ids=str)
def test_a_last_pth_that_makes_no_sense(shards, capsys, ended, odd):
    save("runs/x/last.pth", ended | odd)
    assert "last.pth" in t.one_line(t.train(capsys, shards, "--resume", *QUICK))


@each("odd", [{"val_rows": 0}, {"val_top1": 1.5}, {"train_top1": -0.1}], ids=str)
def test_a_history_that_cannot_be_is_refused(odd):
    row, nan = {"train_top1": 0.5, "val_top1": 0.25, "val_rows": 4}, float("nan")
    values = asdict(RunState())
    RunState().restore(values | {"history": [row, {"train_top1": nan, "val_top1": nan, "val_rows": 0}]})
    with pytest.raises(ValueError, match="share of right answers"):
        RunState().restore(values | {"history": [row | odd]})


def test_a_best_pth_is_not_a_last_pth(shards, capsys, ended):
    t.Path("runs/x/last.pth").write_bytes(t.Path("runs/x/best.pth").read_bytes())
    assert "no place" in t.one_line(t.train(capsys, shards, "--resume", *QUICK))


def test_a_best_pth_that_was_moved_away_is_made_again_or_missed(shards, capsys):
    t.killed_at(9, capsys, shards)
    t.Path("runs/x/best.pth").unlink()
    assert t.train(capsys, shards, "--resume").code == 0
    assert t.weights("runs/x/best.pth")
    t.Path("runs/x/best.pth").unlink()
    assert "is gone" in t.one_line(t.train(capsys, shards, "--resume"))
