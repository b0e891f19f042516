"""A checkpoint is opened without trust: what is not one is refused, and nothing in it is executed."""

import contextlib
import os
import pickle
import random
import resource
import signal
import zipfile

import pytest
import torch
import train_helpers as t
from cases import each
from flips import each_flip

from tenfold.data.errors import CheckpointFault, MachineFault, UserFault
from tenfold.data.shardset import open_set
from tenfold.train.models.build import build_model
from tenfold.train.run.checkpoint import describe, load, restore, save


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    shards = open_set(t.written(tmp_path_factory.mktemp("content") / "set"))
    how = shards.recipe.model
    model = build_model(how.name, how.args, 1, 3, t.CANVAS)
    return describe(shards, shards.recipe) | {"weights": model.state_dict(), "metrics": {"val_top1": 0.5}}


@pytest.fixture
def path(content, tmp_path):
    save(tmp_path / "best.pth", content)
    return tmp_path / "best.pth"


class Payload:
    """What a hostile pickle would do: make a file."""

    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return os.mkdir, (str(self.made),)


def test_what_was_saved_comes_back(content, path):
    model, recipe, back = restore(path)
    tensors = ("weights", "trained_on", "chosen_by")
    assert {k: v for k, v in back.items() if k not in tensors} == {k: v for k, v in content.items() if k not in tensors}
    assert torch.equal(back["trained_on"], content["trained_on"])
    assert all(torch.equal(v, content["weights"][k]) for k, v in model.state_dict().items())
    assert recipe.name == "stripes"


def test_it_appears_whole_or_not_at_all(content, path, tmp_path):
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        save(path, {"odd": lambda: 0})           # cannot be written
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["best.pth"]


def refused(path, **how) -> str:
    with pytest.raises(CheckpointFault, **how) as caught:
        restore(path)
    line = str(caught.value)
    assert str(path) in line
    assert len(line.splitlines()) == 1
    return line


def test_text_is_refused_whatever_it_begins_with(tmp_path):
    for first in range(256):                     # each another instruction of a pickle's
        (tmp_path / "text.pth").write_bytes(bytes([first]) + b"unk")
        refused(tmp_path / "text.pth", match="checkpoint")


@each("protocol", [0, 2, 4])
def test_a_pickle_is_never_executed(tmp_path, protocol):
    made, path = tmp_path / "made", tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"schema": 1, "weights": Payload(made)}, protocol))
    refused(path, match="pickled objects")
    assert not made.exists()


def test_a_torch_file_of_pickled_objects_is_never_executed(content, tmp_path):
    made, path = tmp_path / "made", tmp_path / "evil.pth"
    for new in (True, False):
        torch.save(content | {"metrics": {"x": Payload(made)}}, path, _use_new_zipfile_serialization=new)
        refused(path, match="pickled objects")
    assert not made.exists()


def test_a_missing_file_a_folder_and_nonsense(tmp_path):
    refused(tmp_path / "none.pth", match="does not exist")
    refused(tmp_path)
    path = tmp_path / "x.pth"
    for nonsense in (b"", b"\0", b"hello\n", b"PK\3\4", os.urandom(5000), b"\x80\x02.", b"\x1f\x8b" + bytes(90)):
        path.write_bytes(nonsense)
        refused(path)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("archive/data.pkl", b"\x80\x02}.")
    refused(path)


@each("more, words", [({"widths": [8] * 9_999}, "more layers than"), ({"depth": 10**9}, "more layers than"),
                      ({"widths": [2**53, 8]}, "more weights than"), ({"widths": [10**5] * 2}, "more weights than")])
def test_layers_without_weights_are_not_built(content, path, more, words):
    save(path, content | {"arguments": content["arguments"] | more})
    refused(path, match=words)


def test_weights_of_one_value_that_stand_for_many_are_not_believed(content, path):
    weights = {name: torch.zeros(1).expand(10**5, 10**5) for name in content["weights"]}
    save(path, content | {"weights": weights, "arguments": content["arguments"] | {"widths": [10**5] * 2}})
    refused(path, match="more weights than")


