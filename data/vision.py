"""Import torchvision when it is first needed, for its networks, weights and data sets; no other file imports it.

It is imported when `torchvision()` is first called, so importing this file costs nothing, and `data` loads no torch.
"""

import contextlib
import functools
import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tenfold.data.errors import MachineFault

_PATIENCE = 30               # seconds to wait for an answer of the server in a download
# torchvision's import registers fake implementations of these operators, so they must be declared
_SCHEMAS = ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


@functools.cache
def torchvision() -> Any:
    """Import torchvision and return it. MachineFault: it is not installed, or does not fit the installed torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise MachineFault("torchvision", "is not installed", "pip install torchvision -c constraints.txt")
    if not _operators_load(Path(spec.origin).parent):
        _declare()
    try:
        import torchvision
    except (ImportError, RuntimeError, AttributeError) as error:
        raise MachineFault("torchvision", f"does not go with this torch ({str(error).partition(chr(10))[0]})",
                           "install the versions of constraints.txt") from None
    return torchvision


@contextlib.contextmanager
def download_timeout() -> Iterator[None]:
    """Wait for a server's answer for 30 seconds at most inside this context: torch and torchvision set no timeout."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _operators_load(folder: Path) -> bool:
    """Load torchvision's compiled operators; return whether they fit this torch. To load them again does nothing."""
    import torch
    for path in (*folder.glob("_C*.so"), *folder.glob("_C*.pyd"), *folder.glob("_C*.dylib")):
        try:
            torch.ops.load_library(str(path))
            return True
        except OSError:          # built for CUDA beside a torch for CPU: "libcudart.so: cannot open …"
            continue
    return False


@functools.cache
def _declare():
    """Declare the operators without implementing them; otherwise `import torchvision` raises "operator
    torchvision::nms does not exist". We never call them. The cache keeps the library alive."""
    import torch
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    return library
