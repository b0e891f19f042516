"""Splits: by source image, stratified, and no picture on two sides."""

import numpy as np
import pytest
from cases import each

from tenfold.data.errors import SourceFault
from tenfold.data.splits.assign import Images, duplicates, split_sources
from tenfold.data.tables import Split

COUNTS = (20, 31, 47)
CLASSES = ("a", "b", "c")
LABELS = np.repeat(np.arange(3), COUNTS)
DIGESTS = [f"{(i * 7919) % 1009:04d}" for i in range(len(LABELS))]
NONE = [None] * len(LABELS)


def cut(labels=LABELS, digests=DIGESTS, official=None, seed=1, classes=CLASSES, **asked):
    official = [None] * len(labels) if official is None else official
    return split_sources(Images(np.asarray(labels), list(digests), official), classes, Split(**asked), seed)


def counts(splits, name, labels=LABELS):
    return np.bincount(np.asarray(labels)[splits == name], minlength=3).tolist()


def test_by_fraction_each_class_gives_its_share():
    splits = cut(val=0.1, test=0.25)
    assert counts(splits, "test") == [round(0.25 * n) for n in COUNTS]
    assert counts(splits, "val") == [round(0.1 * n) for n in COUNTS]
    assert set(splits) == {"train", "val", "test"}


@each("units", [len(LABELS), 70, 50])
@each("seed", range(3))
def test_a_smaller_val_split_leaves_the_test_split_as_it_is(units, seed):
    digests = [f"{d:03d}" for d in np.random.default_rng(seed).integers(0, units, len(LABELS))]
    large, small = (cut(digests=digests, val=val, test=0.2) for val in (0.3, 0.05))
    assert ((large == "test") == (small == "test")).all()
    assert (large == "val").sum() > (small == "val").sum() > 0


def test_by_count_each_class_gives_as_many():
    splits = cut(val=3, test=7)
    assert counts(splits, "test") == [7] * 3
    assert counts(splits, "val") == [3] * 3


def test_a_small_class_gives_at_least_one():
    assert counts(cut(val=0.01, test=0.01), "val") == [1] * 3


def test_classes_too_small_to_be_divided_are_only_trained_on_if_asked_for():
    labels, digests = np.r_[LABELS, [3, 3, 4]], [*DIGESTS, "x", "y", "z"]
    asked = {"classes": (*CLASSES, "d", "e"), "val": 0.1, "test": 3}
    with pytest.raises(SourceFault, match="2 classes have too few for"):
        cut(labels, digests, **asked)
    splits = cut(labels, digests, small_classes="train", **asked)
    assert set(splits[len(LABELS):]) == {"train"}
    assert counts(splits[:len(LABELS)], "test") == [3] * 3          # of the others as if they were alone
    assert counts(splits[:len(LABELS)], "val") == counts(cut(val=0.1, test=3), "val")
    with pytest.raises(SourceFault, match="3 classes have too few for"):
        cut(val=0.4, test=60, small_classes="train")                # nothing would be held out


def test_nothing_asked_nothing_held_out():
    assert set(cut(val=0, test=0.0)) == {"train"}


