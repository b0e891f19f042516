"""No value that is given to make is run, whatever it holds: it arrives in Python as it was typed.

make and a shell read the lines of the Makefile only; the values travel in the environment. A script stands in for
Python, and notes what each target would have been given.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tenfold.data.errors import UserFault
from tenfold.data.make import as_command
from tenfold.data.make_steps import arguments, steps, variables
from tenfold.data.make_targets import FLAGS, LISTS, PATHS, TARGETS, VARIABLES, words

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")
RUN = "touch ran"
NASTY = [
    f"; {RUN}", f"x; {RUN} #", f"x\n{RUN}", f"x\n\t{RUN}", f"x\n\t@{RUN}\n", f"x\nendef\n{RUN}", f"& {RUN}",
    f"&& {RUN}", f"| {RUN}", f"|| {RUN}", f"`{RUN}`", f"$({RUN})", f"$$({RUN})", f"$(shell {RUN})",
    f"$$(shell {RUN})", f"${{shell {RUN}}}", f"$(eval x:=$(shell {RUN}))", f"$(call x,$(shell {RUN}))",
    f"$(foreach v,a,$(shell {RUN}))", f"!{RUN}", f"+{RUN}", f"x != {RUN}", f"$(shell {RUN}", f"\"; {RUN}; \"",
    f"'; {RUN}; '", f"'\"; {RUN} #", f"\\'; {RUN}", f"\\; {RUN}", f"x) ; {RUN}", f"x}} ; {RUN}", "$(error stopped)",
    "$(info said)", "$(x)", "$(DATA)", "$(MAKE)", "$x", "$", "$$", "$(", "${", ")", "\\", "x\\", "#", "%", "*", "?",
    "[a-z]", "{a,b}", "~", "~/x", "~root/x", "$HOME", "x = y", "a := b", "a: b", "> ran", "< ran", "\"", "'",
    "x  y\t z ", "\x1b[2J", "x\r", "\udcff", "é日", "-", "--help", "-n", "include ran", "define x", "export PATH=",
    "<~>", "(", "@", "x" * 9000]
NOTE = """#!/bin/sh
# the arguments and the environment of each call
test "$2" = data.make && { printf '%s\\0' "$@"; env -0; } > "noted-$3"
exit 0
"""
EVERY = [*TARGETS, "demo"]
INNER = ("SHELL", ".SHELLFLAGS", "FRONT", "COMMANDS", "ENV", "MAKE", "MAKECMDGOALS", "TENFOLD_GOALS", ".DEFAULT_GOAL")


@pytest.fixture
def checkout(tmp_path):
    """A folder where make works, and a script in Python's place whose path is not plain either."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    python = tmp_path / "a 'b' $(touch ran); \"c\"" / "python"
    python.parent.mkdir()
    python.write_text(NOTE)
    python.chmod(0o755)
    for name in (".venv", ".venv-peers"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin/python").symlink_to(python)
        (tmp_path / name / ".done").touch()
    return tmp_path


def make(folder, *typed, **environment):
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "TENFOLD"))}
    return subprocess.run(["make", *typed], cwd=folder, env=alone | environment, capture_output=True)


def values_of(turn: int) -> dict[str, str]:
    """Another nasty value for each variable; after as many turns as there are values each variable had each."""
    return {name: NASTY[(turn + 7 * i) % len(NASTY)] for i, name in enumerate(sorted(VARIABLES))}


def check_targets(folder, targets: list[str], turn: int, way: str) -> None:
    values = values_of(turn)
    python = f"PY={next(folder.glob('a *'))}/python"
    if way == "typed":
        ran = make(folder, "-s", python, *targets, *(f"{name}={value}" for name, value in values.items()))
    else:
        ran = make(folder, "-s", python, *targets, **values)
    assert (ran.returncode, ran.stderr) == (0, b""), (turn, way, ran.stderr)
    for target in targets:
        noted = (folder / f"noted-{target}").read_bytes().split(b"\0")
        assert noted[:3] == [b"-m", b"data.make", target.encode()]
        held = dict(pair.partition(b"=")[::2] for pair in noted[3:])
        for name, value in values.items():       # make leaves out blanks before a value
            want = value.lstrip() if way == "typed" else value
            assert held[name.encode()] == os.fsencode(want), (target, name)
        (folder / f"noted-{target}").unlink()
    assert not (folder / "ran").exists(), (turn, way)


def test_nasty_values_reach_every_target_as_they_were_typed(checkout):
    assert len(NASTY) > 50
    check_targets(checkout, EVERY, 0, "typed")
    said = make(checkout, "-s", *(f"{name}={value}" for name, value in values_of(3).items()), f"PY={NASTY[1]}")
    assert said.returncode == 0                  # bare make prints its list whatever is given
    assert said.stdout.count(b"\n") >= 30
    assert not (checkout / "ran").exists()


@pytest.mark.slow
def test_every_nasty_value_in_every_variable(checkout):
    for turn in range(len(NASTY)):
        targets = [EVERY[(turn + 7 * i) % len(EVERY)] for i in range(4)]         # their lines are all alike
        check_targets(checkout, targets, turn, ("typed", "environment")[turn % 7 == 0])
    for value in NASTY:                          # an interpreter that is not there, and the Makefile's own variables
        make(checkout, "-k", "train", "test", "lint", "help", f"PY={value}", f"PYTHON={value}",
             *(f"{name}={value}" for name in INNER))
        assert not (checkout / "ran").exists(), value


def test_what_the_makefile_is_made_of_cannot_be_given(checkout):
    for flags in ((), ("-e",)):
        for name in ("SHELL", ".SHELLFLAGS", "FRONT", "COMMANDS", "ENV"):
            make(checkout, *flags, "train", f"{name}={RUN};", FRONT=f"{RUN};", ENV=RUN)
            assert not (checkout / "ran").exists(), name


def test_python_takes_a_value_for_a_value():
    """A path or a number becomes one argument, whatever it holds, and no option; a list becomes its words."""
    for value in NASTY:
        for target in TARGETS:
            names = {name.rstrip("!") for _, name in words(target)} - {"", "RECIPES"}
            given = variables(dict.fromkeys(names, value))
            wanted = {name: os.path.expanduser(value) if name in PATHS else value for name in VARIABLES}
            if any(word.startswith("-") for word in value.split()) and {n for _, n in words(target)} & LISTS:
                with pytest.raises(UserFault, match="begins with -"):
                    arguments(target, given)
                continue
            found = arguments(target, given)
            for option, name in words(target):
                name = name.rstrip("!")
                if not name or name in FLAGS | LISTS | {"RECIPES"}:
                    continue
                want = wanted[name]
                assert (f"{option}={want}" if option and want.startswith("-") else
                        f"./{want}" if want.startswith("-") else want) in found, (target, name, value)
    for before, out in ((set(), ["--out", "x"]), ({"train"}, [])):       # of `make train sweep OUT=x`: it is the run's
        *_, (_, _, sweep) = steps("sweep", {"OUT": "x"}, before | {"augment"})
        assert [word for word in sweep if word in ("--out", "x")] == out
    for step in steps("train", variables({"DATA": NASTY[0]}), {"augment"}):
        assert NASTY[0] in step[2]


def test_a_printed_command_is_one_line_that_a_shell_takes_back():
    for value in NASTY:
        said = as_command(["python", value])
        assert "\n" not in said
        assert "\x1b" not in said
        if value.isprintable():
            assert shlex.split(said) == ["python", value]
    assert as_command(["a\n'\\\x1b"]) == r"$'a\n\'\\\x1b'"
