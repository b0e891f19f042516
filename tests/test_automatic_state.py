"""auto.json: what a stopped call left is taken up where all of it is known, and is otherwise nothing to go on with."""

import contextlib

import pytest

from tenfold.automatic.checks import blame_whole_budget
from tenfold.automatic.choices import Draft, write_recipe
from tenfold.automatic.race import Trial
from tenfold.automatic.state import State
from tenfold.automatic.summary import race_line
from tenfold.data.digests import read_json, write_json
from tenfold.data.errors import RecipeFault, TrainingFault

CALL = {"images": "x", "budget": 60.0}


@pytest.fixture
def kept(tmp_path):
    """The content of a whole auto.json."""
    state = State(CALL, trials=[Trial("a", 0, 10.0, 0.5, 200)], chosen=Draft("a", "b").choose("seed", 3, "why"))
    state.save(tmp_path, 12.5)
    return read_json(tmp_path / "auto.json")


def test_an_unknown_key_is_of_another_version_and_let_be(tmp_path, kept):
    kept["trials"][0]["more"] = kept["chosen"]["more"] = kept["more"] = 1
    write_json(tmp_path / "auto.json", kept)
    found = State.resumed(tmp_path, CALL)
    assert (found.seconds, found.trials[0].name, found.chosen.settings) == (12.5, "a", {"seed": 3})


def test_whatever_is_lacking_or_odd_is_refused_in_words_or_begins_anew(tmp_path, kept):
    resumed = 0
    for table in (kept, kept["chosen"], kept["trials"][0]):
        for key in set(table) - {"checksum"}:
            before = table.pop(key)
            for odd in ({}, None, "\x1b", [], -1, 2**50, {"seed": "x"}):
                write_json(tmp_path / "auto.json", kept)     # at first without the key
                table[key] = odd
                if not (found := State.resumed(tmp_path, CALL)):
                    continue
                resumed += 1
                with contextlib.suppress(RecipeFault):
                    if found.trials:
                        race_line(found.trials)
                    if found.chosen:
                        found.chosen.recipe("x")
                        write_recipe(found.chosen, tmp_path / "x.toml", [])
            table[key] = before
    assert resumed > 5
    kept["chosen"]["reasons"] = {}               # which a recipe is written with
    write_json(tmp_path / "auto.json", kept)
    assert State.resumed(tmp_path, CALL) is None


@pytest.mark.parametrize(("where", "words"), [
    ("budget", "budget: of 20 s is too short here: training's part of 3 s is spent; give more, or repeat"),
    ("train.batch", "train.batch: of 3 s is spent")])
def test_a_budget_that_nobody_gave_is_not_named_alone(where, words):
    def train():
        with blame_whole_budget(20.0):
            raise TrainingFault(where, "of 3 s is spent")
    with pytest.raises(TrainingFault) as found:
        train()
    assert str(found.value).startswith(words)
