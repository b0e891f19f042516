"""Names of classes can be told apart in pictures, whatever their script and whichever fonts are installed."""

import io

import numpy as np
import pytest
from matplotlib import get_data_path
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw

from tenfold.data import fonts
from tenfold.data.figures import save_figure
from tenfold.preprocess.fonts import write_name

STIX = fonts.Font("STIXGeneral", f"{get_data_path()}/fonts/ttf/STIXGeneral.ttf")


@pytest.fixture
def installed(monkeypatch):
    """Sets which fonts are installed besides DejaVu Sans: installed(STIX)."""
    def only(*found):
        monkeypatch.setattr(fonts, "_found", {})
        monkeypatch.setattr(fonts, "_listed", lambda: list(found))
        monkeypatch.setattr(fonts, "_unlisted", list)
    only()
    return only


@pytest.fixture(scope="module")
def rare():
    """Two characters that STIXGeneral has, and DejaVu Sans lacks."""
    stix, [usual] = FT2Font(STIX.path), fonts._dejavu()
    held = set(stix.get_charmap()) - set(FT2Font(usual.path).get_charmap())
    return "".join(map(chr, sorted(code for code in held if 0x2000 < code < 0xFB00)[:2]))


def drawn(name: str, width: float = 150) -> np.ndarray:
    sheet = Image.new("L", (200, 20), "white")
    write_name(ImageDraw.Draw(sheet), (2, 2), name, 12, width)
    return np.asarray(sheet)


@pytest.mark.usefixtures("installed")
def test_what_no_font_has_is_written_as_a_code():
    assert fonts.drawable(["cat", "字", "a ก", "x" * 30, "字字字字"], 12) == [
        "cat", "\\u5b57", "a \\u0e01", "xxxxxx…xxxxx", "\\u5b57…u5b57"]
    for one, other in ("字学", "กข", "अआ", "한글", "👍👎"):
        assert (drawn(one) != drawn(other)).any()
        assert (drawn(one) == drawn(fonts.drawable([one])[0])).all()


def test_a_font_that_has_them_is_taken(installed, rare):
    name = f"ab{rare}c"
    without = drawn(name)
    installed(STIX)
    assert fonts.fonts_for([name]) == dict.fromkeys(rare, STIX)
    assert fonts.drawable([name]) == [name]
    assert np.argwhere(drawn(name) < 128)[:, 1].max() < np.argwhere(without < 128)[:, 1].max()       # no codes
    assert (drawn(rare[0]) != drawn(rare[1])).any()
    assert (drawn(f"ab{rare}")[:, :14] == drawn("ab")[:, :14]).all()             # the others stay as they were
    figure = Figure()
    axis = figure.subplots()
    axis.set_xticks([0, 1], ["ab", name])
    save_figure(figure, io.BytesIO())
    assert axis.get_xticklabels()[1].get_fontfamily()[-1] == "STIXGeneral"


def test_usual_names_look_nothing_up(monkeypatch):
    monkeypatch.setattr(fonts, "_look_up", lambda *_: pytest.fail("looked up"))
    monkeypatch.setattr(fonts, "_found", {})
    assert fonts.drawable(["cat", "Äpfel", "λξ", "жд", "x" * 20], 9)[:4] == ["cat", "Äpfel", "λξ", "жд"]


@pytest.mark.usefixtures("installed")
def test_a_name_stays_within_its_width():
    for name in ("m" * 200, "字" * 90, "ab" * 12, "λ" * 40):
        ink = np.argwhere(drawn(name, 60) < 128)[:, 1]
        assert 30 < ink.max() <= 62
