"""The score: counted by hand, the same from shards and from a folder, refused where it would lie."""

import json
import os
import signal

import numpy as np
import pytest
import torch
import train_helpers as t
from cases import each
from conftest import sources_of
from PIL import Image
from train_helpers import pictures, place, preprocess_here  # noqa: F401  (every test stands in a folder of its own)

from tenfold.train.score import tta
from tenfold.train.score.command import FILES
from tenfold.train.score.files import scored_folder
from tenfold.train.score.scoring import Score

KEYS = {"top1", "macro_f1", "images", "seconds", "per_class", "confusion", "balanced_accuracy", "macro", "weighted",
        "calibration_error", "f1_size_r", "tta", "seen_in_training", "seen_by_split"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """images/, shards/stripes made of them, and best.pth trained on those."""
    base = tmp_path_factory.mktemp("score")
    t.undisturbed(t.built(base), base, "--set", "train.epochs=4")
    return base


@pytest.fixture
def model(base, tmp_path):
    """best.pth beside its shards, in a folder that the test may write into."""
    (tmp_path / "shards").symlink_to(base / "shards") if not (tmp_path / "shards").exists() else None
    (tmp_path / "best.pth").write_bytes((base / "best.pth").read_bytes())
    return tmp_path / "best.pth"


def test_json_and_files_agree(model, capsys):
    ran = t.score(capsys, model, "--json")
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 1
    facts = json.loads(ran.out)
    assert set(facts) >= KEYS
    assert facts["top1"] > 0.95
    written = json.loads(t.Path("score.json").read_text())
    assert written == facts
    rows = t.csv_rows("predictions.csv")
    assert list(rows[0]) == ["path", "true", "predicted", "probability"]
    assert facts["images"] == len(rows) == sum(map(sum, facts["confusion"])) == 24
    assert facts["top1"] == pytest.approx(np.mean([r["true"] == r["predicted"] for r in rows]))
    assert all(1 / 3 <= float(r["probability"]) <= 1 for r in rows)
    assert all(r["path"].startswith(r["true"] + "/") for r in rows)
    assert facts["per_class"].keys() == set(t.CLASSES)


def test_people_read_a_table(model, capsys):
    ran = t.score(capsys, model)
    assert ran.err == ""
    assert "macro-F1" in ran.out
    assert all(name in ran.out for name in (*t.CLASSES, "precision", *FILES))


@pytest.mark.usefixtures("pictures")
def test_the_pictures_are_pictures(model, capsys):
    assert t.score(capsys, model, "--out", "elsewhere").code == 0
    assert {p.name for p in t.Path("elsewhere").iterdir()} == set(FILES)
    for name in FILES[2:]:
        with Image.open(t.Path("elsewhere", name)) as picture:
            picture.load()
            assert min(picture.size) > 200, name


def test_the_files_are_all_of_one_score(model, capsys, monkeypatch):
    """A disk that is full at the last file leaves an earlier score as it was."""
    assert t.score(capsys, model, "--out", "elsewhere").code == 0
    before = {path.name: path.read_bytes() for path in t.Path("elsewhere").iterdir()}

    def full(path, *_):
        raise OSError(28, "No space left on device", str(path))
    monkeypatch.setattr("tenfold.train.score.figures.draw_f1_size", full)
    ran = t.score(capsys, model, "--out", "elsewhere", "--tta", "1")
    assert ran.code == 2, ran
    assert {path.name: path.read_bytes() for path in t.Path("elsewhere").iterdir()} == before


def test_a_score_tells_how_many_images_each_class_was_trained_on(base, model, capsys):
    assert t.score(capsys, model).code == 0
    index = json.loads((base / "shards/stripes/dataset.json").read_text())
    scored = json.loads(t.Path("score.json").read_text())["per_class"]
    assert [scored[name]["trained_on"] for name in index["classes"]] == index["class_counts"]["train"]
    content = torch.load(model, weights_only=True)
    for known in (None, {"train": "no list"}, 7):          # an older checkpoint, a damaged one
        torch.save(content | {"class_counts": known, "dataset": "another"}, model)
        ran = t.score(capsys, model, "--json")
        assert ran.code == 0, ran.err
        facts = t.last_json(ran.out)
        assert facts["f1_size_r"] is None
        assert "trained_on" not in facts["per_class"]["down"]


def test_one_view_is_the_plain_score_and_more_are_reported(model, capsys, monkeypatch):
    monkeypatch.setattr(tta, "SURE", 2.0)        # the model is sure of all these pictures

    def scored(*more):
        ran = t.score(capsys, model, "--json", *more)
        assert ran.code == 0, ran.err
        return {k: v for k, v in t.last_json(ran.out).items() if k != "seconds"}, t.csv_rows("predictions.csv")
    plain = scored()
    assert scored("--tta", "1") == plain
    several = scored("--tta", "9")
    assert several == scored("--tta", "9")
    assert several[0]["tta"] == 9
    assert several[1] != plain[1]
    assert several[0]["top1"] > 0.9
    assert "9 views" in t.score(capsys, model, "--tta", "9").out


def test_a_folder_scores_as_its_shards_do(base, model, capfd):
    """The plain view of a picture is the same whoever asks for it."""
    assert t.score(capfd, model).code == 0
    from_shards = {r["path"]: r for r in t.csv_rows("predictions.csv")}
    for path in from_shards:
        held_out = t.Path("held out", path)
        held_out.parent.mkdir(parents=True, exist_ok=True)
        held_out.write_bytes((base / "images" / path).read_bytes())
    t.Path("shards").unlink()                    # the model alone knows how
    ran = t.score(capfd, model, "--data", "held out", "--json")
    assert ran.code == 0, ran.err
    assert t.last_json(ran.out)["images"] == len(from_shards)
    assert len(ran.out.splitlines()) == 1
    assert {r["path"]: r for r in t.csv_rows("predictions.csv")} == from_shards
    assert "they replace an earlier score's (another --out keeps both)" in ran.err


@pytest.mark.usefixtures("preprocess_here")
def test_images_that_the_model_was_trained_on_are_counted_and_reported(base, model, capfd):
    ran = t.score(capfd, model, "--json")
    assert t.last_json(ran.out)["seen_in_training"] == 0
    assert "note: " not in ran.err
    sources = sources_of(base / "shards/stripes")
    ran = t.score(capfd, model, "--data", base / "images", "--json")
    seen = {name: sum(s["split"] == name for s in sources) for name in ("train", "val")}
    assert min(seen.values()) > 0
    facts = t.last_json(ran.out)
    assert (facts["seen_in_training"], facts["seen_by_split"]) == (sum(seen.values()), seen)
    assert (f"was trained on {seen['train']} (train) and was chosen by {seen['val']} (val) of these {len(sources)} "
            "images") in ran.err
    content = torch.load(model, weights_only=True)
    del content["chosen_by"]                     # an older checkpoint
    torch.save(content, model)
    facts = t.last_json(t.score(capfd, model, "--shards", "shards/stripes-scored", "--json").out)
    assert facts["seen_by_split"] == {"train": facts["seen_in_training"]} == {"train": seen["train"]}


@pytest.mark.usefixtures("preprocess_here")
def test_a_second_score_does_not_replace_the_images_of_the_first(base, model, capfd, monkeypatch):
    monkeypatch.setattr("tenfold.data.files.ENDING", 0)
    with scored_folder("stripes") as folder:
        (folder / "x").write_text("of the first")
        ran = t.score(capfd, model, "--data", base / "images")
        assert ran.code == 2
        assert ran.err.splitlines()[-1] == (f"{folder}: another command is writing here; wait until it has scored its "
                                            "images")
        assert {path.name for path in folder.iterdir() if path.stat().st_mtime_ns > (folder / "x").stat().st_mtime_ns} \
            <= {".scoring"}
    assert t.score(capfd, model, "--data", base / "images").code == 0


@pytest.mark.usefixtures("preprocess_here")
def test_a_folder_may_hold_pictures_named_in_no_alphabet(model, capfd):
    names = [b"\xff\xfe.png".decode("utf-8", "surrogateescape"), "ünï,co\"de\n.png", "日本.png", " .png", "-x.png"]
    root = t.folder(t.Path("odd"), 1)
    for i, name in enumerate(names):
        pixels = t.stripe(0, np.random.default_rng(i))
        Image.fromarray(pixels[:, :, 0]).save("x.png")
        os.rename("x.png", os.path.join("odd", "across", name))
    ran = t.score(capfd, model, "--data", root)
    assert ran.code == 0, ran.err
    assert {os.path.join("across", name) for name in names} < {r["path"] for r in t.csv_rows("predictions.csv")}


def test_classes_that_differ_are_named_before_an_image_is_read(model, capfd, monkeypatch):
    monkeypatch.setattr("tenfold.train.score.command.run_module", lambda *_: t.die())
    root = t.folder(t.Path("other"), 1, ("across", "down", "up"))
    line = t.score(capfd, model, "--data", root)
    assert line.code == 2
    assert "'up'" in line.err.splitlines()[-1]
    assert "'slanted'" in line.err.splitlines()[-1]


def test_shards_of_other_classes_or_sizes_are_refused(model, tmp_path, capsys):
    other = t.written(tmp_path / "other", classes=("across", "down", "zigzag"))
    assert "zigzag" in t.one_line(t.score(capsys, model, "--shards", other))
    colour = t.written(tmp_path / "colour", channels=3)
    assert "(20, 28, 3)" in t.one_line(t.score(capsys, model, "--shards", colour))


def test_shards_it_may_have_been_trained_on_are_noted(model, tmp_path, capsys):
    ran = t.score(capsys, model, "--shards", t.written(tmp_path / "other"))
    assert ran.code == 0
    assert "note: " in ran.out


def test_an_interrupt_leaves_nothing_half_written(model, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tenfold.train.score.evaluate.evaluate", lambda *a: signal.raise_signal(signal.SIGINT))
    assert t.score(capsys, model).code == 130
    assert {p.name for p in tmp_path.iterdir()} == {"best.pth", "shards"}


@each("confusion, guesses", [
    ([[25, 25], [25, 25]], True), ([[40, 10], [20, 30]], False), ([[70, 20], [10, 0]], True),
    ([[60, 30], [1, 9]], False), ([[100, 0], [0, 0]], False), ([[1, 0], [0, 1]], False), ([[0, 1], [1, 0]], False),
    ([[38, 0], [0, 2]], False), ([[56, 1], [2, 1]], True)])
def test_a_score_no_better_than_guessing_is_told_from_others(confusion, guesses):
    """Rows of one class, or too few, cannot tell; on uneven classes top-1 alone does not."""
    confusion = np.array(confusion)
    labels = np.repeat(np.arange(2), confusion.sum(1))
    facts = {"top1": np.trace(confusion) / confusion.sum(), "confusion": confusion}
    assert Score(facts, np.empty(0), labels, None).is_guessing == guesses


@pytest.mark.usefixtures("preprocess_here")
@each("more", [("--shards", "a", "--data", "b"), ("--set", "draw.copies=1"), ("--shards", "nowhere"),
               ("--data", "nowhere"), ("--tta", "0"), ("--tta", "26"), ("--device", "cuda:99"),
               ("--out", "best.pth/x")], ids=str)
def test_what_cannot_be_scored_is_one_line(model, capfd, more):
    t.one_line(t.score(capfd, model, *more))


@each(("setting", "words"), [("bad.key=1", "--set: unknown key 'bad'"), ("draw.bad=1", "--set [draw]"),
                             ("draw.copies=0", "--set [draw]")])
def test_a_wrong_setting_is_named_by_its_option(base, model, capfd, setting, words):
    assert words in t.one_line(t.score(capfd, model, "--data", base / "images", "--set", setting))


@pytest.mark.usefixtures("preprocess_here")
def test_labels_are_where_the_settings_say(base, model, capfd, tmp_path):
    (tmp_path / "flat").mkdir()
    for i, path in enumerate(sorted((base / "images").rglob("*.png"))):
        (tmp_path / "flat" / f"{i}-{path.parent.name}.png").write_bytes(path.read_bytes())
    assert t.score(capfd, model, "--data", tmp_path / "flat", "--set", r"source.labels=path:-(\w+)\.png").code == 0


def test_no_model(capsys):
    assert "does not exist" in t.one_line(t.score(capsys, "nowhere.pth"))
    t.one_line(t.score(capsys, "."))


@pytest.mark.usefixtures("preprocess_here")
def test_the_recipe_of_the_checkpoint_may_lack_what_has_a_default(base, model, capfd):
    content = torch.load(model, weights_only=True)
    content["recipe"] = {k: v for k, v in content["recipe"].items() if k not in ("seed", "train", "shards")}
    torch.save(content, model)
    assert t.score(capfd, model, "--data", base / "images").code == 0


def test_the_files_of_a_score_lie_beside_its_model_and_in_its_run(model, capsys, tmp_path):
    """A copy of a run's best.pth is scored where it lies, and the run's folder gets the files too."""
    run = tmp_path / "runs/stripes"
    run.mkdir(parents=True)
    (run / "best.pth").write_bytes(model.read_bytes())
    assert t.score(capsys, run / "best.pth").code == 0
    assert {p.name for p in run.iterdir()} == {"best.pth", *FILES}
    assert not t.Path("score.json").exists()
    for name in FILES:
        (run / name).unlink()
    ran = t.score(capsys, "best.pth")
    assert "also in runs/stripes" in ran.out
    assert all(t.Path(name).read_bytes() == (run / name).read_bytes() for name in FILES)
