"""tenfold predict: pictures that cannot be read, questions that are refused, calls that are interrupted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import train_helpers as t
from PIL import Image
from predict_helpers import model_folder, picture_folder, predict, rows  # noqa: F401  (the fixtures base and here)
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.errors import SourceFault
from tenfold.predict.model import Model
from tenfold.predict.pictures import find_pictures


def test_the_files_are_all_of_one_call(here, capsys, monkeypatch):
    assert predict(capsys, "best.pth", "new", "--out", "out").code == 0
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}

    def full(path, *_):
        raise OSError(28, "No space left on device", str(path))
    monkeypatch.setattr("tenfold.predict.sheet.write_sheet", full)
    (here / "new" / "bad.png").write_bytes(b"no picture")
    assert predict(capsys, "best.pth", "new", "--out", "out").code == 2
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before


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
    assert "predictions.csv is of an earlier call" in line
    assert len(rows()) == 5                      # those of the call before are kept
    assert predict(capsys, "best.pth", "new/0.png").code == 0
    assert not Path("runs/stripes-predictions/unreadable.csv").exists()


def test_arrays_are_refused_with_what_takes_them(here, capsys):
    np.savez("x.npz", x=np.zeros((2, 8, 8), np.uint8))
    line = t.one_line(predict(capsys, "best.pth", "x.npz"))
    assert "x.npz: not a picture, but a file of arrays: give it to `tenfold score --data`" in line
    assert "give pictures in a format that Tenfold reads, or folders of them" in line
    with pytest.raises(SourceFault, match="a file of arrays"):
        Model.open("best.pth", "cpu").predict("x.npz")


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


ASKED = (("no.pth", "new", "does not exist"), ("best.pth", "nowhere.png", "does not exist"),
         ("best.pth", "new/*.jpg", "matches no file"), ("best.pth", "empty", "holds no picture"),
         ("best.pth", "new", "--set", "draw.copies=1", "changes nothing"))
ASK = f"""
import contextlib, io, json, sys
from tenfold.predict.command import main
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
