"""Recognise that memory is used up, on a graphics card or on the machine, and say in one line what to do."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from tenfold.data.errors import MachineFault, UserFault

# messages of CUDA, cuBLAS and cuDNN, MPS, torch on the CPU of Linux and Windows, oneDNN, C++, OpenCV, HDF5 and the
# loader of shared libraries, and of Python if there is no memory for a thread's stack, or if a module lost the error
_SIGNS = re.compile(r"out of memory|_ALLOC_FAILED|can't allocate memory|cannot allocate memory|not enough memory"
                    r"|bad_alloc|insufficient memory|memory allocation failed|unable to allocate|can't start new thread"
                    r"|failed to map segment|error return without exception set"
                    r"|could not create a (?:primitive$|memory)", re.IGNORECASE)
_WANTED = re.compile(r"(?:(?:tried|unable) to|failed to) allocate ([\d.]+ ?\w+)", re.IGNORECASE)
IN_TRAINING = 'lower train.batch or model.size, or give train.batch = "auto"'
IN_INFERENCE = "choose --device cpu, or train with a smaller train.batch or model.size"
ANYWHERE = "ask for fewer --workers, or free some memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that there was not enough memory."""
    if isinstance(error, UserFault) or not isinstance(error, Exception):
        return False
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or bool(_SIGNS.search(str(error)))


def used_up(error: BaseException, work: str, cure: str) -> MachineFault:
    """Return the fault for used-up memory. work: such as "training"; error: its text may say how much was asked for."""
    wanted = _WANTED.search(str(error))
    more = f" ({wanted[1]} more were asked for)" if wanted else ""
    return MachineFault("memory", f"is used up in {work}{more}", cure)


def has_started(thread: Thread) -> bool:
    """Start a thread; return False if there is no memory for its stack. The caller then goes on without it."""
    try:
        thread.start()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


@contextmanager
def memory_fault(work: str, cure: str) -> Iterator[None]:
    """Turn errors of used-up memory inside this context into a MachineFault; also a decorator. work: "training"."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise used_up(error, work, cure) from None
