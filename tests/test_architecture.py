"""preprocess → data ← train: the upper two never import each other, and each keeps to its own libraries."""

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from syntax_trees import syntax_tree

ROOT = Path(__file__).parent.parent
FORBIDDEN = {"data": {"tenfold.preprocess", "tenfold.train", "torch", "torchvision", "cv2", "PIL", "joblib",
                      "matplotlib", "sklearn"},
             "preprocess": {"tenfold.train", "torch", "torchvision", "sklearn"},
             "train": {"tenfold.preprocess", "cv2", "PIL", "joblib"}}
TORCHVISION = "data/vision.py"       # imports it (and torch) when it is asked to
LAZY = {TORCHVISION: {"torch", "torchvision"}, "data/figures.py": {"matplotlib"}, "data/fonts.py": {"matplotlib"}}
BY_NAME = "import_module", "__import__"
H5PY = {"data/shard.py", "data/source_columns.py", "data/source_table.py"}


def package(module: str) -> str:
    """"cv2" of "cv2.dnn"; "tenfold.data" of "tenfold.data.errors"."""
    return ".".join(module.split(".")[:2 if module.startswith("tenfold.") else 1])


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """All statements below, and no expression: there are many more of those, and none is an import."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from statements(child)


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """The packages of all imports in a file, wherever they stand in it; imports by a string too."""
    found, calls = set(), any(name in path.read_text(encoding="utf-8") for name in BY_NAME)
    for node in ast.walk(syntax_tree(path)) if calls else statements(syntax_tree(path)):
        if isinstance(node, ast.Import):
            found |= {package(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute, so that this test can read them"
            found |= {package(f"{node.module}.{alias.name}") for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in BY_NAME:
            found |= {package(str(a.value)) for a in node.args if isinstance(a, ast.Constant)}
    return frozenset(found)


FILES = [(name, path) for name in FORBIDDEN for path in sorted((ROOT / name).rglob("*.py"))]


def test_files_import_only_what_their_package_may():
    for name, path in FILES:
        assert imported(path) & FORBIDDEN[name] <= LAZY.get(str(path.relative_to(ROOT)), set()), path


def test_nothing_is_imported_by_a_name_that_a_user_may_have():
    """`data`, `train` and `preprocess` are packages of ours in a checkout only."""
    for folder in (*FORBIDDEN, "tenfold", "benchmarks", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            assert not imported(path) & {"data", "train", "preprocess"}, path


def test_no_module_imports_a_command():
    """A command parses, calls and prints; what others call as well lies beside it."""
    for folder in (*FORBIDDEN, "tenfold"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found = {node.module for node in statements(syntax_tree(path)) if isinstance(node, ast.ImportFrom)}
            assert [name for name in found if re.search(r"(?<!^tenfold\.data)\.command$", name)] == [], path


def test_one_file_knows_torchvision_and_one_hdf5():
    everywhere = {str(p.relative_to(ROOT)): imported(p) for _, p in FILES}
    assert {name for name, found in everywhere.items() if "torchvision" in found} == {TORCHVISION}
    assert {name for name, found in everywhere.items() if "h5py" in found} == H5PY


def test_each_package_says_in_which_order_to_read_all_of_its_modules():
    for folder in sorted({path.parent for _, path in FILES}):
        text = (folder / "__init__.py").read_text(encoding="utf-8")
        modules = [path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")]
        assert [name for name in modules if not re.search(rf"`(\w+/)?{name}(\.py)?`", text)] == [], folder


def loaded(*modules, more="") -> set[str]:
    """What a fresh interpreter has loaded after importing `modules`; of tenfold.train more than its docstring,
    which `import tenfold` makes a function as well."""
    code = f"import sys, json\nimport {', '.join(modules)}\n{more}\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return {package(name) for name in json.loads(ran.stdout.splitlines()[-1]) if name != "tenfold.train"}


def modules(name) -> list[str]:
    return [".".join(("tenfold", *p.relative_to(ROOT).with_suffix("").parts)) for n, p in FILES
            if n == name and p.name not in ("__init__.py", "__main__.py")]


@pytest.mark.parametrize("name", ["data", "preprocess"])
def test_nor_does_what_they_import_import_more(name):
    assert not loaded(*modules(name)) & (FORBIDDEN[name] - {"sklearn"})


def test_help_costs_no_heavy_import():
    ask = "try:\n    tenfold.preprocess.command.main(['--help'])\nexcept SystemExit:\n    pass"
    found = loaded("tenfold.preprocess.command", more=ask)
    assert not found & {"cv2", "h5py", "joblib", "numpy", "PIL", "torch"}


def test_importing_tenfold_is_light():
    """Its functions import what they need when they are called."""
    heavy = {"cv2", "h5py", "joblib", "matplotlib", "numpy", "PIL", "sklearn", "torch", "torchvision", "tqdm"}
    assert not loaded("tenfold") & heavy
    assert not loaded("tenfold.predict.command", "tenfold.train.score.command") & heavy
