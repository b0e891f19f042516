"""Memory of a shard's pixels is used again by the same thread, and by no other."""

import threading

import numpy as np

from tenfold.preprocess.draw.memory import borrow, give_back

SHAPE = 9, 700, 800, 1       # more than 4 MB


def test_memory_is_used_again_but_never_shared_between_threads():
    first = borrow(SHAPE)
    first[:] = 7
    others = []
    thread = threading.Thread(target=lambda: others.append(borrow(SHAPE)))
    thread.start()
    thread.join()
    others[0][:] = 9
    assert (first == 7).all()
    give_back()
    again, fewer = borrow(SHAPE), borrow((8, 700, 800, 1))
    assert np.shares_memory(first, again)
    assert np.shares_memory(first, fewer)
    again[:] = 3
    assert (again == 3).all()
    larger = borrow((10, 700, 800, 1))
    assert not np.shares_memory(first, larger)
    assert borrow((2, 3)).shape == (2, 3)
