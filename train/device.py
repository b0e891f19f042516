"""Choose the device and the precision; the only file that asks whether a device is CUDA, MPS or CPU."""

import ctypes
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from tenfold.data.errors import MachineFault


def choose_device(requested: str | None) -> torch.device:
    """Return the requested device; None: CUDA, else MPS, else CPU. MachineFault: it is not available."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if requested is None:
        return torch.device(next(name for name, has in there.items() if has))
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
    """Whether the device computes in the machine's own memory, so that nothing is copied to it."""
    return device.type == "cpu"


def is_cuda(device: torch.device) -> bool:
    """Whether the device has what only CUDA has: pinned memory, streams, graphs."""
    return device.type == "cuda"


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], int]]:
    """Yield a function that gives the bytes that torch held on a CUDA device at the peak of what is done inside."""
    torch.cuda.reset_peak_memory_stats(device)
    try:
        yield lambda: torch.cuda.max_memory_allocated(device)
    finally:
        torch.cuda.empty_cache()                 # what does not fit must not be in the way of what comes then


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of torch's global generators that work on the device uses."""
    states = {"cpu": torch.get_rng_state()}
    if is_cuda(device):
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_state(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Put back what `random_state` returned; states of another kind of device are left out."""
    torch.set_rng_state(states["cpu"])
    if is_cuda(device) and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


@contextmanager
def same_random_state(device: torch.device) -> Iterator[None]:
    """Leave torch's global generators as they were, whatever is drawn inside."""
    states = random_state(device)
    try:
        yield
    finally:
        set_random_state(states, device)


_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return a context for the forward pass: in the type of `compute_dtype`, without effect where that is float32."""
    dtype = compute_dtype(device, precision)
    low = dtype != torch.float32
    return torch.autocast(device.type, dtype if low else torch.bfloat16, enabled=low)


def compute_dtype(device: torch.device, precision: str) -> torch.dtype:
    """Return the type that matrices are multiplied in; "auto": the one in which the device is fastest."""
    return _fastest_dtype(device) if precision == "auto" else _DTYPES[precision]


@functools.cache
def _fastest_dtype(device: torch.device) -> torch.dtype:
    """Return the type in which a device is fastest.

    CUDA: bfloat16 from compute capability 8.0 on (A100, RTX 30), where it is not emulated; float16 from 7.0 on (V100,
    T4, RTX 20), the first with kernels for it; float32 before.
    """
    if is_cuda(device):
        with torch.cuda.device(device):          # is_bf16_supported asks the current one
            if torch.cuda.is_bf16_supported(including_emulation=False):
                return torch.bfloat16
        return torch.float16 if torch.cuda.get_device_capability(device) >= (7, 0) else torch.float32
    return torch.bfloat16 if _processor_gains_by_bfloat16(device) else torch.float32


def _processor_gains_by_bfloat16(device: torch.device) -> bool:
    """Whether a CPU is faster in bfloat16, which depends on the maker: elsewhere it is emulated.

    By AVX512-BF16 AMD's train a small residual net twice as fast as in float32, Intel's at 0.65 to 0.8 of its rate
    (benchmarks/log.md), unless they have AMX.
    """
    if not is_host(device):
        return False
    has = {name: getattr(torch.cpu, f"_is_{name}_supported", lambda: False)() for name in ("amx_tile", "avx512_bf16")}
    return has["amx_tile"] or (has["avx512_bf16"] and "AuthenticAMD" in _cpu_facts())


def _cpu_facts() -> str:
    """Return what Linux says about the processor; "" elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def keep_freed_memory() -> None:
    """Let glibc keep what a step frees for the next one, in the whole process: a command calls it, never a library.

    By default every large buffer goes back to the kernel and is faulted in again (64×64, batch 256: 20 to 30% more
    images/s on two cores).
    """
    mmap_max, trim_threshold = -4, -1            # M_MMAP_MAX, M_TRIM_THRESHOLD in malloc.h
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):            # macOS, musl
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)


@contextmanager
def fast_kernels(device: torch.device) -> Iterator[None]:
    """Let CUDA time its convolutions and choose, and multiply float32 matrices in TF32; as it was on exit.

    For shapes that come again and again: each new one is timed.
    """
    if not is_cuda(device):
        yield
        return
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    try:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.benchmark = before[1]


def synchronise(device: torch.device) -> None:
    """Wait for the device: only then does a host clock tell how long its work took."""
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


def seen_size(canvas: Sequence[int], size: int) -> tuple[int, int]:
    """Return the (height, width) that the network sees of rows of `canvas` (height, width).

    Their shorter side becomes `size`, in proportion; 0: the rows' own.
    """
    shorter = min(canvas) if size else 1
    height, width = (round(side * (size or 1) / shorter) for side in canvas)
    return height, width


class Normalise:
    """Turn uint8 (B, H, W, C) into float (B, C, H', W'), zero mean and unit deviation per channel, on its device.

    The pixels come as they lie on disk, so the result has the memory format channels_last without
    a copy, and a quarter of float32's bytes crossed the bus. H' and W' are `seen_size` of `size`, bilinear. What is
    float already, the kept features of a frozen network, is returned as it is.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device, size: int = 0):
        self.device = device
        self._mean = torch.tensor([255 * m for m in mean], device=device).view(1, -1, 1, 1)
        self._scale = torch.tensor([1 / (255 * max(s, 1e-6)) for s in std], device=device).view(1, -1, 1, 1)
        self._size = size

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        if image.is_floating_point():
            return image
        x = (image.permute(0, 3, 1, 2).float() - self._mean) * self._scale
        size = seen_size(x.shape[2:], self._size)
        if size == x.shape[2:]:
            return x
        # antialiasing changes nothing where the picture grows, and costs the more
        return F.interpolate(x, size, mode="bilinear", antialias=size[0] < x.shape[2])
