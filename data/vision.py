"""Import torchvision on first use, for its networks, weights and data sets; no other file imports it.

torchvision is imported when `torchvision()` is first called, so importing this file costs nothing and
`data` stays free of torch.
"""

import functools
import importlib.util
from pathlib import Path
from typing import Any

from tenfold.data.errors import MachineFault

# Its import registers what these operators give without computing, compiled or not
_SCHEMAS = ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


@functools.cache
def torchvision() -> Any:
    """Import torchvision and return it. MachineFault: it is not installed, or not for the torch that is."""
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


def _operators_load(folder: Path) -> bool:
    """Whether torchvision's compiled operators go with this torch; loading them twice does nothing."""
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
    """The operators by name only, without which `import torchvision` raises "operator torchvision::nms does not
    exist". Nothing of ours calls them; the library lives as long as the cache that holds it."""
    import torch
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    return library
