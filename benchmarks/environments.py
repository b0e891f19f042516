"""Find the environments that `make` keeps for what is measured beside ours, and say why one is left out."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class LeftOut(Exception):
    """Why a library is not among the rows."""


def python_of(environment: str) -> Path:
    """Return the interpreter of an environment in the project's folder, such as ".venv-peers". LeftOut: none there."""
    python = ROOT / environment / "bin" / "python"
    if not (python.exists() and (ROOT / environment / ".done").exists()):
        raise LeftOut(f"not installed: there is no {environment} (see the Makefile), or it does not install here")
    return python


@contextlib.contextmanager
def telling(library: str) -> Iterator[None]:
    """Print why a library is left out."""
    try:
        yield
    except LeftOut as why:
        print(f"{library}: left out: {why}", flush=True)
