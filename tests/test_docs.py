"""Every code block of the documentation names only what there is, none can be left out, and the tables are complete."""

import json
import re
import shlex
from dataclasses import MISSING, fields
from typing import get_args

import pytest
from docs_blocks import CHECKS, PAGES, ROOT, TABLES, blocks, check_make, check_tenfold, make_targets

from tenfold.data import schema
from tenfold.data.make_targets import FLAGS
from tenfold.data.networks import NETWORKS, PUBLISHED, TIMM

RECIPE_FILES = sorted(ROOT.glob("recipes/[!a]*.toml"))        # not what `make auto` wrote


def test_every_block_names_only_what_there_is():
    faults = []
    for block in (block for page in PAGES for block in blocks(page)):
        assert block.tag in CHECKS, f"{block}: nobody checks blocks of {block.tag!r}"
        try:
            CHECKS[block.tag](block)
        except Exception as fault:
            faults.append(f"{block}: {fault!r}")
    assert not faults, "\n".join(faults)


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
    faults = []
    for page, span in spans:
        begins, *typed = [word for word in shlex.split(span) if "…" not in word]
        try:
            if begins == "tenfold":
                check_tenfold([word for word in typed if word.islower() or word == "VERB"])
            elif any("=" not in word for word in typed):
                check_make([word + "1" if word.rstrip("=") in FLAGS and word.endswith("=") else word for word in typed])
        except Exception as fault:
            faults.append(f"{page}: {span}: {fault!r}")
    assert not faults, "\n".join(faults)


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


def test_the_files_that_contributors_are_sent_to_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = re.findall(r"`([\w./]+/[\w.]*|\w+\.(?:md|txt|toml))`", text)
    assert len(files) > 40
    places = [file for file in files if file not in ("my_images/", "new_pictures/")]
    assert [file for file in places if not (ROOT / file).exists()] == []
    code = "".join(file.read_text(encoding="utf-8") for of in ("data", "preprocess", "train", "tenfold")
                   for file in ROOT.glob(f"{of}/**/*.py"))
    names = {name for name in re.findall(r"`(\w+)`", text) if name.isupper() or "_" in name}
    assert {name for name in names if not re.search(rf"\b{name}\b", code)} == set()


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
            words = [json.dumps(word) for option in get_args(f.type) for word in get_args(option)]
            return f"{low} or more" + "".join(f", or `{word}`" for word in words)
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
    assert {row[0].strip("`"): re.findall(r"\w+", row[2]) for row in rows[:-2]} == expected
    assert [re.findall(r"\w+", row[2]) for row in rows[-2:]] == [list(PUBLISHED), list(TIMM)]
    text = (ROOT / "docs/recipes.md").read_text()
    assert all(f"[{file.stem}](" in text or f"`{file.stem}`" in text for file in RECIPE_FILES)


def test_the_page_of_shards_lists_what_lies_in_the_files():
    import numpy as np
    image, *columns = [row[:2] for row in rows_of("docs/shards.md", "## A shard")]
    assert image == ["`image`", "uint8 (rows, H, W, C)"]
    assert columns == [[f"`{name}`", f"{np.dtype(kind)} (rows,)"] for name, kind in schema.COLUMNS.items()]
    paths, *columns = [row[:2] for row in rows_of("docs/shards.md", "## sources.h5")]
    assert paths[0] == f"`{schema.PATH_BYTES}`"
    assert columns == [[f"`{name}`", f"{np.dtype(kind)} {('rows', *shape)}".replace("'", "")]
                       for name, (kind, shape, _) in schema.SOURCE_COLUMNS.items()]
