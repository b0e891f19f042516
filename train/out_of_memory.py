"""Say in one line that the memory is used up, of a graphics card or of the machine, and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tenfold.data.errors import MachineFault

# how CUDA, cuBLAS and cuDNN, MPS, and torch on the CPU of Linux and of Windows say it, in RuntimeErrors
_SIGNS = re.compile(r"out of memory|_ALLOC_FAILED|can't allocate memory|not enough memory", re.IGNORECASE)
_WANTED = re.compile(r"(?:tried|unable) to allocate ([\d.]+ ?\w+)", re.IGNORECASE)
IN_TRAINING = 'lower train.batch or model.size, or give train.batch = "auto"'
IN_INFERENCE = "choose --device cpu, or train with a smaller train.batch or model.size"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(_SIGNS.search(str(error))))


@contextmanager
def memory_fault(work: str, cure: str) -> Iterator[None]:
    """Raise a MachineFault where the memory is used up inside; also a decorator. work: such as "training"."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        wanted = _WANTED.search(str(error))
        more = f" ({wanted[1]} more were asked for)" if wanted else ""
        raise MachineFault("memory", f"is used up in {work}{more}", cure) from None
