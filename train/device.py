"""Choose the device and work with it; the only file that asks whether a device is CUDA, MPS or CPU."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tenfold.data.errors import MachineFault
from tenfold.data.memory import free_host_memory


def choose_device(requested: str | torch.device | None) -> torch.device:
    """Return the requested device; None: CUDA, else MPS, else CPU. MachineFault: it is not available."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if requested is None:
        return torch.device(next(name for name, has in there.items() if has))
    requested = str(requested)                   # users of torch give its devices, too
    kind = requested.partition(":")[0]
    if not there.get(kind):
        raise MachineFault(f"--device {requested}", "is not available here",
                           f"choose {' or '.join(n for n, has in there.items() if has)}")
    try:
        device = torch.device(requested)
        torch.empty(1, device=device)
    except RuntimeError as error:
        raise MachineFault(f"--device {requested}", str(error).splitlines()[0], "name one that is there") from None
    return device


def is_host(device: torch.device) -> bool:
    """Return whether the device computes in the machine's own memory, so that nothing needs to be copied to it."""
    return device.type == "cpu"


def is_cuda(device: torch.device) -> bool:
    """Return whether the device has features of CUDA: pinned memory, streams, graphs."""
    return device.type == "cuda"


def free_memory(device: torch.device) -> int:
    """Return the bytes that tensors may take that are made in the machine's memory and then lie on `device`.

    On CUDA that is the smaller of what is free in both.
    """
    return min(free_host_memory(), free_device_memory(device))


def free_device_memory(device: torch.device) -> int:
    """Return the bytes that tensors may take that are made on `device`; on CUDA, whatever is free in the machine's."""
    return torch.cuda.mem_get_info(device)[0] if is_cuda(device) else free_host_memory()


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], int]]:
    """Yield a function that returns the most bytes that torch held on a CUDA device inside the context."""
    torch.cuda.reset_peak_memory_stats(device)
    try:
        yield lambda: torch.cuda.max_memory_allocated(device)
    finally:
        torch.cuda.empty_cache()                 # so that the next attempt has all memory


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of torch's global generators that work on the device uses."""
    states = {"cpu": torch.get_rng_state()}
    if is_cuda(device):
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_state(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Restore what `random_state` returned; states of another kind of device are ignored."""
    torch.set_rng_state(states["cpu"])
    if is_cuda(device) and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    if device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])


@contextmanager
def same_random_state(device: torch.device) -> Iterator[None]:
    """On exit, restore the states of torch's global generators."""
    states = random_state(device)
    try:
        yield
    finally:
        set_random_state(states, device)


def keep_freed_memory() -> None:
    """Let glibc keep the memory that a step frees, for the next step. For the whole process, so only commands call it.

    By default, every large buffer is returned to the kernel, and causes page faults when it is allocated again. Without
    this, training at 64×64 with batch 256 does 20 to 30% more images/s on two cores.
    """
    mmap_max, trim_threshold = -4, -1            # M_MMAP_MAX, M_TRIM_THRESHOLD in malloc.h
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):            # macOS, musl
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)


def synchronise(device: torch.device) -> None:
    """Wait for the device, so that a clock on the host can measure how long its work took."""
    if is_cuda(device):
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def copy_to_host(value: Any, device: torch.device) -> Callable[[], Any]:
    """Copy the tensors in nested dictionaries, lists and tuples to the CPU; return a function that gives the copy.

    On CUDA nothing waits here: the copies are queued behind the work so far, into pinned memory, and that function
    waits for them. Tensors that share their memory share it in the copy.
    """
    copies: dict[tuple, torch.Tensor] = {}

    def copied(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            key = (value.device, value.data_ptr(), value.dtype, value.shape, value.stride())
            if key not in copies:
                copies[key] = value.clone() if is_host(value.device) else value.to("cpu", non_blocking=is_cuda(device))
            return copies[key]
        if isinstance(value, dict):
            copy: Any = type(value)((key, copied(content)) for key, content in value.items())
            if hasattr(value, "_metadata"):      # of a state_dict: the versions of its modules
                copy._metadata = value._metadata
            return copy
        return type(value)(map(copied, value)) if type(value) in (list, tuple) else value
    copy = copied(value)
    if not is_cuda(device):
        return lambda: copy
    done = torch.cuda.Event()
    done.record(torch.cuda.current_stream(device))

    def ready() -> Any:
        done.synchronize()
        return copy
    return ready
