"""The name of a call that was given none: no model is replaced by that of other images, and each is found again."""

from pathlib import Path

import pytest
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.automatic import auto
from tenfold.automatic.naming import absolute_path


def called(data: Path, **more) -> str:
    """The name of a call that saved something."""
    call = auto.Automatic(data, 60.0, **more)
    call.state.save(call.folder, 10.0)
    return call.name


@pytest.fixture
def sets(tmp_path):
    """Folders of the same name, of the same images in other folders."""
    return [t.folder(tmp_path / top / "data", images=4) for top in ("birds", "cars", "old/cars", "cats")]


def test_sets_in_folders_of_the_same_name_get_names_of_their_own_each_time(sets):
    names = ["auto-data", "auto-cars-data", "auto-cars-data-2", "auto-cats-data"]
    for _ in range(2):
        assert [called(data) for data in sets] == names
    assert called(sets[3], name="auto-data") == "auto-data"          # a name that was given is used
    assert called(sets[3]) == "auto-data"
    assert called(sets[1]) == "auto-cars-data"


def test_the_line_says_which_name_and_why(sets, monkeypatch):
    call = auto.Automatic(sets[0], 60.0)
    assert call._why_named == ""
    call.state.save(call.folder, 1.0)
    assert auto.Automatic(sets[1], 60.0)._why_named == (
        f"auto-data is the name of a run on {sets[0]}, so this one is named auto-cars-data")
    assert auto.Automatic(sets[1], 60.0, name="x")._why_named == ""


def test_a_set_that_grew_or_was_moved_keeps_its_name(sets, tmp_path):
    assert called(sets[0]) == "auto-data"
    next(sets[0].rglob("*.png")).unlink()
    assert called(sets[0]) == "auto-data"
    moved = (tmp_path / "elsewhere").mkdir() or sets[0].rename(tmp_path / "elsewhere/data")
    assert called(moved) == "auto-data"


def test_a_link_is_named_as_it_was_given(sets, tmp_path, monkeypatch):
    (tmp_path / "today").symlink_to(sets[0])
    assert called(tmp_path / "today") == "auto-today"
    (here := tmp_path / "here").mkdir()
    monkeypatch.chdir(here)
    assert called(Path("../today")) == "auto-today"
    assert called(Path("../birds/data/../../cars/data")) == "auto-data"
    assert absolute_path(Path("..")) == tmp_path.resolve()
    assert absolute_path(Path()) == here
