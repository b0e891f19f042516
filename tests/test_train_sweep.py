"""tenfold sweep: every combination once, the best kept, within the budget, and on from where it was."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import train_helpers as t
from cases import each
from sweep_helpers import GRID, fake_processes, interrupt, sweep_here  # noqa: F401  (fixtures: fake, sweep)
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.data.digests import read_json, write_json
from tenfold.train.sweep.trial import LATE


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
    assert [float(r["val_top1"]) for r in t.csv_rows(facts["csv"])] == [r["val_top1"] for r in facts["rows"]]
    assert Path(facts["model"]).read_text() == "0.4 16"      # of two alike the earlier
    assert Path(facts["picture"]).read_text() == "6"
    assert not list(Path("out/trials").rglob("*.pth"))
    assert not Path("best.pth").exists()         # the one of `make train` is left alone
    assert "--device" not in fake.calls[0][0]


def test_a_trial_counts_by_the_weights_that_it_kept_not_by_its_highest_row(fake, sweep):
    fake.kept = lambda rows: rows[0]["val_top1"]
    assert t.last_json(sweep(*GRID, "--json").out)["best"]["val_top1"] == pytest.approx(0.4 / 3)


def test_a_trial_finds_weights_that_the_recipe_names_from_here(fake, sweep, tmp_path):
    Path("begin.pth").write_text("")
    assert sweep("--grid", "train.lr=0.1", "model.weights=begin.pth,imagenet", "--out", "out").code == 0
    assert [json.loads(path.read_text())["model"]["weights"] for path in sorted(Path("out").rglob("recipe.json"))] \
        == [str(tmp_path / "begin.pth"), "imagenet"]


def test_finished_trials_are_not_run_again_and_a_wider_grid_runs_the_new_ones(fake, sweep):
    assert sweep(*GRID).code == 0
    left = Path("runs/stripes-sweep/.part-99999999-together")    # of one that was killed while it wrote its tables
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


def test_a_trial_that_does_not_end_with_its_budget_is_stopped_and_the_others_go_on(fake, sweep, monkeypatch):
    late, real = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + late[0])

    def slow(recipe, epoch):                     # its three epochs take two seconds more or less than is allowed
        late[0] += (10.0 + LATE + (2.0 if recipe["lr"] == 0.4 else -2.0)) / 3
    fake.event = slow
    rows = t.last_json(sweep(*GRID, "--set", "train.budget=10s", "--budget", "1000s", "--json").out)["rows"]
    assert {(row["train.lr"], row["state"]) for row in rows} == {(0.1, "finished"), (0.2, "finished"), (0.4, "failed")}
    assert all("was stopped" in row["reason"] for row in rows if row["state"] == "failed")


def test_a_recipe_budget_is_what_each_trial_gets_where_none_is_given(fake, sweep):
    assert t.last_json(sweep(*GRID, "--set", "train.budget=90s", "--json").out)["share_seconds"] == 90


def test_settings_that_no_recipe_allows_together_fail_alone(fake, sweep):
    ran = sweep("--grid", "clean.roi=false,true", "clean.polarity=keep,dark", "--data", "images", "--json")
    assert ran.code == 2
    reasons = [json.loads(p.read_text())["reason"] for p in sorted(Path("runs").rglob("trial.json"))]
    assert "polarity" in reasons.pop(2)
    assert reasons == ["no images"] * 3          # the preprocessing command's own words


def test_shards_of_an_earlier_session_are_compared_with_the_images(fake, sweep, monkeypatch):
    built = []

    def run(command, where, log, lock, enough):
        if command[0] == "preprocess":
            built.append(command[command.index("--out") + 1])
            return 0
        return fake(command, where, log, lock, enough)
    for module in ("preparation", "trial"):
        monkeypatch.setattr(f"tenfold.train.sweep.{module}.run_process", run)
    grid = ("--grid", "draw.copies=1,2", "train.lr=0.1,0.2", "--set", "source.data=images")
    for session in (1, 2):                       # once in each session, by the command that sees what has changed
        assert sweep(*grid, "--out", str(session)).code == 0
        assert len(built) == 2 * session
    assert built[:2] == built[2:]


@each(("more", "words"), [
    ((), "--grid train.lr=0.001,0.002"), ((*GRID, "--search", "train.lr=0..1"), "both given"),
    (("--grid", "train.lrr=1,2"), "lrr"), (("--grid", "model.widthss=[4],[8]"), "did you mean 'widths'"),
    (("--search", "model.name=convnet,resnett", "train.lr=0.1..1"), "did you mean 'resnet'"),
    (("--grid", "train.lr=1,-2"), "more than 0"),
    ((*GRID, "--budget", "5s"), "for each of 6 trials"), ((*GRID, "--budget", "soon"), "soon"),
    ((*GRID, "--set", "train.batchs=3"), "batchs"), (("--grid", "draw.copies=1..3"), "is a range"),
    (("--grid", "draw.copies=1,2"), "names no images, and each trial makes its own shards; give --data=folder")])
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
    assert next(r for r in rows if r["trial"] == 1)["seconds"] >= 14


def test_help_imports_no_torch():
    code = ("from tenfold.train.sweep import command; import sys\ntry: command.main(['--help'])\n"
            "except SystemExit: sys.exit(bool({'torch', 'optuna', 'matplotlib'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_a_trial_that_would_repeat_one_without_a_step_is_not_run(fake, sweep):
    """Where a fitted head is all that learns, keys of steps change nothing; others do."""
    fake.steps = 0
    grid = ("--grid", "train.lr=0.1,0.4", "train.label_smoothing=0,0.1", "--out", "out")
    ran = sweep(*grid, "--json")
    assert len(fake.calls) == 2
    facts = t.last_json(ran.out)
    assert [(r["trial"], r["train.label_smoothing"], r["reason"]) for r in facts["rows"]] == [
        (0, 0, ""), (1, 0.1, ""), (2, 0, "not run: as trial 0"), (3, 0.1, "not run: as trial 1")]
    assert len({r["val_top1"] for r in facts["rows"]}) == 1
    said = "note: 2 of 4 trials were not run: only the head learns, and it is fitted"
    assert said in ran.err
    assert "so train.lr changes nothing" in ran.err
    assert Path("out/best.pth").read_text() == "0.1 32"
    assert said in sweep(*grid).out              # again: all are done
    assert len(fake.calls) == 2
    fake.steps = 9
    assert "not run" not in sweep("--grid", "train.lr=0.1,0.4", "--out", "other").out
    assert len(fake.calls) == 4


def test_a_value_that_is_given_twice_is_tried_once(fake, sweep):
    ran = sweep("--grid", "train.lr=0.1,0.2,1e-1", "--out", "out")
    assert len(fake.calls) == 2
    assert "2 trials over" in ran.out
    assert "budget is spent" not in ran.out
