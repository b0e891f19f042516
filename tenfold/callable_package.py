"""Make a package callable, so that one name is a function and a package.

Python binds the name of a package to the package as soon as anything in it is imported, and that must stay so:
`import tenfold.train.run` and whatever looks a module up by its name follow that attribute. So there is one object
under the name, always: the package, which can be called. Type checkers and editors see the function.
"""

from __future__ import annotations

import importlib
from types import ModuleType

TYPE_CHECKING = False        # as in `tenfold`
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def make_callable(name: str, function: Callable[..., Any]) -> None:
    """Import the package of that name, and let a call of it call the function. It is pickled by its name."""

    class CallablePackage(ModuleType):
        __call__ = __wrapped__ = staticmethod(function)          # inspect takes the signature from __wrapped__

        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return importlib.import_module, (self.__name__,)
    importlib.import_module(name).__class__ = CallablePackage
