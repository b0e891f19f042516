"""What an installed copy holds: one package, its recipes and its command, and nothing that a user's files may hide."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import train_helpers as t

try:
    OLD = int(version("setuptools").partition(".")[0]) < 77      # which reads license = "MIT"
except PackageNotFoundError:
    OLD = True
pytestmark = [pytest.mark.slow, pytest.mark.skipif(OLD, reason="building needs setuptools>=77: pip install setuptools")]
BUILD = "from setuptools.build_meta import build_{} as build; print(build(r'{}'))"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what a build reads, links as links: a build leaves folders where it runs."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(t.ROOT / name, folder)
    for name in ("data", "preprocess", "train", "recipes", "tenfold", "tests", "benchmarks"):
        shutil.copytree(t.ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def build(kind: str, folder: Path, out: Path) -> Path:
    """Build a wheel or an sdist of `folder` with this interpreter's setuptools; no network."""
    ran = subprocess.run([sys.executable, "-c", BUILD.format(kind, out)], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return out / ran.stdout.split()[-1]


def modules(names) -> set[str]:
    return {name for name in names if name.endswith(".py")}


def test_a_wheel_serves_a_user_whose_folder_holds_a_train_and_a_data(checkout, tmp_path):
    wheel = build("wheel", checkout, tmp_path)
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as z:
        names = set(z.namelist())
        z.extractall(site)
    lower = {f"tenfold/{path.relative_to(t.ROOT)}" for name in ("data", "preprocess", "train")
             for path in (t.ROOT / name).rglob("*.py")}
    assert modules(names) == lower | {str(path.relative_to(t.ROOT)) for path in (t.ROOT / "tenfold").rglob("*.py")}
    assert {name for name in names if name.endswith(".toml")} == {
        f"tenfold/recipes/{path.name}" for path in t.ROOT.glob("recipes/*.toml")}
    assert "tenfold/py.typed" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"tenfold"}
    entry = next(site.glob("*.dist-info/entry_points.txt")).read_text()
    assert "tenfold = tenfold.__main__:main" in entry
    user = tmp_path / "user"
    (user / "data").mkdir(parents=True)
    for name in ("train.py", "preprocess.py", "data/__init__.py"):
        (user / name).write_text("raise SystemExit('this is a file of the user')\n")
    for words, part in ((["-m", "tenfold", "recipes"], "photos "),
                        (["-c", "import tenfold.train.run.loop as l; print(l.__file__)"], str(site))):
        ran = subprocess.run([sys.executable, *words], cwd=user, env=os.environ | {"PYTHONPATH": str(site)},
                             capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert part in ran.stdout


def test_a_source_archive_has_files_where_the_checkout_has_links(checkout, tmp_path):
    """And a wheel that is built of it is the same."""
    archive = build("sdist", checkout, tmp_path)
    with tarfile.open(archive) as tar:
        assert not [member.name for member in tar if member.issym() or "/tests/" in member.name]
        tar.extractall(tmp_path, filter="data")
    folder = tmp_path / archive.name.removesuffix(".tar.gz")
    wheels = [build("wheel", where, tmp_path / name) for where, name in ((folder, "a"), (checkout, "b"))]
    contents = []
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as z:
            contents.append({name: z.getinfo(name).CRC for name in z.namelist() if not name.endswith("/RECORD")})
    assert contents[0] == contents[1]
