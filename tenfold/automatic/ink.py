"""The recipe for ink on a plain ground, such as characters and drawings: a small network, many varied copies."""

from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import FEW, Setting, begin, largest_on_edges, train_by_adam, without_network
from tenfold.automatic.look import Look
from tenfold.automatic.marks import InkFacts

_PEN = 1.5                   # pixels, the least width of a stroke on the canvas
_CANVASES = (32, 40, 48, 64)
_PAGE, _SCAN = 100, 200      # pixels of the shorter side from which a picture is a page, or a scan with grain


def ink_name(cut: bool, turned: bool) -> str:
    """Return the name of the draft."""
    return f"ink {'cut out' if cut else 'where it stands'}, {'at any angle' if turned else 'upright'}"


def ink(setting: Setting, marks: InkFacts, cut: bool, turned: bool) -> Draft:
    """Return the recipe for characters and drawings: a small network with random weights, strongly varied copies."""
    look = setting.look
    draft = begin(setting, ink_name(cut, turned),
                  "ink on a plain ground: a small network on directions of edges, varied copies")
    draft.choose("clean.channels", 1, f"grey: {1 - look.colour:.0%} of the pictures looked at have no colours"
                 if not look.is_colour else "grey: what is ink differs from its ground in tone")
    dark, light = look.votes
    draft.choose("clean.polarity", "auto" if look.polarity == "each" else look.polarity,
                 f"{dark} of {look.looked} pictures look like dark ink on light, {light} like light on dark")
    if cut:
        _clean_pages(draft, look)
        draft.choose("clean.roi", True, f"cut to the ink: its place varies by {marks.wander:.0%} of the side, its size "
                     f"by {marks.sizes:.0%}")
    else:
        draft.choose("clean.roi", False, f"as it stands: its place varies by {marks.wander:.0%} of the side only, its "
                     f"size by {marks.sizes:.0%}")
    few = look.each < FEW
    draft.choose("draw.rotation", 180 if turned else (15 if few else 10), look.angle_words)
    draft.choose("draw.scale", [0.6, 0.95] if cut else [0.8, 1.0])
    draft.choose("draw.shear", 20 if few and cut else 10, f"{look.each:.0f} images a class: {'few' if few else 'many'}")
    draft.choose("draw.aspect", 1.5 if few and cut else 1.2)
    if cut and min(look.size) >= _PAGE:
        draft.choose("draw.broaden", 0.045 if few else 0.02, "pens of other widths")
    if cut:
        draft.choose("draw.contrast", [0.6, 1.0])
    draft.choose("draw.place", True, "anywhere on the canvas")
    _fit_ink_network(draft, setting, 0.8 * marks.pen)
    train_by_adam(draft, 0.003, 0.05)
    return without_network(draft)


def _clean_pages(draft: Draft, look: Look) -> None:
    """Choose the cleaning that the size of the pictures asks for."""
    if min(look.size) < _PAGE:
        draft.choose("clean.offset", 30)
        return
    if min(look.size) >= _SCAN:
        draft.choose("clean.bilateral", 9, "scans have grain")
    draft.choose("clean.threshold", 0.3, f"pages of {look.size[1]}×{look.size[0]} pixels: what is no ink goes")
    draft.choose("clean.specks", 0.5, "dust goes, dots stay")


def _fit_ink_network(draft: Draft, setting: Setting, pen: float) -> None:
    """Choose the largest canvas and network with which enough steps fit; pen: width of strokes, share of the canvas."""
    thin = next((side for side in _CANVASES if pen * side >= _PEN), _CANVASES[-1])       # canvas for the strokes
    largest_on_edges(draft, setting, sorted({_CANVASES[0], thin}))
    side = draft.settings["draw.canvas"][0]
    draft.choose("draw.canvas", [side, side], f"strokes are {pen * side:.1f} pixels wide there")
