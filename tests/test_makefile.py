"""The targets call the commands as the README says, with the values that were typed, whatever those hold."""

import os
import re
import shlex
import shutil
import sys

import pytest
import train_helpers as t
from make_helpers import checkout_folder, commands, make, planned_commands  # noqa: F401  (fixtures: checkout, planned)

from tenfold.data.errors import ShardFault
from tenfold.data.make_steps import _check_begun, variables
from tenfold.data.make_targets import FLAGS, LISTS, PATHS, TARGETS, VARIABLES, words

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")
# what a shell or make would split, expand, end a word at, or run
NASTY = """a  b "c" 'd' $e $(shell touch ran) $${f} `touch ran` $(touch ran); touch ran & (g) | é\\ü #h % * ~ !"""


def test_bare_make_prints_every_target():
    phony = (t.ROOT / "Makefile").read_text().partition("\n.PHONY: ")[2].partition("\n")[0].split()
    assert sorted(line.split()[0] for line in make(t.ROOT).splitlines()) == sorted(phony)
    assert set(TARGETS) < set(phony)


def test_no_value_is_part_of_a_line_that_a_shell_reads():
    lines = [line for line in (t.ROOT / "Makefile").read_text().splitlines() if line.startswith("\t")]
    assert len(lines) > 10
    assert {name for line in lines for name in re.findall(r"(?<!\$)\$[({]?(\w+|@)", line)} == {"FRONT", "PYTEST", "@"}


def test_images_are_scored_alone_but_not_in_the_call_that_trains_on_them(checkout):
    assert commands(checkout, "score", "MODEL=m.pth", "DATA=pictures", "SET=draw.fit=cover") == [
        ["train.score", "m.pth", "--data", "pictures", "--set", "draw.fit=cover"]]
    assert commands(checkout, "augment", "train", "score", "RECIPE=letters", "DATA=pictures", "SET=train.epochs=1") == [
        ["preprocess", "--recipe", "recipes/letters.toml", "--out", "shards/letters", "--data", "pictures",
         "--set", "train.epochs=1"],
        ["train", "--recipe", "recipes/letters.toml", "--shards", "shards/letters", "--out", "runs/letters",
         "--data", "pictures", "--set", "train.epochs=1"],
        ["train.score", "best.pth"]]


def test_what_is_missing_is_made_first_and_what_was_begun_is_not(checkout, planned):
    fetch = ["data.fetch", "sample"]
    assert [c[0] for c in planned("score")] == ["data.fetch", "preprocess", "train", "train.score"]
    assert planned("augment")[0] == fetch
    assert fetch not in planned("augment", "RECIPE=letters")
    assert [c[0] for c in planned("demo")] == ["data.fetch", "preprocess", "train", "train.score"]
    (checkout / "shards/sample").mkdir(parents=True)
    assert "preprocess" in [c[0] for c in planned("train")]
    (checkout / "shards/sample/train-00000.h5").touch()
    said = make(checkout, "train", f"PY={sys.executable}", "DATA=my pictures", code=2)
    assert "shards/sample: unfinished (no dataset.json); run make augment 'DATA=my pictures'\n" in said
    (checkout / "shards/sample/dataset.json").touch()
    assert [c[0] for c in planned("train")] == ["train"]


def test_settings_and_options_reach_the_command(checkout, planned):
    (checkout / "shards/letters").mkdir(parents=True)
    (checkout / "shards/letters/dataset.json").touch()
    assert planned("train", "RECIPE=recipes/letters.toml", "SET=train.lr=0.1 train.epochs=2", "BUDGET=9m",
                   "RESUME=1", "JSON=1") == [
        ["train", "--recipe", "recipes/letters.toml", "--shards", "shards/letters", "--out", "runs/letters",
         "--budget", "9m", "--resume", "--set", "train.lr=0.1", "--set", "train.epochs=2", "--json"]]
    assert planned("sweep", "RECIPE=letters", "GRID=a=1,2 b=3", "OUT=x")[0][5:] == [
        "--out", "x", "--grid", "a=1,2", "b=3"]
    assert planned("compare", "RECIPES=letters '~/my b.toml' -c", HOME="/home/me") == [
        ["tenfold.compare", "recipes/letters.toml", "/home/me/my b.toml", "./-c"]]
    assert "RECIPES=it's: cannot be split" in make(checkout, "compare", f"PY={sys.executable}", "RECIPES=it's", code=2)


def typed_values() -> dict[str, str]:
    """A nasty value for each variable."""
    values = dict.fromkeys(VARIABLES - FLAGS, NASTY) | dict.fromkeys(FLAGS, "1")
    return values | {"RECIPES": shlex.quote(NASTY)}


@pytest.mark.parametrize(("way", "targets"), [
    ("typed", ("train", "sweep", "compare")), ("environment", ("score", "data"))])
