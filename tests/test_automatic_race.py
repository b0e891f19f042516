"""Trials of candidate recipes keep to their time, none is chosen on noise, and copies fit the machine's speed."""

import dataclasses
from types import SimpleNamespace

import pytest

from tenfold.automatic.candidates import Candidate
from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import limit_copies
from tenfold.automatic.race import Trial, _accuracy, _had_time, leader, run_race, run_trial, survivors
from tenfold.automatic.summary import race_line
from tenfold.data.errors import MachineFault, TrainingFault


def trial(name, top1, rows=200):
    return Trial(name, 0, 10.0, top1, rows)


def test_no_choice_is_made_on_noise():
    first, second = trial("first", 0.80), trial("second", 0.82)
    assert leader([first, second]) is first                  # 4 of 200 rows
    assert leader([first, dataclasses.replace(second, val_top1=0.90)]).name == "second"
    assert leader([dataclasses.replace(first, val_rows=20000), dataclasses.replace(second, val_rows=20000)]) != first
    assert leader([trial("none", None), second]) is second
    assert leader([trial("none", None), trial("nor", None)]).name == "none"
    for top1 in (None, 0.01):                                # the latter with a head that there was no time to fit
        late = dataclasses.replace(trial("late", top1), began=False)
        assert leader([late, second]) is late                # not won by default
        assert leader([second, late]) is second
    assert survivors([first, trial("worst", 0.1), trial("best", 0.95), second]) == ["best", "second"]
    assert leader([trial("a", 1.0, 10), trial("b", 0.95, 10)]).name == "a"


def test_pictures_that_a_candidate_cannot_use_count_as_wrong():
    trained = SimpleNamespace(val_top1=0.9)
    assert _accuracy(trained, {"sources": {"rows": 60}, "set_aside": [{}] * 30}) == pytest.approx(0.6)
    assert _accuracy(SimpleNamespace(val_top1=None), {"sources": {"rows": 60}, "set_aside": []}) is None


def test_little_time_tells_nothing_of_a_candidate():
    recipe = SimpleNamespace(model=SimpleNamespace(head="fitted"))
    for epoch, seen, told in ((0, 30, True), (0, 15, True), (0, 8, False), (1, 30, False)):
        row = {"epoch": epoch, "val_rows": seen}
        assert _had_time(SimpleNamespace(history=[row], best_row=row), recipe, 30) == told


def test_as_many_candidates_are_tried_as_there_is_time_for():
    def tried(seconds: float) -> list[tuple[str, int]]:
        calls = []

        def attempt(candidate, number, each):
            assert each - 3 >= candidate.least
            calls.append((candidate.name, number))
            return trial(candidate.name, {"a": 0.5, "b": 0.6, "c": 0.9}[candidate.name], 10_000)
        winner = run_race([Candidate(name, None, least=5.0) for name in "abc"], seconds, 3.0, attempt)
        assert winner.name == max((name for name, _ in calls), default="a")
        return calls
    assert tried(15) == []                                   # one trial alone tells nothing: the most promising
    assert tried(16) == [("a", 0), ("b", 0)]
    assert tried(48) == [("a", 0), ("b", 0), ("c", 0), ("b", 1), ("c", 1)]


def test_what_a_trial_leaves_is_shared_by_the_others():
    given = []

    def attempt(candidate, number, each):
        given.append(each)
        return dataclasses.replace(trial(candidate.name, 0.5), seconds=4.0 if candidate.name == "a" else 99.0)
    run_race([Candidate(name, None, least=1.0) for name in "abc"], 60, 0.0, attempt)
    assert given[:3] == [10.0, 13.0, 13.0]                   # of the first round's 30 seconds


def test_a_race_ends_as_soon_as_no_later_candidate_could_win():
    def tried(accuracies: list[float | None]) -> list[str]:
        calls = []

        def attempt(candidate, number, each):
            calls.append(candidate.name)
            return trial(candidate.name, dict(zip("abc", accuracies, strict=True))[candidate.name])
        winner = run_race([Candidate(name, None, least=1.0) for name in "abc"], 60, 0.0, attempt)
        assert winner.name == calls[-1]
        return calls
    assert tried([0.995, 1.0, 1.0]) == ["a"]                 # 1 of 200 rows is noise
    assert tried([0.9, 1.0, 1.0]) == ["a", "b"]
    assert tried([None, None, 1.0]) == ["a", "b", "c"]


def test_a_slow_machine_draws_fewer_copies_of_the_same_plan():
    draft = Draft("w", "").choose("draw.copies", 40).choose("train.epochs", 2, "r")
    limit_copies(draft, drawing=9.0, cleaning=1.0, seconds=100.0)
    assert draft.settings == {"draw.copies": 40, "train.epochs": 2}
    limit_copies(draft, drawing=38.0, cleaning=1.0, seconds=100.0)
    assert draft.settings == {"draw.copies": 20, "train.epochs": 4}
    assert "38 s" in draft.reasons["draw.copies"]
    assert limit_copies(draft, drawing=24.0, cleaning=99.0, seconds=100.0) == 12.0       # cleaning takes what it takes
    assert draft.settings["draw.copies"] == 10
    limit_copies(draft, drawing=1e6, cleaning=1e6, seconds=100.0)
    assert draft.settings["draw.copies"] == 1


def tried(folder, monkeypatch, train) -> Trial:
    """A trial of a set with 40 val rows, trained by a function that stands for the trainer."""
    index = {"sources": {"rows": 60}, "set_aside": []}
    monkeypatch.setattr("tenfold.automatic.race.augment", lambda *args: SimpleNamespace(index=index))
    monkeypatch.setattr("tenfold.data.shardset.open_set", lambda *args: SimpleNamespace(rows=lambda split: 40))
    monkeypatch.setattr("tenfold.train.run.training.train", train)
    return run_trial(lambda: Draft("slow", "").choose("draw.canvas", [8, 8]).choose("draw.copies", 1).choose(
        "model.name", "resnet"), 0, None, folder / "0", 7.0, 1, "cpu")


def test_a_trial_counts_the_val_rows_that_its_accuracy_is_of(tmp_path, monkeypatch):
    rows = [{"epoch": 1, "val_rows": 24}, {"epoch": 2, "val_rows": 40}]
    made = tried(tmp_path, monkeypatch, lambda *args, **settings: SimpleNamespace(
        val_top1=0.5, history=rows, best_row=rows[0], facts={"best": "best.pth"}))
    assert (made.val_rows, made.val_top1, made.began) == (24, 0.5, True)


@pytest.mark.parametrize(("fault", "words"), [
    (TrainingFault("budget", "of 3.1 s is spent before the first step, which took 4 s to begin", "give more"),
     "slow (its 7 s were spent before training began)"),
    (MachineFault("shards", "no space left on the disk", "free some space"),
     "slow (shards: no space left on the disk; free some space)")])
def test_a_trial_that_fails_says_so_without_a_budget_that_nobody_gave(tmp_path, monkeypatch, fault, words):
    def fail(*args, **settings):
        raise fault
    made = tried(tmp_path, monkeypatch, fail)
    assert str(made) == words
    assert made.began == isinstance(fault, MachineFault)
    assert race_line([Trial("first", 0, 1.0, None, 0, fault="x"), made]) == (
        f"tried, val top-1 of 40 rows: first (x), {words}")