def test_a_truncated_file(path):
    whole = path.read_bytes()
    for left in (*(int(share * len(whole)) for share in (0.01, 0.3, 0.7, 0.99)), len(whole) - 40, len(whole) - 1):
        path.write_bytes(whole[:left])
        refused(path)


def test_no_flipped_bit_goes_unnoticed(path, capsys):
    for _ in each_flip(path, 60):
        refused(path, match=r"is damaged \(its content does not match its digest\)")
    load(path)
    assert capsys.readouterr().out == ""


def test_anyone_opens_a_checkpoint(content, path):
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        assert z.comment == path.read_bytes()[-81:]
    for how in ({}, {"mmap": True}):
        weights = torch.load(path, weights_only=True, **how)["weights"]
        assert all(torch.equal(weights[name], value) for name, value in content["weights"].items())


def test_a_checkpoint_without_a_digest_is_opened_with_a_line(content, path, capsys):
    torch.save(content, path)                    # as older versions did
    restore(path)
    line, = capsys.readouterr().out.splitlines()
    assert line.startswith(f"note: {path} carries no digest")


def test_flipped_bytes_without_a_digest_are_refused_or_harmless(content, path):
    torch.save(content, path)
    whole, rng = path.read_bytes(), random.Random(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(rng.choice([1, 40])):
            damaged[rng.randrange(len(whole))] = rng.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(UserFault):
            restore(path)


def test_another_schema(content, path):
    for schema in (0, 2, None, "1", [1]):
        save(path, content | {"schema": schema})
        refused(path, match="schema")
    for odd in ({}, [1], 3, torch.zeros(2)):
        torch.save(odd, path)
        refused(path)


@each("key", ["weights", "model", "arguments", "classes", "canvas", "channels", "mean", "std",
              "recipe", "dataset", "metrics"])
def test_a_key_that_is_missing_or_of_another_kind(content, path, key):
    save(path, {k: v for k, v in content.items() if k != key})
    refused(path, match=f"lacks '{key}'")
    save(path, content | {key: None})
    refused(path, match=f"{key} is None")


@each("odd", [
    {"weights": {}}, {"weights": {"0.weight": 3}}, {"weights": {3: torch.zeros(1)}}, {"model": "resent"},
    {"arguments": {"widths": [8]}}, {"arguments": {3: 4}}, {"arguments": {"width": 1}}, {"classes": ["a", "b"]},
    {"classes": [1, 2, 3]}, {"classes": []}, {"classes": ["a", "a", "b"]}, {"canvas": []}, {"canvas": [20]},
    {"canvas": ["a", "b"]}, {"canvas": [-20, 28]}, {"canvas": [20, 28, 3]}, {"canvas": [10**9, 10**9]}, {"channels": 0},
    {"channels": 2}, {"channels": -1}, {"channels": 10**12}, {"mean": []}, {"mean": ["x"]}, {"mean": [0.1, 0.2]},
    {"std": [None]}, {"std": []}, {"std": [0.1, 0.2, 0.3]}, {"mean": [float("nan")]}, {"recipe": {}},
    {"recipe": {"name": "../../x", "draw": {"canvas": [20, 28], "copies": 1}, "model": {"name": "convnet"}}},
    {"recipe": {"train": {"batch": 0}}},
], ids=str)
def test_values_that_fit_no_model_are_refused_in_one_line(content, path, odd):
    save(path, content | odd)
    with pytest.raises(UserFault) as caught:
        restore(path)
    assert str(path) in str(caught.value)


def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("best.pth", {"w": torch.zeros(10)})
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, allowed[1]))
    try:
        with pytest.raises(MachineFault) as caught:
            save("best.pth", {"w": torch.zeros(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
        signal.signal(signal.SIGXFSZ, before)
    assert str(caught.value).startswith("best.pth: ")
    assert len(str(caught.value).splitlines()) == 1
    assert torch.load("best.pth", weights_only=True)["w"].tolist() == [0] * 10
    assert [p.name for p in tmp_path.iterdir()] == ["best.pth"]
