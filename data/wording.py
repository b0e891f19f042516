"""Words for messages: counts with their noun, names in quotes, lists of names that stay short."""

from collections.abc import Iterable

from tenfold.data.command import readable


def quoted(name: str) -> str:
    """Put a name in quotes, so that blanks at its ends are seen; unusual blanks and unprintable characters as codes."""
    return "'" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name) + "'"


def some(items: Iterable[str], most: int = 6, last: str = ", ") -> str:
    """List at most `most` items: "a, b, c and 4 others". last: what joins the final two where all are named."""
    items = list(items)
    if len(items) > most:
        others = len(items) - most
        return ", ".join(items[:most]) + f" and {others} other{'s' if others > 1 else ''}"
    return last.join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def counted(count: int, word: str) -> str:
    """Return a number with its noun: "1 image", "2 images", "2 classes"."""
    return f"{count} {word}" + ("" if count == 1 else "es" if word.endswith("s") else "s")


def folder_name(path: str) -> str:
    """Write a folder for a message: "train/"."""
    return readable(path) + "/"
