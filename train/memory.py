"""Find out how much memory is free for tensors on a device."""

import torch

from tenfold.data.memory import free_host_memory
from tenfold.train.device import is_cuda


def free_memory(device: torch.device) -> int:
    """Return the bytes that tensors may take that are made in the machine's memory and then lie on `device`.

    On CUDA that is the smaller of what is free in both.
    """
    host = free_host_memory()
    return min(host, torch.cuda.mem_get_info(device)[0]) if is_cuda(device) else host
