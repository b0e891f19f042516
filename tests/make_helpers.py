"""The lines of the Makefile in a folder of their own: what they print, and which commands they would run."""

import contextlib
import io
import os
import shlex
import subprocess
import sys

import pytest
import train_helpers as t

from tenfold.data.make import main
from tenfold.data.make_targets import VARIABLES


@pytest.fixture(name="checkout")
def checkout_folder(tmp_path):
    """A folder where make works and nothing is made yet."""
    for name in ("Makefile", "data", "tenfold", "recipes"):
        (tmp_path / name).symlink_to(t.ROOT / name)
    return tmp_path


def make(folder, *typed, code=0, **environment) -> str:
    """What it prints, as it would outside of `make test`."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "TENFOLD"))}
    ran = subprocess.run(["make", *typed], cwd=folder, env=alone | environment, capture_output=True, text=True)
    assert ran.returncode == code, ran.stderr
    return ran.stdout + ran.stderr


def split(lines: list[str]) -> list[list[str]]:
    """[module, argument, …] of each printed command."""
    return [words[2:] for words in map(shlex.split, lines) if words[1:2] == ["-m"] and words[2] != "data.make"]


def commands(folder, *typed, **environment) -> list[list[str]]:
    """[module, argument, …] of each command that make would run; it runs none."""
    return split(make(folder, "-n", f"PY={sys.executable}", *typed, **environment).splitlines())


@pytest.fixture(name="planned")
def planned_commands(checkout, monkeypatch):
    """`commands` without make: what it would start is called in this process, with what it would export."""
    def call(*typed, **environment) -> list[list[str]]:
        given = dict(word.split("=", 1) for word in typed if "=" in word)
        goals = [word for word in typed if "=" not in word]
        with monkeypatch.context() as patch, contextlib.chdir(checkout), \
                contextlib.redirect_stdout(io.StringIO()) as said:
            for name in VARIABLES:
                patch.delenv(name, raising=False)
            for name, value in (given | environment).items():
                patch.setenv(name, value)
            for name, value in {"TENFOLD_GOALS": " ".join(goals), "TENFOLD_VARIABLES": " ".join(given),
                                "MAKEFLAGS": "n", "PY": sys.executable}.items():
                patch.setenv(name, value)
            for goal in goals:
                assert main(goal) == 0
        return split(said.getvalue().splitlines())
    return call
