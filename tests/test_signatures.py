"""Every public function says its types and, in its first line, what it does; mypy and editors go by the types."""

import ast
import tomllib
from collections.abc import Iterator

import train_helpers as t
from syntax_trees import syntax_tree

FOLDERS = ("data", "preprocess", "train", "tenfold", "benchmarks")     # the links in tenfold/ are not followed

TREES = {str(path.relative_to(t.ROOT)): syntax_tree(path)
         for folder in FOLDERS for path in sorted((t.ROOT / folder).rglob("*.py"))}


def public(body: list, name: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """(name, function) of the functions of a module and the methods of its classes, without the private ones."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
            yield name + node.name, node


def missing(function: ast.FunctionDef) -> list[str]:
    """The parameters without a type, and "->" where the function does not say what it returns."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    without = [one.arg for one in every if one.annotation is None and one.arg not in ("self", "cls")]
    return without + ["->"] * (function.returns is None and function.name != "__init__")


def test_public_functions_have_types():
    body = ast.parse("def f(a, b: int, *c): ...\nclass A:\n def __init__(self, x): ...\n def _g(y): ...").body
    assert [(name, missing(function)) for name, function in public(body)] == [
        ("f", ["a", "c", "->"]), ("A.__init__", ["x"])]
    found = {f"{where}:{function.lineno} {name}": missing(function)
             for where, tree in TREES.items() for name, function in public(tree.body)}
    assert len(found) > 300
    assert not {where: lacking for where, lacking in found.items() if lacking}


def test_modules_and_what_is_public_in_them_have_a_docstring():
    found = {f"{where} {getattr(node, 'name', '')}": ast.get_docstring(node)
             for where, tree in TREES.items() for node in [tree, *tree.body]
             if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
             and not getattr(node, "name", "").startswith("_")}
    assert len(found) > 300
    assert not [where for where, text in found.items() if not text or not text.splitlines()[0].strip()]


def test_mypy_checks_every_file_of_the_upper_package_strictly():
    config = tomllib.loads((t.ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    strict = next(table["module"] for table in config["overrides"] if table.get("disallow_any_generics"))
    folders = [folder for folder in (t.ROOT / "tenfold").iterdir()
               if list(folder.glob("*.py")) and not folder.is_symlink()]
    files = [f"tenfold.{path.stem}".removesuffix(".__init__") for path in (t.ROOT / "tenfold").glob("*.py")]
    assert sorted(strict) == sorted([*files, *(f"tenfold.{folder.name}.*" for folder in folders)])
