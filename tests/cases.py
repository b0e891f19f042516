"""A law over many cases as one test: all of them are tried, and those that fail are named."""

import contextlib
import functools
import inspect
import itertools
from pathlib import Path

import pytest


def each(names: str | tuple[str, ...], values, ids=None):
    """Like `pytest.mark.parametrize`, but the cases are tried in a loop, within one test.

    Several of them multiply. For every case `tmp_path` is a new folder (and the working directory, where the test
    stands in `tmp_path`) and what `monkeypatch` did is undone; other fixtures are shared by the cases.
    """
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    values = list(values)
    labels = [ids(value) for value in values] if callable(ids) else list(ids or map(repr, values))
    axis = [(f"{'-'.join(names)}={label}", dict(zip(names, value if len(names) > 1 else [value], strict=True)))
            for label, value in zip(labels, values, strict=True)]

    def decorate(test):
        if not hasattr(test, "axes"):
            test = _loop(test)
        test.axes.append(axis)
        left = [p for p in inspect.signature(test).parameters.values() if p.name not in names]
        test.__signature__ = inspect.Signature(left)
        return test
    return decorate


def _loop(test):
    """`test` with its cases in `axes`; it raises the first failure, with the names of all that failed."""
    @functools.wraps(test)
    def loop(**fixtures):
        failed = []
        for number, case in enumerate(itertools.product(*reversed(loop.axes))):
            arguments = {name: value for _, part in case for name, value in part.items()}
            try:
                with _own(fixtures, number) as own:
                    test(**own, **arguments)
            except (Exception, pytest.fail.Exception) as error:
                failed.append((", ".join(label for label, _ in case)[:300], error))
        if failed:
            failed[0][1].add_note("\n".join([f"{len(failed)} cases failed:", *(name for name, _ in failed[:20])]))
            raise failed[0][1]
    loop.axes = []
    return loop


@contextlib.contextmanager
def _own(fixtures: dict, number: int):
    """The fixtures of one case."""
    with contextlib.ExitStack() as stack:
        own = dict(fixtures)
        if "tmp_path" in own:
            own["tmp_path"] = fixtures["tmp_path"] / f"case{number}"
            own["tmp_path"].mkdir()
            if Path.cwd() == fixtures["tmp_path"]:
                stack.enter_context(contextlib.chdir(own["tmp_path"]))
        if "monkeypatch" in own:
            own["monkeypatch"] = stack.enter_context(fixtures["monkeypatch"].context())
        yield own
