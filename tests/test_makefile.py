"""The targets call the commands as the README says."""

import os
import shutil
import subprocess

import pytest
import train_helpers as t

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


def make(*words) -> str:
    """What it prints, as it would outside of `make test`."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *words], cwd=t.ROOT, env=alone, capture_output=True, text=True, check=True).stdout


def said(*words) -> str:
    """What make would run, and runs nothing."""
    return make("-n", "PY=python3", *words)


def test_bare_make_prints_every_target():
    phony = (t.ROOT / "Makefile").read_text().partition("\n.PHONY: ")[2].partition("\n")[0].split()
    assert sorted(line.split()[0] for line in make().splitlines()) == sorted(phony)


def test_images_are_scored_alone_but_not_in_the_call_that_trains_on_them():
    assert "train.score best.pth --data 'pictures'" in said("score", "MODEL=best.pth", "DATA=pictures")
    whole = said("augment", "train", "score", "DATA=pictures", "SET=train.epochs=1")
    assert "--set" not in whole[whole.index("train.score"):]
    assert "-m preprocess --recipe recipes/sample.toml --out shards/sample --data 'pictures'" in whole
    assert "train.score best.pth" in whole
    assert "train.score best.pth --data" not in whole


def test_settings_and_options_reach_the_command():
    line = said("train", "RECIPE=recipes/letters.toml", "SET=train.lr=0.1 train.epochs=2", "BUDGET=9m", "RESUME=1",
                "JSON=1")
    assert "-m train --recipe recipes/letters.toml --shards shards/letters --out runs/letters --budget '9m' --resume " \
        "--set 'train.lr=0.1' --set 'train.epochs=2' --json" in " ".join(line.split())
