"""Messages in the code speak of `tenfold` and its options; who typed make or `python -m` reads their words."""

import ast
import re
import shutil
import sys
from pathlib import Path

import pytest
import train_helpers as t
from make_helpers import checkout_folder, make  # noqa: F401  (fixture: checkout)
from syntax_trees import syntax_tree

from tenfold.data.make_targets import TARGETS, VARIABLES
from tenfold.data.typed_command import as_typed

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")
# the words of make and of `python -m` are these files' own subject
EXEMPT = {Path(p) for p in ("data/make.py", "data/make_steps.py", "data/make_targets.py", "data/typed_command.py",
                            "benchmarks/training_startup.py")}
# what a shell or make would split, expand, end a word at, or run


def test_messages_speak_as_the_user_did(checkout):
    for text, target, typed in (
            ("gone; run `tenfold augment` again", "train", "gone; run `make augment` again"),
            ("argument --workers: odd; see tenfold augment --help", "augment",
             "argument WORKERS=: odd; see make help"),
            ("choose another --out", "augment", "choose another SHARDS="),
            ("choose another --out", "train", "choose another OUT="),
            ("a share with --set source.max_bad=…", "augment", 'a share with SET="source.max_bad=…"'),
            ("--set a.b=1 --set c.d=2, or", "train", 'SET="a.b=1 c.d=2", or'),
            ("train without --resume", "train", "train without RESUME=1"),
            ("--resume from step 3", "train", "RESUME=1 from step 3"),
            ("--device meta: is not there", "train", "DEVICE=meta: is not there"),
            ("--budget: of 5 s; a larger --budget goes on", "train", "BUDGET=: of 5 s; a larger BUDGET= goes on"),
            ("--set x: odd; such as --set train.lr=0.002", "train", 'SET=x: odd; such as SET="train.lr=0.002"'),
            ("--set a.b=1: odd", "train", 'SET="a.b=1": odd'),
            ("--grid and --search: both; give --grid a.b=1,2", "sweep", "GRID= and SEARCH=: both; give GRID=a.b=1,2"),
            ("give --recipe recipes/x.toml or --shards x/y", "train", "give RECIPE=recipes/x.toml or SHARDS=x/y"),
            ("tenfold score 'a b' --shards='c d'", "sweep", "make score MODEL='a b' SHARDS='c d'"),
            ("a/--data/b --datafile --out", "bench", "a/--data/b --datafile --out")):
        assert as_typed(text, f"make {target}") == typed
    for text, front, typed in (
            ("run `tenfold fetch mnist` or tenfold score x --tta=8", "python -m tenfold train",
             "run `python -m tenfold fetch mnist` or python -m tenfold score x --tta=8"),
            ("see tenfold augment --help", "python -m tenfold report", "see python -m tenfold report --help"),
            ("see tenfold augment --help", "tenfold report", "see tenfold report --help"),
            ("see tenfold augment --help", "make report", "see make help"),
            ("run tenfold train", "tenfold ", "run tenfold train"),
            ("a/tenfold train.py", "python -m tenfold ", "a/tenfold train.py"),
            ("pack one: python -m benchmarks.bundle", "make bench-gpu", "pack one: make bundle")):
        assert as_typed(text, front) == typed
    say = [f"PY={sys.executable}", "DATA=nowhere", "RECIPE=letters"]
    (checkout / "preprocess").symlink_to(t.ROOT / "preprocess")
    assert "nowhere: does not exist; give a folder" in make(checkout, "augment", *say, code=2)
    assert "argument WORKERS=: 'two' is not" in make(checkout, "augment", *say, "WORKERS=two", code=2)


def test_messages_in_the_code_speak_of_tenfold_and_its_options():
    """`as_typed` then puts them in the words of make or of `python -m` for those who typed that."""
    make_words = re.compile(rf"\bmake ({'|'.join(TARGETS)})\b(?!-)|\b({'|'.join(VARIABLES)})="
                            r"|python -m (preprocess|train|data|tenfold)\b")
    assert make_words.search("run `make train` with DATA=x")
    assert make_words.search("run `python -m train` again")
    for path in (p for name in ("data", "preprocess", "train", "tenfold", "benchmarks")
                 for p in sorted((t.ROOT / name).rglob("*.py"))):
        tree = syntax_tree(path)
        said = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
                and make_words.search(node.value)]
        docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if said
                      and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)}
        if path.relative_to(t.ROOT) not in EXEMPT:
            assert not [node.value for node in said if node.value not in docstrings], path
