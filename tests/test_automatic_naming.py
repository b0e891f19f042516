"""The name of a call that was given none, and that no model is replaced by that of other images."""

from pathlib import Path

import pytest
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

from tenfold.automatic import auto
from tenfold.automatic.naming import absolute_path, default_name


def finished(data: Path, model: str, **more) -> None:
    """Leave what a finished call on the images at `data` leaves."""
    call = auto.Automatic(data, 60.0, **more)
    call.take_up()
    call.out.mkdir(parents=True, exist_ok=True)
    (call.out / "best.pth").write_text(model)
    call.state.done = True
    call.state.save(call.folder, 10.0)


def models() -> dict[str, str]:
    return {path.parent.name: path.read_text() for path in Path("runs").glob("*/best.pth")}


@pytest.fixture
def sets(tmp_path):
    """Folders of the same name, of the same images in other folders."""
    return [t.folder(tmp_path / top / "data", images=4) for top in ("birds", "cars", "cats")]


def test_no_model_is_replaced_by_that_of_other_images(sets, capsys):
    for data in sets:
        finished(data, data.parent.name)
    assert models() == {"auto-data": "cats", "auto-data-before-1": "birds", "auto-data-before-2": "cars"}
    assert f"is of other images ({sets[0]}); it is now runs/auto-data-before-1" in capsys.readouterr().out
    finished(sets[0], "mine", name="auto-data")
    assert models()["auto-data-before-3"] == "cats"


def test_a_set_that_grew_or_was_moved_is_the_same(sets, tmp_path):
    finished(sets[0], "old")
    next(sets[0].rglob("*.png")).unlink()
    finished(sets[0], "new")
    moved = (tmp_path / "elsewhere").mkdir() or sets[0].rename(tmp_path / "elsewhere/data")
    finished(moved, "newest")
    assert models() == {"auto-data": "newest"}


def test_a_link_is_named_as_it_was_given(sets, tmp_path, monkeypatch):
    (tmp_path / "today").symlink_to(sets[0])
    assert auto.Automatic(tmp_path / "today", 60.0).name == "auto-today"
    (here := tmp_path / "here").mkdir()
    monkeypatch.chdir(here)
    assert auto.Automatic(Path("../today"), 60.0).name == "auto-today"
    assert auto.Automatic(Path("../birds/data/../../cars/data"), 60.0).name == "auto-data"
    assert absolute_path(Path("..")) == tmp_path.resolve()
    assert absolute_path(Path()) == here


def test_a_table_or_an_arrays_file_gives_its_name_without_the_suffix():
    assert [default_name(Path("data") / name) for name in ("a.csv", "a.TSV", "a.npz", "a.b")] == [
        *["auto-a"] * 3, "auto-a-b"]
