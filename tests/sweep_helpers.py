"""`tenfold sweep` in this process, with a function in place of each trial that writes what `tenfold train` writes."""

import csv
import json

import pytest
import train_helpers as t

from tenfold.train.sweep import preparation, trial
from tenfold.train.sweep.command import main

GRID = ("--grid", "train.lr=0.1,0.4,0.2", "train.batch=16,32")


class Fake:
    """In place of run_process: validation top-1 rises over three epochs to the trial's lr."""

    def __init__(self):
        self.calls = []
        self.kept = lambda rows: rows[-1]["val_top1"]
        self.steps = 9
        self.event = lambda settings, epoch: None     # may raise, or return an exit code

    def __call__(self, command, where, log, lock, enough):
        if command[0] == "preprocess":
            log.write_text("no images\n")
            return 2
        recipe = json.loads((where / "recipe.json").read_text())["train"]
        self.calls.append((command, recipe["lr"], recipe["batch"]))
        rows = []
        for epoch in range(1, 4):
            code = self.event(recipe, epoch)
            if code:
                log.write_text("before\nx: is wrong; mend it\n")
                return code
            rows.append({"epoch": epoch, "seconds": 7.0 * epoch, "train_top1": 0.5, "train_loss": 1.0,
                         "val_top1": recipe["lr"] * epoch / 3})
            with open(where / "metrics.csv", "w") as f:
                writer = csv.DictWriter(f, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            (where / "last.pth").write_text("")
            (where / "best.pth").write_text(f"{recipe['lr']} {recipe['batch']}")
            if enough():
                log.write_text("before\n")
                return 130
        log.write_text("before\n" + json.dumps({"val_top1": self.kept(rows), "steps": self.steps}) + "\n")
        return 0


@pytest.fixture(name="fake")
def fake_processes(monkeypatch):
    made = Fake()
    for module in (trial, preparation):
        monkeypatch.setattr(module, "run_process", made)
    monkeypatch.setattr("tenfold.train.sweep.figures.draw_sweep", lambda path, runs: path.write_text(str(len(runs))))
    return made


@pytest.fixture(name="sweep")
def sweep_here(capsys, tmp_path):
    """The command in this process, over a set."""
    t.written(tmp_path / "set")

    def call(*more, shards="set"):
        capsys.readouterr()
        return t.Ran(main(["--shards", shards, *map(str, more)]), *capsys.readouterr())
    return call


def interrupt():
    raise KeyboardInterrupt
