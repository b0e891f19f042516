"""The different ones of many numbers are found as NumPy finds them."""

import numpy as np
import pytest

from tenfold.data.unique import unique


@pytest.mark.parametrize("values", [
    np.empty(0, np.int64), np.array([-1]), np.array([0, 0]), np.array([5, -3, 5, 2**62, -3]),
    np.array([2**64 - 1, 0, 2**64 - 1], np.uint64), np.random.default_rng(0).integers(-40, 40, 500)], ids=len)
def test_each_number_comes_once_in_ascending_order(values):
    before, found = values.copy(), unique(values)
    expected = np.unique(values)
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype
    assert (values == before).all()
