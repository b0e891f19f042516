"""Where to compute, and how exactly."""

import ctypes
import functools
from pathlib import Path

import torch
from torch.nn import functional as F

from tenfold.data.errors import MachineFault


def choose_device(asked: str | None) -> torch.device:
    """CUDA, else MPS, else CPU; or as asked. MachineFault: it is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked is None:
        return torch.device(next(name for name, has in there.items() if has))
    kind = asked.partition(":")[0]
    if not there.get(kind):
        raise MachineFault(f"--device {asked}", "is not available here",
                           f"choose {' or '.join(n for n, has in there.items() if has)}")
    try:
        device = torch.device(asked)
        torch.empty(1, device=device)
    except RuntimeError as error:
        raise MachineFault(f"--device {asked}", str(error).splitlines()[0], "name one that is there") from None
    return device


def autocast(device: torch.device, precision: str):
    """A context for the forward pass, as `computes_in_bfloat16` says."""
    return torch.autocast(device.type, torch.bfloat16, enabled=computes_in_bfloat16(device, precision))


def computes_in_bfloat16(device: torch.device, precision: str) -> bool:
    """"auto": bfloat16 where the device is faster in it, float32 elsewhere."""
    return precision == "bfloat16" or (precision == "auto" and _gains_by_bfloat16(device))


@functools.cache
def _gains_by_bfloat16(device: torch.device) -> bool:
    """On a CPU it is a matter of the maker: by AVX512-BF16 AMD's train a small residual net twice as fast as in
    float32, Intel's at 0.65 to 0.8 of its rate (benchmarks/log.md), unless they have AMX. Elsewhere it is emulated."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    has = {name: getattr(torch.cpu, f"_is_{name}_supported", lambda: False)() for name in ("amx_tile", "avx512_bf16")}
    return has["amx_tile"] or (has["avx512_bf16"] and "AuthenticAMD" in _cpu_facts())


def _cpu_facts() -> str:
    """What Linux says of the processor; "" elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def keep_freed_memory() -> None:
    """Let glibc keep what a step frees for the next one: by default every large buffer goes back to
    the kernel and is faulted in again (64×64, batch 256: 20 to 30% more images/s on two cores)."""
    mmap_max, trim_threshold = -4, -1            # M_MMAP_MAX, M_TRIM_THRESHOLD in malloc.h
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):            # macOS, musl
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)


def synchronise(device: torch.device) -> None:
    """Wait for the device: only then does a host clock tell how long its work took."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def seen_size(canvas, size: int) -> tuple[int, int]:
    """(height, width) that the network sees of rows of `canvas` (height, width) when their shorter side becomes
    `size`, in proportion; 0: the rows' own."""
    shorter = min(canvas) if size else 1
    return tuple(round(side * (size or 1) / shorter) for side in canvas)


class Normalise:
    """uint8 (B, H, W, C) -> float (B, C, H', W'), zero mean and unit deviation per channel, on its device.

    The pixels come as they lie on disk, so the result has the memory format channels_last without
    a copy, and a quarter of float32's bytes crossed the bus. H' and W' are `seen_size` of `size`, bilinear.
    """

    def __init__(self, mean, std, device: torch.device, size: int = 0):
        self._mean = torch.tensor([255 * m for m in mean], device=device).view(1, -1, 1, 1)
        self._scale = torch.tensor([1 / (255 * max(s, 1e-6)) for s in std], device=device).view(1, -1, 1, 1)
        self._size = size

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        x = (image.permute(0, 3, 1, 2).float() - self._mean) * self._scale
        size = seen_size(x.shape[2:], self._size)
        if size == x.shape[2:]:
            return x
        # antialiasing changes nothing where the picture grows, and costs the more
        return F.interpolate(x, size, mode="bilinear", antialias=size[0] < x.shape[2])
