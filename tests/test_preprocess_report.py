"""What a set is made of: planted duplicates and suspects are named, counts add up, no shard depends on it."""

import json

import numpy as np
import pytest
from conftest import contents, save
from PIL import Image

from tenfold.data.figures import publish_figure
from tenfold.data.schema import SPLITS
from tenfold.preprocess.report import draw_classes

KEEP = ("--set", "clean.polarity=keep", "--set", "clean.threshold=0", "--set", "clean.roi=false", "--set",
        "clean.channels=3", "--set", "draw.fit=cover", "--set", "draw.rotation=10")


def photo(seed: int, height: int = 60, width: int = 80) -> np.ndarray:
    """Smooth patches of colour, uint8 (height, width, 3); no two seeds look alike."""
    coarse = np.random.default_rng([3, seed]).integers(0, 256, (6, 7, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture
def picture(augment, monkeypatch):
    """The picture is drawn."""
    monkeypatch.setattr("tenfold.preprocess.report.draw_classes", draw_classes)


@pytest.fixture
def planted(tmp_path):
    """Three classes of photographs, and one of each kind of thing that a report must name."""
    root = tmp_path / "images"
    for c, (name, images) in enumerate((("cat", 12), ("dog", 9), ("$日\n", 5))):
        for i in range(images):
            save(root / name / f"{i}.png", photo(100 * c + i))
    save(root / "cat" / "again.png", photo(3))
    save(root / "dog" / "exact.png", photo(3))
    save(root / "dog" / "near.jpg", photo(4), quality=60)
    save(root / "cat" / "half.png", np.asarray(Image.fromarray(photo(5)).resize((40, 30), Image.Resampling.BOX)))
    save(root / "cat" / "blank.png", np.random.default_rng(0).integers(200, 204, (60, 80, 3), np.uint8))
    save(root / "dog" / "tiny.png", photo(900, 7, 9))
    save(root / "dog" / "wide.png", photo(901, 40, 300))
    (root / "cat" / "broken.png").write_bytes(b"no picture")
    return root


def read(folder) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_what_is_planted_is_named(planted, augment, tmp_path):
    ran = augment(planted, "--report", *KEEP)
    assert ran.code == 0, ran
    found = read(tmp_path / "shards")
    assert {s["path"]: s["why"].split(" (")[0] for s in found["suspects"]} == {
        "cat/blank.png": "nearly blank", "dog/tiny.png": "tiny", "dog/wide.png": "of an odd shape"}
    assert found["duplicates"]["same"] == [["cat/3.png", "cat/again.png", "dog/exact.png"]]
    assert found["near_duplicates"]["same"] == [["cat/4.png", "dog/near.jpg"], ["cat/5.png", "cat/half.png"]]
    assert found["near_duplicates"]["two_labels"] == [["cat/4.png", "dog/near.jpg"]]
    assert [b["path"] for b in found["set_aside"]] == ["cat/broken.png"]
    for words in ("dog/near.jpg", "cat/blank.png", "dog/exact.png", "cat/broken.png", "classes.png", "report.json"):
        assert words in ran.out


def test_a_report_makes_no_shard_and_a_build_goes_on_from_it(planted, augment, tmp_path, monkeypatch):
    assert augment(planted, "--report", *KEEP).code == 0
    assert {p.name for p in (tmp_path / "shards").iterdir() if p.name[0] != "."} == {"classes.png", "report.json"}
    before = read(tmp_path / "shards")
    monkeypatch.setattr("tenfold.preprocess.survey.facts.load_source", lambda *a: pytest.fail("read again"))
    ran = augment(planted, *KEEP)
    assert ran.code == 0, ran
    assert read(tmp_path / "shards") == before


def test_a_report_on_other_images_leaves_a_finished_set_its_own(planted, augment, tmp_path):
    out = tmp_path / "shards"
    assert augment(planted, *KEEP).code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert "shards-report" not in augment(planted, "--report", *KEEP).out                # on the same set: its own
    for i in range(6):
        for label in "ab":
            save(tmp_path / "other" / label / f"{i}.png", photo(50 * i + ord(label), 30, 20 + i))
    ran = augment(tmp_path / "other", "--report", "--json", *KEEP)
    assert ran.code == 0, ran
    assert f"{out} holds another finished set, so this report is in {out}-report" in ran.err
    assert "20 to 25 pixels wide, 30 high" in ran.err
    assert json.loads(ran.out)["out"] == f"{out}-report"
    assert read(tmp_path / "shards-report")["images"] == 12
    assert (tmp_path / "shards-report" / "classes.png").exists()
    assert before == {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


@pytest.mark.usefixtures("picture")
def test_counts_are_those_of_the_set(planted, augment, tmp_path):
    assert augment(planted, *KEEP).code == 0
    index, found = json.loads((tmp_path / "shards" / "dataset.json").read_text()), read(tmp_path / "shards")
    assert list(found["classes"]) == index["classes"]
    for split in SPLITS:
        assert [of[split] for of in found["classes"].values()] == index["class_counts"][split]
    assert found["images"] == index["sources"]["rows"] == sum(sum(of.values()) for of in found["classes"].values())
    assert found["imbalance"] == round(15 / 5, 3)
    assert found["sizes"]["width"] == {"least": 9, "median": 80, "most": 300}
    with Image.open(tmp_path / "shards" / "classes.png") as picture:
        picture.load()
        assert min(picture.size) > 200


@pytest.mark.usefixtures("picture")
def test_the_sizes_of_all_images_are_drawn_and_the_suspects_on_them(planted, augment, monkeypatch):
    """One suspect does not make all images of its size suspects; the legend hides no circle."""
    drawn = []
    monkeypatch.setattr("tenfold.preprocess.report.publish_figure",
                        lambda path, figure, dpi: (drawn.append(figure), publish_figure(path, figure, dpi)))
    save(planted / "cat" / "high.png", photo(902, 320, 60))
    assert augment(planted, "--report", *KEEP).code == 0
    axis = drawn[0].axes[1]
    assert [text.get_text() for text in axis.get_legend().get_texts()][:2] == ["images (34)", "suspects (4)"]
    images, suspects = ({tuple(at): area for at, area in zip(c.get_offsets().tolist(), c.get_sizes(), strict=True)}
                        for c in axis.collections)
    assert set(images) == {(80, 60), (40, 30), (9, 7), (300, 40), (60, 320)}
    assert set(suspects) == {(80, 60), (9, 7), (300, 40), (60, 320)}
    assert suspects[80, 60] < images[80, 60] / 5          # one of many: the others stay to be seen
    legend = axis.get_legend().get_window_extent()
    assert all(legend.y0 > y for _, y in axis.transData.transform(list(images)))


def test_no_shard_depends_on_the_report(planted, augment, tmp_path):
    """Nor is it drawn again for a set that has not changed; where it was lost it is."""
    out = tmp_path / "shards"
    assert augment(planted, *KEEP).code == 0
    shards, index = contents(out), (out / "dataset.json").read_bytes()
    written = (out / "classes.png").stat().st_mtime_ns, (out / "report.json").stat().st_mtime_ns
    assert augment(planted, *KEEP).code == 0
    assert written == ((out / "classes.png").stat().st_mtime_ns, (out / "report.json").stat().st_mtime_ns)
    (out / "report.json").write_text("[]")
    (out / "classes.png").unlink()
    assert augment(planted, *KEEP).code == 0
    assert (out / "classes.png").exists()
    assert read(out)["images"]
    assert (contents(out), (out / "dataset.json").read_bytes()) == (shards, index)


def test_the_report_of_a_set_that_was_made_again_is_of_that_set(planted, augment, tmp_path):
    """A permission changes no stamp."""
    assert augment(planted, *KEEP).code == 0
    out = tmp_path / "shards"
    whole = read(out)
    (out / "report.json").write_text(json.dumps(whole | {"images": 3, "set_aside": []}))
    assert augment(planted, *KEEP).code == 0
    assert read(out) == whole


def test_json_is_the_report(planted, augment, tmp_path):
    ran = augment(planted, "--report", "--json", *KEEP)
    assert ran.code == 0, ran
    kept = read(tmp_path / "shards")
    del kept["checksum"]
    assert json.loads(ran.out).items() >= kept.items()


def test_a_set_of_scoring_rows_has_none(planted, augment, tmp_path):
    assert augment(planted, "--plain", *KEEP).code == 0
    assert not (tmp_path / "shards" / "report.json").exists()


def test_a_report_of_what_cannot_be_built_is_one_line(folder, augment, refused, tmp_path):
    images = folder(a=3, b=3)
    for i in range(3):
        (images / "b" / f"bad{i}.png").write_bytes(b"")
    assert "cannot be used" in refused(images, "--report")
    assert not (tmp_path / "shards" / "report.json").exists()
    assert augment(images, "--report", "--set", "source.max_bad=1").code == 0
    assert len(read(tmp_path / "shards")["set_aside"]) == 3


@pytest.mark.usefixtures("picture")
@pytest.mark.parametrize("classes", [2, 13, pytest.param(150, marks=pytest.mark.slow)])
def test_a_picture_of_any_number_of_classes(tmp_path, augment, classes):
    x = np.stack([photo(i, 9, 8) for i in range(3 * classes)])
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(len(x)) % classes, classes=[f"class {i}" for i in range(classes)])
    assert augment(tmp_path / "a.npz", "--report", *KEEP).code == 0
    assert len(read(tmp_path / "shards")["classes"]) == classes
    with Image.open(tmp_path / "shards" / "classes.png") as picture:
        assert picture.size[0] < 4000
