"""Series of files: what names put together, where near-duplicates ask for it; and when they are kept whole."""

import hashlib

import numpy as np
import pytest
from cases import each

from tenfold.data.splits.assign import Images, split_sources
from tenfold.data.splits.near import near_to_hold
from tenfold.data.splits.series import Named, Series, find_series
from tenfold.data.tables import Split

CLASSES, CLIPS, FRAMES = ("run", "walk"), 5, 12


def digest(*words) -> str:
    return hashlib.md5(repr(words).encode()).hexdigest()


def named(name, clips=CLIPS, frames=FRAMES, classes=CLASSES) -> tuple[Named, np.ndarray]:
    """Images in the order of their names, and the clip of each; name(class, clip, frame) is that of a file."""
    rows = sorted((f"{label}/{name(c, clip, frame)}", c, c * clips + clip) for c, label in enumerate(classes)
                  for clip in range(clips) for frame in range(frames))
    paths, labels, clip = map(list, zip(*rows, strict=True))
    return Named(paths, [classes[c] for c in labels], np.array(labels)), np.array(clip)


def neighbours(clip, share=0.3, seed=0) -> np.ndarray:
    """Pairs of neighbouring rows of a clip: near-duplicates are only a part of it."""
    order = np.argsort(clip, kind="stable")
    pairs = np.column_stack([order[:-1], order[1:]])
    pairs = pairs[clip[pairs[:, 0]] == clip[pairs[:, 1]]]
    return pairs[np.random.default_rng(seed).random(len(pairs)) < share]


def test_images_in_no_class_folder_have_whole_names():
    images = Named(["1_000.png", "d/2_000.png", "3.png"], ["", "d", ""], np.zeros(3, np.int64))
    assert list(images.names(range(3))) == ["1_000", "2_000", "3"]


def find(images, links, looks=None):
    """find_series, where no two pictures look alike."""
    noise = np.random.default_rng(1).integers(0, 256, (len(images.paths), 144), np.uint8)
    return find_series(images, links, noise if looks is None else looks)


def same(one, other) -> bool:
    """Return whether two columns of numbers divide the rows alike."""
    return len({*zip(one.tolist(), other.tolist(), strict=True)}) == len({*one.tolist()}) == len({*other.tolist()})


SERIES = {
    "frames": lambda c, clip, f: f"clip{clip:02}_frame{f:04}.jpg",
    "no leading zeros": lambda c, clip, f: f"clip{clip} ({f}).png",
    "titles with numbers": lambda c, clip, f: f"{'ab'[clip % 2]}{clip} {'part 2 ' * (clip % 3)}x-{f}.jpg",
    "frame first": lambda c, clip, f: f"{f:04}_clip{clip}.png",
    "frame in the middle": lambda c, clip, f: f"cam1_clip{clip}_{f:03}_left.png",
    "seconds": lambda c, clip, f: f"clip{clip}_t{f // 4}.{f % 4 * 25:02}.jpg",
    "burst": lambda c, clip, f: f"IMG_202403{clip + 1:02}_12{f:02}.jpg",
    "folders": lambda c, clip, f: f"clip{clip}/{f}.jpg",
    "folders of names without an order": lambda c, clip, f: f"clip{clip}/{digest(c, clip, f)}.jpg",
    "roboflow": lambda c, clip, f: f"clip_mp4-{clip}-{f}_jpg.rf.{digest(c, clip, f)}.jpg",
    "copies by roboflow": lambda c, clip, f: f"dog{clip}_jpg.rf.{digest(c, clip, f)}.jpg",
    "copies by number": lambda c, clip, f: f"dog{clip}_aug_{f}.png",
    "copies by kind": lambda c, clip, f: f"dog{clip}{['', '_flip', '-rot90', ' (2)'][f % 4]}{'_' * (f // 4)}.png",
    "copies without their picture": lambda c, clip, f: f"dog{clip}_{'abc'[f % 3]}{f}.png",
    "kind of the copy first": lambda c, clip, f: f"{'abcdefghijkl'[f]}_dog{clip}.png",
    "hash of the picture": lambda c, clip, f: f"{digest(clip)}_{f}.png"}


@each("name", SERIES.values(), ids=SERIES)
def test_names_that_explain_near_duplicates_put_the_rest_of_a_series_to_them(name):
    images, clip = named(name)
    links = neighbours(clip)
    assert len({*links.ravel().tolist()}) < len(clip)
    found = find(images, links)
    assert found
    assert same(found.number, clip), found
    assert "…" in found.example


ORDINARY = {
    "class and number": lambda c, clip, f: f"{CLASSES[c]}_{clip * FRAMES + f:03}.jpg",
    "number": lambda c, clip, f: f"{clip * FRAMES + f}.png",
    "number in brackets": lambda c, clip, f: f"img ({clip * FRAMES + f}).png",
    "hash": lambda c, clip, f: f"{digest(c, clip, f)}.jpg",
    "one folder": lambda c, clip, f: f"more/{clip * FRAMES + f}.png"}


@each("name", ORDINARY.values(), ids=ORDINARY)
def test_names_by_class_or_without_an_order_are_no_series(name):
    images, clip = named(name)
    assert find(images, neighbours(clip, share=0.9)) is None


def test_near_duplicates_across_series_or_too_few_of_them_prove_nothing():
    images, clip = named(SERIES["frames"])
    links = neighbours(clip)
    assert find(images, links[:7]) is None
    rng = np.random.default_rng(0)
    assert find(images, rng.integers(0, len(clip), (40, 2))) is None
    assert find(images, links[:0]) is None


