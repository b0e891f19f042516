"""Tenfold from Python: the functions that the commands call, in a process that they leave as it was."""

import dataclasses
import importlib
import inspect
import io
import json
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import train_helpers as t
from PIL import Image

import tenfold
from tenfold.arguments import assignments
from tenfold.data.recipe import change_recipe, make_recipe
from tenfold.train.precision import autocast

ORDERS = (
    "import tenfold; f = tenfold.train; import tenfold.train.run.clock",
    "import tenfold.train.run.clock; import tenfold; f = tenfold.train",
    "from tenfold import train as f; import tenfold.train.run.clock",
    "from tenfold.train.run import clock; from tenfold import train as f; import tenfold",
    "import importlib; f = importlib.import_module('tenfold.train'); import tenfold, tenfold.train.run.clock",
    "import tenfold.train as f; import tenfold.train.run.clock",
)
HOLDS = """
assert f is tenfold.train is sys.modules["tenfold.train"], "one object under the name"
assert callable(f) and tenfold.train.run.clock is sys.modules["tenfold.train.run.clock"]
assert pickle.loads(pickle.dumps(f)) is f
assert "torch" not in sys.modules and "numpy" not in sys.modules
"""


IN_FORKS = f"""                  # a new interpreter, which imports nothing of ours, is each order's beginning
import os, pickle, sys
for order in {ORDERS}:
    child = os.fork()
    if not child:
        exec(order + {HOLDS!r}, {{"pickle": pickle, "sys": sys}})
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, order
"""


def test_train_is_a_function_and_a_package_in_any_order_of_imports():
    ran = subprocess.run([sys.executable, "-c", IN_FORKS], capture_output=True, text=True, cwd=t.ROOT)
    assert ran.returncode == 0, ran.stderr
    assert {"shards", "recipe", "budget", "resume"} <= set(inspect.signature(tenfold.train).parameters)


def test_every_public_name_is_there_and_documented():
    assert set(tenfold.__all__) <= set(dir(tenfold))
    for name in tenfold.__all__:
        assert (getattr(tenfold, name).__doc__ or "").strip(), name
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        tenfold.trian  # noqa: B018


