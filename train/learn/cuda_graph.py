"""Record the gradients of a training step as a CUDA graph, which is launched at once instead of kernel by kernel.

A small network, or a small batch, computes faster than Python can launch its kernels: the device then waits for the
host (docs/benchmarks.md). pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import torch

from tenfold.train.device import is_cuda

Inputs: TypeAlias = tuple[torch.Tensor | None, ...]
Gradients: TypeAlias = Callable[..., torch.Tensor]

_WARM_UP = 3                 # calls before recording: libraries choose their kernels in the first ones
_AHEAD = 2                   # the host launches at most this many steps ahead of the device


def recorded(gradients: Gradients, example: Inputs, parameters: Iterable[torch.nn.Parameter]) -> Gradients:
    """Return the function as a CUDA graph for inputs of the shapes of `example`; print a note and return it as is if
    it cannot be recorded.

    gradients: computes the gradients of `parameters` from its inputs, all on a CUDA device, and returns a tensor. The
    result of a call is overwritten by the next one. Batch statistics and random states change here (see
    `compile.unchanged`).
    """
    parameters, device = list(parameters), next(t.device for t in example if t is not None)
    try:
        with _restored_after_an_error(device):
            return _Graph(gradients, example, parameters)
    except Exception as error:                   # the network waits for the device, decides by what it holds, …
        for p in parameters:
            p.grad = None
        line = str(error).strip().partition("\n")[0]
        print(f"note: no CUDA graph of a step could be recorded ({line[:200]}); its kernels are launched one by one")
        return gradients


@contextlib.contextmanager
def _restored_after_an_error(device: torch.device) -> Iterator[None]:
    """Restore the stream and the random state of a CUDA device after an error: torch leaves both as if it were still
    recording, and the next dropout would fail."""
    if not is_cuda(device):
        yield
        return
    stream, generator = torch.cuda.current_stream(device), torch.cuda.default_generators[device.index]
    before = generator.clone_state()
    try:
        yield
    except Exception:
        torch.cuda.set_stream(stream)
        generator.graphsafe_set_state(before)
        raise


class _Graph:
    """A recorded function of inputs that are copied to fixed places; the gradients lie in fixed places, too."""

    def __init__(self, gradients: Gradients, example: Inputs, parameters: list[torch.nn.Parameter]):
        self._inputs = tuple(t if t is None else t.clone() for t in example)
        self._device = device = next(t.device for t in self._inputs if t is not None)
        self._graph, self._stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(device)
        self._stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UP):
                gradients(*self._inputs)
                for p in parameters:
                    p.grad = None
        torch.cuda.current_stream(device).wait_stream(self._stream)
        # thread_local: the threads that fill buffers wait for events meanwhile
        with torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode="thread_local"):
            self._result = gradients(*self._inputs)
        self._gradients = [(p, p.grad) for p in parameters]
        self._done = [torch.cuda.Event() for _ in range(_AHEAD)]
        self._calls = 0

    def __call__(self, *inputs: torch.Tensor | None) -> torch.Tensor:
        done = self._done[self._calls % _AHEAD]
        done.synchronize()                       # else seconds of work could be queued that no clock has seen
        for own, given in zip(self._inputs, inputs, strict=True):
            if own is not None and given is not None:
                own.copy_(given, non_blocking=True)
        self._graph.replay()
        done.record(torch.cuda.current_stream(self._device))
        self._calls += 1
        for p, gradient in self._gradients:
            p.grad = gradient                    # the optimizer's zero_grad has removed it
        return self._result
