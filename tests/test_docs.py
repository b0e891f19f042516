"""Every code block in README, CONTRIBUTING, CHANGELOG and docs/ is checked, and no block can be left out.

bash: targets, variables, options, recipes and keys exist; slow: `make -n` accepts each make line.
toml: tables of a recipe, laid over recipes/letters.toml.
tree: files of a folder; its classes and splits are found as the block's first line says.
python: compiles and calls only what there is; slow: the blocks of a page run one after the other on a tiny set.
"""

import ast
import functools
import importlib
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

import numpy as np
import pytest
import train_helpers as t
from PIL import Image

import tenfold
from tenfold.data import schema, tables
from tenfold.data.find import find_recipe
from tenfold.data.networks import NETWORKS, PUBLISHED, check_network
from tenfold.data.recipe import make_recipe
from tenfold.data.sources import open_source
from tenfold.data.targets import FLAGS, LISTS, TARGETS, words

ROOT = t.ROOT
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))]
RECIPE_FILES = sorted(ROOT.glob("recipes/*.toml"))
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
    check_options(rest, "--help" if verb == "VERB" else command_help("tenfold", verb))
    if verb == "recipes" and rest:
        check_recipe(rest[0])


def check_module(typed: list[str]) -> None:
    assert typed[0] == "-m"
    check_options(typed[2:], command_help(typed[1]))


@functools.cache
def command_help(*module_and_verb: str) -> str:
    ran = subprocess.run([sys.executable, "-m", *module_and_verb, "--help"], cwd=ROOT, capture_output=True, text=True)
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
    verb, *rest = typed
    assert verb == "install"
    rest = iter(rest)
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
    import tempfile
    says = dict(word.split("=") for word in block.info.split())
    with tempfile.TemporaryDirectory() as place:
        files = block.text.split()
        for file in files:
            (Path(place) / file).parent.mkdir(parents=True, exist_ok=True)
            (Path(place) / file).write_bytes(b"x")         # no picture is opened
        source = open_source(Path(place) / files[0].partition("/")[0])
        assert len(source) == len(files), block
        assert list(source.classes) == says["classes"].split(","), block
        assert {split for split in source.official if split} == set(filter(None, says.get("splits", "").split(",")))


def check_python(block: Block) -> None:
    """It compiles, and what it takes from Tenfold is there and takes such arguments."""
    for node in ast.walk(compile(block.text, str(block), "exec", ast.PyCF_ONLY_AST)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names), f"{block}: {ast.unparse(node)}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "tenfold":
            assert callable(getattr(tenfold, node.attr)), f"{block}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and getattr(getattr(node.func, "value", None), "id", "") == "tenfold":
            inspect.signature(getattr(tenfold, node.func.attr)).bind(
                *node.args, **{keyword.arg: None for keyword in node.keywords})


CHECKS = {"bash": check_bash, "toml": check_toml, "tree": check_tree, "python": check_python}


def test_every_block_names_only_what_there_is():
    for page in PAGES:
        for block in blocks(page):
            assert block.tag in CHECKS, f"{block}: nobody checks blocks of {block.tag!r}"
            try:
                CHECKS[block.tag](block)
            except Exception as fault:
                raise AssertionError(f"{block}: {fault!r}") from fault


def test_a_stale_block_is_found():
    """The checks above can fail."""
    for tag, text in (
            ("bash", "make trane"), ("bash", "make train RECIPE=nobodys"), ("bash", "make train IMAGES=x"),
            ("bash", 'make train SET="train.lrr=1"'), ("bash", "make train RESUME=2"), ("bash", "ls"),
            ("bash", "tenfold trane"), ("bash", "tenfold train --lr 1"), ("bash", "tenfold train --set train.lrr=1"),
            ("bash", "python -m train --lr 1"), ("bash", "pip install torch==1.0"), ("bash", "pip install -e '.[gpu]'"),
            ("toml", "[train]\nlrr = 1"), ("toml", "[model]\nname = 'resnet'\nwidth = 3"), ("toml", ""),
            ("tree classes=a,b", "x/a/1.jpg\nx/c/1.jpg"), ("tree classes=a,b splits=test", "x/a/1.jpg\nx/b/1.jpg"),
            ("python", "x ="), ("python", "import tenfold\ntenfold.fit()"), ("python", "from tenfold.data import x"),
            ("python", "import tenfold\ntenfold.train(None, budgets='1m')"), ("text", "anything")):
        block, = blocks(ROOT / "page.md", f"```{tag}\n{text}\n```")
        with pytest.raises(Exception):                     # noqa: B017, PT011 - whatever the checker meets first
            CHECKS[block.tag](block)
    for text in ("```\nmake\n```", "```bash\nmake", "  ```bash\n  make\n  ```", "~~~bash\nmake\n~~~"):
        with pytest.raises(AssertionError):
            blocks(ROOT / "page.md", text)


def test_commands_in_the_text_and_in_recipes_are_there():
    spans = [(page, span) for page in PAGES for span in re.findall(
        r"(?<!`)`((?:make|tenfold) [^`\n]+)`(?!`)", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))]
    spans += [(file, line) for file in RECIPE_FILES for line in re.findall(r"^#   (make .*)$", file.read_text(), re.M)]
    assert len(spans) > 50
    for page, span in spans:
        begins, *typed = [word for word in shlex.split(span) if "…" not in word]
        try:
            if begins == "tenfold":
                check_tenfold([word for word in typed if word.islower() or word in ("VERB", "--help", "--version")])
            elif any("=" not in word for word in typed):
                check_make([word + "1" if word.rstrip("=") in FLAGS and word.endswith("=") else word for word in typed])
        except Exception as fault:
            raise AssertionError(f"{page}: {span}: {fault!r}") from fault


