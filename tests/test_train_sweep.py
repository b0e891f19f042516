"""tenfold sweep: every combination once, the best kept, within the budget, and on from where it was.

A trial is a process; most tests put a function in its place that writes what `tenfold train` writes.
"""

import csv
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import train_helpers as t
from cases import each
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.digests import read_json, write_json
from tenfold.train.sweep import preparation, trial
from tenfold.train.sweep.command import main
from tenfold.train.sweep.figures import smoothed

GRID = ("--grid", "train.lr=0.1,0.4,0.2", "train.batch=16,32")


class Fake:
    """In place of run_process: validation top-1 rises over three epochs to the trial's lr."""

    def __init__(self):
        self.calls = []
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
                return 130
        return 0


@pytest.fixture
def fake(monkeypatch):
    made = Fake()
    for module in (trial, preparation):
        monkeypatch.setattr(module, "run_process", made)
    monkeypatch.setattr("tenfold.train.sweep.figures.draw_sweep", lambda path, runs: path.write_text(str(len(runs))))
    return made


@pytest.fixture
def sweep(capsys, tmp_path):
    """The command in this process, over a set."""
    t.written(tmp_path / "set")

    def call(*more, shards="set"):
        capsys.readouterr()
        return t.Ran(main(["--shards", shards, *map(str, more)]), *capsys.readouterr())
    return call


def interrupt():
    raise KeyboardInterrupt


def test_a_grid_is_every_combination_best_first(fake, sweep):
    ran = sweep(*GRID, "--json", "--out", "out")
    assert ran.code == 0, ran.err
    facts = t.last_json(ran.out)
    assert [(r["train.lr"], r["train.batch"]) for r in facts["rows"]] == [
        (lr, batch) for lr in (0.4, 0.2, 0.1) for batch in (16, 32)]
    assert facts["best"] == facts["rows"][0]
    assert facts["best"]["val_top1"] == pytest.approx(0.4)
    assert {r["state"] for r in facts["rows"]} == {"finished"}
    assert {"trial", "val_top1", "seconds", "state", "epochs"} <= set(facts["best"])
    with open(facts["csv"], newline="") as f:
        assert [float(r["val_top1"]) for r in csv.DictReader(f)] == [r["val_top1"] for r in facts["rows"]]
    assert Path(facts["model"]).read_text() == "0.4 16"      # of two alike the earlier
    assert Path(facts["picture"]).read_text() == "6"
    assert not list(Path("out/trials").rglob("*.pth"))
    assert not Path("best.pth").exists()         # the one of `make train` is left alone
    assert "--device" not in fake.calls[0][0]


def test_a_trial_finds_weights_that_the_recipe_names_from_here(fake, sweep, tmp_path):
    Path("begin.pth").write_text("")
    assert sweep("--grid", "train.lr=0.1", "model.weights=begin.pth,imagenet", "--out", "out").code == 0
    assert [json.loads(path.read_text())["model"]["weights"] for path in sorted(Path("out").rglob("recipe.json"))] \
        == [str(tmp_path / "begin.pth"), "imagenet"]


def test_finished_trials_are_not_run_again_and_a_wider_grid_runs_the_new_ones(fake, sweep):
    assert sweep(*GRID).code == 0
    left = Path("runs/stripes-sweep/.part-1-together")           # of one that was killed while it wrote its tables
    left.mkdir()
    ran = sweep("--grid", "train.lr=0.1,0.5", "train.batch=16,32", "--json")
    assert not left.exists()
    assert [call[1:] for call in fake.calls[6:]] == [(0.5, 16), (0.5, 32)]
    assert t.last_json(ran.out)["best"]["trial"] == 6
    assert Path("runs/stripes-sweep/best.pth").read_text() == "0.5 16"


def test_an_interrupted_sweep_goes_on_with_the_trial_that_was_under_way(fake, sweep):
    fake.event = lambda recipe, epoch: interrupt() if (recipe["lr"], recipe["batch"], epoch) == (0.4, 32, 2) else None
    ran = sweep(*GRID)
    assert ran.code == 130
    assert "3 trials are kept" in ran.err
    assert len(Path("runs/stripes-sweep/sweep.csv").read_text().splitlines()) == 5
    fake.event = lambda recipe, epoch: None
    kept = Path("runs/stripes-sweep/trials/0003/last.pth")
    assert kept.exists()
    assert sweep(*GRID).code == 0
    assert [call[1:] for call in fake.calls] == [(0.1, 16), (0.1, 32), (0.4, 16), (0.4, 32), (0.4, 32), (0.2, 16),
                                                 (0.2, 32)]
    assert len(list(Path("runs/stripes-sweep/trials").iterdir())) == 6


def test_a_trial_that_fails_does_not_end_the_sweep_and_is_tried_again(fake, sweep):
    fake.event = lambda recipe, epoch: {0.4: 2, 0.2: -9}.get(recipe["lr"])
    ran = sweep(*GRID, "--json")
    assert ran.code == 0
    rows = t.last_json(ran.out)["rows"]
    assert [r["state"] for r in rows] == ["finished"] * 2 + ["failed"] * 4
    assert rows[2]["reason"] == "x: is wrong; mend it"
    assert "ended by signal 9; see" in rows[-1]["reason"]
    fake.event = lambda recipe, epoch: None
    sweep(*GRID)
    assert len(fake.calls) == 6 + 4


def test_none_that_finishes_is_a_fault_with_the_first_reason(fake, sweep):
    fake.event = lambda recipe, epoch: 2
    ran = sweep(*GRID)
    assert ran.code == 2
    assert "none of 6 trials finished; x: is wrong; mend it" in ran.err.splitlines()[-1]


