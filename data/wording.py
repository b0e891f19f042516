"""Format text for messages: names that may hold any characters, counts with their noun, short lists of names."""

import re
from collections.abc import Iterable

LONGEST = 200                # characters of a name that are shown
_JOINERS = "\u200c\u200d"    # zero width; Persian, Indic scripts and emoji are misspelt without them
_UNFIT = {"Cc", "Cf", "Cs", "Zl", "Zp"}      # control characters, marks of writing direction, surrogates, line ends


def readable(text: str, most: int = LONGEST, keep: str = "") -> str:
    """Return any text as one line that a terminal and a font can show, of at most `most` characters.

    Control characters, line ends, marks of writing direction and invalid Unicode become codes such as \\x1b, \\n and
    \\u202e. A text that is too long is cut in the middle. keep: characters that are not replaced.
    """
    if not text.isprintable():
        from unicodedata import category  # not needed for the messages of most runs
        text = "".join(c if c in keep or c in _JOINERS or category(c) not in _UNFIT else code_of(c) for c in text)
    if len(text) > most:
        text = text[:most // 2] + "…" + text[len(text) - (most - 1) // 2:]
    return text


def code_of(c: str) -> str:
    """Return the code of a character, or of the byte that it stands for in a file name that is not UTF-8 (PEP 383)."""
    number = ord(c)
    if c in "\n\r\t":
        return repr(c)[1:-1]
    if number < 0x80 or 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number & 0xFF:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def quoted(name: str) -> str:
    """Put a name in quotes, which show blanks at its ends; unusual blanks and unprintable characters become codes."""
    return "'" + readable("".join(c if c.isprintable() else code_of(c) for c in name)) + "'"


def reason(error: Exception) -> str:
    """Say why something failed: the message of the system or library, or else the error's name in words."""
    text = " ".join((getattr(error, "strerror", None) or str(error)).split())
    if isinstance(error, KeyError):
        return f"it lacks {text}"
    if not text:
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", type(error).__name__).lower()
    return readable(text[0].lower() + text[1:])


def some(items: Iterable[str], most: int = 6, last: str = ", ") -> str:
    """List at most `most` items: "a, b, c and 4 others". last: joins the last two items if all are named."""
    items = list(items)
    if len(items) > most:
        others = len(items) - most
        return ", ".join(items[:most]) + f" and {others} other{'s' if others > 1 else ''}"
    return last.join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def counted(count: int, word: str) -> str:
    """Return a number with its noun: "1 image", "2 images", "2 classes"."""
    return f"{count} {word}" + ("" if count == 1 else "es" if word.endswith("s") else "s")


def several_frames(count: int) -> list[str]:
    """Return a list with the line that says that of `count` files one frame each is used; [] if there are none."""
    return [f"{counted(count, 'file')} hold{'s' if count == 1 else ''} several pages or frames; the first that is not "
            "empty is used"] if count else []


def folder_name(path: str) -> str:
    """Write a folder for a message: "train/"."""
    return readable(path) + "/"
