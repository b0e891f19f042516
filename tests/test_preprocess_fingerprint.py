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
from tenfold.preprocess.survey.fingerprint import fingerprint, fingerprints, near_groups
from tenfold.preprocess.survey.sorting import sort_and_number


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


def test_many_are_searched_as_few_are(monkeypatch):
    photos = [photo(seed, 40, 50) for seed in range(60)]
    looks = [fingerprint(p)[0] for p in (*photos, *(jpeg(p, 85) for p in photos[:30]))]
    few = near_groups(looks).tolist()
    monkeypatch.setattr("tenfold.preprocess.survey.neighbours._ALL", 10)
    many = near_groups(looks).tolist()
    assert [few.index(g) for g in few] == [many.index(g) for g in many]
    assert few[60:] == few[:30]


def looking_alike() -> np.ndarray:
    """Fingerprints, uint8 (250, 160), of which many differ by about what two of the same picture may, by one level, or
    not at all, and some say nothing; their hashes are alike, and in a word the same for a hundred. Thumbnails lie in
    ten directions, so that their first principal components hold all of their distances."""
    rng = np.random.default_rng(11)
    which, directions = rng.integers(0, 60, 250), rng.normal(0, 1, (10, 144)) / 10**0.5
    rows = np.empty((250, 160), np.int64)
    rows[:, :16] = rng.integers(0, 256, (2, 16))[which % 2] ^ (
        (1 << rng.integers(0, 8, (250, 16))) * (rng.random((250, 16)) < 0.15))
    deviation = rng.choice([1, 5, 20, 50], (60, 1))[which]
    moved = rng.choice([0, 0.05, 0.057, 0.065], (250, 1)) * rng.normal(0, 1, (250, 10))
    place = rng.normal(0, 1, (60, 10))[which] + moved
    rows[:, 16:] = np.rint(128 + deviation * place @ directions)
    rows[:, 16:] += rng.integers(-1, 2, (250, 144)) * (rng.random((250, 1)) < 0.2)
    return np.clip(rows, 0, 255).astype(np.uint8)


def compared_one_by_one(rows: np.ndarray, many: bool) -> np.ndarray:
    """The number of each fingerprint's group by the definition, all pairs compared in whole numbers."""
    different, number = np.unique(rows, axis=0, return_inverse=True)
    words, levels = different[:, :16].copy().view(">u2"), different[:, 16:].astype(int)
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
    pairs &= 625 * apart <= np.maximum(4 * np.maximum(variance[:, None], variance), 625 * 144**2)
    says = variance >= (4 * 144) ** 2
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


@each("shape", [(1, 1, 1), (1, 300, 3), (8, 9, 1), (700, 130, 3)], ids=str)
def test_a_fingerprint_is_160_bytes_of_any_picture(shape):
    pixels = np.random.default_rng(list(shape)).integers(0, 256, shape, np.uint8)
    before = pixels.copy()
    seen, spread = fingerprint(pixels)
    assert (pixels == before).all()
    assert len(bytes.fromhex(seen)) == 160
    assert 0 <= spread <= 127.5
    assert fingerprint(np.full(shape, 9, np.uint8)) == ("0" * 32 + "09" * 144, 0.0)


def test_many_have_the_fingerprints_that_each_has_alone():
    pictures = [photo(seed, height, 60) for seed, height in enumerate((1, 28, 200))] + [photo(9)[:, :, :1]]
    rows, spreads = fingerprints(pictures)
    assert [(row.tobytes().hex(), spread) for row, spread in zip(rows, spreads, strict=True)] == [
        fingerprint(p) for p in pictures]


@each("count", [1, 2, 700])
def test_rows_are_sorted_as_numpy_sorts_them(count):
    rng = np.random.default_rng(count)
    rows = rng.integers(0, 3, (count, 160), np.uint8)
    rows[:, :15] = 7                                     # hashes that are nearly all the same
    rows[:, 30:] *= rng.integers(0, 2, (count, 1), np.uint8)
    rows = rows[rng.integers(0, count, count)]
    first, number = sort_and_number(rows)
    expected, which = np.unique(rows, axis=0, return_inverse=True)
    assert (rows[first] == expected).all()
    assert (number == which.ravel()).all()
