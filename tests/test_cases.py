"""The loop over cases that the other tests stand on: it tries all of them and names those that fail."""

import os
from pathlib import Path

import pytest
from cases import each


def test_every_case_is_tried_and_those_that_fail_are_named():
    tried = []

    @each("a", [1, 2])
    @each(("b", "c"), [(3, "x"), (4, "y")], ids=["three", "four"])
    def law(a, b, c):
        tried.append((a, b, c))
        assert a != 2
        with pytest.raises(ValueError, match="y"):
            raise ValueError(c)
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        law()
    assert tried == [(1, 3, "x"), (1, 4, "y"), (2, 3, "x"), (2, 4, "y")]
    note, = caught.value.__notes__
    assert note.splitlines() == ["3 cases failed:", "a=1, b-c=three", "a=2, b-c=three", "a=2, b-c=four"]


@each("n", range(3))
def test_each_case_has_a_folder_and_patches_of_its_own(tmp_path, monkeypatch, n):
    assert not list(tmp_path.iterdir())
    assert "TENFOLD_CASE" not in os.environ
    (tmp_path / "x").touch()
    monkeypatch.setenv("TENFOLD_CASE", str(n))


def test_a_case_stands_where_its_test_stood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    @each("n", range(2))
    def law(tmp_path, n):
        assert Path.cwd() == tmp_path
    law(tmp_path=tmp_path)
    assert Path.cwd() == tmp_path
    assert len(list(tmp_path.iterdir())) == 2