def test_the_budget_is_shared_out_and_no_trial_begins_with_less_than_its_share(fake, sweep, monkeypatch):
    ran = sweep(*GRID, "--budget", "70s", "--json")
    assert t.last_json(ran.out)["share_seconds"] == 10.0
    assert [c[0][c[0].index("--budget") + 1] for c in fake.calls] == ["10.000"] * 6
    late, real = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + late[0])

    def slow(recipe, epoch):
        late[0] += 7
    fake.event = slow                             # 21 s a trial, of 10
    ran = sweep(*GRID, "--budget", "70s", "--out", "late")
    assert len(fake.calls) == 6 + 3
    assert "note: the budget is spent after 3 of 6 trials" in ran.out
    assert sweep(*GRID, "--budget", "1000s", "--out", "late").code == 0
    assert len(fake.calls) == 6 + 6
    assert fake.calls[-1][0][fake.calls[-1][0].index("--budget") + 1] == "10.000"       # so that trials compare


def test_a_recipe_budget_is_what_each_trial_gets_where_none_is_given(fake, sweep):
    assert t.last_json(sweep(*GRID, "--set", "train.budget=90s", "--json").out)["share_seconds"] == 90


def test_settings_that_no_recipe_allows_together_fail_alone(fake, sweep):
    ran = sweep("--grid", "clean.roi=false,true", "clean.polarity=keep,dark", "--json")
    assert ran.code == 2
    reasons = [json.loads(p.read_text())["reason"] for p in sorted(Path("runs").rglob("trial.json"))]
    assert "polarity" in reasons.pop(2)
    assert reasons == ["no images"] * 3          # the preprocessing command's own words


@each(("more", "words"), [
    ((), "--grid train.lr=0.001,0.002"), ((*GRID, "--search", "train.lr=0..1"), "both given"),
    (("--grid", "train.lrr=1,2"), "lrr"), (("--grid", "model.widthss=[4],[8]"), "did you mean 'widths'"),
    (("--search", "model.name=convnet,resnett", "train.lr=0.1..1"), "did you mean 'resnet'"),
    (("--grid", "train.lr=1,-2"), "more than 0"),
    ((*GRID, "--budget", "5s"), "for each of 6 trials"), ((*GRID, "--budget", "soon"), "soon"),
    ((*GRID, "--set", "train.batchs=3"), "batchs"), (("--grid", "draw.copies=1..3"), "is a range")])
def test_faults_are_one_line(fake, sweep, more, words):
    assert words in t.one_line(sweep(*more))
    assert not fake.calls


def test_shards_without_validation_rows_cannot_choose(fake, sweep, tmp_path):
    t.written(tmp_path / "none", {"val": ()})
    assert "split.val" in t.one_line(sweep(*GRID, shards="none"))


def test_another_sweep_is_not_mixed_in(fake, sweep):
    sweep(*GRID)
    assert "train.epochs" in t.one_line(sweep(*GRID, "--set", "train.epochs=9"))
    assert "what it varies" in t.one_line(sweep("--grid", "train.lr=0.1,0.2"))
    Path("runs/stripes-sweep/sweep.json").write_text("[]")
    assert "is not a sweep's" in t.one_line(sweep(*GRID))


def test_optuna_is_an_extra(fake, sweep, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = t.one_line(sweep("--search", "train.lr=log:1e-4..1e-1"))
    assert "pip install optuna" in line
    assert sweep(*GRID).code == 0


SEARCH = ("--search", "train.lr=log:0.001..1", "train.batch=16,32", "--trials", "7", "--out", "s")


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna")


def study(out="s"):
    with sqlite3.connect(f"{out}/study.db") as db:
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
        found = optuna.load_study(study_name="sweep", storage="sqlite:///s/study.db").trials
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


@pytest.mark.parametrize("pruner", ["median", pytest.param("hyperband", marks=pytest.mark.slow)])
def test_weak_trials_end_early_also_where_no_trial_comes_near_its_planned_epochs(fake, sweep, optuna, pruner):
    assert sweep(*SEARCH, "--pruner", pruner, "--trials", "8", "--set", "train.epochs=1000").code == 0
    assert {"COMPLETE", "PRUNED"} <= set(study())


def test_the_time_of_a_trial_that_was_killed_counts(fake, sweep):
    def die(recipe, epoch):
        if (recipe["lr"], epoch) == (0.4, 3):
            raise t.Killed
    fake.event = die
    with pytest.raises(t.Killed):
        sweep("--grid", "train.lr=0.1,0.4", "--out", "k")
    path = Path("k/trials/0001/trial.json")
    write_json(path, read_json(path) | {"seconds": 0.0})     # as kill -9 leaves it
    fake.event = lambda recipe, epoch: None
    rows = t.last_json(sweep("--grid", "train.lr=0.1,0.4", "--out", "k", "--json").out)["rows"]
    assert next(r for r in rows if r["trial"] == 1)["seconds"] > 14


def test_other_ranges_are_another_search(fake, sweep, optuna):
    assert sweep(*SEARCH, "--trials", "1").code == 0
    assert "what it varies" in t.one_line(sweep("--search", "train.lr=0.1..1", "train.batch=16,32", "--out", "s"))


def test_smoothing_begins_at_the_first_value_and_follows():
    assert smoothed([3.0] * 4) == pytest.approx([3.0] * 4)
    found = smoothed([0.0, 1.0, 1.0])
    assert 0 == found[0] < found[1] < found[2] < 1
    assert smoothed([1.0, float("nan"), 1.0]) == pytest.approx([1.0, float("nan"), 1.0], nan_ok=True)


def test_help_imports_no_torch():
    code = ("from tenfold.train.sweep import command; import sys\ntry: command.main(['--help'])\n"
            "except SystemExit: sys.exit(bool({'torch', 'optuna', 'matplotlib'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
