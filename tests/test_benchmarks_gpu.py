"""A bundle carries recipes and shards in one file; one call trains it and times everything, on a CPU too."""

import subprocess
import sys

import pytest
import torch
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from benchmarks import bundle, graphs
from tenfold.data.errors import ShardFault
from tenfold.data.shardset import open_set

TOML = """[draw]
canvas = [20, 28]
copies = 6
[model]
name = "convnet"
widths = [8, 16]
[train]
epochs = 2
batch = 32
"""


def packed(tmp_path, names=("first", "second")):
    shards = t.written(tmp_path / "set")
    for name in names:
        (tmp_path / f"{name}.toml").write_text(TOML)
    code = bundle.main(["shards.tar", *(f"{name}.toml={shards}" for name in names)])
    return code, tmp_path / "shards.tar", shards


def test_a_bundle_gives_back_what_was_packed_each_set_once(tmp_path):
    code, path, shards = packed(tmp_path)
    assert code == 0
    found, _ = bundle.unpack(path, tmp_path / "there")
    assert list(found) == ["first", "second"]
    assert found["first"][1] == found["second"][1]
    assert found["first"][0].read_text() == TOML
    for file in shards.glob("[!.]*"):           # without the note that it was verified
        assert (found["first"][1] / file.name).read_bytes() == file.read_bytes()
    assert open_set(found["second"][1]).rows("train") == open_set(shards).rows("train")


def test_weights_go_along_and_those_of_a_name_are_refused(tmp_path, capsys):
    packed(tmp_path)
    (tmp_path / "own.pth").write_bytes(b"weights")
    words = ["shards.tar", f"first.toml={tmp_path / 'set'}", "--set"]
    assert bundle.main([*words, "model.weights=own.pth"]) == 0
    found, _ = bundle.unpack("shards.tar", tmp_path / "there")
    (setting,), there = found["first"][2], tmp_path / "there/weights/first.pth"
    assert setting == f"model.weights={there}"
    assert there.read_bytes() == b"weights"
    capsys.readouterr()
    assert "FILE.pth" in t.one_line(t.Ran(bundle.main([*words, "model.weights=imagenet"]), *capsys.readouterr()))


def test_a_bundle_too_large_is_refused_and_not_left(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bundle, "AT_MOST", 1000)
    code, path, _ = packed(tmp_path)
    line = t.one_line(t.Ran(code, *capsys.readouterr()))
    assert "MB" in line
    assert "draw.copies" in line
    assert not path.exists()
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("content", [None, b"", b"no tar" * 1000])
def test_what_is_no_bundle_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "odd.tar").write_bytes(content)
    with pytest.raises(ShardFault, match=r"odd\.tar.*bundle"):
        bundle.unpack(tmp_path / "odd.tar", tmp_path / "there")


def test_it_needs_no_opencv_and_nothing_of_preprocess():
    code = "import sys, benchmarks.gpu, benchmarks.training; " \
        "sys.exit(bool({'cv2', 'tenfold.preprocess', 'joblib', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], env=t.environment(), check=False).returncode == 0


@pytest.mark.slow
def test_one_call_trains_scores_and_times(tmp_path):
    _, path, _ = packed(tmp_path, ("first",))
    ran = subprocess.run([sys.executable, "-m", "benchmarks.gpu", path, "--out", "out", "--device", "cpu", "--quick",
                          "--budget", "5m", "--json"], env=t.environment() | {"OMP_NUM_THREADS": "1"},
                         capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    facts = t.last_json(ran.stdout)
    assert facts["train"]["first"]["top1"] > 0.9
    assert facts["loop"]["memory none"]["loop"]["none"]["ratio"] > 0
    assert facts["startup"]["startup"]["help"] > 0
    found = t.csv_rows("out/gpu-results.tsv", delimiter="\t")
    questions = {row["question"].split(",")[0].split(" ")[0] for row in found}
    assert questions >= {"trained", "training", "loading", "start-up"}
    assert len({row["commit"] for row in found}) == 1


def test_steps_are_timed_in_both_ways_and_only_a_cuda_device_has_graphs(monkeypatch, capsys):
    monkeypatch.setattr(graphs, "AT_LEAST", 0.001)
    monkeypatch.setattr(graphs, "TURN", 1)
    pairs = graphs.compare("convnet on edges", torch.device("cpu"), 2)
    assert len(pairs) == 2
    assert all(rate > 0 for pair in pairs for rate in pair)
    assert graphs.main(["--device", "cpu"]) == 2
    assert "no CUDA graphs" in capsys.readouterr().err