def test_every_target_and_every_verb_is_documented():
    from tenfold.cli import VERBS
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for target in make_targets():
        assert re.search(rf"\bmake (?:[^`\n]* )?{target}(?![\w-])", text), f"no page names make {target}"
    for verb in VERBS:
        assert re.search(rf"\btenfold {verb}(?![\w-])", text), f"no page names tenfold {verb}"


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_links_lead_somewhere():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("http"):
                continue
            path, _, anchor = target.partition("#")
            file = page.parent / path if path else page
            assert file.exists(), f"{page}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
                assert anchor in map(slug, headings), f"{page}: {target}"
    linked = (ROOT / "README.md").read_text()
    assert all(f"docs/{page.name}" in linked for page in ROOT.glob("docs/*.md"))


def test_the_readme_is_a_page_and_each_page_says_its_purpose_first():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
    for page in ROOT.glob("docs/*.md"):
        title, blank, purpose = page.read_text(encoding="utf-8").splitlines()[:3]
        assert title.startswith("# ")
        assert not blank
        assert purpose.startswith("This page "), page


# --- tables ---------------------------------------------------------------------------------------------------------

def rows_of(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    below = (ROOT / page).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    lines = re.search(r"^\|.*\n\|[-|]+\n((?:\|.*\n)*)", below, re.M)[1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def allowed(f) -> str:
    """The bounds of a setting in words."""
    def said(value):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    bounds = {name: value if name == "choices" else said(value) for name, value in f.metadata.items()}
    match bounds:
        case {"choices": choices}:
            return ", ".join(f"`{choice}`" for choice in choices)
        case {"low": low, "high": high}:
            return f"{low} to {high}"
        case {"low": low, "below": below}:
            return f"{low} to below {below}"
        case {"low": low}:
            return f"{low} or more"
        case {"above": above, "high": high}:
            return f"above {above}, up to {high}"
        case {"above": above}:
            return f"above {above}"
    return "`true`, `false`" if f.type is bool else ""


def test_the_page_of_recipes_lists_every_key_with_its_default_and_bounds():
    for name, cls in TABLES.items():
        expected = [[f"`{f.name}`", "–" if f.default is MISSING else f"`{json.dumps(f.default)}`", allowed(f)]
                    for f in fields(cls) if f.name != "args"]
        assert [row[:3] for row in rows_of("docs/recipes.md", f"### [{name}]")] == expected, name


def test_the_page_of_recipes_lists_every_network_and_recipe():
    rows = rows_of("docs/recipes.md", "## Networks")
    expected = {name: list(arguments) for name, arguments in NETWORKS.items()}
    assert {row[0].strip("`"): re.findall(r"\w+", row[2]) for row in rows[:-1]} == expected
    assert re.findall(r"\w+", rows[-1][2]) == list(PUBLISHED)
    text = (ROOT / "docs/recipes.md").read_text()
    assert all(f"[{file.stem}](" in text or f"`{file.stem}`" in text for file in RECIPE_FILES)


def test_the_page_of_shards_lists_what_lies_in_the_files():
    assert [row[0] for row in rows_of("docs/shards.md", "## A shard")] == [f"`{n}`" for n in ("image", *schema.COLUMNS)]
    listed = [row[0].strip("`") for row in rows_of("docs/shards.md", "## sources.h5")]
    assert listed == [schema.PATH_BYTES, *schema.SOURCE_COLUMNS]


# --- slow -----------------------------------------------------------------------------------------------------------

@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_accepts_each_line(tmp_path):
    for name in ("Makefile", "data", "tenfold", "preprocess", "train", "benchmarks", "pyproject.toml",
                 "constraints.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    for name in READERS_OWN:
        shutil.copy(ROOT / "recipes/photos.toml", tmp_path / f"recipes/{name}.toml")
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "TENFOLD"))}
    lines = [(block, line) for page in PAGES for block in blocks(page) if block.tag == "bash"
             for line in command_lines(block) if line[0] == "make"]
    for block, line in lines:
        ran = subprocess.run([*line, "-n", f"PY={sys.executable}"], cwd=tmp_path, env=alone, capture_output=True,
                             text=True)
        assert ran.returncode == 0, f"{block}: {shlex.join(line)}: {ran.stderr}"


def run_python(page: Path, place: Path) -> None:
    """The page's Python blocks, one after the other, in one process that stands in `place`."""
    code = "".join(block.text for block in blocks(page) if block.tag == "python")
    (place / "page.py").write_text(code, encoding="utf-8")
    ran = subprocess.run([sys.executable, "page.py"], cwd=place, env=t.environment(), capture_output=True, text=True)
    assert ran.returncode == 0, f"{page}:\n{ran.stderr[-3000:]}"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """The folder of a reader who has run the README's Python."""
    place, rng = tmp_path_factory.mktemp("reader"), np.random.default_rng(0)
    for number in range(33):
        kind = number % 2                                  # two kinds of coloured stripes
        y, x = np.mgrid[:40, :48]
        wave = 128 + 90 * np.sin((y if kind else x) / 3 + rng.uniform(0, 6))
        pixels = (wave[..., None] + rng.normal(0, 12, (40, 48, 3))).clip(0, 255).astype(np.uint8)
        file = place / (f"my_images/{('cat', 'dog')[kind]}/{number}.png" if number < 30 else
                        f"new_pictures/{number - 29}.jpg")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    run_python(ROOT / "README.md", place)
    return place


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")],
                         ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, reader, tmp_path):
    if page.name != "README.md":                           # which the folder was made by
        shutil.copytree(reader, tmp_path, dirs_exist_ok=True)
        run_python(page, tmp_path)
    assert (reader / "runs/photos/best.pth").exists()
