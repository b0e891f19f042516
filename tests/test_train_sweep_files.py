"""Damage to what a sweep remembers is noticed when the sweep goes on."""

import json

import train_helpers as t
from flips import each_flip
from mutations import each_change

from tenfold.data.digests import read_json
from tenfold.data.errors import CheckpointFault, UserFault
from tenfold.data.files import make_folder
from tenfold.data.recipe import make_recipe
from tenfold.train.sweep.leaderboard import line, row
from tenfold.train.sweep.record import open_record
from tenfold.train.sweep.trial import Trial, read_trials


def test_no_flipped_bit_of_a_record_is_believed(tmp_path):
    recipe, refused = make_recipe(t.tables()), 0
    record = open_record(tmp_path, recipe, ["train.lr"])
    record.share_out(60.0, 4, None)
    record.save()
    for place in each_flip(tmp_path / "sweep.json", 60):
        try:
            again = open_record(tmp_path, recipe, ["train.lr"])
        except CheckpointFault:
            refused += 1
        else:                                    # only the checksum's own name is outside of what it covers
            assert (again.recipe, again.space, again._given) == (record.recipe, ["train.lr"], 60.0), place
    assert refused > 45
    assert open_record(tmp_path, recipe, ["train.lr"])._given == 60.0


def test_no_flipped_bit_of_a_trial_is_believed(tmp_path):
    Trial(tmp_path, {}, "finished", 0.75, 3, 12.5, "shards/x").save()
    whole = read_json(tmp_path / "trial.json")
    for place in each_flip(tmp_path / "trial.json", 40):
        try:
            read = read_json(tmp_path / "trial.json")
        except ValueError:                       # not JSON, or its checksum differs
            continue
        assert read.items() >= {key: value for key, value in whole.items() if key != "checksum"}.items(), place
    assert read_json(tmp_path / "trial.json") == whole


def test_every_field_of_a_record_and_of_a_trial(tmp_path):
    recipe, tried, refused = make_recipe(t.tables()), 0, 0
    record = open_record(tmp_path, recipe, ["train.lr"])
    record.share_out(60.0, 4, None)
    record.save()
    trial = Trial(make_folder(tmp_path / "trials/0000"), {"train.lr": 0.1}, "finished", 0.75, 3, 12.5, "shards/x")
    trial.save()

    def read_record():
        open_record(tmp_path, recipe, ["train.lr"]).share_out(60.0, 4, 100.0)

    def read_trial():
        for trial in read_trials(tmp_path, ["train.lr"]):
            assert trial.spent() >= 0
            json.dumps([row(trial), line(trial)])
    for name, read, stride in (("sweep.json", read_record, 11), ("trials/0000/trial.json", read_trial, 1)):
        path = tmp_path / name
        whole = json.loads(path.read_text())
        del whole["checksum"]
        for _, other in list(each_change(whole))[::stride]:
            path.write_text(json.dumps(other))
            tried += 1
            try:
                read()
            except UserFault:
                refused += 1
        path.write_text(json.dumps(whole))
        read()
    assert tried / 2 < refused < tried
