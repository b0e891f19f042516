"""What the documentation tells a reader to run, runs: each make line by `make -n`, the Python on a tiny set."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import train_helpers as t
from docs_blocks import PAGES, READERS_OWN, ROOT, blocks, command_lines
from PIL import Image

pytestmark = pytest.mark.slow


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
    for number in range(19):
        kind = number % 2                                  # two kinds of coloured stripes
        y, x = np.mgrid[:40, :48]
        wave = 128 + 90 * np.sin((y if kind else x) / 3 + rng.uniform(0, 6))
        pixels = (wave[..., None] + rng.normal(0, 12, (40, 48, 3))).clip(0, 255).astype(np.uint8)
        file = place / (f"my_images/{('cat', 'dog')[kind]}/{number}.png" if number < 16 else
                        f"new_pictures/{number - 15}.jpg")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    run_python(ROOT / "README.md", place)
    return place


@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")],
                         ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, reader, tmp_path):
    if page.name != "README.md":                           # which the folder was made by
        shutil.copytree(reader, tmp_path, dirs_exist_ok=True)
        run_python(page, tmp_path)
    assert (reader / "runs/photos/best.pth").exists()
