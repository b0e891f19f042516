"""preprocess → data ← train: the upper rooms never meet, and each keeps to its tools."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"data": {"preprocess", "train", "torch", "torchvision", "cv2", "PIL", "joblib", "matplotlib", "sklearn"},
         "preprocess": {"train", "torch", "torchvision", "sklearn"},
         "train": {"preprocess", "cv2", "PIL", "joblib"}}
TORCHVISION = "data/vision.py"       # the one door to it, which imports it (and torch) when asked
H5PY = {"data/shard.py"}


def imported(path: Path) -> set[str]:
    """Top names of all imports in a file, wherever they stand in it; imports by name of a string too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute, so that this test can read them"
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
                "import_module", "__import__"):
            found |= {str(a.value).split(".")[0] for a in node.args if isinstance(a, ast.Constant)}
    return found


FILES = [(room, path) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize(("room", "path"), FILES, ids=[str(p.relative_to(ROOT)) for _, p in FILES])
def test_a_file_keeps_to_its_room(room, path):
    allowed = {"torch", "torchvision"} if path == ROOT / TORCHVISION else set()
    assert imported(path) & ROOMS[room] <= allowed


def test_one_file_knows_torchvision_and_one_hdf5():
    everywhere = {str(p.relative_to(ROOT)): imported(p) for _, p in FILES}
    assert {name for name, found in everywhere.items() if "torchvision" in found} == {TORCHVISION}
    assert {name for name, found in everywhere.items() if "h5py" in found} == H5PY


def loaded(*modules, more="") -> set[str]:
    """What a fresh interpreter has loaded after importing `modules`."""
    code = f"import sys, json\nimport {', '.join(modules)}\n{more}\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.split(".")[0] for name in json.loads(ran.stdout.splitlines()[-1])}


def modules(room) -> list[str]:
    return [".".join(p.relative_to(ROOT).with_suffix("").parts) for r, p in FILES
            if r == room and p.name not in ("__init__.py", "__main__.py")]


@pytest.mark.parametrize("room", ["data", "preprocess"])
def test_nor_does_what_it_imports_cross_the_wall(room):
    assert not loaded(*modules(room)) & (ROOMS[room] - {"sklearn"})


def test_help_costs_no_heavy_import():
    ask = "try:\n    preprocess.__main__.main(['--help'])\nexcept SystemExit:\n    pass"
    found = loaded("preprocess.__main__", more=ask)
    assert not found & {"cv2", "h5py", "joblib", "numpy", "PIL", "torch"}
