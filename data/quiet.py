"""Keep libraries from printing in their own format while a command runs."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from tenfold.data.wording import readable


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence OpenCV, and print a library's warning as one line, "note: …", without its file and source code.

    Pillow and libtiff are kept quiet where they are called (preprocess/decode/pillow.py).
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")      # read when cv2 is imported, also in worker processes
    with warnings.catch_warnings():
        warnings.showwarning = _print_note
        yield


def _print_note(message: Warning | str, *about: Any, **more: Any) -> None:
    print("note:", readable(" ".join(str(message).split()), 400), file=sys.stderr)
