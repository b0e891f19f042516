"""Choose the number types that a device computes in: float32, TF32, bfloat16 or float16."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from tenfold.train.device import is_cuda, is_host

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return a context in which the forward pass uses the type of `compute_dtype`; no effect if that is float32."""
    dtype = compute_dtype(device, precision)
    low = dtype != torch.float32
    return torch.autocast(device.type, dtype if low else torch.bfloat16, enabled=low)


def compute_dtype(device: torch.device, precision: str) -> torch.dtype:
    """Return the type in which matrices are multiplied; "auto": the fastest type on the device."""
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
    """Return whether a CPU is faster in bfloat16 than in float32; many only emulate bfloat16.

    With AVX512-BF16, AMD's CPUs train a small residual network twice as fast as in float32, but Intel's CPUs at 0.65 to
    0.8 of that rate (benchmarks/log.md), unless they have AMX.
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


@contextmanager
def tf32_matrices(device: torch.device) -> Iterator[None]:
    """Multiply float32 matrices in TF32 where a graphics card has it; restored on exit.

    torch.backends.cudnn.benchmark, which times every convolution, stays off: on an H100 it made seven of eight networks
    at most 4% faster, and took 2 to 10 s of the budget, with EfficientNet-Lite0 27 s (benchmarks/log.md).
    """
    if not is_cuda(device):
        yield
        return
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("high")
        yield
    finally:
        torch.set_float32_matmul_precision(before)