def test_a_value_is_a_value_whatever_it_holds(checkout, way, targets):
    values = typed_values()
    for target in targets:
        if way == "typed":
            taken = {name.rstrip("!") for _, name in words(target)} & set(values)
            said = commands(checkout, target, *(f"{name}={values[name]}" for name in taken))
        else:
            said = commands(checkout, target, **values)
        arguments, found = said[-1][1:], {}
        for option, name in words(target):
            if (target, name) in (("score", "SHARDS!"), ("score", "OUT!")):
                continue                         # DATA is given, and the training that comes first has its own OUT
            if name.rstrip("!") in LISTS:
                found[name] = [word for word in NASTY.split() if word in arguments]
                assert found[name] == NASTY.split(), (target, name)
            elif name not in FLAGS | {""}:
                at = arguments.index(option) + 1 if option else arguments.index(NASTY)
                assert arguments[at] == NASTY, (target, name)
    assert not (checkout / "ran").exists()


def test_a_variable_that_no_target_knows_is_refused(checkout):
    for typed, cure in (("BUDGTE=3", "did you mean BUDGET=?"), ("recipe=x", "did you mean RECIPE=?"),
                        ("EPOCH=3", 'did you mean SET="train.epochs=…"?'),
                        ("OMP_NUM_THREADS=2", "OMP_NUM_THREADS=… make …")):
        said = make(checkout, "-n", "models", f"PY={sys.executable}", typed, code=2).splitlines()
        assert [line for line in said if typed.partition("=")[0] in line] == [
            f"{typed.partition('=')[0]}=: no target knows this variable; " + (
                cure if "did" in cure else f"a setting of the environment stands before make: {cure}")]
    assert commands(checkout, "models", "SHELL=/bin/sh", BUDGTE="3") == [["train.models"]]


def test_a_variable_of_other_targets_is_refused_and_not_ignored(checkout, planned):
    for goals, typed, takers in (
            (["predict"], "BUDGET=3", "auto, train, "), (["auto"], "RECIPE=x", "augment, report, "),
            (["models", "recipes"], "GRID=a=1", "sweep"), (["verify"], "FOLDS=3", "folds"),
            (["demo"], "DATA=x", "auto, augment, "), (["train"], "PREVIEW=x.png", "augment, report")):
        said = make(checkout, "-n", *goals, f"PY={sys.executable}", typed, code=2)
        name = typed.partition("=")[0]
        assert f"{name}=: changes nothing in make {' '.join(goals)}; leave it out; it is for make {takers}" in said
    for goal, typed, meant in (("compare", "RECIPE=x", "RECIPES="), ("augment", "OUT=x", "SHARDS="),
                               ("auto", "OUT=x", "NAME="), ("train", "SEED=3", 'SET="seed=…"')):
        assert f"did you mean {meant}?" in make(checkout, "-n", goal, f"PY={sys.executable}", typed, code=2)
    assert planned("verify", "SHARDS=s", "TTA=") == [["data.verify", "--shards", "s"]]     # empty: not given
    assert planned("score", "MODEL=m.pth", "OUT=here") == [["train.score", "m.pth", "--out", "here"]]
    assert planned("predict", "MODEL=m.pth", "IMAGES=x", "TTA=8", "WORKERS=1") == [
        ["tenfold.predict", "m.pth", "x", "--tta", "8", "--workers", "1"]]
    *_, train, score = planned("score", "RECIPE=letters", "DATA=pictures", "OUT=here", "WORKERS=1")    # builds, trains
    assert train[5:7] == ["--out", "here"]
    assert score == ["train.score", "best.pth", "--data", "pictures"]


def test_a_score_of_a_recipe_is_that_of_its_own_run(checkout, planned):
    for path, content in (("best.pth", "of b"), ("runs/a/best.pth", "of a"), ("runs/b/best.pth", "of b")):
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(content)
    assert planned("score", "RECIPE=a") == [["train.score", "runs/a/best.pth"]]
    assert planned("score", "RECIPE=b") == planned("score") == [["train.score", "best.pth"]]
    assert planned("score", "RECIPE=a", "MODEL=best.pth") == [["train.score", "best.pth"]]


def test_shards_that_are_given_alone_bring_their_recipe(checkout, planned):
    assert planned("train", "SHARDS=s")[-1][:5] == ["train", "--recipe", "recipes/sample.toml", "--shards", "s"]
    (checkout / "s").mkdir()
    (checkout / "s/dataset.json").touch()
    for target in ("train", "sweep", "bench"):
        assert planned(target, "SHARDS=s") == [[TARGETS[target][0], "--shards", "s"]]
    assert planned("train", "SHARDS=s", "RECIPE=letters")[0][1:3] == ["--recipe", "recipes/letters.toml"]


def test_a_paths_tilde_is_the_home_folder_and_a_dash_is_no_option(planned):
    home = os.path.expanduser("~")
    assert variables(dict.fromkeys(PATHS, "~/x y")) == dict.fromkeys(PATHS, f"{home}/x y")
    assert variables({"BUDGET": "~"}) == {"BUDGET": "~"}
    assert "--data=-x" in planned("augment", "DATA=-x")[0]
    assert planned("score", "MODEL=-x.pth")[-1][1] == "./-x.pth"


def test_a_report_is_no_build_that_was_begun(tmp_path):
    (tmp_path / ".clean").mkdir()
    with pytest.raises(ShardFault, match="unfinished"):
        _check_begun(tmp_path, {})
    (tmp_path / "report.json").touch()           # its cleaned images wait for the build
    _check_begun(tmp_path, {})
    (tmp_path / "train-00000.h5").touch()
    with pytest.raises(ShardFault, match="unfinished"):
        _check_begun(tmp_path, {})
