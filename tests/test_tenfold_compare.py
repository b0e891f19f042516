"""Recipes side by side, and folds: results in a folder of their own, and nothing written beside it."""

import sys

import pytest
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from benchmarks import rows
from tenfold import compare, experiment, folds

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
ONE = "--workers", "1"       # no pool, which would stand where the first test did


@pytest.fixture
def images(tmp_path, monkeypatch):
    """24 to 26 pictures of three classes, and two recipes; rows that are recorded go to a table of the test's own."""
    monkeypatch.setattr(rows, "TABLE", tmp_path / "results.tsv")
    for name, net in (("plain", "convnet"), ("other", "resnet")):
        (tmp_path / f"{name}.toml").write_text(TOML.format(net))
    return t.folder(tmp_path / "images")


def test_every_recipe_has_a_row_and_nothing_lies_outside_the_folder(images, capsys, tmp_path):
    before = sorted(path.name for path in tmp_path.iterdir())
    typed = ["plain.toml", "other.toml", "--data", str(images), "--tta", "3", "--json", *ONE]
    assert compare.main(typed) == 0
    said = capsys.readouterr()
    facts = t.last_json(said.out)
    assert list(facts) == ["plain", "other"]
    out = tmp_path / "runs/plain-other-compare"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "runs"])
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [out.name]
    for row in t.csv_rows(out / "compare.csv"):
        assert {key: float(value) for key, value in row.items() if key != "recipe"} == facts[row["recipe"]]
    for name in facts:
        assert t.json.loads((out / name / "score.json").read_text())["top1"] == facts[name]["top1"]
        assert t.json.loads((out / name / "tta-3/score.json").read_text())["top1"] == facts[name]["top1_3_views"]
    assert f"see {out.relative_to(tmp_path)}/compare.csv" in said.err

    assert compare.main([*typed, "--resume", "--record"]) == 0       # finished runs are taken as they are
    again = t.last_json(capsys.readouterr().out)
    assert {name: row["top1"] for name, row in again.items()} == {name: row["top1"] for name, row in facts.items()}
    assert [(row["setting"].split(",")[0], "3 views" in row["setting"], float(row["median"]))
            for row in t.csv_rows("results.tsv", "\t")] == [
        (name, views, pytest.approx(facts[name]["top1_3_views" if views else "top1"], abs=1e-5))
        for name in facts for views in (False, True)]


def test_recipes_that_test_on_other_images_are_told_apart(images, capsys, tmp_path):
    (tmp_path / "odd.toml").write_text("seed = 5\n" + TOML.format("convnet"))
    assert compare.main(["plain.toml", "odd.toml", "--data", str(images), *ONE]) == 0
    assert "note: odd was scored on other test images than plain" in capsys.readouterr().out
    assert compare.main(["plain.toml", "--data", str(images), "--set", "split.test=0", "--out", "none", *ONE]) == 2
    assert "plain: has no test images to be scored; set split.test" in capsys.readouterr().err
    assert not list((tmp_path / "none").rglob("*.pth"))


def test_what_cannot_be_compared_is_refused_before_anything_is_trained(images, capsys, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/plain.toml").write_text(TOML.format("convnet"))
    for typed, part in ((["plain.toml", "--data", str(images), "--tta", "999"], "--tta 999"),
                        (["plain.toml", "sub/plain.toml", "--data", "x"], "a second recipe of the name 'plain'"),
                        (["plain.toml", "--data", "nowhere"], "nowhere: does not exist"),
                        (["plain.toml", "--data", str(images), "--budget", "soon"], "--budget: is 'soon'"),
                        (["plain.toml", "--data", str(images), "--device", "tpu"], "--device tpu: is not available"),
                        (["plain.toml"], "plain: names no images")):
        assert compare.main(typed) == 2
        assert part in capsys.readouterr().err
        assert not list(tmp_path.rglob("*.h5"))


def test_a_record_without_a_table_is_refused_before_anything_is_drawn(images, capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "benchmarks", None)
    assert compare.main(["plain.toml", "--data", str(images), "--record"]) == 2
    assert "--record: finds no benchmarks/ here" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.h5"))


def test_a_file_is_named_without_its_folder_and_a_folder_after_its_recipes(tmp_path):
    (tmp_path / "w.pth").touch()
    assert experiment.describe_setting(f"model.weights={tmp_path}/w.pth") == "model.weights=w.pth"
    assert experiment.describe_setting("train.lr=0.1") == "train.lr=0.1"
    assert compare.folder_name(["a", "b"]) == "a-b-compare"
    assert compare.folder_name(["x" * 40] * 5) == "-".join(["x" * 40] * 2) + "-and-3-more-compare"
    assert len(compare.folder_name(["x" * 255])) < 255


@pytest.mark.parametrize("count", [-2, 0, 1])
def test_fewer_than_two_folds_are_refused(count, images, capsys):
    with pytest.raises(SystemExit, match=r"^2$"):
        folds.main(["--recipe", "plain.toml", "--data", str(images), f"--folds={count}"])
    assert f"--folds: '{count}' is not a whole number from 2" in capsys.readouterr().err


@pytest.mark.slow
def test_folds_score_every_image_once(images, capsys, tmp_path):
    before = sorted(path.name for path in tmp_path.iterdir())
    typed = ["--recipe", "plain.toml", "--data", str(images), "--folds", "3", "--json", "--record", *ONE]
    assert folds.main(typed) == 0
    facts, (row,) = t.last_json(capsys.readouterr().out), t.csv_rows("results.tsv", "\t")
    assert len(facts["top1"]) == int(row["n"]) == 3
    assert facts["mean_top1"] == pytest.approx(sum(facts["top1"]) / 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "results.tsv", "runs"])
    out = tmp_path / "runs/plain-folds"
    assert [float(row["top1"]) for row in t.csv_rows(out / "folds.csv")] == facts["top1"]
    scored = [row["path"] for fold in range(3) for row in t.csv_rows(out / f"fold-{fold}/predictions.csv")]
    assert sorted(scored) == sorted(str(p.relative_to(images)) for p in images.rglob("*.png"))
