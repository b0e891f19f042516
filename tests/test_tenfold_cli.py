"""The console command: every verb found, nothing heavy imported before it is needed, recipes by their names."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import train_helpers as t

from tenfold import cli
from tenfold.data.command import module_command
from tenfold.data.fetch import SET_NAMES
from tenfold.data.make_targets import TARGET_OF, TARGETS
from tenfold.data.recipe import read_recipe
from tenfold.data.recipe_lookup import PACKAGED, find_recipe, recipe_names
from tenfold.data.typed_command import TYPED, typed_as
from tenfold.version import __version__

HEAVY = {"cv2", "h5py", "joblib", "matplotlib", "numpy", "PIL", "sklearn", "torch", "torchvision", "tqdm"}
ASK = """
import contextlib, io, json, sys
from tenfold.cli import main
said = {}
for verb in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main([verb, "--help"])
        except SystemExit as end:
            said[verb] = [end.code, out.getvalue()]
print(json.dumps([said, sorted(sys.modules)]))
"""


def test_every_verb_has_a_line_in_the_help_and_a_make_target(capsys):
    assert set(cli.VERBS) == set(TARGET_OF)
    for typed in ([], ["--help"], ["help"]):
        assert cli.main(typed) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all(sum(line.startswith(f"  {verb} ") for line in lines) == 1 for verb in cli.VERBS)
    for name, verb in cli.VERBS.items():         # the same module under make as under tenfold
        module = "tenfold." + TARGETS[TARGET_OF[name]][0].removeprefix("tenfold.")
        assert verb.module in (module, f"{module}.command", f"{module}.run.command"), name


def test_help_names_the_verb_and_imports_nothing_heavy():
    verbs = [name for name, verb in cli.VERBS.items() if find_spec(verb.module)]
    ran = subprocess.run([sys.executable, "-c", ASK, *verbs], cwd=t.ROOT, capture_output=True, text=True, check=True)
    said, modules = json.loads(ran.stdout)
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    for verb in verbs:
        assert said[verb][0] == 0
        assert said[verb][1].startswith(f"usage: tenfold {verb} "), said[verb][1]


def test_what_is_no_verb_is_one_line_with_the_nearest(capsys):
    for word, part in (("trian", "did you mean 'train'?"), ("qqqq", "tenfold --help"), ("--recipe", "where a verb"),
                       ("a\nb", "'a\\nb'")):
        assert cli.main([word]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert part in err
        assert len(err.splitlines()) == 1
    for typed in (["help", "recipes"], ["recipes", "--a\nb"]):
        with pytest.raises(SystemExit) as end:
            cli.main(typed)
        out, err = capsys.readouterr()
        assert out.startswith("usage: tenfold recipes") if typed[0] == "help" else len(err.splitlines()) == 1
        assert end.value.code == (0 if typed[0] == "help" else 2)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"tenfold {__version__}\n"


def test_a_message_speaks_of_what_was_typed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["augment", "--recipe", "sample"]) == 2
    assert capsys.readouterr().err == "datasets/sample.npz: does not exist; run `tenfold fetch sample`\n"
    ran = subprocess.run([sys.executable, "-m", "tenfold", "augment", "--recipe", "sample"], cwd=tmp_path,
                         env=os.environ | {"PYTHONPATH": str(t.ROOT)}, capture_output=True, text=True)
    assert ran.stderr == "datasets/sample.npz: does not exist; run `python -m tenfold fetch sample`\n"
    with typed_as("make score"):                 # and so do the commands that a command starts
        assert module_command("preprocess")["env"][TYPED] == "make score"
    with pytest.raises(SystemExit):
        cli.main(["report", "--help"])
    assert capsys.readouterr().out.startswith("usage: tenfold report ")


def test_a_bare_checkout_needs_nothing_installed_to_answer(tmp_path):
    (tmp_path / "train.py").write_text("raise SystemExit('the train.py of the user')")
    (tmp_path / "data").mkdir()
    for typed, part in ((["recipes"], "photos"), (["train", "--help"], "--budget")):
        ran = subprocess.run([sys.executable, "-S", "-m", "tenfold", *typed], cwd=tmp_path,
                             env={"PYTHONPATH": str(t.ROOT)}, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert part in ran.stdout


def test_recipes_are_listed_printed_and_found_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert recipe_names() == sorted(path.stem for path in (t.ROOT / "recipes").glob("*.toml"))
    assert cli.main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == recipe_names()
    assert all(len(line.split()) > 4 for line in lines)
    assert cli.main(["recipes", "photos"]) == 0
    (tmp_path / "mine.toml").write_text(capsys.readouterr().out)
    assert (tmp_path / "mine.toml").read_bytes() == (t.ROOT / "recipes/photos.toml").read_bytes()
    assert read_recipe("mine") == read_recipe("mine.toml")
    assert read_recipe("photos").name == "photos"
    assert cli.main(["recipes", "photo"]) == 2
    assert capsys.readouterr().err == "photo: is no recipe; did you mean 'photos'?\n"


def test_a_users_own_recipe_goes_before_one_that_comes_along(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_recipe("sample") == PACKAGED / "sample.toml"
    assert find_recipe("mine/sample") == t.Path("mine/sample")        # a path is a path
    for path in ("recipes/sample.toml", "sample.toml"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
        assert find_recipe("sample") == t.Path(path)


def test_the_sets_that_can_be_fetched_have_the_names_that_the_help_gives():
    from tenfold.data.public import SETS
    assert sorted(SETS) == list(SET_NAMES)


@pytest.mark.slow
def test_no_worker_outlives_its_command(tmp_path):
    """One that does holds the terminal's pipe, and `… | tail` waits for it."""
    images = t.folder(tmp_path / "images", 60)
    (tmp_path / "r.json").write_text(json.dumps(t.tables(draw={"copies": 20, "canvas": [96, 96]})))
    command = module_command("__main__", "augment", "--recipe", "r.json", "--data", images, "--workers", 2)
    ran = subprocess.run(**command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