def state() -> dict:
    """What belongs to the process, and not to a library in it."""
    return {
        "signals": {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)},
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()), "opencv threads": cv2.getNumThreads(),
        "largest image": Image.MAX_IMAGE_PIXELS, "socket time limit": socket.getdefaulttimeout(),
        "warnings": list(warnings.filters), "warn options": list(sys.warnoptions), "folder": os.getcwd(),
        "environment": dict(os.environ), "torch threads": torch.get_num_threads(),
        "torch random": torch.get_rng_state().tolist(), "numpy random": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "random": random.getstate(), "float": torch.get_default_dtype(), "out": sys.stdout,
        "excepthook": sys.excepthook,
        "backend": sys.modules["matplotlib"].rcParams._get("backend") if "matplotlib" in sys.modules else None}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(folder with images, shards, run) made by the functions, and what changed in the process meanwhile."""
    base, here, patch = tmp_path_factory.mktemp("api"), os.getcwd(), pytest.MonkeyPatch()
    images = t.folder(base / "images")
    os.chdir(base)
    torch.set_num_threads(1)
    for package in ("matplotlib.figure", "sklearn.metrics", "joblib", "torch._dynamo", "torch._inductor.config"):
        importlib.import_module(package)         # what these do to the process when they are imported is theirs
    patch.setattr("tenfold.train.device.keep_freed_memory", lambda: pytest.fail("malloc is the caller's"))
    try:
        before = state()
        shards = tenfold.augment(images, make_recipe(t.tables()), workers=1)
        run = tenfold.train(shards, budget="10m", device="cpu", settings={"train.epochs": 4})
        score = tenfold.score(run.best, device="cpu", out=base / "scored")
        tenfold.load(run.best, "cpu").predict(sorted((images / "down").iterdir())[:3])
        yield base, shards, run, score, (before, state())
    finally:
        os.chdir(here)
        patch.undo()


def test_the_process_is_left_as_it_was(made):
    before, after = made[4]
    assert {key: (before[key], after[key]) for key in before if before[key] != after[key]} == {}


def test_the_whole_way(made):
    base, shards, run, score, _ = made
    assert isinstance(shards, tenfold.ShardSet)
    assert isinstance(run, tenfold.Run)
    assert shards.folder == base / "shards/stripes"
    assert run.best == base / "runs/stripes/best.pth"
    assert len(run.history) == 4
    assert run.val_top1 > 0.9
    assert not (base / "best.pth").exists()      # a copy where the user stands is the command's
    assert isinstance(score, tenfold.Score)
    assert score.top1 > 0.9
    assert score.confusion.sum() == score.images == len(score.predictions) == 24
    assert score.per_class.keys() == set(t.CLASSES)
    assert json.loads((base / "scored/score.json").read_text()) == score.facts
    assert "24" in repr(score)
    for shown in (run, shards, score, tenfold.load(base / run.best, "cpu")):
        assert len(repr(shown)) < 120            # what a notebook prints
    for shown in (run, score, tenfold.load(base / run.best, "cpu").predict(t.stripe(0, np.random.default_rng(1)))):
        html = shown._repr_html_()
        assert "<table>" in html or "<img" in html
    assert len(score.figure().axes) == 2         # the matrix and its scale


def test_predict_says_what_the_score_says_of_the_same_files(made, monkeypatch):
    """To 1e-6, for paths, arrays and PIL images alike, with several views too."""
    base, shards, run, _, _ = made
    monkeypatch.chdir(base)
    model = tenfold.load(run.best, "cpu")
    assert model.classes == t.CLASSES
    assert model.recipe.name == "stripes"
    for tta in (1, 3):
        score = tenfold.score(model, shards, tta=tta)
        paths = [base / "images" / row["path"] for row in score.predictions]
        pictures = [Image.open(path) for path in paths]
        for kind in (paths, pictures, [np.asarray(picture) for picture in pictures]):
            found = model.predict(kind, tta=tta)
            assert [p.label for p in found] == [row["predicted"] for row in score.predictions]
            mine = np.array([list(p.probabilities.values()) for p in found])
            np.testing.assert_allclose(mine, score.probabilities, rtol=0, atol=1e-6)
    one = model.predict(paths[0])[0]
    content = paths[0].read_bytes()
    for kind in ((path for path in paths[:1]), bytearray(content), memoryview(content), paths[:1], [content]):
        assert model.predict(kind) == [one], type(kind)
    with open(paths[0], "rb") as opened:
        written = io.BytesIO()
        written.write(content)                   # and its position is the end
        for kind in (opened, opened, [opened], written, [written, paths[0]]):
            assert model.predict(kind) == [one] * (len(kind) if isinstance(kind, list) else 1), kind
    array = np.asarray(pictures[0])[:, :, None]
    assert model.predict(np.stack([array, array])) == [one, one]
    assert one.top(2)[0] == (one.label, one.probability)
    folder = model.predict(base / "images" / "down")
    assert [p.path for p in folder] == sorted(map(str, (base / "images" / "down").iterdir()))
    assert folder == model.predict([p.path for p in folder])


def test_what_the_functions_return_outlives_the_current_folder(made, monkeypatch, tmp_path, capsys):
    """Its paths are absolute; people are shown them as they were given."""
    base, _, run, _, _ = made
    monkeypatch.chdir(base)
    shards, model = tenfold.open_shards("shards/stripes"), tenfold.load("runs/stripes/best.pth", "cpu")
    score, shown = tenfold.score(model, shards), (repr(shards), repr(model), repr(run), run._repr_html_())
    monkeypatch.chdir(tmp_path)
    assert all(path.is_absolute() for path in (shards.folder, model.path, run.best, run.out, score.shards.folder))
    assert (repr(shards), repr(model), repr(run), run._repr_html_()) == shown
    assert not any(str(base) in text for text in shown)
    assert run.facts["best"] == "runs/stripes/best.pth"
    capsys.readouterr()
    tenfold.train(shards, settings=["train.epochs=1", "draw.copies=7"], out="x", device="cpu")
    assert "note: shards/stripes was made with other settings" in capsys.readouterr().out
    assert len(score.predictions) == tenfold.score(run.best, shards, device="cpu").images == 24
    with tenfold.open_batches(shards, batch=8, engine="threads") as batches:
        assert len(list(batches)) == len(batches)


def test_rows_as_they_lie_in_shards_are_taken_as_they_are(made, monkeypatch):
    base, shards, run, score, _ = made
    monkeypatch.chdir(base)
    rows, _ = t.pixels(shards.folder, "test")
    model = tenfold.load(run.best, "cpu")
    np.testing.assert_allclose(model.probabilities(rows), score.probabilities, rtol=0, atol=1e-6)
    assert model.probabilities(rows[:0]).shape == (0, 3)
    with torch.no_grad(), autocast(model.normalise.device, model.recipe.train.precision):
        logits = model.network(model.normalise(torch.from_numpy(rows))).float() / model.content["temperature"]
    np.testing.assert_allclose(model.probabilities(rows), logits.softmax(1), rtol=0, atol=1e-5)
    for bad in (rows.astype(float), rows[..., 0], rows[:, :-1]):
        with pytest.raises(tenfold.SourceFault, match="takes uint8"):
            model.probabilities(bad)


@pytest.mark.parametrize("shape", [(5, 9, 8), (5, 9, 8, 3), (5, 3, 3, 1)], ids=str)
def test_an_array_of_several_pictures_is_several(made, shape):
    model = tenfold.load(made[2].best, "cpu")
    pictures = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert [p.probability for p in model.predict(pictures)] == [p.probability for p in model.predict(list(pictures))]
    assert len(model.predict(pictures)) == 5


def test_a_folder_is_scored_through_the_plain_view(made, monkeypatch, capsys):
    base, _, run, _, _ = made
    monkeypatch.chdir(base)
    score = tenfold.score(run, data="images", device="cpu")
    assert score.images == 75
    assert any("was trained on" in note for note in score.notes)
    assert set(score.notes) <= set(capsys.readouterr().out.splitlines())


def test_a_folder_is_scored_with_the_labels_that_the_recipe_reads(made, tmp_path):
    for i, path in enumerate(sorted((made[0] / "images").rglob("*.png"))):
        (place := tmp_path / "new" / f"day{i % 2}").mkdir(parents=True, exist_ok=True)
        (place / f"{i}-{path.parent.name}.png").write_bytes(path.read_bytes())
    model = tenfold.load(made[2].best, "cpu")
    recipe = change_recipe(model.recipe, [r"source.labels=path:-(\w+)\.png"])
    assert tenfold.score(dataclasses.replace(model, recipe=recipe), data=tmp_path / "new").images == 75


def test_what_was_found_in_the_images_is_printed_and_reported(tmp_path, capsys):
    images = t.folder(tmp_path / "images", classes=("across", "down", "masks"))
    (images / "down" / "same.png").write_bytes((images / "across" / "00.png").read_bytes())
    (images / "down" / "torn.png").write_bytes(b"no picture")
    tenfold.augment(images, make_recipe(t.tables()), out=tmp_path / "shards", workers=1)
    said = capsys.readouterr().out
    for words in ("masks/: read as a class", "set aside: down/torn.png", "the same picture under two labels"):
        assert words in said
    assert (tmp_path / "shards" / "report.json").exists()


def test_batches_for_a_loop_of_ones_own(made, monkeypatch):
    base, shards, _, _, _ = made
    monkeypatch.chdir(base)
    with tenfold.open_batches(shards, "train", batch=32, seed=7) as batches:
        first, second = list(batches), list(batches)
        assert len(first) == len(batches) == shards.rows("train") // 32
        assert all(x.dtype == torch.uint8 and x.shape == (32, 20, 28, 1) and y.dtype == torch.int64 for x, y in first)
        assert not all(torch.equal(a, b) for (a, _), (b, _) in zip(first, second, strict=True))
        assert all(torch.equal(a, b) for (a, _), (b, _) in zip(first, batches.epoch(0), strict=True))
    monkeypatch.setattr("tenfold.train.batches.slots.GROUP_BYTES", 1)        # a group for each batch, as of large rows
    for engine in ("memory", "threads"):
        with tenfold.open_batches(shards, batch=8, engine=engine) as batches:
            first, second = iter(batches), iter(batches)
            next(first)
            next(second)
            if engine == "memory":
                assert len(list(first)) == len(list(second))
            else:                                # one pass would hand out the rows of the other
                with pytest.raises(tenfold.UserFault, match="another one was begun"):
                    next(first)
                assert len(list(second)) == len(batches) - 1
        with tenfold.open_batches("shards/stripes", "test", batch=10, engine=engine) as batches:
            image, label = (torch.cat(column).numpy() for column in zip(*batches, strict=True))
            for mine, theirs in zip((image, label), t.pixels(shards.folder, "test"), strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_a_loaded_model_is_not_scored_on_another_device_than_is_asked_for(made, monkeypatch):
    model = tenfold.load(made[2].best, "cpu")
    assert tenfold.score(model, made[1], device="cpu").images
    monkeypatch.setattr("tenfold.train.device.choose_device", lambda device: torch.device("cuda", 1))
    with pytest.raises(tenfold.UserFault, match="is not that of the loaded model, cpu"):
        tenfold.score(model, made[1], device="cuda:1")


@pytest.mark.parametrize("engine", ["memory", "threads", "dataloader"])
def test_closed_batches_are_refused_and_do_not_wait_for_ever(made, engine):
    with tenfold.open_batches(made[1], batch=8, engine=engine, workers=1) as batches:
        begun = iter(batches)
        next(begun)
    batches.close()                              # again
    for pass_of_it in (begun, iter(batches), batches.epoch(3)):
        with pytest.raises(tenfold.UserFault, match="is closed"):
            next(pass_of_it)


def test_what_is_wrong_is_raised_as_a_user_fault(made, monkeypatch):
    base, shards, run, _, _ = made
    monkeypatch.chdir(base)
    (base / "images/down/no.txt").write_text("no picture")
    model = tenfold.load(run.best, "cpu")
    for call, kind, words in (
            (lambda: tenfold.augment("nowhere", make_recipe(t.tables())), tenfold.SourceFault, "does not exist"),
            (lambda: tenfold.augment("images", "no such recipe"), tenfold.RecipeFault, "no such recipe"),
            (lambda: tenfold.read_recipe(shards.recipe, "train.lrr=1"), tenfold.RecipeFault, "lr"),
            (lambda: tenfold.train("nowhere"), tenfold.ShardFault, "does not exist"),
            (lambda: tenfold.train(shards, budget="soon"), tenfold.RecipeFault, "soon"),
            (lambda: tenfold.train(shards, device="cuda:99"), tenfold.MachineFault, "cuda:99"),
            (lambda: tenfold.score("nowhere.pth"), tenfold.CheckpointFault, "does not exist"),
            (lambda: tenfold.score(run, tta=0), tenfold.UserFault, "^tta 0: "),
            (lambda: tenfold.score(model, shards, device="meta"), tenfold.MachineFault, "meta: is not available"),
            (lambda: tenfold.score(run, data="images", tta=999), tenfold.UserFault, "999"),
            (lambda: tenfold.score(run, "nowhere"), tenfold.ShardFault, "does not exist"),
            (lambda: tenfold.score(run, shards, data="images"), tenfold.UserFault, "both"),
            (lambda: tenfold.load("images"), tenfold.CheckpointFault, "is a folder"),
            (lambda: tenfold.score("images"), tenfold.CheckpointFault, "is a folder"),
            (lambda: tenfold.augment("images", shards.recipe, workers=-1), tenfold.UserFault, "whole number"),
            (lambda: tenfold.read_recipe("sample", 3), tenfold.RecipeFault, "not an assignment"),
            (lambda: tenfold.score(run, tta="8"), tenfold.UserFault, "^tta '8': is not a whole number"),
            (lambda: model.predict("x", tta=[8]), tenfold.UserFault, r"^tta \[8\]: is not a whole number"),
            (lambda: tenfold.auto("images", seed=-1), tenfold.UserFault, "^seed -1: "),
            (lambda: tenfold.auto("images", workers=1.5), tenfold.UserFault, "^workers 1.5: "),
            (lambda: tenfold.auto("images", budget=[30]), tenfold.RecipeFault, r"^budget: is \[30\]"),
            (lambda: tenfold.auto("images", name=5), tenfold.UserFault, "^name: is 5"),
            (lambda: tenfold.auto(None), tenfold.UserFault, "^data: is None; give a path"),
            (lambda: tenfold.augment(np.zeros((9, 9)), "photos"), tenfold.UserFault, "^data: is array"),
            (lambda: tenfold.augment("images", shards.recipe, out=["x"]), tenfold.UserFault, "^out: is "),
            (lambda: tenfold.read_recipe(5), tenfold.UserFault, "^recipe: is 5; give its name"),
            (lambda: tenfold.open_shards(b"x"), tenfold.UserFault, "^shards: is b'x'; give a path"),
            (lambda: tenfold.load(["best.pth"]), tenfold.UserFault, r"^model: is \['best.pth'\]"),
            (lambda: tenfold.load(run.best, device=5), tenfold.MachineFault, "device 5: is not available"),
            (lambda: tenfold.train(shards, settings=5), tenfold.RecipeFault, "^settings: is 5; give"),
            (lambda: tenfold.train(shards, settings={"train.lr": None}), tenfold.RecipeFault, "settings train.lr: is"),
            (lambda: tenfold.train(shards, settings={"train": {"lr": 1}}), tenfold.RecipeFault, "settings train: is {"),
            (lambda: tenfold.train(shards, settings={"train.lr": {1}}), tenfold.RecipeFault, "settings train.lr: is {"),
            (lambda: model.predict("images/down/no.txt", workers=-1), tenfold.UserFault, "whole number"),
            (lambda: model.predict(run.best.parent / "none"), tenfold.SourceFault, "none"),
            (lambda: model.predict("a\0b"), tenfold.SourceFault, "unreadable"),
            (lambda: model.predict(None), tenfold.SourceFault, "not a picture"),
            (lambda: tenfold.open_batches(shards, batch=0), tenfold.RecipeFault, "at least 1"),
            (lambda: tenfold.open_batches(shards, engine="x"), tenfold.RecipeFault, "memory"),
            (lambda: tenfold.open_batches(shards, seed=-1), tenfold.UserFault, "whole number"),
            (lambda: model.predict("images/down/no.txt"), tenfold.SourceFault, "not a picture"),
            (lambda: model.predict([3]), tenfold.SourceFault, "not a picture"),
            (lambda: model.predict(io.BytesIO(b"no picture")), tenfold.SourceFault, "not a picture"),
            (lambda: model.predict([io.StringIO("x")]), tenfold.SourceFault, "gives str, not bytes; open it with mode"),
            (lambda: model.predict(np.zeros((2, 3, 8, 9), np.uint8)), tenfold.SourceFault, "not a picture: give uint8"),
            (lambda: tenfold.open_batches(shards, "tset"), tenfold.ShardFault, "test"),
            (lambda: tenfold.open_batches("nowhere"), tenfold.ShardFault, "does not exist")):
        with pytest.raises(kind, match=words) as fault:
            call()
        assert len(str(fault.value).splitlines()) == 1
        assert str(pickle.loads(pickle.dumps(fault.value))) == str(fault.value)


def test_a_recipe_by_name_file_or_value():
    sample = tenfold.read_recipe("sample")
    assert sample.name == "sample"
    changed = tenfold.read_recipe(sample, "train.epochs=2", "model.widths=[8, 16]")
    assert (changed.train.epochs, changed.model.args["widths"]) == (2, [8, 16])
    assert tenfold.read_recipe(sample) is sample


def test_values_of_numpy_and_paths_are_taken_wherever_a_number_or_a_text_is(made, monkeypatch, tmp_path):
    base, shards, run, _, _ = made
    monkeypatch.chdir(tmp_path)
    given = {"train.epochs": np.int64(1), "train.lr": np.float32(0.5), "train.nesterov": np.bool_(False),
             "model.weights": Path("x.pth"), "draw.canvas": np.array([20, 28]), "draw.scale": (np.float64(1), 1.0)}
    plain = tenfold.read_recipe(shards.recipe, *assignments(given))
    assert plain == tenfold.read_recipe(shards.recipe, "train.epochs=1", "train.lr=0.5", "train.nesterov=false",
                                        "model.weights=x.pth", "draw.canvas=[20, 28]", "draw.scale=[1.0, 1.0]")
    assert assignments(["seed=1"]) == assignments("seed=1") == assignments({"seed": torch.tensor(1)}) == ["seed=1"]
    asked = {}
    monkeypatch.setattr("tenfold.automatic.auto.Automatic", lambda *args, **more: SimpleNamespace(
        run=lambda: asked.update(more, args=args)))
    tenfold.auto(base, np.float64(30), name=Path("x"), seed=np.int64(1), workers=np.uint8(2))
    assert asked.pop("args") == (base, 30.0)
    assert json.loads(json.dumps(asked)) == asked            # plain values only
    assert (asked["name"], asked["seed"], asked["workers"]) == ("x", 1, 2)
    again = tenfold.train(shards, settings={"train.epochs": np.int64(1)}, budget=np.float64(600), out=tmp_path / "run",
                          device=torch.device("cpu"))
    assert len(again.history) == 1
    assert tenfold.score(run, shards, tta=np.int64(2), device="cpu").facts["tta"] == 2
    with tenfold.open_batches(shards, batch=np.int64(8), seed=np.int64(3), workers=np.int32(1)) as batches:
        assert len(next(iter(batches))[0]) == 8


@pytest.mark.slow
def test_one_setting_need_not_be_in_a_list(made, monkeypatch):
    base, shards, _, _, _ = made
    monkeypatch.chdir(base)
    run = tenfold.train(shards, settings="train.epochs=1", out="runs/one", device="cpu")
    assert len(run.history) == 1
