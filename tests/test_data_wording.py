"""What comes from outside, a name or a message, is shown as text: it moves no cursor and begins no line."""

import argparse
import json
import os
import signal
import sys
import unicodedata
import warnings

import pytest

from tenfold.data.command import make_parser, run
from tenfold.data.errors import SourceFault
from tenfold.data.html import table
from tenfold.data.wording import LONGEST, counted, quoted, readable, reason, some

NASTY = ["\x1b[2J", "\x1b]0;title\a", "a\nset aside: b", "\r100%", "\b\b", "\x9b2J", "\u202egpj.exe", "\u2066a", "\t",
         "\u2028b", "\udcff", "\ud800", "\ufeff", "\x7f", "\0", "x" * 100_000, "é 日本 क्\u200dष 👩\u200d🔬"]
UNFIT = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.fixture(autouse=True)
def _keep_the_handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def unfit(text) -> set:
    return {c for c in text if unicodedata.category(c) in UNFIT} - set("\u200c\u200d\n")


def test_every_character_is_shown_or_written_as_its_code():
    for start in (0, 0x1000, 0x2000, 0xD800, 0xE000, 0xF800, 0xE0000, sys.maxunicode - 2047):
        text = "".join(map(chr, range(start, start + 2048)))
        shown = readable(text, 10**6)
        assert not unfit(shown)
        assert "\n" not in shown
        assert set(text) - set(shown) == {c for c in text if unicodedata.category(c) in UNFIT} - set("\u200c\u200d")
    assert readable("a\nb\t\x1b\x9b\udcff\ud800\u202e é日") == r"a\nb\t\x1b\u009b\xff\ud800\u202e é日"
    assert readable("\x7f\U000e0001") == r"\x7f\U000e0001"
    assert quoted("a\u00a0b\x1b") == r"'a\u00a0b\x1b'"


def test_a_long_name_is_cut_in_its_middle():
    assert readable("train/" + "x" * 300 + "/a.png").startswith("train/x")
    assert readable("train/" + "x" * 300 + "/a.png").endswith("x/a.png")
    for most in range(1, 9):
        assert len(readable("abcdefgh", most)) == most
    assert len(readable("y" * 10**6)) == len(quoted("y" * 10**6)) - 2 == LONGEST


def test_counts_lists_and_reasons_are_plain_words():
    assert [some("abcdefgh"[:n]) for n in (0, 1, 2, 6)] == ["", "a", "a, b", "a, b, c, d, e, f"]
    assert some("abcdefg") == "a, b, c, d, e, f and 1 other"
    assert some("abcdefgh", 5) == "a, b, c, d, e and 3 others"
    assert some("abc", 3, " and ") == "a, b and c"
    words = {(0, "image"): "0 images", (1, "class"): "1 class", (2, "class"): "2 classes", (2, "image"): "2 images"}
    assert [counted(*given) for given in words] == list(words.values())
    errors = {KeyError("x"): "it lacks 'x'", FileNotFoundError(2, "No such file"): "no such file",
              OSError("Cut\n short"): "cut short", EOFError(): "eof error"}
    assert [reason(error) for error in errors] == list(errors.values())


def test_whatever_a_command_prints_is_fit_for_a_terminal_and_json_is_exact(capsys):
    def body(args):
        for name in NASTY:
            print(f"set aside: {name}", f"({name})")
        return {"names": NASTY[:-8]}
    assert run(body, argparse.Namespace(json=True)) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"names": NASTY[:-8]}
    assert not unfit(out)
    assert not unfit(err.replace("\t", ""))
    assert len(err.split("\n")) == len(NASTY) + 1
    assert max(map(len, err.split("\n"))) < 10_000
    for name in NASTY:
        for error, lines in ((SourceFault(name, name, name), 1), (KeyboardInterrupt(name), 1), (ValueError(name), 99)):
            def fail(args, error=error):
                raise error
            assert run(fail, argparse.Namespace(json=False)) in (1, 2, 130)
            out, err = capsys.readouterr()
            assert out == ""
            assert not unfit(err.replace("\t", ""))
            assert len(err.splitlines()) <= lines
        with pytest.raises(SystemExit):
            make_parser("tenfold x", "x").parse_args([f"--{name}"])
        assert not unfit(capsys.readouterr().err.replace("\t", ""))


def test_a_librarys_warning_is_one_line_in_the_words_of_a_command(capfd):
    def body(args):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("odd\nlevels \x1b[2J", RuntimeWarning, stacklevel=1)
    shown = warnings.showwarning
    assert run(body, argparse.Namespace(json=False)) == 0
    assert capfd.readouterr() == ("", "note: odd levels \\x1b[2J\n")
    assert warnings.showwarning is shown
    assert os.environ["OPENCV_LOG_LEVEL"] == "SILENT"


def test_a_table_in_a_notebook_holds_names_as_text():
    shown = table("<b>\x1b", ["<script>\ud800"], [["</td>\u202e\n", 0.5]])
    assert "<script>" not in shown
    assert "</td>\\" not in shown
    assert not unfit(shown)