def test_long_series_with_few_pictures_saved_twice_are_no_videos():
    """Five searches of 100 pictures for each class: of every twentieth, a copy lies anywhere in the same search."""
    images, clip = named(lambda c, search, f: f"{'abcde'[search]}_{f:03}.jpg", frames=100)
    rng, links = np.random.default_rng(0), []
    for search in range(10):
        links += rng.permutation(np.flatnonzero(clip == search))[:10].reshape(5, 2).tolist()
    assert find(images, np.array(links)) is None
    assert find(images, neighbours(clip, share=0.1)) is None         # nor if pairs lie side by side
    assert find(images, neighbours(clip, share=0.5))


def thumbnails(background, place) -> np.ndarray:
    """A bright bar at a place, 0 to 11, before a background: uint8 (n, 144)."""
    rng = np.random.default_rng(2)
    levels = rng.normal(100, 30, (len(background), 144))[background] + rng.normal(0, 2, (len(background), 144))
    bars = np.stack([np.roll(np.repeat([60, 0], [20, 124]), 8 * p) for p in place])
    return np.clip(levels + bars, 0, 255).astype(np.uint8)


def test_pictures_that_change_gradually_are_a_series_without_a_near_duplicate():
    images, clip = named(SERIES["frames"])
    frame, none = np.tile(np.arange(FRAMES), 2 * CLIPS), np.empty((0, 2), np.int64)
    assert same(find(images, none, thumbnails(clip, frame)).number, clip)
    # kinds of a class, each of pictures that look alike but in no order
    assert find(images, none, thumbnails(clip, frame * 5 % FRAMES)) is None
    # each clip shows the same
    assert find(images, none, thumbnails(0 * clip, frame)) is None
    assert find(named(ORDINARY["class and number"])[0], none, thumbnails(clip, frame)) is None
    assert find(named(ORDINARY["hash"])[0], none, thumbnails(clip, frame)) is None


def test_series_without_near_duplicates_are_only_joined_where_most_have_some():
    images, clip = named(SERIES["frames"])
    links = neighbours(clip, share=1)
    few, most = (find(images, links[np.isin(clip[links[:, 0]], range(count))]) for count in (3, 8))
    assert {*clip[few.number >= 0]} == {0, 1, 2}
    assert same(most.number, clip)


def test_a_series_extends_over_classes_where_pairs_do():
    images, clip = named(lambda c, clip, f: f"clip{clip}_{2 * f + c:03}.jpg")
    clip %= CLIPS
    order = np.lexsort([[path.rpartition("_")[2] for path in images.paths], clip])
    pairs = np.column_stack([order[:-1], order[1:]])         # each the next frame, of the other class
    pairs = pairs[clip[pairs[:, 0]] == clip[pairs[:, 1]]]
    assert same(find(images, pairs).number, clip)


def test_the_same_names_in_two_classes_are_two_series():
    images, clip = named(SERIES["frames"])
    assert len({*find(images, neighbours(clip)).number.tolist()}) == 2 * CLIPS


def held(images, clip, near, config=None):
    """near_to_hold, where the series are the clips."""
    columns = Images(images.labels, [f"{i:03}" for i in range(len(clip))], [None] * len(clip), None, near)
    group, lines = near_to_hold(columns, CLASSES, config or Split(), Series(clip, "clip…"))
    return columns, group, lines


def test_whole_series_lie_in_one_split_and_a_line_says_so():
    images, clip = named(SERIES["frames"])
    columns, group, lines = held(images, clip, np.arange(len(clip)) // 2)
    assert same(group, clip)
    assert len(lines) == 1
    assert "(such as clip…): 10 groups of 120 images, each held together" in lines[0]
    columns = Images(columns.labels, columns.digests, columns.official, None, group)
    splits = split_sources(columns, CLASSES, Split(0.2, 0.2), 0)
    assert all(len({*splits[clip == c]}) == 1 for c in range(2 * CLIPS))
    assert {*splits} == {"train", "val", "test"}


def test_near_duplicates_that_are_whole_series_are_what_they_were():
    images, clip = named(SERIES["frames"])
    assert held(images, clip, clip)[2][0].startswith("near-duplicates: 10 groups of 120 images")


def test_a_series_that_is_too_large_for_its_class_is_not_kept_whole():
    """Class "walk" is two clips, too few for three splits: its near-duplicates stay together, as without series."""
    images, clip = named(SERIES["frames"])
    near, run = np.arange(len(clip)) // 2, clip < CLIPS
    clip = np.where(run, clip, np.arange(len(clip)) // 30 + CLIPS)
    _, group, lines = held(images, clip, near)
    assert same(group[run], clip[run])
    assert same(group[~run], near[~run])
    assert "5 groups of 60 images" in lines[0]
    assert "'walk' (60 of 60)" in lines[1]
    assert "near-duplicates: 30 groups of 60 images" in lines[2]


def test_where_a_whole_class_looks_alike_the_series_are_kept_nevertheless():
    """As from a camera that does not move."""
    images, clip = named(SERIES["frames"])
    _, group, lines = held(images, clip, images.labels)
    assert same(group, clip)
    assert len(lines) == 1
    assert "10 groups of 120 images" in lines[0]


@pytest.mark.parametrize("folds", [0, 5])
def test_series_suffice_for_folds_or_are_not_kept(folds):
    images, clip = named(SERIES["frames"], clips=4)
    group = held(images, clip, np.arange(len(clip)) // 2, Split(folds=folds))[1]
    assert same(group, clip) == (folds == 0)
