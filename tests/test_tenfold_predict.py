"""tenfold predict: pictures without labels, through the plain view of the model's own recipe."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import train_helpers as t
from conftest import page
from PIL import Image
from predict_helpers import model_folder, picture_folder, predict, rows  # noqa: F401  (the fixtures base and here)
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.recipe import make_recipe
from tenfold.predict.files import ON_SHEET, Row, _row
from tenfold.predict.model import Model
from tenfold.predict.pictures import FEW, find_pictures
from tenfold.predict.sheet import write_sheet

INK = {"clean": {"polarity": "auto", "threshold": 0.9, "roi": True}, "draw": {"scale": [0.6, 0.9]}}


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
                         (["new/deep er"], every[3:]), (["new/0.png", "./new/0.png", "new/../new/0.png",
                                                         str(here / "new" / "0.png")], every[:1]),
                         (["./new/deep er", "new/deep er/1.png"], [f"./{path}" for path in every[3:]])):
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


def test_files_of_a_folder_that_are_no_pictures_are_counted(here, capsys):
    for name in ("a.svg", "b.svg", "deep.dcm"):
        Path("new", name).write_bytes(b"no picture")
    ran = predict(capsys, "best.pth", "new")
    assert ran.code == 0
    assert "new: passed over: 2 .svg, 1 .dcm" in ran.out.splitlines()
    Model.open("best.pth", "cpu").predict("new")
    assert "new: passed over: 2 .svg, 1 .dcm" in capsys.readouterr().out.splitlines()


def test_every_class_has_a_column_when_asked(here, capsys):
    assert predict(capsys, "best.pth", "new", "--all", "--tta", "3").code == 0
    for row in rows():
        shares = {name: float(row[f"p({name})"]) for name in t.CLASSES}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert max(shares, key=shares.get) == row["label"]


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


def test_the_sheet_shows_labelled_pictures_whichever_cannot_be_read(here, capsys):
    """Photographs of a phone lie beside others that cannot be read: every second file."""
    (here / "phone").mkdir()
    for number in range(ON_SHEET // 2 + 1):
        (here / f"phone/{number:03d}.heic").write_bytes(b"none")
        os.link(here / "new/0.png", here / f"phone/{number:03d}.jpg")
    ran = predict(capsys, "best.pth", "phone", "--workers", "1")
    assert ran.code == 0, ran.err
    assert len(rows()) == ON_SHEET // 2 + 1


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


def test_of_equal_probabilities_the_first_class_is_named_as_a_score_does():
    row = _row("x.png", ["a", "b", "c", "d"], np.array([0.1, 0.4, 0.4, 0.1], np.float32))
    assert (row.label, row.others) == ("b", (("c", pytest.approx(0.4)), ("a", pytest.approx(0.1))))
