"""Where labelled images come from: a folder of class folders or an .npz file; `open_source` opens either.

Read in this order: `source` (what an opened source holds) and `opening`; a folder by `listing` (what lies in it),
`formats` (files by content), `split_names`, `class_folders`, `split_folders`, `splits_in_classes` and `layout` (which
folders are classes and splits), `folder`; an arrays file by `npz`, `npz_pictures`, `array_labels` and `arrays`; the
class names of both by `class_names` and `class_checks`; a part of either by `thinning`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenfold.data.sources.opening import open_source
    from tenfold.data.sources.source import Source

__all__ = ["Source", "open_source"]


def __getattr__(name: str):
    """Import what is asked for when it is asked for: `--help` shall not wait for numpy."""
    if name == "Source":
        from tenfold.data.sources.source import Source
        return Source
    if name == "open_source":
        from tenfold.data.sources.opening import open_source
        return open_source
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
