"""Recipes beside each other, and folds: every figure becomes a row with what it was measured on."""

import contextlib
import csv
import importlib
import io

import pytest
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from benchmarks import rows
from tenfold import compare, folds

TOML = """[split]
val = 6
test = 8
[draw]
canvas = [20, 28]
copies = 2
[model]
name = "{}"
widths = [8]
[train]
epochs = 2
batch = 32
lr = 0.01
"""


@pytest.fixture
def images(tmp_path, monkeypatch):
    """24 to 26 pictures of three classes, two recipes; the commands run in this process, which is quicker."""
    def command(module, *arguments):
        module = {"train": "train.run"}.get(module, module)
        main = importlib.import_module(f"tenfold.{module}.command").main
        more = ["--workers", "1"] if module == "preprocess" else []      # a pool would stand where the first test did
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert main([*map(str, arguments), *more, "--json"]) == 0
        return t.last_json(out.getvalue())
    monkeypatch.setattr(compare, "command", command)
    monkeypatch.setattr(rows, "TABLE", tmp_path / "results.tsv")
    for name, net in (("plain", "convnet"), ("other", "resnet")):
        (tmp_path / f"{name}.toml").write_text(TOML.format(net))
    return t.folder(tmp_path / "images")


def table() -> list:
    with open("results.tsv", newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def test_every_recipe_has_a_row_for_one_view_and_one_for_several(images, capsys):
    assert compare.main(["plain.toml", "other.toml", "--data", str(images), "--tta", "3", "--json"]) == 0
    facts = t.last_json(capsys.readouterr().out)
    assert list(facts) == ["plain", "other"]
    assert [(row["setting"].split(",")[0], "3 views" in row["setting"], float(row["median"])) for row in table()] == [
        (name, views, pytest.approx(facts[name]["top1_3_views" if views else "top1"], abs=1e-5))
        for name in facts for views in (False, True)]


def test_more_views_than_a_recipe_has_are_refused_before_anything_is_trained(images, capsys):
    assert compare.main(["plain.toml", "--data", str(images), "--tta", "999"]) == 2
    assert "--tta 999" in capsys.readouterr().err
    assert not t.Path("runs").exists()


def test_a_file_is_told_by_its_name_alone(tmp_path):
    (tmp_path / "w.pth").touch()
    assert compare.told(f"model.weights={tmp_path}/w.pth") == "model.weights=w.pth"
    assert compare.told("train.lr=0.1") == "train.lr=0.1"


def test_folds_score_every_image_once(images, capsys):
    assert folds.main(["--recipe", "plain.toml", "--data", str(images), "--folds", "3", "--json"]) == 0
    facts, (row,) = t.last_json(capsys.readouterr().out), table()
    assert len(facts["top1"]) == int(row["n"]) == 3
    assert facts["mean_top1"] == pytest.approx(sum(facts["top1"]) / 3)
    scored = []
    for fold in range(3):
        with open(f"runs/plain-fold{fold}/predictions.csv", newline="") as f:
            scored += [row["path"] for row in csv.DictReader(f)]
    assert sorted(scored) == sorted(str(p.relative_to(images)) for p in images.rglob("*.png"))


def test_what_a_command_refuses_ends_the_comparison(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(t.ROOT))
    (tmp_path / "plain.toml").write_text(TOML.format("convnet"))
    with pytest.raises(SystemExit) as ended:
        compare.main(["plain.toml", "--data", "nowhere"])
    assert ended.value.code == 2
    assert "nowhere" in capfd.readouterr().err