def test_folds_are_a_partition_and_stratified():
    parts = [set(np.flatnonzero(cut(val=2, folds=5, fold=fold) == "test")) for fold in range(5)]
    assert sorted(i for part in parts for i in part) == list(range(len(LABELS)))
    for fold in range(5):
        splits = cut(val=2, folds=5, fold=fold)
        assert all(n // 5 <= got <= -(-n // 5) for n, got in zip(COUNTS, counts(splits, "test"), strict=True))
        assert counts(splits, "val") == [2] * 3


def test_the_seed_moves_images_and_names_do_not():
    one = cut(val=0.2, test=0.2)
    assert (one == cut(val=0.2, test=0.2)).all()
    assert (one != cut(val=0.2, test=0.2, seed=2)).any()
    order = np.random.default_rng(0).permutation(len(LABELS))    # renamed files lie in another order
    other = cut(labels=LABELS[order], digests=np.array(DIGESTS)[order], val=0.2, test=0.2)
    assert (other == one[order]).all()


def test_a_further_class_moves_nobody():
    few = LABELS < 2
    one = cut(val=0.2, test=0.2)
    two = cut(labels=LABELS[few], digests=np.array(DIGESTS)[few], classes=CLASSES[:2], val=0.2, test=0.2)
    assert (one[few] == two).all()


@each("asked", [{"val": 0.2, "test": 0.3}, {"val": 4, "test": 5}, {"val": 3, "folds": 4, "fold": 2}])
@each("seed", range(5))
def test_duplicates_stay_on_one_side(asked, seed):
    rng = np.random.default_rng(seed)
    digests = [f"{d:03d}" for d in rng.integers(0, 60, len(LABELS))]     # many pairs, also across labels
    splits = cut(digests=digests, seed=seed, **asked)
    sides = {}
    for digest, split in zip(digests, splits, strict=True):
        sides.setdefault(digest, set()).add(str(split))
    assert all(len(side) == 1 for side in sides.values())
    assert all(n > 0 for name in ("train", "val", "test") for n in [np.sum(splits == name)])


def test_a_class_of_twins_is_still_held_out():
    labels, digests = [0] * 6 + [1] * 6, ["a", "a", "b", "b", "c", "c", *"defghi"]
    splits = cut(labels=labels, digests=digests, classes=("x", "y"), val=1, test=1)
    assert [counts(splits, name, labels)[0] for name in ("train", "val", "test")] == [2, 2, 2]


@each("asked", [{"val": 10, "test": 10}, {"val": 20, "test": 0}, {"val": 0, "test": 0.99},
                {"val": 0.5, "test": 0.5}, {"folds": 21}, {"val": 19, "folds": 5},
                {"test": 10**400}])
def test_too_few_images_are_refused_by_the_name_of_their_class(asked):
    with pytest.raises(SourceFault, match="'a'"):
        cut(**asked)


def test_one_picture_many_times_cannot_be_split():
    with pytest.raises(SourceFault, match="'a'"):
        cut(digests=["same"] * 20 + DIGESTS[20:], val=1, test=0)


def test_official_splits_are_kept():
    official = [("train", "val", "test")[i % 3] for i in range(len(LABELS))]
    assert (cut(official=official, val=0.5, test=0.5) == official).all()


def test_a_missing_val_is_cut_from_official_train_only():
    official = ["test" if i % 4 == 0 else "train" for i in range(len(LABELS))]
    splits = cut(official=official, val=3, test=5)
    assert ((splits == "test") == (np.array(official) == "test")).all()
    assert counts(splits, "val") == [3] * 3


def test_a_missing_test_is_cut_where_only_val_is_official():
    official = ["val" if i % 4 == 0 else "train" for i in range(len(LABELS))]
    splits = cut(official=official, val=9, test=2)
    assert ((splits == "val") == (np.array(official) == "val")).all()
    assert counts(splits, "test") == [2] * 3


def test_folds_of_an_official_test_split_are_refused():
    with pytest.raises(SourceFault, match="folds"):
        cut(official=["test", "train"] * (len(LABELS) // 2), folds=5)


def test_a_class_without_official_training_images_is_refused():
    with pytest.raises(SourceFault, match="'c'"):
        cut(official=["test" if label == 2 else "train" for label in LABELS], val=0)


def test_a_class_of_other_classes_pictures_is_refused():
    with pytest.raises(SourceFault, match="'y'"):
        cut(labels=[0] * 6 + [1] * 6, digests=[*"abcdef"] * 2, classes=("x", "y"), val=1, test=1)


def test_duplicates_are_reported_by_name():
    found = duplicates([0, 0, 1, 1, 1], ["a", "a", "a", "b", "b"], ["train", "train", "train", "train", "test"],
                       ["p", "q", "r", "s", "t"])
    assert found == {"same": [["p", "q", "r"], ["s", "t"]], "two_labels": [["p", "q", "r"]],
                     "two_splits": [["s", "t"]]}
