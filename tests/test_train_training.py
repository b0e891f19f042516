"""train() from Python: it returns what it made, and leaves the process as it found it."""

import ast
import os
import signal
import threading

import matplotlib
import pytest
import torch
import train_helpers as t
from syntax_trees import syntax_tree
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.errors import ShardFault
from tenfold.data.shardset import open_set
from tenfold.train.run.checkpoint import load
from tenfold.train.run.training import train

HOW = {"budget": 600.0, "device": "cpu"}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    torch.set_num_threads(1)
    return open_set(t.written(tmp_path_factory.mktemp("training") / "set"))


def test_it_returns_what_it_made_and_writes_nowhere_else(shards, tmp_path, capsys):
    run = train(shards, shards.recipe, tmp_path / "run", **HOW)
    assert run.best == tmp_path / "run/best.pth"
    assert run.val_top1 == max(row["val_top1"] for row in run.history) == run.facts["val_top1"] > 0.9
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]         # ./best.pth is the command's doing
    assert len(run.figure().axes) == 2
    assert "data:image/png;base64," in run._repr_html_()
    assert f"{run.val_top1:.4f}" in run._repr_html_()
    assert t.train(capsys, shards.folder, out="command").code == 0
    assert t.same_weights(run.best, "command/best.pth")


def test_the_process_is_left_as_it_was(shards, tmp_path):
    def mine(number, frame):
        raise AssertionError("it was held back")
    before = {s: signal.signal(s, mine) for s in (signal.SIGINT, signal.SIGTERM)}
    torch.manual_seed(42)
    random, threads, backend = torch.get_rng_state(), torch.get_num_threads(), matplotlib.get_backend()
    try:
        train(shards, shards.recipe, tmp_path / "run", **HOW)
        assert all(signal.getsignal(s) is mine for s in before)
        with pytest.raises(ShardFault):
            train(open_set(t.written(tmp_path / "none", {"train": ()})), shards.recipe, tmp_path / "x", **HOW)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert torch.equal(torch.get_rng_state(), random)
    assert (torch.get_num_threads(), matplotlib.get_backend()) == (threads, backend)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL], ids=["ignored", "default"])
def test_signals_that_python_does_not_handle_are_left_alone(shards, tmp_path, monkeypatch, handler):
    seen = []
    t.at_step(monkeypatch, 3, lambda: seen.append(signal.getsignal(signal.SIGTERM)))
    before = signal.signal(signal.SIGTERM, handler)
    try:
        train(shards, shards.recipe, tmp_path / "run", **HOW)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [handler]


def test_an_interrupt_leaves_the_interpreter_alive_and_the_run_goes_on(shards, tmp_path, monkeypatch):
    alone = train(shards, shards.recipe, tmp_path / "alone", **HOW)
    threads = threading.active_count()
    with monkeypatch.context() as patch:
        t.at_step(patch, 6, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt, match="step 6 of 12"):
            train(shards, shards.recipe, tmp_path / "run", **HOW)
    assert load(tmp_path / "run/last.pth")["position"]["step"] == 6
    assert threading.active_count() <= threads   # its readers are gone
    run = train(shards, shards.recipe, tmp_path / "run", resume=True, **HOW)
    assert t.same_weights(run.best, alone.best)


def test_it_trains_outside_the_main_thread(shards, tmp_path):
    made = []
    worker = threading.Thread(target=lambda: made.append(train(shards, shards.recipe, tmp_path / "run", **HOW)))
    worker.start()
    worker.join(120)
    assert made[0].val_top1 > 0.9


def test_what_the_trainer_says_names_no_option_of_the_command():
    """It is said to Python users, too, who have arguments."""
    folder = t.ROOT / "train/run"
    texts = {path.name: [node.value for node in ast.walk(syntax_tree(path))
                         if isinstance(node, ast.Constant) and isinstance(node.value, str)]
             for path in folder.glob("*.py") if path.name != "command.py"}
    assert any("train without resuming" in text for text in texts["training.py"])
    assert not [(name, text) for name, found in texts.items() for text in found
                if "--" in text and "tenfold" not in text]
