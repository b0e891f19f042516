"""source.per_class: a large set is used in part, the same part always, and only that part is read."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from cases import each
from conftest import contents, opened, page, save, sources_of

from tenfold.data.image_set import check_images
from tenfold.data.recipe import make_recipe, pixel_differences, pixels_digest
from tenfold.data.shardset import read_index
from tenfold.data.sources.npz_pictures import Arrays
from tenfold.data.sources.opening import open_source
from tenfold.data.sources.source import FolderReader
from tenfold.data.sources.thinning import choose_images, choose_rows
from tenfold.preprocess import cost
from tenfold.preprocess.job import check_job
from tenfold.train.inputs import with_pixels_of

COUNTS = {"a": 7, "b": 3, "c": 5}                # training images
TEST = 2                                         # of each class, in an official test split
PLAIN = [f"--set=draw.{key}" for key in ("copies=1", "rotation=0", "scale=[0.7,0.7]", "contrast=[1,1]", "place=false")]
AS_IT_IS = [f"--set=clean.{key}" for key in ("polarity=keep", "threshold=0", "roi=false", "specks=0", "channels=3")]


@pytest.fixture
def images(tmp_path):
    """The same pages as a folder with an official test split and as an arrays file of two arrays: images(kind)."""
    def make(kind):
        x, y = {"train": [], "test": []}, {"train": [], "test": []}
        for label, (name, count) in enumerate(COUNTS.items()):
            for i in range(count + TEST):
                split = "train" if i < count else "test"
                x[split].append(page(100 * label + i))
                y[split].append(label)
                save(tmp_path / "folder" / split / name / f"{i:02d}.png", x[split][-1])
        if kind == "folder":
            return tmp_path / "folder"
        np.savez_compressed(tmp_path / "x.npz", classes=list(COUNTS), **{f"x_{s}": x[s] for s in x},
                            **{f"y_{s}": y[s] for s in y})
        return tmp_path / "x.npz"
    return make


def pictures(out) -> dict:
    """{path of a source image: its one row}"""
    paths, rows = [source["path"] for source in sources_of(out)], {}
    for name in contents(out):
        if name != "sources.h5":
            with opened(out / name) as shard:
                rows |= {paths[n]: image.tobytes() for n, image in zip(shard["source"][:], shard["image"][:],
                                                                       strict=True)}
    return rows


@each("official", [None, "split"])
def test_the_choice_is_the_same_always_and_a_larger_one_adds_to_it(official, tmp_path):
    rng = np.random.default_rng(1)
    y, split = rng.permutation(np.repeat([0, 1, 2], [30, 9, 20])), rng.choice(["train", "val", "test"], 59)
    np.savez(tmp_path / "a.npz", x=np.zeros((59, 2, 3), np.uint8), y=y, **({"split": split} if official else {}))
    source, before = open_source(tmp_path / "a.npz"), set()
    parts = np.unique(split) if official else ["train"]
    for number in (1, 4, 12, 99):
        rows = choose_rows(source, number, 5)
        assert (rows == choose_rows(source, number, 5)).all()
        assert (np.diff(rows) > 0).all()
        assert before <= set(rows.tolist())
        before = set(rows.tolist())
        for label in range(3):
            for part in parts:
                inside = (y == label) & (split == part if official else True)
                assert inside[rows].sum() == (inside.sum() if part == "test" else min(number, inside.sum()))
    assert len(choose_rows(source, 0, 5)) == 59
    assert (choose_rows(source, 4, 6) != choose_rows(source, 4, 5)).any()
    np.savez(tmp_path / "b.npz", x=np.zeros((69, 2, 3), np.uint8), y=np.append(y, [1, 3] * 5))   # others grow
    if not official:
        more = choose_rows(open_source(tmp_path / "b.npz"), 4, 5)
        assert set(more[more < 59][np.isin(y[more[more < 59]], [0, 2])]) == {
            row for row in choose_rows(source, 4, 5) if y[row] in (0, 2)}


def test_some_pictures_of_an_arrays_file_are_read_by_their_own_numbers(images, tmp_path):
    whole = open_source(images("arrays"))
    rows = choose_rows(whole, 2, 0)
    part = choose_images(whole, rows)
    reader, all_of_them = part.reader(tmp_path), whole.reader(tmp_path)
    assert [part.paths[i] for i in range(len(part))] == [whole.paths[row] for row in rows]
    assert (reader.read_rows(np.arange(len(rows))) == all_of_them.read_rows(rows)).all()
    assert (reader.read(4, part.paths[4]) == all_of_them.read(rows[4], part.paths[4])).all()
    assert (reader.shape_of_each, reader.pixels_of_each) == ((37, 53, 3), 37 * 53)


@each("kind, cleaned", [("folder", True), ("arrays", False)])
def test_a_part_of_a_set_is_made_of_it_alone(kind, cleaned, images, augment, tmp_path, monkeypatch):
    data, how, read = images(kind), PLAIN + AS_IT_IS * (not cleaned), set()
    part, whole = tmp_path / "part", tmp_path / "whole"
    assert augment(data, *how, out=whole).code == 0
    rows = read_rows_of(kind, read, monkeypatch)
    assert augment(data, *how, "--set", "source.per_class=4", out=part).code == 0
    monkeypatch.undo()
    drawn, every = pictures(part), pictures(whole)
    assert len(drawn) == 4 + 3 + 4 + 3 * TEST
    assert all(drawn[path] == every[path] for path in drawn)
    assert rows(drawn) == read
    splits = [source["split"] for source in sources_of(part)]
    assert splits.count("test") == 3 * TEST
    index = read_index(part)
    assert index["images"] == read_index(whole)["images"]
    assert "source.per_class = 4: 17 of 21 images are used" in index["notes"]
    check_images(part, index, data)


def read_rows_of(kind, read, monkeypatch):
    """Collect in `read` which images are read; returns what names those of some paths in the same way."""
    if kind == "folder":
        before = FolderReader.read
        monkeypatch.setattr(FolderReader, "read", lambda self, row, path: (read.add(path), before(self, row, path))[1])
        return set
    one, some = Arrays.read, Arrays.read_rows
    monkeypatch.setattr(Arrays, "read", lambda self, row, path: (
        read.add(f"{self.key}[{row}]"), one(self, row, path))[1])
    monkeypatch.setattr(Arrays, "read_rows", lambda self, rows: (
        read.update(f"{self.key}[{row}]" for row in rows), some(self, rows))[1])
    return set


def test_a_folder_and_an_arrays_file_of_the_same_images_have_the_same_part(images, tmp_path):
    parts = []
    for data in (images("arrays"), tmp_path / "folder"):
        source, place = open_source(data), {}
        numbers = [(label, split, place.setdefault((label, split), iter(range(99))).__next__())
                   for label, split in zip(source.labels.tolist(), source.official, strict=True)]
        parts.append({numbers[row] for row in choose_rows(source, 3, 3).tolist()})
    assert parts[0] == parts[1]
    assert len(parts[0]) == 3 * (3 + TEST)


def test_another_number_is_another_set_and_all_of_it_is_never_silent(folder, augment, tmp_path, tables):
    data, line = folder(a=9, b=7), "source.per_class = 4: 8 of 16 images are used"
    settings = ("--set", "source.per_class=4")
    ran = augment(data, *settings, "--report")
    assert ran.code == 0, ran
    assert line in ran.out
    assert json.loads((tmp_path / "shards" / "report.json").read_text())["images"] == 8
    ran = augment(data, *settings)
    assert line in ran.out
    assert "about 16 rows" in ran.out            # of each class two are held out, and two have three copies
    first = read_index(tmp_path / "shards")
    assert line in augment(data, *settings).out
    assert read_index(tmp_path / "shards") == first
    assert augment(data, "--set", "source.per_class=5").code == 0
    second = read_index(tmp_path / "shards")
    assert second["digest"] != first["digest"]
    assert "per_class" not in augment(data, *settings, "--plain", out=tmp_path / "plain").out
    assert read_index(tmp_path / "plain")["rows"]["test"] == 16


def test_the_trainer_says_and_keeps_the_number_that_the_shards_were_made_with(tables, capsys):
    all_of_them, part = make_recipe(tables()), make_recipe(tables(source={"per_class": 4}))
    assert pixel_differences(all_of_them, part) == ["source.per_class: 0, not 4"]
    assert pixels_digest(all_of_them) != pixels_digest(part)
    assert with_pixels_of(SimpleNamespace(shown="s", index={}, recipe=part), all_of_them).source.per_class == 4
    assert "source.per_class: 4, not 0" in capsys.readouterr().out


def test_too_small_a_number_is_refused_by_its_name(folder, refused):
    line = refused(folder(a=9, b=7), "--set", "source.per_class=2")
    assert "2 classes have too few" in line
    assert "raise source.per_class, which is 2, or ask for less" in line


def test_groups_are_those_of_all_images_and_the_estimate_goes_by_the_part(folder, tmp_path, tables):
    data = folder(a=9, b=7)
    (tmp_path / "g.csv").write_text("\n".join(f"{p.relative_to(data)},{p.stem}" for p in data.rglob("*.png")))
    recipe = make_recipe(tables(source={"per_class": 5}, split={"groups": str(tmp_path / "g.csv")}))
    job = check_job(recipe, open_source(data), tmp_path / "out")
    assert not any("no image" in note for note in job.notes)         # of lines for images that are left out
    assert job.groups == [path[2:5] for path in job.source.paths]
    assert cost.count_rows(recipe, job.source) == 2 * (3 * 3 + 2)
