"""What runs inside a worker process: one thread for each library, silence, and the end together with its parent."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import cv2

from tenfold.data import memory
from tenfold.data.process import end_with

T = TypeVar("T")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Limit OpenCV to one thread, so that workers do not compete for the cores; the setting is restored on exit."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def begin_worker(parent: int, share: int = 0) -> None:
    """Set up a worker process: one OpenCV thread, silent libraries, and an end together with the process `parent`.

    share: bytes of memory that it may take.
    """
    memory.share = share
    cv2.setNumThreads(1)
    if "OPENCV_LOG_LEVEL" not in os.environ:     # a setting of the user is kept
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if "PYTHONWARNINGS" not in os.environ:
        warnings.simplefilter("ignore")
    end_with(parent)


def one_thread_environment() -> dict[str, str]:
    """Return the environment in which libraries of linear algebra use one thread; settings of the user are kept."""
    return {name: os.environ.get(name, "1") for name in _THREADS}


def as_here(function: Callable[[Any], T], folder: str, share: int, task: Any) -> T:
    """Return function(task), in a worker that may have been started in another folder, or with more memory."""
    memory.share = share
    if folder:
        os.chdir(folder)
    return in_one_thread(function, task)


def in_one_thread(function: Callable[[Any], T], task: Any) -> T:
    """Return function(task), computed with one OpenCV thread."""
    with one_opencv_thread():
        return function(task)
