"""tenfold train: what it prints and what it writes, with usual and unusual sets and settings."""

import json
import subprocess
import sys

import pytest
import torch
import train_helpers as t
from cases import each
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.shardset import write_index

KEYS = {"val_top1", "epochs", "steps", "seconds", "budget_seconds", "images_per_second", "data_wait_fraction", "best"}
QUICK = ("--set", "train.epochs=1")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return t.written(tmp_path_factory.mktemp("few") / "set", {"train": (30, 11), "val": (5,), "test": (3,)})


def test_json_is_the_only_line_of_standard_output(shards, capsys):
    ran = t.train(capsys, shards, "--json", *QUICK)
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1
    facts = json.loads(ran.out)
    assert set(facts) >= KEYS
    assert facts["epochs"] == 1
    assert 0 <= facts["val_top1"] <= 1
    assert 0 <= facts["data_wait_fraction"] <= 1
    assert "epoch" in ran.err


def test_without_json_people_read_standard_output(shards, capsys):
    ran = t.train(capsys, shards, *QUICK)
    assert ran.err == ""
    assert "val top-1" in ran.out


def test_it_leaves_the_checkpoints_of_the_design(shards, capsys):
    assert t.train(capsys, shards, *QUICK).code == 0
    best = {"schema", "weights", "model", "arguments", "classes", "canvas", "channels", "mean", "std", "recipe",
            "metrics"}
    last = best | {"optimizer", "position", "random"}
    assert set(torch.load("runs/x/best.pth", weights_only=True)) >= best
    assert set(torch.load("runs/x/last.pth", weights_only=True)) >= last
    assert t.Path("best.pth").read_bytes() == t.Path("runs/x/best.pth").read_bytes()
    assert not list(t.Path().rglob(".part-*"))


def test_a_run_that_is_replaced_is_kept_beside_it(shards, capsys):
    """With its score; a run that is refused before its first step replaces nothing."""
    weights = []
    for seed in (1, 2, 3):
        ran = t.train(capsys, shards, *QUICK, "--set", f"seed={seed}")
        assert ran.code == 0
        assert ("runs/x: the run that was there is now in runs/x.previous" in ran.out) == (seed > 1)
        assert ("in place of an older one" in ran.out) == (seed > 2)
        assert not t.Path("runs/x/score.json").exists()
        t.Path("runs/x/score.json").touch()
        weights.append(t.Path("runs/x/best.pth").read_bytes())
        if seed > 1:
            assert t.Path("runs/x.previous/best.pth").read_bytes() == weights[-2]
            assert t.Path("runs/x.previous/score.json").exists()
        assert t.train(capsys, shards, "--budget", "0.001").code == 2
        assert t.Path("runs/x/best.pth").read_bytes() == weights[-1]


def test_where_it_stands_may_be_the_run_itself(shards, capsys):
    assert t.train(capsys, shards, *QUICK, out=".").code == 0
    assert t.weights("best.pth")


@pytest.mark.parametrize("split_rows", [{"val": ()}, {"val": (1,)}, {"train": (1,), "val": (1,)}, {"train": (1, 1, 1)},
                                        {"test": ()}], ids=str)
def test_sets_of_next_to_nothing(tmp_path, capsys, split_rows):
    ran = t.train(capsys, t.written(tmp_path / "few", split_rows), "--json")
    assert ran.code == 0, ran.err
    if split_rows.get("val") == ():
        assert t.last_json(ran.out)["val_top1"] is None
    assert t.Path("best.pth").exists()


@each("kind", ["lzf", "bitshuffle-lz4"])
def test_a_compression_that_is_only_read(tmp_path, capsys, kind):
    """Old sets and models still open; new ones are not written so."""
    shards = t.written(tmp_path / kind, compression="lzf")       # h5py's own, and the name in dataset.json
    index = json.loads((shards / "dataset.json").read_text())
    index["recipe"]["shards"]["compression"] = kind
    write_index(shards, index)
    assert t.train(capsys, shards, *QUICK).code == 0
    content = torch.load("best.pth", weights_only=True)
    content["recipe"]["shards"]["compression"] = kind
    torch.save(content, "best.pth")
    assert t.score(capsys, "best.pth", "--shards", shards).code == 0
    line = t.one_line(t.train(capsys, shards, *QUICK, "--set", f"shards.compression={kind}"))
    assert "'none', 'lz4', 'gzip'" in line


def test_colour(tmp_path, capsys):
    ran = t.train(capsys, t.written(tmp_path / "rgb", channels=3), "--set", "train.engine=threads", "--json")
    assert t.last_json(ran.out)["val_top1"] > 0.9


ODD = ["train.batch=1", "train.batch=1000000", "train.window=1000000000", "train.workers=256", "train.lr=1e-300",
       "train.precision='bfloat16'", "model.dropout=1", "seed=9223372036854775807", "train.label_smoothing=0.99",
       "train.warmup=0.99", "train.weight_decay=0", "train.momentum=0", "train.schedule='step'",
       "train.optimizer='sgd'", "train.ema=0.999"]


def odd_settings_train(few, capsys, tmp_path, how):
    ran = t.train(capsys, few, "--set", "train.engine=threads", "--budget", "5m", *QUICK, "--set", how)
    assert ran.code == 0, ran.err
    assert (tmp_path / "best.pth").exists()


test_odd_settings_train = each("how", ODD[:8])(odd_settings_train)
test_so_do_less_odd_ones = pytest.mark.slow(each("how", ODD[8:])(odd_settings_train))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("engine", ["memory", "threads"])
def test_cuda_trains_and_resumes(shards, capsys, engine):
    how = ("--device", "cuda", "--set", f"train.engine={engine}", "--json")
    ran = t.train(capsys, shards, *how)
    assert t.last_json(ran.out)["val_top1"] > 0.9
    assert t.train(capsys, shards, *how, "--resume").code == 0


def test_shards_that_were_made_otherwise_are_said_to_be(shards, capsys, tmp_path):
    (tmp_path / "r.toml").write_text('name = "r"\n[draw]\ncanvas = [20, 28]\ncopies = 9\n[model]\nname = "convnet"\n'
                                     'widths = [4]\n')
    ran = t.train(capsys, shards, "--recipe", "r.toml", *QUICK)
    assert ran.code == 0
    assert "draw.copies: 6, not 9" in ran.out


@pytest.mark.parametrize("module", ["train", "train.score"])
def test_help_costs_nothing(module):
    code = (f"import runpy, sys; sys.argv = ['x', '--help']\n"
            f"try: runpy.run_module({module!r}, run_name='__main__')\n"
            "except SystemExit as end: assert end.code == 0\n"
            "heavy = {'torch', 'h5py', 'matplotlib', 'numpy', 'sklearn', 'cv2'} & set(sys.modules)\n"
            "assert not heavy, heavy")
    ran = subprocess.run([sys.executable, "-c", code], env=t.environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "--set" in ran.stdout
