"""A worker process: compute tasks that come through a pipe, send the results back, end with the process that asks.

There are no named semaphores, no shared memory and no helper processes, so that nothing is left behind: the pipe is
closed by the system however the other process ends.
"""

import os
import pickle
import queue
import threading
import traceback
from multiprocessing.connection import Connection

import cv2

from tenfold.data.process import end_with

IDLE = 90.0                  # seconds without a task after which a worker ends


def main(descriptor: int, parent: int) -> None:
    """Compute tasks until the other end of the pipe is closed, or the process `parent` has ended."""
    cv2.setNumThreads(1)                         # workers would compete for the cores
    link, tasks = Connection(descriptor), queue.SimpleQueue[bytes]()
    end_with(parent)
    threading.Thread(target=_receive, args=(link, tasks), daemon=True).start()
    while True:
        try:
            packed = tasks.get(timeout=IDLE)
        except queue.Empty:
            os._exit(0)
        try:
            link.send_bytes(_answer(packed))
        except OSError:                          # nobody reads the result
            os._exit(1)


def _receive(link: Connection, tasks: "queue.SimpleQueue[bytes]") -> None:
    """Read tasks while others are computed, so that who sends them never waits; end where no more can come."""
    try:
        while True:
            tasks.put(link.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _answer(packed: bytes) -> bytes:
    """Compute a task, (number, function, arguments, folder) in pickled form; return pickled (number, result, error,
    traceback)."""
    number = -1
    try:
        number, function, arguments, folder = pickle.loads(packed)
        os.chdir(folder)                         # it may live since before the user went to another folder
        return pickle.dumps((number, function(*arguments), None, ""), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        found = traceback.format_exc()
        try:
            pickle.loads(packed_error := pickle.dumps((number, None, error, found)))
            return packed_error
        except Exception:                        # an exception that cannot travel
            return pickle.dumps((number, None, RuntimeError(found.strip().splitlines()[-1]), found))
