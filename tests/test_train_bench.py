"""tenfold bench: every setting timed, one line of advice, faults in one line."""

import json
import subprocess
import sys

import pytest
import train_helpers as t
from cases import each
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.train.bench import command as bench
from tenfold.train.bench import timing
from tenfold.train.bench.command import advice, main

KEYS = {"engine", "workers", "pin_memory", "batch_size", "images_per_second", "gigabytes_per_second"}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A set of stripes, and repeats that take no time."""
    monkeypatch.setattr(timing, "ENOUGH", 0.001)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return t.written(tmp_path / "set", train={"engine": "threads", "workers": 3, "batch": 16})


def benched(capsys, *more) -> t.Ran:
    capsys.readouterr()
    code = main(["--device", "cpu", "--repeats", "1", *map(str, more)])
    return t.Ran(code, *capsys.readouterr())


def test_it_times_the_grid_and_leaves_a_table_a_picture_and_numbers(capsys, small, tmp_path):
    ran = benched(capsys, "--shards", small, "--json")
    facts = t.last_json(ran.out)
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1
    assert all(set(row) >= KEYS and row["images_per_second"] > 0 for row in facts["rows"])
    settings = [tuple(row[k] for k in ("engine", "workers", "pin_memory", "batch_size")) for row in facts["rows"]]
    assert len(set(settings)) == len(settings)
    assert ("threads", 3, False, 16) in settings                         # the recipe's own
    assert {("dataloader", w, False, 16) for w in (0, 1, 2)} < set(settings)
    assert {("memory", w, False, 16) for w in (1, 2)} < set(settings)    # threads that gather rows
    assert {b for *_, b in settings} == {16, 64}
    assert facts["best"] in facts["rows"]
    assert json.loads((tmp_path / "bench.json").read_text()) == facts
    assert (tmp_path / "bench.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_people_get_a_table_and_one_last_line_of_advice(capsys, small, tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)       # the fewer workers are tried
    ran = benched(capsys, "--shards", small, "--out", tmp_path / "there")
    lines = ran.out.splitlines()
    assert lines[-1].startswith(("put in the recipe's [train] engine = ", "keep the recipe's [train] engine = "))
    assert "pin_memory" not in lines[-1]                                  # nothing is pinned without CUDA
    assert any("pinned memory needs CUDA" in line for line in lines)
    assert any("plain copy in memory" in line for line in lines)
    assert (tmp_path / "there" / "bench.json").exists()


@pytest.mark.slow
def test_a_set_key_changes_what_is_timed(capsys, small):
    facts = t.last_json(benched(capsys, "--shards", small, "--set", "train.batch=5", "--json").out)
    assert {row["batch_size"] for row in facts["rows"]} == {5, 20}
    assert facts["best"]["batch_size"] == 5                               # another batch trains another model


def test_the_advice_names_the_gain_over_the_present_setting():
    now = {"engine": "dataloader", "workers": 2, "pin_memory": True, "images_per_second": 100.0}
    best = {"engine": "threads", "workers": 4, "pin_memory": True, "images_per_second": 250.0}
    assert advice(best, now, True).endswith(
        '2.50 times the present engine = "dataloader", workers = 2, pin_memory = true')
    assert advice({**best, "images_per_second": 103.0}, now, True).startswith("keep the recipe's [train] engine = ")
    assert 'engine = "memory":' in advice({**best, "engine": "memory", "workers": 0}, now, True)
    assert 'engine = "memory", workers = 4:' in advice({**best, "engine": "memory"}, now, False)


@pytest.mark.slow
def test_no_repeat_but_the_first_begins_after_the_budget(capsys, small):
    facts = t.last_json(benched(capsys, "--shards", small, "--repeats", 500, "--budget", "0.1s", "--json").out)
    assert 1 <= facts["repeats"] < 500


def test_only_the_first_shards_of_a_large_set_are_read(small, monkeypatch):
    from tenfold.data.shardset import open_set
    monkeypatch.setattr(bench, "SOME", 100 * 20 * 28)
    few = bench.first_shards(open_set(small))
    assert few.rows("train") == 151
    assert [f.rows for f in few.shards("train")] == [90, 61]


@each(("arguments", "words"), [
    ((), "--recipe"), (("--shards", "nowhere"), "run `tenfold augment`"), (("--recipe", "x.toml"), "x.toml"),
    (("--shards", "set", "--budget", "soon"), "--budget"),
    (("--shards", "set", "--set", "train.engin=1"), "engine"), (("--shards", "empty"), "no training rows")])
def test_faults_are_one_line(capsys, small, tmp_path, arguments, words):
    t.written(tmp_path / "empty", {"train": ()})
    arguments = [small if argument == "set" else argument for argument in arguments]
    assert words in t.one_line(benched(capsys, *arguments))


def test_no_repeats_are_refused(capsys):
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["--repeats", "0"])
    assert "--repeats: '0' is not a whole number from 1" in capsys.readouterr().err


def test_help_imports_no_torch():
    code = ("from tenfold.train.bench import command; import sys\ntry: command.main(['--help'])\n"
            "except SystemExit: sys.exit('torch' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
