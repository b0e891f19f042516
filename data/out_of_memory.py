"""Report in one line that the memory of a graphics card or of the machine is used up, and what to do."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from tenfold.data.errors import MachineFault, UserFault

# how CUDA, cuBLAS and cuDNN, MPS, torch on the CPU of Linux and of Windows, oneDNN, C++, OpenCV, HDF5 and the loader of
# shared libraries say it, and Python where a thread has no room for its stack, or a module lost the error on its way
_SIGNS = re.compile(r"out of memory|_ALLOC_FAILED|can't allocate memory|cannot allocate memory|not enough memory"
                    r"|bad_alloc|insufficient memory|memory allocation failed|unable to allocate|can't start new thread"
                    r"|failed to map segment|error return without exception set"
                    r"|could not create a (?:primitive$|memory)", re.IGNORECASE)
_WANTED = re.compile(r"(?:(?:tried|unable) to|failed to) allocate ([\d.]+ ?\w+)", re.IGNORECASE)
IN_TRAINING = 'lower train.batch or model.size, or give train.batch = "auto"'
IN_INFERENCE = "choose --device cpu, or train with a smaller train.batch or model.size"
ANYWHERE = "ask for fewer --workers, or free some memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had."""
    if isinstance(error, UserFault) or not isinstance(error, Exception):
        return False
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or bool(_SIGNS.search(str(error)))


def used_up(error: BaseException, work: str, cure: str) -> MachineFault:
    """Return the fault for memory that is used up. work: such as "training"; error: may say how much was wanted."""
    wanted = _WANTED.search(str(error))
    more = f" ({wanted[1]} more were asked for)" if wanted else ""
    return MachineFault("memory", f"is used up in {work}{more}", cure)


def has_started(thread: Thread) -> bool:
    """Start a thread; False: there is no memory for its stack, and whoever wanted it goes on without."""
    try:
        thread.start()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


@contextmanager
def memory_fault(work: str, cure: str) -> Iterator[None]:
    """Raise a MachineFault where the memory is used up inside; also a decorator. work: such as "training"."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise used_up(error, work, cure) from None
