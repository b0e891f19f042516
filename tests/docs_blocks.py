"""Find the code blocks of README, CONTRIBUTING, CHANGELOG and docs/, and check each by its language.

bash: targets, variables, options, recipes and keys exist.
toml: tables of a recipe, laid over recipes/letters.toml.
tree: files of a folder; its classes and splits are found as the block's first line says. Below the name of a table, and
":", stand its lines, indented.
python: compiles and calls only what there is.
"""

import ast
import contextlib
import functools
import importlib
import importlib.util
import inspect
import io
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import train_helpers as t

import tenfold
from tenfold.data import tables
from tenfold.data.make_targets import FLAGS, LISTS, TARGETS, words
from tenfold.data.networks import NETWORKS, PUBLISHED, check_network
from tenfold.data.recipe import make_recipe
from tenfold.data.recipe_lookup import find_recipe
from tenfold.data.sources.opening import open_source

ROOT = t.ROOT
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))]
TABLES = {cls.__name__.lower(): cls for cls in (tables.Source, tables.Split, tables.Clean, tables.Draw, tables.Shards,
                                                tables.Model, tables.Train, tables.Augment)}
READERS_OWN = {"mine", "my b"}       # recipes that a reader is told to make
FENCE = re.compile(r"```(\w+)(?: (.*))?")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""
    page: Path
    line: int
    tag: str
    info: str
    text: str

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, text: str | None = None) -> list[Block]:
    """The fenced blocks of a page; a fence that is no plain opening or closing line is a fault of the page."""
    found, begun = [], None
    for number, line in enumerate((text or page.read_text(encoding="utf-8")).splitlines(), 1):
        if begun is None and ("```" in line or "~~~" in line):
            opening = FENCE.fullmatch(line)
            assert opening, f"{page}:{number}: {line!r} opens no block with a language"
            begun = number, opening[1], opening[2] or "", []
        elif begun and line == "```":
            found.append(Block(page, begun[0], begun[1], begun[2], "\n".join(begun[3]) + "\n"))
            begun = None
        elif begun:
            assert "```" not in line, f"{page}:{number}"
            begun[3].append(line)
    assert begun is None, f"{page}: the block of line {begun[0]} does not end"
    return found


# --- bash -----------------------------------------------------------------------------------------------------------

def command_lines(block: Block) -> list[list[str]]:
    """The words of each command of a bash block, without comments and redirections."""
    lines = block.text.replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines]
    return [line[:line.index(">")] if ">" in line else line for line in found if line]


def check_bash(block: Block) -> None:
    for line in command_lines(block):
        checks = [check for begins, check in COMMANDS.items() if " ".join(line).startswith(begins + " ")]
        assert checks, f"{block}: nobody checks {shlex.join(line)}"
        checks[0](line[1:])


@functools.cache
def make_targets() -> frozenset[str]:
    return frozenset((ROOT / "Makefile").read_text().partition("\n.PHONY: ")[2].partition("\n")[0].split())


def check_make(typed: list[str]) -> None:
    """Targets and variables are there, recipes too, keys of recipes too."""
    targets = [word for word in typed if "=" not in word]
    assert targets
    assert set(targets) <= make_targets(), targets
    runs = {inner for target in targets for inner in (("augment", "train", "score") if target == "demo" else (target,))}
    known = {name.rstrip("!") for target in runs & set(TARGETS) for _, name in words(target)} | {"PY", "PYTHON"}
    for name, _, value in (word.partition("=") for word in typed if "=" in word):
        assert name in known, f"make {' '.join(targets)} has no variable {name}"
        assert name not in FLAGS or value == "1"
        if name in ("RECIPE", "RECIPES"):
            for one in shlex.split(value):
                check_recipe(one.partition("=")[0])
        elif name in LISTS:
            for setting in value.split():
                check_key(setting.partition("=")[0])


def check_tenfold(typed: list[str]) -> None:
    from tenfold.cli import VERBS
    verb, *rest = typed
    if typed == ["--version"]:
        return
    assert verb in VERBS or verb == "VERB", verb
    check_options(rest, "--help" if verb == "VERB" else verb_help(verb))
    if verb == "recipes" and rest:
        check_recipe(rest[0])


def check_module(typed: list[str]) -> None:
    assert typed[0] == "-m"
    check_options(typed[2:], module_help(typed[1]))


@functools.cache
def verb_help(verb: str) -> str:
    from tenfold.cli import main
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        main([verb, "--help"])
    assert "--help" in shown.getvalue()
    return shown.getvalue()


