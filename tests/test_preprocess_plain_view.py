"""One picture alone has the pixels of its test row, whatever it comes as."""

import json

import numpy as np
import pytest
from conftest import encoded_page, opened, page, save
from PIL import Image

from tenfold.data.errors import SourceFault
from tenfold.data.recipe import make_recipe
from tenfold.data.source_table import read_source_table
from tenfold.preprocess.plain_view import read_view


def rows_held_out(folder) -> tuple[dict, list]:
    """(dataset.json, [(path, its row), …]) of a finished set's test rows."""
    index = json.loads((folder / "dataset.json").read_text())
    with opened(folder / "test-00000.h5") as f:
        paths = read_source_table(folder).paths(f["source"][:])
        return index, list(zip(paths, f["image"][:], strict=True))


def deep(path, seed: int) -> None:
    """A grey picture of 12 bits in a file of 16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(page(seed, channels=1)[:, :, 0].astype(np.uint16) << 4).save(path)


def turned(path, seed: int) -> None:
    """A photograph that lies on its side, which its EXIF says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    save(path, page(seed), exif=exif, quality=95)


def two_tones(path, seed: int) -> None:
    """Every second page is light ink on dark, in both classes."""
    save(path, page(seed) if seed % 2 else 255 - page(seed))


PHOTO = {"clean": {"polarity": "keep", "threshold": 0.0, "roi": False, "channels": 3, "specks": 0.0},
         "draw": {"fit": "cover", "scale": [0.7, 1.0]}}


@pytest.mark.parametrize(("write", "suffix", "over"), [
    (lambda path, seed: save(path, page(seed)), "png", {"draw": {"broaden": 0.05}}),
    (two_tones, "png", {"clean": {"polarity": "auto"}}),
    (lambda path, seed: save(path, 255 - page(seed)), "bmp", {"clean": {"polarity": "auto"}}),
    (deep, "png", {}), (deep, "tif", PHOTO), (turned, "jpg", PHOTO),
], ids=["ink", "both polarities", "light ink", "deep", "deep photo", "turned photo"])
def test_a_picture_has_the_pixels_of_its_test_row(augment, recipe_file, tables, tmp_path, write, suffix, over):
    for c, label in enumerate("ab"):
        for i in range(6):
            write(tmp_path / "images" / label / f"{i}.{suffix}", 10 * c + i)
    ran = augment(tmp_path / "images", recipe=recipe_file(**over))
    assert ran.code == 0, ran
    index, rows = rows_held_out(tmp_path / "shards")
    assert len(rows) == 2
    for recipe in (make_recipe(tables(**over)), make_recipe(index["recipe"])):
        for path, row in rows:
            file = tmp_path / "images" / path
            with Image.open(file) as picture:
                for image in (file, str(file), file.read_bytes(), picture):
                    made = read_view(image, recipe, index).pixels
                    assert made.dtype == np.uint8
                    assert (made == row).all(), (path, type(image))


def test_an_array_has_the_pixels_of_its_test_row(augment, tables, tmp_path):
    x = np.stack([page(i, 20, 30, 1) for i in range(12)])
    np.savez(tmp_path / "a.npz", x=x, y=[0, 1] * 6)
    assert augment(tmp_path / "a.npz").code == 0
    index, rows = rows_held_out(tmp_path / "shards")
    for path, row in rows:
        pixels = x[int(path[2:-1])]
        for image in (pixels, pixels[:, :, 0], np.repeat(pixels, 3, axis=2), Image.fromarray(pixels[:, :, 0])):
            assert (read_view(image, make_recipe(tables()), index).pixels == row).all()


def test_without_the_decisions_of_a_set_a_picture_stands_for_itself(tables):
    recipe = make_recipe(tables(clean={"polarity": "auto"}))
    dark, light = (read_view(image, recipe).pixels for image in (page(1), 255 - page(1)))
    assert (dark == light).all()
    assert dark.max() > 100


def test_what_cannot_be_read_is_named_with_its_reason(tables, tmp_path):
    recipe = make_recipe(tables())
    (tmp_path / "text.png").write_text("hello")
    save(tmp_path / "cut.png", page(1))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-200])
    save(tmp_path / "blank.png", np.full((20, 30, 3), 200, np.uint8))
    for image, words in (
            (tmp_path / "none.png", "none.png: unreadable: no such file"), (tmp_path, "is a folder"),
            (tmp_path / "text.png", "text.png: not a picture: text"), (tmp_path / "cut.png", "cut.png: damaged"),
            (tmp_path / "blank.png", "blank.png: blank: every pixel is the same"), (b"", "picture: empty file"),
            (np.zeros((4, 4)), r"array float64 \(4, 4\): not a picture: give uint8"), (None, "NoneType: not a picture"),
            (np.zeros((4, 0, 3), np.uint8), "not a picture"), (Image.new("RGB", (9, 9)), "image RGB 9×9: blank"),
            (Image.new("L", (9000, 9000)), "enormous")):
        small = make_recipe(tables(source={"max_pixels": 10**6}))
        with pytest.raises(SourceFault, match=words):
            read_view(image, small if words == "enormous" else recipe)


def test_the_process_is_left_as_it_was(tables):
    import threading
    import warnings

    import cv2
    before = Image.MAX_IMAGE_PIXELS, list(warnings.filters), cv2.getNumThreads()
    read_view(page(1), make_recipe(tables()))
    with pytest.raises(SourceFault):
        read_view(b"x", make_recipe(tables()))
    assert before == (Image.MAX_IMAGE_PIXELS, list(warnings.filters), cv2.getNumThreads())
    # threads of a server that predicts: each would keep what another has set
    data, recipe = encoded_page(1, 37, 53), make_recipe(tables(source={"max_pixels": 9000}))
    threads = [threading.Thread(target=lambda: [read_view(data, recipe) for _ in range(40)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before == (Image.MAX_IMAGE_PIXELS, list(warnings.filters), cv2.getNumThreads())


def test_what_a_set_decided_may_hold_keys_of_other_versions():
    from tenfold.preprocess.clean.set_decisions import SetDecisions
    told = {"polarity": "dark", "paper": 9, "ranges": [["f", 0.0, 1.0]], "polaritys": "dark"}
    assert SetDecisions.of(told) == SetDecisions("dark", 9, (("f", 0.0, 1.0),))
