"""tenfold train: one line for every fault in what the user gave."""

import json

import h5py
import pytest
import torch
import train_helpers as t
from cases import each
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.shardset import write_index

QUICK = ("--set", "train.epochs=1")


def test_a_folder_where_the_model_is_to_be_copied_is_refused_before_training(shards, capsys, tmp_path):
    (tmp_path / "best.pth").mkdir()
    assert "best.pth: is a folder" in t.one_line(t.train(capsys, shards, *QUICK))
    assert not list(tmp_path.rglob("last.pth"))


def test_a_set_without_training_rows(tmp_path, capsys):
    assert "training rows" in t.one_line(t.train(capsys, t.written(tmp_path / "none", {"train": ()})))


@each(("how", "word"), [
    ("train.batch=0", "batch"), ("train.optimiser='sgd'", "optimizer"), ("train.lr=-1", "lr"), ("train.lr=nan", "lr"),
    ("train.label_smoothing=1", "label_smoothing"), ("model.name='resent'", "resnet"), ("model.widths='x'", "widths"),
    ("model.widths=[]", "widths"), ("model.dropout=2", "dropout"), ("model.width=[3]", "widths"), ("model=3", "model"),
    ("model.args=3", "args"), ("train.budget='soon'", "budget"), ("nonsense", "assignment"),
    ("train.lr=1e300", "finite"), ("train.weight_decay=1e300", "finite"),
])
def test_settings_that_cannot_be_trained_with_are_one_line(shards, capsys, how, word):
    assert word in t.one_line(t.train(capsys, shards, "--set", how))


def test_batches_of_one_where_nothing_is_left_to_normalise(shards, capsys):
    how = ("--set", "model.name=resnet", "--set", "model.widths=[4,4,4,4,4]", "--set", "train.batch=1")
    assert "batch" in t.one_line(t.train(capsys, shards, *how))


@each("budget", ["0", "-3", "soon", "nan", "inf", "1e9", "10 minutes", "1e400s", "0.0s"])
def test_nonsense_for_a_budget(shards, capsys, budget):
    assert "--budget" in t.one_line(t.train(capsys, shards, f"--budget={budget}"))


@each("device", ["cuda", "cuda:0", "mps", "gpu", "", "cuda:x", "cpu:x", "meta"])
def test_a_device_that_is_not_there(shards, capsys, device):
    if device.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("this machine has it")
    assert f"--device {device}" in t.one_line(t.train(capsys, shards, f"--device={device}"))


def test_neither_recipe_nor_shards(capsys, tmp_path):
    from tenfold.train.run.command import main
    assert main([]) == 2
    assert "--recipe" in capsys.readouterr().err
    (tmp_path / "r.toml").write_text('name = "r"\n[draw]\ncanvas = [20, 28]\ncopies = 1\n[model]\nname = "convnet"\n')
    assert main(["--recipe", "r.toml"]) == 2
    assert "shards/r" in capsys.readouterr().err


@each("odd", [
    {"mean": []}, {"mean": ["x"]}, {"std": [0.1, 0.2]}, {"std": [None]}, {"classes": []}, {"classes": [1, 2, 3]},
    {"classes": ["a", "a", "b"]}, {"canvas": [20]}, {"canvas": ["a", "b"]}, {"canvas": [28, 20]}, {"channels": 0},
    {"recipe": {}}, {"recipe": []}, {"recipe": None}, {"recipe": {"model": 3}}, {"recipe": {"model": {"args": 3}}},
    {"sources": []}, {"shards": [{}]}, {"rows": {}},
], ids=str)
def test_a_dataset_json_that_makes_no_sense(tmp_path, capsys, odd):
    shards = t.written(tmp_path / "set")
    index = json.loads((shards / "dataset.json").read_text())
    write_index(shards, index | odd)
    assert str(shards) in t.one_line(t.train(capsys, shards, *QUICK))


def test_shards_damaged_since_they_were_opened(tmp_path, capsys):
    shards = t.written(tmp_path / "hurt")
    assert t.train(capsys, shards, *QUICK).code == 0
    with h5py.File(shards / "train-00001.h5", "r+") as f:
        f["image"][3] = 0
    assert "train-00001.h5" in t.one_line(t.train(capsys, shards, *QUICK))


@pytest.mark.parametrize("name", ["best.pth", "runs/x/best.pth", "runs/x/last.pth", "runs/x/metrics.csv"])
def test_a_folder_in_a_files_place(shards, capsys, name):
    t.Path(name).mkdir(parents=True)
    ran = t.train(capsys, shards, *QUICK)
    assert ran.code == 2
    assert name in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_file_in_the_runs_place(shards, capsys):
    t.Path("runs").write_text("x")
    assert "runs/x" in t.one_line(t.train(capsys, shards, *QUICK))


def test_a_second_trainer_into_the_same_folder_is_refused(shards, capsys, monkeypatch):
    monkeypatch.setattr("tenfold.data.files.ENDING", 0.0)
    from tenfold.data.files import lock_folder, make_folder
    with lock_folder(make_folder("runs/x")):
        assert "another command" in t.one_line(t.train(capsys, shards))
    assert t.train(capsys, shards).code == 0
