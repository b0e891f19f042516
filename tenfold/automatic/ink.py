"""The recipe for ink on a plain ground, such as characters and drawings: a small network, many varied copies."""

from tenfold.automatic.choices import Draft
from tenfold.automatic.fit import (
    FEW_PER_CLASS,
    FitContext,
    choose_adamw,
    choose_edge_network,
    edge_networks,
    start_draft,
)
from tenfold.automatic.look import Look
from tenfold.automatic.marks import InkFacts
from tenfold.automatic.regression import regression_if_few_steps

_PEN = 1.5                   # if the time allows, the canvas is so large that strokes are this many pixels wide
_LOST = 1.0                  # thinner strokes are nearly lost
_CANVASES = (32, 40, 48, 64)     # a canvas has one of these sides, in pixels
_STRENGTH = "fixed: half and 1.5 times as much variation was no better on drawn characters and digits"
_PAGE = 100                  # pictures are cleaned like pages if their shorter side has at least this many pixels
_SCAN = 200                  # pictures are cleaned like scans with grain if it has at least this many


def ink_name(cut: bool, any_angle: bool) -> str:
    """Return the name of the draft that `ink` makes."""
    return f"ink {'cut out' if cut else 'where it stands'}, {'at any angle' if any_angle else 'upright'}"


def ink(context: FitContext, marks: InkFacts, cut: bool, any_angle: bool) -> Draft:
    """Return the draft for characters and drawings: a small network with random weights, strongly varied copies.

    cut: the ink is cut out of the pictures. any_angle: copies are rotated to any angle.
    """
    look = context.look
    draft = start_draft(context, ink_name(cut, any_angle),
                        "ink on a plain ground: a small network on directions of edges, varied copies")
    if marks.needs_colour:
        draft.choose("clean.channels", 3, f"colours: in grey, a part of the ink on {marks.hidden_share:.0%} of the "
                     "pictures is nearly as light as its ground")
    else:
        draft.choose("clean.channels", 1, f"grey: {1 - look.colour_share:.0%} of the pictures looked at have no colours"
                     if not look.is_colour else "grey: ink differs from its ground in tone")
    draft.choose("clean.polarity", "auto" if look.has_mixed_polarity else look.polarity, look.polarity_reason)
    if not look.has_mixed_polarity:
        draft.choose("source.max_opposite", 1.0, "the pictures looked at decide")
    if cut:
        _clean_pages(draft, look)
        draft.choose("clean.roi", True, f"cut out: the ink's position varies by {marks.position_spread:.0%} of the "
                     f"picture's side, its size by {marks.size_spread:.0%}")
    else:
        draft.choose("clean.roi", False, f"not cut out: the ink's position varies by {marks.position_spread:.0%} of "
                     f"the picture's side only, its size by {marks.size_spread:.0%}")
    few = look.images_per_class < FEW_PER_CLASS
    draft.choose("draw.rotation", 180 if any_angle else (15 if few else 10), look.angle_reason)
    draft.choose("draw.scale", [0.6, 0.95] if cut else [0.8, 1.0], _STRENGTH if cut else "sizes hardly differ")
    draft.choose("draw.shear", 20 if few and cut else 10, f"{look.images_per_class:.0f} images a class: "
                 f"{'few' if few else 'many'}")
    draft.choose("draw.aspect", 1.5 if few and cut else 1.2, "as draw.shear")
    if cut and min(look.size) >= _PAGE:
        draft.choose("draw.broaden", 0.045 if few else 0.02, "pens of other widths")
    if cut:
        draft.choose("draw.contrast", [0.6, 1.0], "pens of other tones")
    draft.choose("draw.place", True, "anywhere on the canvas")
    _fit_ink_network(draft, context, 0.8 * marks.pen if cut else 0.9 * marks.box * marks.pen)     # by draw.scale
    choose_adamw(draft, 0.003, 0.05)
    return regression_if_few_steps(draft)


def _clean_pages(draft: Draft, look: Look) -> None:
    """Choose the cleaning by the size of the pictures."""
    if min(look.size) < _PAGE:
        draft.choose("clean.offset", 30, "fixed: ink is at least so many of 255 levels from its ground")
        return
    if min(look.size) >= _SCAN:
        draft.choose("clean.bilateral", 9, "scans have grain")
    draft.choose("clean.threshold", 0.3, f"pages of {look.size[1]}×{look.size[0]} pixels: all but the ink is removed")
    draft.choose("clean.specks", 0.5, "dust is removed, dots are kept")


def _fit_ink_network(draft: Draft, context: FitContext, pen: float) -> None:
    """Choose the largest canvas and network with which enough steps fit; pen: width of strokes, share of the canvas."""
    least_canvas = next((side for side in _CANVASES if pen * side >= _PEN), _CANVASES[-1])   # to keep the strokes
    thin = pen * _CANVASES[0] < _LOST
    choose_edge_network(draft, context, edge_networks(sorted({_CANVASES[0], least_canvas}), canvas_first=thin))
    side = draft.settings["draw.canvas"][0]
    draft.choose("draw.canvas", [side, side], f"strokes are {pen * side:.1f} pixels wide on it")
