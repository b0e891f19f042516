"""tenfold predict: pictures without labels, through the plain view of the model's own recipe."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import train_helpers as t
from conftest import page
from PIL import Image
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.errors import SourceFault
from tenfold.data.recipe import make_recipe
from tenfold.predict.command import main
from tenfold.predict.files import Row
from tenfold.predict.model import Model
from tenfold.predict.pictures import FEW, find_pictures
from tenfold.predict.sheet import write_sheet

INK = {"clean": {"polarity": "auto", "threshold": 0.9, "roi": True}, "draw": {"scale": [0.6, 0.9]}}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """images/, shards/stripes and best.pth."""
    base = tmp_path_factory.mktemp("predict")
    t.untrained(t.built(base), base / "best.pth")
    return base


@pytest.fixture
def here(base, tmp_path):
    """best.pth and a folder of unlabelled pictures where the test stands."""
    shutil.copy(base / "best.pth", tmp_path)
    (tmp_path / "new/deep er").mkdir(parents=True)
    for i, path in enumerate(sorted((base / "images/down").iterdir())[:5]):
        shutil.copy(path, tmp_path / ("new/deep er" if i % 2 else "new") / f"{i}.png")
    return tmp_path


def test_the_files_are_all_of_one_call(here, capsys, monkeypatch):
    assert predict(capsys, "best.pth", "new", "--out", "out").code == 0
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}

    def full(path, *_):
        raise OSError(28, "No space left on device", str(path))
    monkeypatch.setattr("tenfold.predict.sheet.write_sheet", full)
    (here / "new" / "bad.png").write_bytes(b"no picture")
    assert predict(capsys, "best.pth", "new", "--out", "out").code == 2
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before


def predict(capsys, *words) -> t.Ran:
    capsys.readouterr()
    try:
        code = main(["--device=cpu", *map(str, words)])
    except SystemExit as end:
        code = end.code
    return t.Ran(code, *capsys.readouterr())


def rows(path="runs/stripes-predictions/predictions.csv") -> list[dict]:
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as f:
        return list(csv.DictReader(f))


def test_one_picture_is_answered_on_the_screen(here, capsys):
    ran = predict(capsys, "best.pth", "new/0.png")
    assert ran.code == 0, ran.err
    row = rows()[0]
    assert list(row) == ["path", "label", "probability", "label_2", "probability_2", "label_3", "probability_3"]
    assert ran.out.startswith(f"new/0.png: {row['label']} {float(row['probability']):.4f} (")
    assert {row["label"], row["label_2"], row["label_3"]} == set(t.CLASSES)
    assert sum(float(row[k]) for k in row if k.startswith("prob")) == pytest.approx(1, abs=1e-5)
    with Image.open("runs/stripes-predictions/predictions.png") as sheet:
        assert min(sheet.size) > 100


def test_small_pictures_fill_their_cells(tmp_path):
    cells = [(Row("a.png", "down", 0.9), np.zeros((8, 8, 1), np.uint8))]
    write_sheet(tmp_path / "s.png", cells, 1)
    with Image.open(tmp_path / "s.png") as sheet:
        assert (np.asarray(sheet.convert("L")) == 0).sum() >= 72 * 72


def test_one_picture_loads_no_more_than_it_needs(here):
    """An answer within three seconds is little more than the import of torch."""
    code = "import sys\nfrom tenfold.predict.command import main\ncode = main(sys.argv[1:])\n" \
           "heavy = {'torch._dynamo', 'sympy', 'torchvision', 'matplotlib', 'sklearn', 'scipy', 'h5py', 'joblib'}\n" \
           "print(sorted(heavy & set(sys.modules)))\nsys.exit(code)"
    ran = subprocess.run([sys.executable, "-c", code, "best.pth", "new/0.png", "--device=cpu"], capture_output=True,
                         text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "[]"


def test_files_folders_and_patterns_are_found(here, capsys):
    every = ["new/0.png", "new/2.png", "new/4.png", "new/deep er/1.png", "new/deep er/3.png"]
    Path("new/notes.txt").write_text("no picture")
    Path("new/.hidden.png").write_bytes(b"")
    for asked, found in ((["new"], every), (["new/*.png"], every[:3]), (["new/**/[13].png"], every[3:]),
                         (["new/4.png", "new", "new/4.png"], ["new/4.png", *every[:2], *every[3:]]),
                         (["new/deep er"], every[3:])):
        assert find_pictures(asked) == found, asked
    Path("new/[1].png").write_bytes(Path("new/0.png").read_bytes())
    assert find_pictures(["new/[1].png"]) == ["new/[1].png"]       # a name is a name before it is a pattern
    ran = predict(capsys, "best.pth", "new", "--json")
    assert len(ran.out.splitlines()) == 1
    facts = json.loads(ran.out)
    assert [row["path"] for row in facts["predictions"]] == sorted([*every, "new/[1].png"]) == \
        [row["path"] for row in rows()]
    assert facts["unreadable"] == []
    assert Path(facts["csv"]).exists()
    assert Path(facts["sheet"]).exists()


def test_every_class_has_a_column_when_asked(here, capsys):
    assert predict(capsys, "best.pth", "new", "--all", "--tta", "3").code == 0
    for row in rows():
        shares = {name: float(row[f"p({name})"]) for name in t.CLASSES}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert max(shares, key=shares.get) == row["label"]


def test_unreadable_pictures_are_named_at_the_end(here, capsys):
    Path("new/broken.png").write_bytes(Path("new/0.png").read_bytes()[:60])
    Path("new/blank.png").write_bytes(b"")
    Image.new("L", (9, 9), 80).save("new/one tone.png")
    ran = predict(capsys, "best.pth", "new")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "3 of 8 pictures could not be read"
    assert len([line for line in ran.out.splitlines() if line.startswith("not read: ")]) == 3
    assert {row["path"] for row in rows("runs/stripes-predictions/unreadable.csv")} == {
        "new/broken.png", "new/blank.png", "new/one tone.png"}
    assert len(rows()) == 5
    line = t.one_line(predict(capsys, "best.pth", "new/broken.png", "new/blank.png"))
    assert "nor can any other of the 2 pictures" in line
    assert len(rows()) == 5                      # those of the call before are kept
    assert predict(capsys, "best.pth", "new/0.png").code == 0
    assert not Path("runs/stripes-predictions/unreadable.csv").exists()


def test_python_goes_on_after_an_unreadable_file_of_several_and_names_it(here, capsys):
    Path("new/broken.png").write_bytes(Path("new/0.png").read_bytes()[:60])
    model = Model.open("best.pth", "cpu")
    every = find_pictures(["new"])
    for asked in ("new", every, [Path("new")]):
        found = model.predict(asked)
        assert [p.path for p in found] == [path for path in every if path != "new/broken.png"]
        assert found.unreadable == [("new/broken.png", "damaged: the image data is truncated")]
        assert capsys.readouterr().out.splitlines() == [
            "not read: new/broken.png (damaged: the image data is truncated)", "1 of 6 pictures could not be read"]
    for asked, fact in (("new/broken.png", "truncated$"), (["new/broken.png"], "truncated; give pictures"),
                        (["new/broken.png", "new/none.png"], "nor can any other of the 2"),
                        ([np.asarray(Image.open("new/0.png")), "new/broken.png"], "truncated$")):     # its place is all
        with pytest.raises(SourceFault, match=fact):
            model.predict(asked)
    assert model.predict([]) == []


def test_ink_of_the_other_polarity_is_said(base, tmp_path, capsys):
    """A model of dark ink reads light ink inside out."""
    for name, pixels in (("dark", page(1)), ("light", 255 - page(1))):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    model = Model.open(base / "best.pth", "cpu")
    for polarity in ("dark", "light", "each", "keep"):
        model.content["common"] = {"polarity": polarity, "ranges": []}
        for name, looks in (("dark", "dark ink on light"), ("light", "light ink on dark")):
            model.predict(tmp_path / name)
            said = capsys.readouterr().out
            assert (f"3 of 3 pictures look like {looks}, such as {tmp_path / name / '0.png'}" in said) == \
                (polarity in {"dark", "light"} - {name}), (polarity, name)


def test_a_file_of_several_frames_is_said_to_give_one_of_them(here, capsys):
    frames = [Image.open("new/0.png"), Image.open("new/2.png")]
    for name in ("new/x.gif", "new/x.tif"):
        frames[0].save(name, save_all=True, append_images=frames[1:])
    said = "2 files hold several pages or frames; the first that is not empty is used"
    assert predict(capsys, "best.pth", "new").out.splitlines().count(said) == 1
    assert len(Model.open("best.pth", "cpu").predict(["new/x.gif", "new/x.tif", "new/0.png"])) == 3
    assert capsys.readouterr().out == said + "\n"
    Model.open("best.pth", "cpu").predict("new/x.gif")
    assert capsys.readouterr().out.startswith("1 file holds several")


ASKED = (("no.pth", "new", "does not exist"), ("best.pth", "nowhere.png", "does not exist"),
         ("best.pth", "new/*.jpg", "matches no file"), ("best.pth", "empty", "holds no picture"),
         ("best.pth", "new", "--set", "draw.copies=1", "changes nothing"))
ASK = f"""
import contextlib, io, json, sys
from tenfold.predict.command import main
from tenfold.predict.files import Row
for *words, fact in {ASKED}:
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = main(words)
    assert not {{'torch', 'cv2', 'numpy', 'h5py'}} & set(sys.modules), words
    print(json.dumps([code, said.getvalue(), fact]))
