"""The same picture saved twice is found, pictures that are merely alike are not."""

import io

import cv2
import numpy as np
import pytest
from cases import each
from PIL import Image
from threadpoolctl import threadpool_info, threadpool_limits

from tenfold.preprocess.survey import fingerprint as module
from tenfold.preprocess.survey import neighbours
from tenfold.preprocess.survey.fingerprint import find_near, fingerprint, fingerprints
from tenfold.preprocess.survey.sorting import sort_and_number


def near_groups(prints) -> np.ndarray:
    """The group number of each fingerprint."""
    return find_near(prints)[0]


def photo(seed: int, height: int = 120, width: int = 170) -> np.ndarray:
    """Coarse patches of colour, finer ones upon them, and grain: uint8 (height, width, 3)."""
    rng = np.random.default_rng([3, seed])
    image = np.zeros((height, width, 3), np.float32)
    for cells, levels in ((4, 90), (16, 40), (60, 15)):
        coarse = rng.normal(0, levels, (cells, cells + 3, 3)).astype(np.float32)
        image += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + image, 0, 255).astype(np.uint8)


def jpeg(pixels, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def resized(pixels, factor: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    return np.asarray(Image.fromarray(pixels).resize((round(factor * width), round(factor * height))))


AGAIN = {"jpeg 85": lambda p: jpeg(p, 85), "jpeg 50": lambda p: jpeg(p, 50), "0.8 times": lambda p: resized(p, 0.8),
         "1.3 times": lambda p: resized(p, 1.3), "smaller, jpeg 50": lambda p: jpeg(resized(p, 0.7), 50),
         "brighter": lambda p: np.clip(p.astype(int) + 9, 0, 255).astype(np.uint8)}


@each("again", AGAIN.values(), ids=AGAIN)
def test_a_picture_saved_twice_is_found_and_nothing_else(again):
    photos = [photo(seed) for seed in range(20)]
    groups = near_groups([fingerprint(p)[0] for p in (*photos, *map(again, photos))]).tolist()
    assert groups[:20] == groups[20:]
    assert len(set(groups)) == 20


@pytest.mark.parametrize("factor", [0.9, 0.8, 0.66, 0.5, 0.33])
def test_a_textured_picture_is_found_at_every_size(factor):
    """Its thumbnail is a mean of all pixels: of every third one it would differ by size."""
    rng, photos = np.random.default_rng(3), []
    frequency = np.hypot(np.fft.fftfreq(600)[:, None], np.fft.fftfreq(600)[None])
    frequency[0, 0] = 1
    for _ in range(5):
        texture = np.fft.ifft2(np.fft.fft2(rng.normal(size=(600, 600))) / frequency).real      # 1/f, as of leaves
        photos.append(np.clip(texture / texture.std() * 55 + 128, 0, 255).astype(np.uint8)[..., None].repeat(3, 2))
    again = [jpeg(np.asarray(Image.fromarray(p).resize((round(factor * 600),) * 2, Image.Resampling.LANCZOS)), 85)
             for p in photos]
    groups = near_groups([fingerprint(p)[0] for p in (*photos, *again)]).tolist()
    assert groups[:5] == groups[5:]
    assert len(set(groups)) == 5


def test_a_picture_of_few_levels_is_found_too():
    """Rounding and JPEG move it by a level, which is more than 0.08 of its deviation."""
    noise = [np.random.default_rng(seed).integers(0, 256, (64, 50, 3), np.uint8) for seed in range(20)]
    photos = [resized(one, 4) // 2 + 60 for one in noise]
    groups = near_groups([fingerprint(p)[0] for p in (*photos, *(jpeg(p, 85) for p in photos))]).tolist()
    assert groups[:20] == groups[20:]
    assert len(set(groups)) == 20


def drawn(text: str, side: int, ink: int, where=(0.4, 0.6)) -> np.ndarray:
    """A character an eighth of the page high, in thin strokes: uint8 (side, side, 1)."""
    image = np.full((side, side, 1), 245, np.uint8)
    where = [round(share * side) for share in where]
    cv2.putText(image, text, where, cv2.FONT_HERSHEY_SIMPLEX, side / 170, ink, max(1, side // 300), cv2.LINE_AA)
    return image


@pytest.mark.parametrize("ink", [60, 185, 225])
@pytest.mark.parametrize("side", [300, 701])
def test_thin_drawings_saved_twice_are_found_and_nothing_else(side, ink):
    """Of the whole page in whole levels, all of them look nearly blank, or the same."""
    pages = [drawn(text, side, ink) for text in "ABEFGHKMNRSXZ2345"] + [drawn("A", side, ink, (0.1, 0.2))]
    for again in (lambda p: jpeg(p[:, :, 0], 85)[:, :, None], lambda p: resized(p[:, :, 0], 0.5)[:, :, None]):
        groups = near_groups([fingerprint(p)[0] for p in (*pages, *map(again, pages))]).tolist()
        assert groups[:18] == groups[18:]
        assert len(set(groups)) == 18
        assert min(groups) >= 0


@pytest.mark.parametrize("pen", [1, 2])
def test_a_line_drawing_is_found_at_half_its_size(pen):
    """Bilinear halving of an odd side skips pixels, so a line of one pixel may vanish."""
    rng, pages, side = np.random.default_rng(5), [], 511
    for _ in range(10):
        pages.append(np.full((side, side), 255, np.uint8))
        for x, y, to_x, to_y in rng.integers(0, side, (12, 4)).tolist():
            cv2.line(pages[-1], (x, y), (to_x, to_y), 0, pen)
    again = [cv2.resize(p, (side // 2, side // 2), interpolation=cv2.INTER_AREA) for p in pages]
    groups = near_groups([fingerprint(p[:, :, None])[0] for p in (*pages, *again)]).tolist()
    assert groups[:10] == groups[10:]
    assert len(set(groups)) == 10


@pytest.mark.parametrize("side", [40, 200])
def test_pictures_that_differ_by_colour_alone_are_different(side):
    def disc(colour):
        return cv2.circle(np.full((side, side, 3), 30, np.uint8), (side // 2, side // 3), side // 5, colour, -1)
    flag = np.repeat(np.uint8([[[0, 146, 70], [255, 255, 255], [206, 43, 55]]]), side // 3, 1).repeat(side // 2, 0)
    signs = [disc((255, 0, 0)), disc((0, 128, 0)), disc((76, 76, 76)), flag, flag[:, ::-1].copy()]
    groups = near_groups([fingerprint(p)[0] for p in (*signs, *(jpeg(p, 80) for p in signs))]).tolist()
    assert groups[:5] == groups[5:]
    assert len(set(groups)) == 5


def test_many_are_searched_as_few_are(monkeypatch):
    photos = [photo(seed, 40, 50) for seed in range(60)]
    looks = [fingerprint(p)[0] for p in (*photos, *(jpeg(p, 85) for p in photos[:30]))]
    few = near_groups(looks).tolist()
    monkeypatch.setattr("tenfold.preprocess.survey.neighbours._ALL", 10)
    many = near_groups(looks).tolist()
    assert [few.index(g) for g in few] == [many.index(g) for g in many]
    assert few[60:] == few[:30]


def looking_alike() -> np.ndarray:
    """Fingerprints, uint8 (250, 196), of which many differ by about what two of the same picture may, or not at all, in
    levels, colours and window, and some say nothing; their hashes are alike, and in a word the same for a hundred.
    Thumbnails lie in ten directions, so that their first principal components hold all of their distances."""
    rng = np.random.default_rng(11)
    which, directions = rng.integers(0, 60, 250), rng.normal(0, 1, (10, 144)) / 10**0.5
    rows = np.zeros((250, 196), np.int64)
    rows[:, :16] = rng.integers(0, 256, (2, 16))[which % 2] ^ (
        (1 << rng.integers(0, 8, (250, 16))) * (rng.random((250, 16)) < 0.15))
    deviation = rng.choice([0, 15, 20, 50], (60, 1))[which]
    moved = rng.choice([0, 0.05, 0.057, 0.065], (250, 1)) * rng.normal(0, 1, (250, 10))
    place = rng.normal(0, 1, (60, 10))[which] + moved
    rows[:, 16:160] = np.clip(np.rint(128 + deviation * place @ directions), 0, 255)
    rows[:, 160:192] = rng.choice([0, 2, 60], (60, 1))[which] * rng.normal(0, 1, (60, 32))[which]
    rows[:, 160:192] += rng.integers(-4, 5, (250, 32)) * (rng.random((250, 1)) < 0.2)
    rows[:, 192:] = rng.choice([0, 0, 0, 2, 3], (250, 4))
    return rows.astype(np.uint8)


def compared_one_by_one(rows: np.ndarray, many: bool) -> np.ndarray:
    """The number of each fingerprint's group by the definition, all pairs compared in whole numbers."""
    different, number = np.unique(rows, axis=0, return_inverse=True)
    words, levels = different[:, :16].copy().view(">u2"), different[:, 16:160].astype(int)
    pairs = np.triu(np.ones((len(different),) * 2, bool), 1)
    if many:
        pairs[:] = False
        for first in range(8):
            order = np.lexsort([words[:, (first - skip) % 8] for skip in range(7, -1, -1)])
            place = np.argsort(order)
            close_by = abs(place[:, None] - place) <= neighbours._NEIGHBOURS
            pairs |= close_by & (words[:, None, first] == words[:, first])
        bits = np.unpackbits(different[:, :16], axis=1).astype(int)
        pairs &= 4 * abs(bits[:, None] - bits).sum(2) <= bits.sum(1)[:, None] + bits.sum(1)
    variance = 144 * (levels ** 2).sum(1) - levels.sum(1) ** 2
    apart = levels[:, None] - levels
    apart = 144 * (apart ** 2).sum(2) - apart.sum(2) ** 2
    pairs &= 625 * apart <= 4 * np.maximum(variance[:, None], variance)
    colours, windows = different[:, 160:192].view(np.int8).astype(int), different[:, 192:].astype(int)
    square = (colours ** 2).sum(1)
    apart = ((colours[:, None] - colours) ** 2).sum(2)
    pairs &= 625 * apart <= np.maximum(4 * np.maximum(square[:, None], square), 625 * 32 * 9)
    pairs &= abs(windows[:, None] - windows).max(2) <= 2
    says = variance > 0
    pairs &= says & says[:, None]
    group = np.arange(len(different))
    for i, j in zip(*np.nonzero(pairs), strict=True):
        group[group == group[j]] = group[i]
    return np.where(says, group, -1)[number]


@pytest.mark.parametrize("many", [False, True])
def test_the_groups_are_those_that_comparing_pair_by_pair_gives(monkeypatch, many):
    if many:                                             # with ends of runs, and pairs that are let go of, on the way
        for name, value in (("_ALL", 10), ("_NEIGHBOURS", 5), ("_TOGETHER", 96), ("_FEW", 50), ("_HELD", 300)):
            monkeypatch.setattr(neighbours, name, value)
    rows = looking_alike()
    expected, groups = compared_one_by_one(rows, many), near_groups(rows)
    assert ((groups < 0) == (expected < 0)).all()
    pairs = set(zip(groups[groups >= 0].tolist(), expected[expected >= 0].tolist(), strict=True))
    assert len(set(groups[groups >= 0].tolist())) == len(set(expected[expected >= 0].tolist())) == len(pairs)
    assert 40 < len(pairs) < 200


def test_products_of_matrices_take_one_thread_and_leave_the_number_as_it_was(monkeypatch):
    """Others wait at full speed for the next product, which takes more of the processor than the search itself."""
    def threads():
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
    seen, candidates = [], module.candidates
    monkeypatch.setattr(module, "candidates", lambda looks: seen.append(threads()) or candidates(looks))
    with threadpool_limits(3, "blas"):
        before = threads()
        near_groups(looking_alike())
        assert threads() == before == {3}
    assert seen == [{1}]


@each("pens", [(2, 3), (3, 5), (5, 9)], ids=str)
def test_the_same_stroke_by_another_pen_is_another_picture(pens):
    """The hash alone takes them for one: hand-written digits would come out as one chain of hundreds."""
    def page(pen):
        image = np.zeros((28, 28, 1), np.uint8)
        cv2.line(image, (17, 4), (10, 23), 255, pen, cv2.LINE_AA)
        return image
    assert len(set(near_groups([fingerprint(page(pen))[0] for pen in pens]).tolist())) == 2


def test_groups_do_not_depend_on_the_order():
    photos = [photo(seed) for seed in range(12)]
    looks = np.array([fingerprint(p)[0] for p in (*photos, *(jpeg(p, 60) for p in photos))])
    one = near_groups(looks.tolist()).tolist()
    order = np.random.default_rng(0).permutation(len(looks))
    other = near_groups(looks[order].tolist()).tolist()
    assert {frozenset(np.flatnonzero(np.array(one) == g).tolist()) for g in one} == \
        {frozenset(order[np.array(other) == g].tolist()) for g in other}


def test_blank_pages_are_no_copies_of_each_other():
    rng = np.random.default_rng(0)
    pages = [rng.integers(230, 236, (50, 40, 1), np.uint8) for _ in range(3)]
    pages += [np.full((50, 40, 1), 9, np.uint8)] * 2
    assert len(set(near_groups([fingerprint(p)[0] for p in pages]).tolist())) == 5
    assert near_groups([]).tolist() == []


@pytest.mark.parametrize("side", [60, 350])
def test_blank_pages_in_the_same_light_are_no_copies_of_each_other(side):
    rng, (y, x) = np.random.default_rng(0), np.mgrid[-1:1:side * 1j, -1:1:side * 1j]
    light = 240 + 4 * x - 3 * y - 5 * np.hypot(x, y) ** 2
    pages = [np.rint(light + rng.normal(0, 1.5, light.shape)).astype(np.uint8)[:, :, None] for _ in range(8)]
    assert len(set(near_groups([fingerprint(p)[0] for p in pages]).tolist())) == 8


@each("shape", [(1, 1, 1), (1, 300, 3), (8, 9, 1), (700, 130, 3)], ids=str)
def test_a_fingerprint_is_196_bytes_of_any_picture(shape):
    pixels = np.random.default_rng(list(shape)).integers(0, 256, shape, np.uint8)
    before = pixels.copy()
    seen, spread = fingerprint(pixels)
    assert (pixels == before).all()
    assert len(bytes.fromhex(seen)) == 196
    assert 0 <= spread <= 127.5
    assert fingerprint(np.full(shape, 9, np.uint8)) == ("0" * 32 + "09" * 144 + "00" * 32 + "0000ffff", 0.0)


def test_many_have_the_fingerprints_that_each_has_alone():
    pictures = [photo(seed, height, 60) for seed, height in enumerate((1, 28, 200))] + [photo(9)[:, :, :1]]
    rows, spreads = fingerprints(pictures)
    assert [(row.tobytes().hex(), spread) for row, spread in zip(rows, spreads, strict=True)] == [
        fingerprint(p) for p in pictures]


@each("count", [1, 2, 700])
def test_rows_are_sorted_as_numpy_sorts_them(count):
    rng = np.random.default_rng(count)
    rows = rng.integers(0, 3, (count, 196), np.uint8)
    rows[:, :15] = 7                                     # hashes that are nearly all the same
    rows[:, 30:] *= rng.integers(0, 2, (count, 1), np.uint8)
    rows = rows[rng.integers(0, count, count)]
    first, number = sort_and_number(rows)
    expected, which = np.unique(rows, axis=0, return_inverse=True)
    assert (rows[first] == expected).all()
    assert (number == which.ravel()).all()
