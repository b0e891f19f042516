"""Arrays files: images, labels, splits and groups are found by every usual name; a refusal says what was found."""

import numpy as np
import pytest
from cases import each
from test_data_arrays import X, Y

from tenfold.data.errors import SourceFault
from tenfold.data.sources.opening import open_source


def saved(tmp_path, **arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    return open_source(tmp_path / "a.npz")


SPELLINGS = {
    "floats": Y / 1, "a column": Y[:, None], "a column of floats": Y[:, None] / 1, "one-hot": np.eye(2)[Y],
    "one-hot bool": np.eye(2, dtype=bool)[Y], "signed": Y.astype(np.int8), "names": np.array(["no", "yes"])[Y],
    "bytes": np.array([b"no", b"yes"])[Y],
}


@each("y", SPELLINGS.values(), ids=SPELLINGS)
def test_labels_are_read_in_every_usual_spelling(tmp_path, y):
    source = saved(tmp_path, x=X, y=y, classes=["no", "yes"])
    assert source.classes == ("no", "yes")
    assert source.labels.tolist() == Y.tolist()
    assert source.labels.dtype == np.int64
    if y.dtype.kind in "US":
        assert saved(tmp_path, x=X, y=y).classes == ("no", "yes")      # sorted, where they are not listed


@each(("x", "y"), [("images", "labels"), ("X", "Y"), ("data", "target"), ("image", "label"),
                   ("imgs", "targets")])
def test_arrays_are_found_by_every_usual_name(tmp_path, x, y):
    source = saved(tmp_path, **{x: X, y: Y})
    assert source.labels.tolist() == Y.tolist()
    assert (source.reader(tmp_path).read(4, source.paths[4]) == X[4]).all()
    assert source.paths[4] == f"{x}[4]"


def test_known_names_go_before_others_that_could_be_meant(tmp_path):
    source = saved(tmp_path, data=X[:2], x=X, labels=Y[::-1], y=Y, extra=np.zeros(3))
    assert source.paths[0] == "x[0]"
    assert source.labels.tolist() == Y.tolist()
    line, = source.notes[1:]
    assert all(name in line for name in ("not read", "data uint8 (2, 5, 7, 3)", "labels", "extra float64 (3,)"))


@each("write", [np.savez, np.savez_compressed])
@each("name", ["{x}_{part}", "{part}_{images}", "{X}{Part}", "{x}{part}", "{part}{x}"])
def test_official_splits_may_be_arrays_of_their_own(tmp_path, write, name):
    held = {}
    for part, rows in (("train", slice(0, 3)), ("valid", slice(3, 4)), ("test", slice(4, 6))):
        for role, values in (("x", X), ("y", Y)):
            word = {"x": role, "X": role, "images": "images" if role == "x" else "labels", "part": part,
                    "Part": part.title()}
            held[name.format(**word)] = values[rows]
    write(tmp_path / "a.npz", **held)
    source = open_source(tmp_path / "a.npz")
    assert source.official == ["train"] * 3 + ["val"] + ["test"] * 2
    assert source.labels.tolist() == Y.tolist()
    assert len(set(source.paths)) == 6
    reader = source.reader(tmp_path)
    assert all((reader.read(row, source.paths[row]) == X[row]).all() for row in (5, 0, 3, 2))


def test_a_split_without_labels_is_noted_and_train_needs_them(tmp_path):
    source = saved(tmp_path, x_train=X, y_train=Y, x_test=X[:4])
    assert source.official == ["train"] * 6
    assert any(line.endswith("x_test: 4 images without labels are not used") for line in source.notes)
    source = saved(tmp_path, x=X, y=Y, x_test=X[:2], y_test=Y[:2])
    assert source.official == ["train"] * 6 + ["test"] * 2
    with pytest.raises(SourceFault, match=r"no labels for x_train.*y_test uint16 \(6,\)"):
        saved(tmp_path, x_train=X, x_test=X, y_test=Y)


@each("split", ["val", "test"])
@each("others", [("val", "test"), ()])
@each(("x", "y"), [(X[:0], Y[:0]), (X[:0, ..., 0], np.array([])), (np.array([]), np.array([], str))])
def test_a_split_without_images_is_no_official_one_and_a_line_says_so(tmp_path, split, others, x, y):
    held = {"x_train": X, "y_train": Y} | {f"{role}_{other}": array for other in others
                                           for role, array in (("x", X[:2]), ("y", Y[:2]))}
    source = saved(tmp_path, **held | {f"x_{split}": x, f"y_{split}": y, f"groups_{split}": []})
    left = [other for other in others if other != split]
    assert list(source.official) == ["train"] * 6 + [other for other in left for _ in range(2)]
    assert source.layout.splits == {other: [f"x_{other}"] for other in ("train", *left)}
    assert source.notes[1:] == [f"{tmp_path / 'a.npz'}: x_{split}: 0 images, so {split} is taken from train"]
    assert f"x_{split}" not in source.notes[0]
    with pytest.raises(SourceFault, match=f"there are 0 images, y_{split} is"):
        saved(tmp_path, **held | {f"x_{split}": X[:0], f"y_{split}": Y[:1]})


def test_split_takes_the_words_that_folders_take(tmp_path):
    source = saved(tmp_path, x=X, y=Y, split=["Training", "train", "valid", "dev", "Test", "evaluation"])
    assert source.official == ["train", "train", "val", "val", "test", "test"]


@pytest.mark.parametrize("y", [Y + 1, (Y + 1.0)[:, None]])
def test_labels_from_1_are_read_so_where_that_is_certain_and_noted(tmp_path, y):
    for names, classes in ((None, ("1", "2")), (["a", "b"], ("a", "b"))):
        source = saved(tmp_path, x=X, y=y, **({"classes": names} if names else {}))
        assert source.classes == classes
        assert source.labels.tolist() == Y.tolist()
        assert sum("y begins at 1" in line for line in source.notes) == 1
    assert saved(tmp_path, x=X, y=y, classes=["a", "b", "c"]).labels.tolist() == (Y + 1).tolist()     # from 0 as well


@each("over", [{}, {"groups": ["p", "q"] * 3}, {"group": [1, 2] * 3}])
def test_groups_are_handed_on(tmp_path, over):
    groups = saved(tmp_path, x=X, y=Y, **over).groups
    assert groups == ([str(g) for g in next(iter(over.values()))] if over else None)


def test_a_group_that_is_not_a_number_is_none(tmp_path):
    assert saved(tmp_path, x=X, y=Y, groups=[1, np.nan, 1, np.nan, 2, 2]).groups == ["1.0", "", "1.0", "", "2.0", "2.0"]


def test_groups_beside_splits_are_those_of_all_pictures_or_of_train(tmp_path):
    halves = {"x_train": X[:4], "y_train": Y[:4], "x_test": X[4:], "y_test": Y[4:]}
    names = [*"ppqq"]
    assert saved(tmp_path, **halves, groups=names).groups == [*names, "", ""]
    assert saved(tmp_path, **halves, groups=[*names, "r", "s"]).groups == [*names, "r", "s"]
    assert saved(tmp_path, **halves, groups_train=names).groups == [*names, "", ""]
    both = saved(tmp_path, **halves, groups_train=names, groups=["z"] * 4)
    assert both.groups == [*names, "", ""]
    assert any("not read: groups" in note for note in both.notes)
    with pytest.raises(SourceFault, match="x_train has 4 images, and groups 3 groups"):
        saved(tmp_path, **halves, groups=names[:3])


def test_labels_in_another_encoding_are_not_merged(tmp_path):
    names = [b"caf\xe9", b"caf\xe8", b"tea"] * 2
    assert len(saved(tmp_path, x=X, y=np.array(names)).classes) == 3


@each(("over", "words"), [
    ({"x": X / 255}, ["x is float64", "(x * 255).astype(numpy.uint8)", "y uint16 (6,)"]),
    ({"x": X.astype(np.uint16)}, ["x is uint16", "numpy.uint8", "classes <U1 (2,)"]),
    ({"x": X.transpose(0, 3, 1, 2)}, ["channels come first", "x.transpose(0, 2, 3, 1)"]),
    ({"x": np.asfortranarray(X)}, ["Fortran", "ascontiguousarray"]),
    ({"x": X[:, :4, :4, 0].reshape(6, 16)}, ["x.reshape(-1, 4, 4)"]),
    ({"classes": np.array(["a", "b"], object)}, ["never unpickled", "numpy.array(classes, dtype=str)"]),
    ({"y": Y.astype(object)}, ["y holds Python objects"]),
    ({"y": None, "arr_1": Y}, ["names no labels", "arr_1 uint16 (6,)"]),
    ({"x": None, "arr_0": X}, ["names no array of images", "arr_0 uint8 (6, 5, 7, 3)"]),
    ({f"k{i}": Y for i in range(500)} | {"y": Y[:2]}, ["and 495 others"]),
    ({"y": 7 * Y.astype(int) + 200, "classes": None}, ["200 to 207, with 2 different labels", "numpy.unique(y"]),
    ({"y": Y.astype(int) - 1, "classes": None}, ["y runs from -1 to 0", "numpy.unique(y"]),
    ({"y": Y.astype(int) + 200}, ["y runs from 200 to 201, there are 2 names of classes"]),
    ({"split": ["train", "tset"] * 3}, ["'tset'"]), ({"groups": ["p"]}, ["1 groups"]),
])
def test_a_refusal_tells_what_was_found_and_how_to_save_it(tmp_path, over, words):
    arrays = {"x": X, "y": Y, "classes": ["a", "b"], **over}
    with pytest.raises(SourceFault) as caught:
        saved(tmp_path, **{key: value for key, value in arrays.items() if value is not None})
    line = str(caught.value)
    assert all(word in line for word in words), line
    assert len(line) < 600 + len(str(tmp_path))