"""


def test_what_cannot_be_asked_is_one_line_before_torch_is_imported(here):
    Path("empty").mkdir()
    ran = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    answers = list(map(json.loads, ran.stdout.splitlines()))
    assert len(answers) == len(ASKED)
    for code, said, fact in answers:
        assert fact in t.one_line(t.Ran(code, "", said))


def test_what_a_score_wrote_is_never_overwritten(base, here, capsys):
    (here / "shards").symlink_to(base / "shards")
    assert t.score(capsys, "best.pth").code == 0
    before = {path.name: path.read_bytes() for path in here.iterdir() if path.is_file()}
    assert "written by a score" in t.one_line(predict(capsys, "best.pth", "new", "--out", "."))
    assert predict(capsys, "best.pth", "new").code == 0
    assert {path.name: path.read_bytes() for path in here.iterdir() if path.is_file()} == before


def test_models_that_cannot_be_asked_are_refused(here, capsys):
    content = torch.load("best.pth", weights_only=True)
    broken = {"nan": {"weights": {k: v * float("nan") for k, v in content["weights"].items()}},
              "decisions": {"common": {"polarity": 7}}, "more decisions": {"common": [1, 2]}}
    for name, change in broken.items():
        torch.save(content | change, "bad.pth")
        assert "bad.pth" in t.one_line(predict(capsys, "bad.pth", "new")), name
    for words in (("--tta", "0"), ("--tta", "99"), ("--device", "cuda:99"), ("--out", "best.pth"), ("--workers", "-1")):
        t.one_line(predict(capsys, "best.pth", "new", *words))


def test_an_interrupt_leaves_nothing_half_written(here, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr("tenfold.train.model_file.Model.shares", interrupted)
        assert predict(capsys, "best.pth", "new").code == 130
    assert list(Path("runs/stripes-predictions").iterdir()) == []
    assert predict(capsys, "best.pth", "new").code == 0


@pytest.mark.slow
def test_many_pictures_are_read_by_workers_and_answered_alike(here, capsys, base):
    for i in range(FEW + 10):
        os.link(base / "images/across" / f"{i % 24:02d}.png", here / f"new/{i:03d}.png")
    (here / "new/007.png").unlink()
    (here / "new/007.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    ran = predict(capsys, "best.pth", "new", "--workers", "2", "--out", "two")
    assert ran.code == 0, ran.err
    assert "replace" not in ran.out
    assert predict(capsys, "best.pth", "new", "--workers", "1", "--out", "one").code == 0
    two, one = rows("two/predictions.csv"), rows("one/predictions.csv")
    assert two == one
    assert len(two) == FEW + 14
    assert rows("two/unreadable.csv")[0]["path"] == "new/007.png"
    assert f"{FEW + 14} pictures labelled" in ran.out
    assert "they replace an earlier call's" in predict(capsys, "best.pth", "new/000.png", "--out", "two").out


ENDED_EARLY = """
import contextlib, operator
from tenfold.preprocess.pool import stream
if __name__ == "__main__":
    for taken in (1, 2, 4):
        with contextlib.closing(stream(operator.neg, ((i,) for i in range(100)), 2)) as found:
            assert [next(found) for _ in range(taken)] == [-i for i in range(taken)]
