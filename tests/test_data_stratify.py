"""Units stay whole, and each class gives each split about its share."""

import numpy as np
import pytest
from cases import each

from tenfold.data.errors import SourceFault
from tenfold.data.splits.assign import Images, join, split_sources
from tenfold.data.splits.assign import numbers as numbered
from tenfold.data.splits.stratify import deal_units, take_units
from tenfold.data.tables import Split


def scene(seed: int, shape: str = "mixed", rows: int = 400):
    """(labels, digests, groups): 3 to 6 classes in groups within classes, across them, or both and none."""
    rng = np.random.default_rng([9, seed])
    classes = int(rng.integers(3, 7))
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    digests = [f"{d:05d}" for d in rng.permutation(rows)]
    numbers = rng.integers(0, 80, rows)
    groups = [f"{label}/{n}" if shape == "within" or (shape == "mixed" and n % 3 == 0) else f"writer {n}"
              for label, n in zip(labels, numbers, strict=True)]
    if shape == "mixed":
        groups = [None if n % 5 == 0 else group for n, group in zip(numbers, groups, strict=True)]
    return labels, digests, groups


def cut(labels, digests, groups, seed=0, near=None, official=None, **asked):
    images = Images(labels, list(digests), official or [None] * len(labels), groups, near)
    return split_sources(images, [f"c{i}" for i in range(max(labels) + 1)], Split(**asked), seed)


def sides(splits, groups) -> dict:
    found = {}
    for split, group in zip(splits, groups, strict=True):
        if group is not None:
            found.setdefault(group, set()).add(str(split))
    return found


@each("shape", ["within", "across", "mixed"])
@each("asked", [{}, {"val": 6, "test": 9}, {"val": 0.1, "folds": 4, "fold": 2}], ids=str)
def test_every_group_lies_on_one_side(shape, asked):
    for seed in range(5):
        labels, digests, groups = scene(seed, shape)
        splits = cut(labels, digests, groups, seed, **asked)
        assert all(len(side) == 1 for side in sides(splits, groups).values())
        for part in ("train", "val", "test"):
            assert set(labels[splits == part]) == set(labels)


@each("shape", ["within", "across", "mixed"])
def test_small_groups_give_each_class_about_its_share(shape):
    for seed in range(5):
        labels, digests, groups = scene(seed, shape, 1500)
        splits = cut(labels, digests, groups, seed, val=0.1, test=0.2)
        for label in set(labels):
            of = splits[labels == label]
            assert np.mean(of == "test") == pytest.approx(0.2, abs=0.05)
            assert np.mean(of == "val") == pytest.approx(0.1, abs=0.04)


@each("shape", ["within", "across", "mixed"])
def test_folds_are_a_partition_of_the_groups_and_balanced(shape):
    labels, digests, groups = scene(1, shape, 1200)
    parts = [cut(labels, digests, groups, val=0.1, folds=5, fold=fold) == "test" for fold in range(5)]
    assert (np.sum(parts, axis=0) == 1).all()
    for part in parts:
        assert all(len(side) == 1 for side in sides(part, groups).values())
        assert np.bincount(labels[part]) / np.bincount(labels) == pytest.approx(0.2, abs=0.06)


@each("seed", range(5))
def test_folds_of_uneven_groups_differ_by_less_than_a_group(seed):
    table = np.random.default_rng(seed).geometric(0.2, (60, 4)) - 1
    fold = deal_units(table, 5)
    load = np.stack([table[fold == k].sum(0) for k in range(5)])
    assert (np.ptp(load, axis=0) < table.max(0)).all()


@each("seed", range(5))
def test_of_classes_without_units_of_their_own_so_many_are_left_and_no_more(seed):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 2, (12, 3)) * rng.integers(1, 9, (12, 3))
    left = np.delete(table, take_units(table, table.sum(0), np.array([True] * 3), leave=2), 0)
    units = (left > 0).sum(0)
    assert (units >= 2).all()
    assert all((units[unit > 0] == 2).any() for unit in left)


def test_the_order_of_the_images_and_the_names_of_groups_change_nothing():
    labels, digests, groups = scene(2)
    one = cut(labels, digests, groups)
    order = np.random.default_rng(0).permutation(len(labels))
    names = [None if groups[i] is None else f"other {hash(groups[i])}" for i in order]
    assert (cut(labels[order], np.array(digests)[order], names) == one[order]).all()
    assert (cut(labels, digests, groups, seed=1) != one).any()


@pytest.mark.parametrize("asked", [{}, {"val": 3, "folds": 5, "fold": 1}], ids=str)
def test_groups_of_one_image_are_no_groups(asked):
    labels, digests, _ = scene(3)
    alone = cut(labels, digests, None, **asked)
    assert (cut(labels, digests, [f"{i}" for i in range(len(labels))], **asked) == alone).all()
    assert (cut(labels, digests, [None] * len(labels), near=[None] * len(labels), **asked) == alone).all()


def test_a_group_with_copies_and_near_duplicates_is_one_unit_with_them():
    labels = np.array([0, 1] * 20)
    digests = [f"{i:02d}" for i in range(40)]
    digests[39] = digests[0]
    groups, near = [None] * 40, [None] * 40
    groups[0] = groups[7] = "w"
    near[7] = near[12] = 5
    for seed in range(10):
        assert len({str(s) for s in cut(labels, digests, groups, seed, near)[[0, 7, 12, 39]]}) == 1


def test_near_duplicates_under_two_labels_do_not_disturb_the_shares():
    labels = np.repeat([0, 1], 100)
    near = [i % 100 if i % 100 < 10 else None for i in range(200)]
    splits = cut(labels, [f"{i:03d}" for i in range(200)], None, near=near)
    assert [[int(np.sum(splits[labels == c] == part)) for part in ("val", "test")] for c in (0, 1)] == [[10, 10]] * 2


def test_as_few_groups_as_splits_are_enough():
    labels, groups = np.tile([0, 1, 2], 30), [f"w{i // 30}" for i in range(90)]
    splits = cut(labels, [f"{i:02d}" for i in range(90)], groups)
    assert sorted(next(iter(side)) for side in sides(splits, groups).values()) == ["test", "train", "val"]


def test_classes_with_too_few_groups_are_named_together_with_their_number():
    labels = np.repeat(np.arange(14), 20)
    groups = [f"{label}/{i % (2 if label < 12 else 9)}" for i, label in enumerate(labels)]
    with pytest.raises(SourceFault, match=r"12 classes .*'c0' \(20 usable images in 2 groups\).* and 2 others;") as one:
        cut(labels, [f"{i:03d}" for i in range(280)], groups)
    assert "c12" not in str(one.value)


def test_official_splits_are_kept_whatever_the_groups_say():
    labels, digests, groups = scene(4, "across")
    official = ["test" if i % 3 == 0 else "train" for i in range(len(labels))]
    splits = cut(labels, digests, groups, official=official)
    assert ((splits == "test") == (np.array(official) == "test")).all()
    free = splits != "test"
    assert all(len(side) == 1 for side in sides(splits[free], np.array(groups)[free]).values())


def test_join_links_chains_and_nothing_equals_none():
    numbers = join([numbered([1, 1, 2, None, None, 3]), numbered(["a", None, "a", "b", None, "b"])]).tolist()
    assert [numbers.index(n) for n in numbers] == [0, 0, 0, 3, 4, 3]
