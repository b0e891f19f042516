"""tenfold sweep with trials in processes of their own, as users have them."""

import json
import signal
import subprocess
import sys
import time

import pytest
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)


@pytest.mark.slow
def test_in_processes_stopped_and_killed_and_on_again(tmp_path):
    """The real thing: a ctrl-C and a kill -9 in the middle of trials, then to the end."""
    t.written(tmp_path / "set", {"train": (600,)})
    command = [sys.executable, "-m", "train.sweep", "--shards", "set", "--grid", "train.lr=0.02,0.0001",
               "--set", "train.epochs=300", "--budget", "60s", "--device", "cpu", "--json"]

    def begun(number: int):
        process = subprocess.Popen(command, env=t.environment(), stderr=subprocess.PIPE, text=True)
        metrics = tmp_path / f"runs/stripes-sweep/trials/{number:04d}/metrics.csv"
        until = time.monotonic() + 60
        before = metrics.stat().st_mtime if metrics.exists() else 0
        while time.monotonic() < until and not (metrics.exists() and metrics.stat().st_mtime > before):
            time.sleep(0.1)
        assert metrics.exists(), process.stderr.read()
        return process
    stopped = begun(0)
    stopped.send_signal(signal.SIGINT)
    assert "0 trials are kept" in stopped.communicate(timeout=30)[1]
    assert stopped.returncode == 130
    assert json.loads((tmp_path / "runs/stripes-sweep/trials/0000/trial.json").read_text())["state"] == "begun"
    killed = begun(0)
    killed.kill()
    killed.communicate()
    command += ["--budget", "300s"]              # starting over and again has cost some of the first
    ran = subprocess.run(command, env=t.environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    facts = t.last_json(ran.stdout)
    assert [r["state"] for r in facts["rows"]] == ["finished"] * 2
    assert facts["best"]["train.lr"] == 0.02
    assert facts["best"]["val_top1"] > 0.9
    from tenfold.train.run.checkpoint import load
    assert load(tmp_path / facts["model"])["recipe"]["train"]["lr"] == 0.02


@pytest.mark.slow
def test_keys_of_drawing_make_shards_that_trials_share(tmp_path):
    t.folder(tmp_path / "images", 12)
    (tmp_path / "r.json").write_text(json.dumps(t.tables(train={"epochs": 2}, split={"val": 3, "test": 2})))
    ran = subprocess.run([sys.executable, "-m", "train.sweep", "--recipe", "r.json", "--data", "images", "--grid",
                          "draw.copies=2,3", "train.lr=0.01,0.02", "--device", "cpu", "--json"], env=t.environment(),
                         capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert {r["state"] for r in t.last_json(ran.stdout)["rows"]} == {"finished"}
    made = sorted(p.parent for p in tmp_path.glob("shards/stripes-*/dataset.json"))
    assert sorted(json.loads((p / "dataset.json").read_text())["rows"]["train"] for p in made) == [48, 72]
    assert "--shards=shards/stripes-" in ran.stderr
