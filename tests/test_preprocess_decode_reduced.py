"""A JPEG much larger than its copies is decoded smaller than it is stored, and its copies stay what they were."""

import io
from dataclasses import asdict
from functools import cache

import cv2
import numpy as np
import pytest
from cases import each
from conftest import opened, sources_of, toml
from PIL import Image

from tenfold.data.recipe import make_recipe
from tenfold.data.sources.opening import open_source
from tenfold.preprocess.clean.steps import clean
from tenfold.preprocess.decode import BadPicture, decode, decode_any
from tenfold.preprocess.decode.reduction import FINER, reduction_of
from tenfold.preprocess.draw.geometry import place_on_canvas, scales
from tenfold.preprocess.draw.pyramid import build_pyramid
from tenfold.preprocess.draw.random_views import PLAIN, draw_views
from tenfold.preprocess.pipeline import augment
from tenfold.preprocess.plain_view import read_view

MEAN, MOST = 1.25, 16        # levels of grey by which copies may differ from those of the whole picture


@cache
def photograph(height=480, width=640, seed=0) -> np.ndarray:
    """Detail of every size, and sharp lines: uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 128, np.float32)
    for cells in (4, 16, 64, 256):
        coarse = rng.normal(0, 100 / cells**0.5, (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for x, y, tone in zip(*rng.integers(0, [[width], [height], [256]], (3, 20)).tolist(), strict=True):
        cv2.line(image, (x, y), (width - x, y // 2), (tone, 255 - tone, tone), 5, cv2.LINE_AA)
    return np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def jpeg(mode="RGB", **settings) -> bytes:
    data = io.BytesIO()
    Image.fromarray(photograph()).convert(mode).save(data, "JPEG", quality=90, **settings)
    return data.getvalue()


def recipe(tables, channels=3, **draw):
    table = tables() | {"clean": {"channels": channels}}
    return make_recipe(table | {"draw": table["draw"] | {"canvas": [40, 44], "rotation": 10} | draw})


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


KINDS = [("RGB", {}), ("L", {}), ("CMYK", {}), ("RGB", {"progressive": True}), ("RGB", {"exif": turned(6)}),
         ("RGB", {"exif": turned(3), "subsampling": 0})]


@each("fit", ["cover", "inside", "stretch"])
@each(("mode", "settings"), KINDS)
def test_copies_are_those_of_the_whole_picture_within_a_bound(fit, mode, settings, tables):
    how = recipe(tables, 1 if mode == "L" else 3, fit=fit, scale=[0.6, 1.0])
    data = jpeg(mode, **settings)
    whole, decoded = decode(data, how.clean.channels, 10**6), decode_any(data, "x.jpg", how)
    assert decoded.pixels.shape[0] <= whole.pixels.shape[0] // 2
    assert decoded.size == whole.size == whole.pixels.shape[:2]
    few, many = (build_pyramid(clean(d.pixels, how.clean, how.draw), how.draw) for d in (decoded, whole))
    views = draw_views(0, np.zeros(3, int), np.arange(3), how.draw)
    for view in (PLAIN, *(views[k] for k in range(3))):
        off = np.abs(few.draw(view, how.draw).astype(int) - many.draw(view, how.draw))
        assert off.mean() <= MEAN
        assert off.max() <= MOST


def test_a_side_shorter_than_the_reduction_is_decoded(tables):
    data = io.BytesIO()
    Image.fromarray(photograph(3, 900)).save(data, "JPEG")
    decoded = decode_any(data.getvalue(), "x.jpg", recipe(tables, fit="inside", scale=[0.6, 1.0]))
    assert decoded.size == (3, 900)
    assert decoded.pixels.shape[1] < 900


@each("fit", ["cover", "inside", "stretch"])
def test_every_copy_has_a_scale_between_the_least_and_the_largest_and_what_is_decoded_is_finer(fit, tables):
    rng, reduced = np.random.default_rng(0), set()
    for _ in range(40):
        height, width = rng.integers(30, 700, 2).tolist()
        low = float(rng.uniform(0.2, 1))
        how = recipe(tables, fit=fit, scale=[low, 1.0], rotation=float(rng.choice([0, 20, 180])), aspect=1.3,
                     shear=0.0 if fit == "inside" else float(rng.choice([0, 15])))
        times = reduction_of(how)(height, width)
        reduced.add(times)
        hull = np.array([(-0.5, -0.5), (width - 0.5, -0.5), (width - 0.5, height - 0.5), (-0.5, height - 0.5)])
        views = draw_views(0, np.zeros(50, int), np.arange(50), how.draw)
        drawn = place_on_canvas([hull] * 50, np.full((50, 2), (height, width), float), views, how.draw)[1]
        least, largest = scales(hull, (height, width), how.draw)
        assert least <= drawn.min() * 1.03                   # a level is 19% finer than its copies
        assert drawn.max() * 0.99 <= largest
        if fit == "stretch":
            assert times == 1 or (height / times >= FINER * 40 and width / times >= FINER * 44)
            continue
        assert times == 1 or times * FINER * drawn.max() * 0.99 <= 1
    assert len(reduced) >= 3


def test_a_recipe_that_cleans_gets_every_pixel(tables):
    for settings in ({"polarity": "dark"}, {"polarity": "light", "threshold": 0.3, "roi": True}, {"bilateral": 9}):
        how = make_recipe(tables() | {"clean": {"channels": 1} | settings})
        assert reduction_of(how) is None
        assert decode_any(jpeg("L"), "x.jpg", how).pixels.shape == (480, 640, 1)
    assert reduction_of(recipe(tables, canvas=[400, 400], fit="cover"))(480, 640) == 1


def test_what_is_cut_short_is_set_aside_at_any_size(tables):
    how, data = recipe(tables), jpeg()
    assert decode_any(data[:-2], "x.jpg", how).size == (480, 640)       # its last bytes only
    with pytest.raises(BadPicture, match="truncated"):
        decode_any(data[:len(data) // 2], "x.jpg", how)


def test_a_set_knows_the_sizes_of_its_files_and_a_plain_view_is_a_row_of_it(augment, tables, tmp_path):
    for label, kind in (("a", {}), ("b", {"exif": turned(6)})):
        for seed in range(3):
            (tmp_path / "images" / label).mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(photograph(96 + seed, 128, seed))
            picture.save(tmp_path / "images" / label / f"{seed}.jpg", **kind)
    how = recipe(tables, canvas=[8, 9], fit="cover")
    path = tmp_path / "photos.toml"
    path.write_text(toml(tables() | {"clean": {"channels": 3}, "draw": asdict(how.draw)}))
    assert reduction_of(how)(96, 128) > 1
    assert augment(tmp_path / "images", "--plain", recipe=path).code == 0
    sources = sources_of(tmp_path / "shards")
    assert {tuple(row["size"]) for row in sources} == {size for k in range(96, 99) for size in ((k, 128), (128, k))}
    with opened(tmp_path / "shards" / "test-00000.h5") as f:
        for row, source in zip(f["image"][:], f["source"][:].tolist(), strict=True):
            assert (row == read_view(tmp_path / "images" / sources[source]["path"], how).pixels).all()


def test_the_split_does_not_depend_on_the_canvas_or_the_channels(tmp_path, tables):
    """Recipes are compared on the same held-out images, though they decode other pixels of them."""
    for number in range(24):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(240, 320, seed=number)).save(path)
    splits = []
    for number, (side, channels) in enumerate(((12, 3), (40, 3), (12, 1))):
        out = tmp_path / str(number)
        made = recipe(tables, channels, canvas=[side, side], copies=1)
        augment(made, open_source(tmp_path / "images"), out, 1)
        splits.append({source["path"]: (source["split"], source["digest"]) for source in sources_of(out)})
    assert [{path: split for path, (split, _) in found.items()} for found in splits[1:]] == \
        [{path: split for path, (split, _) in splits[0].items()}] * 2
    assert len({digest for found in splits for _, digest in found.values()}) == 3 * 24