@functools.cache
def module_help(module: str) -> str:
    ran = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def check_options(typed: list[str], help_text: str) -> None:
    """Each --option is in the help; what stands behind --recipe and --set is there."""
    for place, word in enumerate(typed):
        option, _, value = word.partition("=")
        if option.startswith("--"):
            assert re.search(rf"{option}(?![\w-])", help_text), f"{option} is in no help"
        value = value or "".join(typed[place + 1:place + 2])
        if option == "--recipe" and not value.startswith("-"):
            check_recipe(value)
        elif option in ("--set", "--grid", "--search") and "=" in value:
            check_key(value.partition("=")[0])


def check_recipe(name: str) -> None:
    there = name in READERS_OWN or name == "" or find_recipe(ROOT / "recipes" / Path(name).name).is_file()
    assert there, f"there is no recipe {name}"


def check_key(key: str) -> None:
    table, _, name = key.partition(".")
    arguments = {argument for of in (*NETWORKS.values(), PUBLISHED) for argument in of} if table == "model" else set()
    assert name in {f.name for f in fields(TABLES[table])} | arguments, key


def check_venv(typed: list[str]) -> None:
    assert typed in (["-m", "venv", ".venv"], ["-m", "build"])


def check_pip(typed: list[str]) -> None:
    """Extras, packages and versions are those of pyproject.toml and constraints.txt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras, pins = project["optional-dependencies"], (ROOT / "constraints.txt").read_text().splitlines()
    named = {re.match(r"[\w-]+", one)[0] for group in (project["dependencies"], *extras.values()) for one in group}
    if typed == ["wheel", "--no-deps", "-w", "dist", "."]:
        return
    assert typed[0] == "install"
    rest = iter(typed[1:])
    for word in rest:
        if word == "-c":
            assert (ROOT / next(rest)).is_file()
        elif word == "--index-url":
            assert re.fullmatch(r"https://download\.pytorch\.org/whl/(cpu|cu\d+)", next(rest))
        elif word != "-e":
            asked = re.fullmatch(r"\.(?:\[(.*)\])?", word)
            if asked:
                assert set(filter(None, (asked[1] or "").split(","))) <= set(extras), word
            else:
                assert word in pins or word in named, word


COMMANDS = {"make": check_make, "tenfold": check_tenfold, "python": check_module, "pip": check_pip,
            ".venv/bin/pip": check_pip, "python3": check_venv}


# --- toml, tree, python ---------------------------------------------------------------------------------------------

def check_toml(block: Block) -> None:
    """The block's tables, laid over a recipe, are a recipe; a [model] that names a network stands alone."""
    base = tomllib.loads((ROOT / "recipes/letters.toml").read_text(encoding="utf-8"))
    found = tomllib.loads(block.text)
    assert found
    for name, value in found.items():
        alone = not isinstance(value, dict) or (name == "model" and "name" in value)
        base[name] = value if alone else base.get(name, {}) | value
    recipe = make_recipe(base, str(block))
    check_network(recipe.model.name, recipe.model.args, str(block))


def check_tree(block: Block) -> None:
    """The files, made in an empty folder, are understood as the block says."""
    says = dict(word.split("=") for word in block.info.split())
    with tempfile.TemporaryDirectory() as place:
        files = dict[str, list[str]]()
        for line in block.text.splitlines():
            if line.startswith(" "):
                files[list(files)[-1]].append(line.strip())
            else:
                files[line.removesuffix(":")] = []
        for file, lines in files.items():
            (Path(place) / file).parent.mkdir(parents=True, exist_ok=True)
            (Path(place) / file).write_text("\n".join(lines) or "x", encoding="utf-8")      # no picture is opened
        source = open_source(Path(place) / next(iter(files)).partition("/")[0])
        assert len(source) == sum(not lines for lines in files.values()), block
        assert list(source.classes) == says["classes"].split(","), block
        assert {split for split in source.official if split} == set(filter(None, says.get("splits", "").split(",")))


def check_python(block: Block) -> None:
    """It compiles, and what it takes from Tenfold is there and takes such arguments."""
    for node in ast.walk(compile(block.text, str(block), "exec", ast.PyCF_ONLY_AST)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names), f"{block}: {ast.unparse(node)}"
        elif isinstance(node, ast.Import):
            assert all(importlib.util.find_spec(alias.name) for alias in node.names), f"{block}: {ast.unparse(node)}"
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "tenfold":
            assert callable(getattr(tenfold, node.attr)), f"{block}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and getattr(getattr(node.func, "value", None), "id", "") == "tenfold":
            inspect.signature(getattr(tenfold, node.func.attr)).bind(
                *node.args, **{keyword.arg: None for keyword in node.keywords})


CHECKS = {"bash": check_bash, "toml": check_toml, "tree": check_tree, "python": check_python}