"""


@pytest.mark.slow
def test_reading_that_ends_early_says_nothing(here):
    """Tasks that still wait for a worker: the pool's thread ended with a traceback over them."""
    Path("early.py").write_text(ENDED_EARLY)
    ran = subprocess.run([sys.executable, "early.py"], capture_output=True, text=True,
                         env=os.environ | {"PYTHONPATH": str(t.ROOT)})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_a_picture_follows_what_its_models_set_decided(tmp_path, capsys):
    """Light ink on dark in a set of dark ink: alone, it would be taken for what it is not."""
    from conftest import page
    from conftest import save as save_picture
    for label in ("a", "b"):
        for i in range(8):
            save_picture(tmp_path / "images" / label / f"{i}.png", page(10 * i + (label == "b")))
    import tenfold
    shards = tenfold.augment(tmp_path / "images", make_recipe(t.tables(split={"val": 1, "test": 2}, **INK)), workers=1)
    assert shards.index["common"]["polarity"] == "dark"
    model = tenfold.load(t.untrained(shards.folder, tmp_path / "ink.pth"), "cpu")
    score = tenfold.score(model, shards)
    paths = [tmp_path / "images" / row["path"] for row in score.predictions]
    mine = np.array([list(p.probabilities.values()) for p in model.predict(paths)])
    np.testing.assert_allclose(mine, score.probabilities, rtol=0, atol=1e-6)
    alone = [list(p.probabilities.values()) for p in tenfold.Model.open(model_of_light(shards, tmp_path), "cpu")
             .predict(paths)]
    assert np.abs(np.array(alone) - score.probabilities).max() > 1e-3


def model_of_light(shards, folder: Path) -> Path:
    """The same network, of a set that decided otherwise."""
    path = t.untrained(shards.folder, folder / "light.pth")
    content = torch.load(path, weights_only=True)
    content["common"] = {**content["common"], "polarity": "light"}
    torch.save(content, path)
    return path
