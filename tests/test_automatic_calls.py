"""One call of the automatic mode after another: only a stopped one steers the next, and only if it is the same."""

import os
from pathlib import Path

import numpy as np
import pytest
import train_helpers as t
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

import tenfold
from tenfold.automatic import auto
from tenfold.automatic.race import Trial
from tenfold.automatic.state import State
from tenfold.automatic.training import train_or_resume
from tenfold.data.errors import CheckpointFault, SourceFault, UserFault
from tenfold.data.files import lock_folder


@pytest.fixture
def images(tmp_path_factory):
    """A folder of images, which is not where the test stands."""
    return t.folder(tmp_path_factory.mktemp("set") / "images", images=4)


def ended_by(error: BaseException, monkeypatch) -> None:
    """Let calls save a trial and the number of images of a class that they use, and then end in `error`."""
    def run(self):
        self.state.trials.append(Trial("a", 0, 10.0, 0.5, 200))
        self.state.per_class = 2
        self.state.save(self.folder, 10.0)
        raise error
    monkeypatch.setattr(auto.Automatic, "_run", run)


@pytest.mark.parametrize("bad", [{"workers": -1}, {"workers": 1.5}, {"seed": -1}, {"seed": 2**63}, {"seed": "0"},
                                 {"device": "gpu"}, {"plan": "x"}, {"groups": "x"},
                                 {"groups": 5}, {"groups": "path:("}, {"groups": "path:no"}, {"groups": "folder"},
                                 {"groups": "no.csv"}, {"budget": 5}, {"name": "a/b"}], ids=str)
def test_a_bad_argument_is_refused_before_anything_is_written(images, bad):
    with pytest.raises(UserFault, match=next(iter(bad))):
        tenfold.auto(images, **{"budget": 30} | bad)
    assert not list(Path().iterdir())


@pytest.mark.parametrize("given", [("test",), ("val", "test")])
def test_arrays_without_images_to_train_on_are_refused_at_once(tmp_path, given):
    columns = {f"x_{split}": np.zeros((8, 9, 9, 1), np.uint8) for split in given}
    labels = {f"y_{split}": np.arange(8) % 2 for split in given}
    np.savez(tmp_path / "a.npz", **columns, **labels)
    with pytest.raises(SourceFault, match="no train split"):
        tenfold.auto(tmp_path / "a.npz", budget=30)


@pytest.mark.parametrize(("error", "kept"), [(UserFault("x", "is bad"), 0), (KeyboardInterrupt(), 1)], ids=repr)
def test_a_call_goes_on_with_one_that_was_stopped_not_with_one_that_failed(images, monkeypatch, error, kept):
    ended_by(error, monkeypatch)
    call = auto.Automatic(images, 60.0)
    with pytest.raises(type(error)):
        call.run()
    again = auto.Automatic(images, 60.0)
    again.take_up()
    assert (len(again.state.trials), again.state.per_class) == (kept, 2 * kept or None)
    assert again.clock.spent_before == 10 * kept


def test_a_call_that_fails_before_it_saved_anything_leaves_the_one_that_was_stopped(images, monkeypatch):
    ended_by(KeyboardInterrupt(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        auto.Automatic(images, 60.0).run()

    def refuse(self):
        raise UserFault("x", "is bad")
    monkeypatch.setattr(auto.Automatic, "_run", refuse)
    with pytest.raises(UserFault):
        auto.Automatic(images, 61.0).run()
    (again := auto.Automatic(images, 60.0)).take_up()
    assert len(again.state.trials) == 1


def test_images_that_were_changed_are_not_those_of_the_stopped_call(images):
    one = auto.Automatic(images, 60.0)
    (one.folder / "trials").mkdir()
    (one.folder / "trial.pth").touch()           # of images that another split may test
    one.state.save(one.folder, 10.0)
    assert State.resumed(one.folder, one.state.call)
    file = next(images.rglob("*.png"))
    os.utime(file, ns=(0, 0))                    # as long as before
    other = auto.Automatic(images, 60.0)
    other.take_up()
    assert other.clock.spent_before == 0
    assert not (other.folder / "trials").exists()
    assert not (other.folder / "trial.pth").exists()


def test_training_goes_on_from_what_is_of_this_recipe_and_otherwise_begins_anew(images, monkeypatch, capsys):
    call, begun = auto.Automatic(images, 60.0), []

    def train(shards, recipe, out, *, resume, **more):
        begun.append(resume)
        if resume and where:
            raise CheckpointFault(where, "was trained with other settings (train.lr)", "train without --resume")
        return "run"
    monkeypatch.setattr("tenfold.train.run.training.train", train)
    call.out.mkdir()
    (last := call.out / "last.pth").write_text("mine")
    where = None
    assert (train_or_resume(call, None, None), begun) == ("run", [True])
    where = call.folder / "trial.pth"            # another file
    with pytest.raises(CheckpointFault):
        train_or_resume(call, None, None)
    capsys.readouterr()
    where = last
    assert (train_or_resume(call, None, None), begun[2:]) == ("run", [True, False])
    assert capsys.readouterr().out == (
        "runs/auto-images: the run that was there is now in runs/auto-images.previous; its last.pth was trained with "
        "other settings (train.lr), so training begins anew\n")
    assert (call.out.with_name("auto-images.previous") / "last.pth").read_text() == "mine"


def test_a_second_call_waits_for_the_first_and_reads_what_that_left(images, monkeypatch, capsys):
    first, second = auto.Automatic(images, 60.0), auto.Automatic(images, 60.0)
    with lock_folder(first.folder), monkeypatch.context() as patch:
        patch.setattr("tenfold.data.files.ENDING", 0.0)
        first.state.save(first.folder, 10.0)
        with pytest.raises(UserFault, match="another command is writing here; wait for it, or give another --name"):
            second.run()
        assert "stopped" not in capsys.readouterr().out
        first.state.done = True
        first.state.save(first.folder, 10.0)
    monkeypatch.setattr(auto.Automatic, "_run", lambda self: self.state)
    assert second.run().seconds == 0
    assert "stopped" not in capsys.readouterr().out


def test_a_call_with_other_groups_begins_anew(images, tmp_path):
    table = tmp_path / "groups.csv"
    paths = sorted(str(path.relative_to(images)) for path in images.rglob("*.png"))

    def call(groups: str, size: int = 2) -> auto.Automatic:
        table.write_text("".join(f"{path},{i // size}\n" for i, path in enumerate(paths)))
        return auto.Automatic(images, 60.0, groups=groups)
    (one := call(str(table))).state.save(one.folder, 10.0)
    for same, other in ((True, call(str(table))), (False, call(str(table), 3)), (False, call("")),
                        (False, call(r"path:[^/]*$"))):
        assert bool(State.resumed(other.folder, other.state.call)) == same
