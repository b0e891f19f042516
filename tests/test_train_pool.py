"""Laws of the pool of threads that gathers and reads for the loaders."""

import threading

import pytest

from tenfold.train.batches.pool import Dropped, Pool, drop_all


def alive():
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("tested")}


def test_each_task_gives_what_its_call_returned_or_raised_as_often_as_it_is_asked():
    pool = Pool(2, "tested")
    tasks = [pool.submit(divmod, 7, number) for number in (2, 0, 3)]
    for _ in range(2):
        assert [tasks[0].result(), tasks[2].result()] == [(3, 1), (2, 1)]
        with pytest.raises(ZeroDivisionError):
            tasks[1].result()
    pool.close()
    assert not alive()


@pytest.mark.parametrize("leave", [drop_all, lambda tasks: None], ids=["dropped", "closed"])
def test_what_has_not_begun_is_left_out_and_nobody_waits_for_it_without_end(leave):
    pool, begun, go_on, done = Pool(1, "tested"), threading.Event(), threading.Event(), []

    def held():
        begun.set()
        go_on.wait()
        done.append("held")
    tasks = [pool.submit(held), pool.submit(done.append, "late")]
    begun.wait()
    tasks[1].drop() if leave is drop_all else None
    threading.Timer(0.01, go_on.set).start()
    leave(tasks)
    pool.close()
    assert (done, alive()) == (["held"], set())
    with pytest.raises(Dropped):
        tasks[1].result()


def test_a_pool_that_nobody_closed_leaves_no_thread_behind():
    pool = Pool(2, "tested")
    threads = pool._threads
    assert pool.submit(len, "abc").result() == 3
    del pool
    for thread in threads:
        thread.join(10)
    assert not alive()
