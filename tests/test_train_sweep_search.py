"""A sweep by Optuna's search: trials are pruned, and their folders alone say what was tried."""

import contextlib
import os
import sqlite3
import sys
from pathlib import Path

import pytest
import train_helpers as t
from sweep_helpers import GRID, fake_processes, interrupt, sweep_here  # noqa: F401  (fixtures: fake, sweep)
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.digests import read_json, write_json
from tenfold.train.sweep.search import storage_of

SEARCH = ("--search", "train.lr=log:0.001..1", "train.batch=16,32", "--trials", "7", "--out", "s")


def test_optuna_is_an_extra(fake, sweep, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = t.one_line(sweep("--search", "train.lr=log:1e-4..1e-1"))
    assert "pip install optuna" in line
    assert sweep(*GRID).code == 0


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna")


def study(out="s"):
    with contextlib.closing(sqlite3.connect(f"{out}/study.db")) as db:
        return [row[0] for row in db.execute("select state from trials order by number")]


@pytest.mark.slow
def test_a_search_prunes_and_goes_on_in_its_study(fake, sweep, optuna):
    fake.event = lambda recipe, epoch: interrupt() if len(fake.calls) == 3 and epoch == 2 else None
    assert sweep(*SEARCH).code == 130
    under_way = fake.calls[-1][1:]
    fake.event = lambda recipe, epoch: None
    ran = sweep(*SEARCH, "--json")
    assert ran.code == 0, ran.err
    assert fake.calls[3][1:] == under_way        # the same settings, from its last.pth
    facts = t.last_json(ran.out)
    assert len(facts["rows"]) == 7
    assert all(0.001 <= r["train.lr"] <= 1 and r["train.batch"] in (16, 32) for r in facts["rows"])
    states = [r["state"] for r in facts["rows"]]
    assert states == sorted(states)
    assert "pruned" in states
    assert all(r["epochs"] < 3 for r in facts["rows"] if r["state"] == "pruned")
    assert facts["best"]["val_top1"] == max(r["val_top1"] for r in facts["rows"] if r["state"] == "finished")
    assert Path("s/best.pth").read_text().startswith(str(facts["best"]["train.lr"])[:6])
    assert sorted(study()) == ["COMPLETE"] * states.count("finished") + ["PRUNED"] * states.count("pruned")
    assert len({r["train.lr"] for r in facts["rows"]}) == 7
    calls = len(fake.calls)
    assert sweep(*SEARCH).code == 0              # nothing is left to do …
    assert len(fake.calls) == calls
    assert sweep(*SEARCH, "--trials", "8").code == 0         # … until more are asked for
    assert len(fake.calls) == calls + 1


def test_nothing_is_read_of_an_earlier_study(fake, sweep, optuna):
    """SQLite has no checksums: the trials' folders say what was tried, their curves included."""
    def told():
        found = optuna.load_study(study_name="sweep", storage=storage_of(Path("s"))).trials
        return [(t.state, t.value, t.params, t.intermediate_values) for t in found]
    six = (*SEARCH, "--trials", "6")
    assert sweep(*six).code == 0
    before, calls = told(), len(fake.calls)
    Path("s/study.db").unlink()
    os.mkfifo("s/study.db")
    Path("s/study.db-journal").write_bytes(b"of another")
    assert sweep(*six).code == 0
    assert told() == before
    assert "PRUNED" in study()
    assert len(fake.calls) == calls
    path = Path("s/trials/0000/trial.json")
    kept = read_json(path)
    for wrong in ({"settings": {"train.lr": "x", "train.batch": 16}}, {"settings": {"train.lr": 7, "train.batch": 16}},
                  {"settings": {"train.lr": 0.1, "train.batch": 17}}, {"curve": ["x"]}, {"curve": None}):
        write_json(path, kept | wrong)
        assert "0000/trial.json" in t.one_line(sweep(*six))
    write_json(path, kept)
    Path("s/study.db").unlink()
    Path("s/study.db").mkdir()
    assert "cannot be made anew" in t.one_line(sweep(*six))


def test_settings_that_a_search_repeats_are_not_run_again(fake, sweep, optuna):
    ran = sweep("--search", "train.lr=0.1,0.2", "train.batch=16,32", "--trials", "8", "--pruner", "none", "--json")
    assert len(fake.calls) == len(t.last_json(ran.out)["rows"]) <= 4
    assert f"the search chose {len(fake.calls)} different settings in 8 trials" in ran.err
    assert "budget is spent" not in ran.err


@pytest.mark.parametrize(("pruner", "epochs"), [
    ("median", 1), pytest.param("median", 1000, marks=pytest.mark.slow),
    pytest.param("hyperband", 1000, marks=pytest.mark.slow)])
def test_weak_trials_end_early_however_many_evaluations_the_planned_epochs_make(fake, sweep, optuna, pruner, epochs):
    """Each trial evaluates val three times: a budget can end an epoch late, or evaluate several times in one."""
    assert sweep(*SEARCH, "--pruner", pruner, "--trials", "8", "--set", f"train.epochs={epochs}").code == 0
    assert {"COMPLETE", "PRUNED"} <= set(study())


def test_other_ranges_are_another_search(fake, sweep, optuna):
    assert sweep(*SEARCH, "--trials", "1").code == 0
    assert "what it varies" in t.one_line(sweep("--search", "train.lr=0.1..1", "train.batch=16,32", "--out", "s"))
