"""The project's Python files as syntax trees, each parsed once for all the tests of a process."""

import ast
import functools
from pathlib import Path


@functools.cache
def syntax_tree(path: Path) -> ast.Module:
    """Parse a Python file, or return what it was parsed to before."""
    return ast.parse(path.read_text(encoding="utf-8"))
