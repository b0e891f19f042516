"""A random view is a function of seed, source and copy alone, and evenly spread."""

import dataclasses

import numpy as np
import pytest

from tenfold.data.tables import Draw
from tenfold.preprocess.draw.random_views import draw_view, draw_views, philox


def test_philox_gives_the_published_numbers():
    """The known answers of Random123 (kat_vectors, philox4x32 10)."""
    most = 2**32 - 1
    pi = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)
    for (counter, key), expected in {
            ((0, 0, 0, 0), (0, 0)): (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
            ((most,) * 4, (most, most)): (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
            pi: (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)}.items():
        assert tuple(int(word) for word in philox(counter, key)) == expected


def test_a_copy_has_the_same_view_in_any_group():
    how = Draw(canvas=(16, 16), copies=9, flip=0.5)
    rng = np.random.default_rng(0)
    sources, copies = rng.integers(0, 2**32, 500), rng.integers(0, 1_000_000, 500)
    many = draw_views(2**63 - 1, sources, copies, how)
    for k in (0, 1, 77, 499):
        assert many[k] == draw_view(2**63 - 1, sources[k], copies[k], how)
    some = rng.permutation(500)[:123]
    few = draw_views(2**63 - 1, sources[some], copies[some], how)
    for f in dataclasses.fields(few):
        assert (getattr(few, f.name) == getattr(many, f.name)[some]).all()


def test_a_view_depends_on_seed_source_and_copy_alone():
    how = Draw(canvas=(16, 16), copies=9, flip=0.5)
    seen = {draw_view(seed, source, copy, how) for seed in range(3) for source in range(5) for copy in range(7)}
    assert len(seen) == 3 * 5 * 7
    assert draw_view(1, 2, 3, how) == draw_view(1, 2, 3, dataclasses.replace(how, copies=4, canvas=(20, 20)))
    assert draw_view(1, 2, 3, how).turn != draw_view(1, 3, 2, how).turn


def test_views_keep_their_bounds_and_fill_them():
    how = Draw(canvas=(16, 16), copies=1, flip=0.25)
    some = [draw_view(0, source, 0, how) for source in range(800)]
    assert all(-1 <= v.turn <= 1 and min(v.size, v.across, v.down, v.tone) >= 0
               and max(v.size, v.across, v.down, v.tone) <= 1 for v in some)
    assert abs(np.mean([v.turn for v in some])) < 0.1
    assert np.std([v.size for v in some]) == pytest.approx(12**-0.5, abs=0.03)
    assert np.mean([v.mirror for v in some]) == pytest.approx(0.25, abs=0.05)
    assert not any(draw_view(0, s, 0, dataclasses.replace(how, flip=0.0)).mirror for s in range(50))
    middle = draw_view(0, 1, 0, dataclasses.replace(how, place=False))
    assert (middle.across, middle.down) == (0.5, 0.5)


def test_views_are_even_along_copies_and_sources_and_their_numbers_are_unrelated():
    how, n = Draw(canvas=(16, 16), copies=1), 20_000
    here = np.arange(n)
    for sources, copies in ((here, 0 * here), (0 * here, here), (here // 100, here % 100)):
        v = draw_views(1, sources, copies, how)
        numbers = np.stack([v.turn / 2 + 0.5, v.size, v.across, v.down, v.tone, v.slant / 2 + 0.5,
                            v.aspect / 2 + 0.5, v.pen])
        counts = np.stack([np.histogram(row, 50, (0, 1))[0] for row in numbers])
        chi = ((counts - n / 50) ** 2 / (n / 50)).sum(1)                 # 49 degrees of freedom
        assert 15 < chi.min() < chi.max() < 100
        following = np.concatenate([numbers[:, :-1], numbers[:, 1:]])    # each with the others and the next copy's
        apart = np.corrcoef(following) - np.eye(16)
        assert np.abs(apart).max() < 5 / n**0.5
