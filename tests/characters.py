"""Characters of several components, drawn with a round pen, and pages that show them: what cleaning has to keep."""

import cv2
import numpy as np

# strokes and dots in units of the character's height, x to the right, y down
CHARACTERS = {
    "i": [[(0, .35), (0, 1)], [(0, 0)]], "j": [[(.2, .35), (.2, .9), (0, 1)], [(.2, 0)]],
    "ü": [[(0, .4), (0, 1), (.5, 1), (.5, .4)], [(.08, 0)], [(.42, 0)]], ":": [[(0, 0)], [(0, 1)]], ".": [[(0, 0)]],
    "!": [[(0, 0), (0, .6)], [(0, 1)]], "/": [[(0, 1), (.5, 0)]], "=": [[(0, 0), (1, 0)], [(0, .6), (1, .6)]],
    "÷": [[(0, .5), (1, .5)], [(.5, 0)], [(.5, 1)]], "o": [[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]],
    "E": [[(.7, 0), (0, 0), (0, 1), (.7, 1)], [(0, .5), (.6, .5)]], "I": [[(0, 0), (0, 1)]], "-": [[(0, 0), (.6, 0)]],
    "+": [[(0, .5), (1, .5)], [(.5, 0), (.5, 1)]], "×": [[(0, 0), (1, 1)], [(0, 1), (1, 0)]],
    "<": [[(.7, 0), (0, .4), (.7, .8)]], ">": [[(0, 0), (.7, .4), (0, .8)]],
}
COMPONENTS = {"i": 2, "j": 2, "ü": 3, ":": 2, ".": 1, "!": 2, "/": 1, "=": 2, "÷": 3, "o": 1, "E": 1, "I": 1, "-": 1,
              "+": 1, "×": 1, "<": 1, ">": 1}
_FINE = 4                    # drawn so many times larger


def character(name: str, pen: float, height: float) -> np.ndarray:
    """Coverage with ink, float32 (h, w) in 0..1, cut to its bounding box; pen and height in pixels."""
    edge = int(pen / 2 + 2)
    fine = np.zeros((int(height * 1.1 + 2 * edge + 2) * _FINE,) * 2, np.uint8)
    for stroke in CHARACTERS[name]:
        points = (np.array(stroke) * height + edge) * _FINE
        if len(points) > 1:
            cv2.polylines(fine, [points.astype(np.int32)], False, 255, max(1, round(pen * _FINE)))
        else:
            cv2.circle(fine, points[0].astype(int).tolist(), max(2, round(pen * _FINE / 2)), 255, -1)
    ys, xs = (np.flatnonzero(fine.any(axis)) // _FINE for axis in (1, 0))
    fine = fine[ys[0] * _FINE:(ys[-1] + 1) * _FINE, xs[0] * _FINE:(xs[-1] + 1) * _FINE]
    size = fine.shape[1] // _FINE, fine.shape[0] // _FINE
    return cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def shade(kind: str, shape, strength: float, angle: float) -> np.ndarray:
    """How much light falls on each pixel, float (H, W) in 0..1."""
    y, x = ((np.arange(side) * 2 - side) / max(shape) for side in shape)
    y, x = np.meshgrid(y, x, indexing="ij")
    along = np.cos(angle) * x + np.sin(angle) * y
    lost = {"none": 0 * x, "slope": (along + 1.4) / 2.8, "vignette": (x * x + y * y) / 2,
            "shadow": 1 / (1 + np.exp(-6 * along))}[kind]
    return 1 - strength * lost


def page(rng, name: str, pen: float, margin: float, light: str = "none", dark: bool = True):
    """(uint8 (H, W, 1) page, its character's coverage (H, W), the tone that the cleaned ink should have).

    margin: up to so many of the character's longer side on each of its sides.
    """
    drawn = character(name, pen, 0 if name == "." else pen * rng.uniform(3.2, 9))
    border = (rng.uniform(0, margin, 4) * max(drawn.shape)).astype(int).tolist()
    cover = cv2.copyMakeBorder(drawn, *border, cv2.BORDER_CONSTANT, value=0)
    paper = rng.uniform(170, 250)
    ink = rng.uniform(10, paper - 90)
    tones = paper + (ink - paper) * cover if dark else ink + (paper - ink) * cover
    tones = tones * shade(light, cover.shape, rng.uniform(0.1, 0.3), rng.uniform(0, 6.3))
    image = np.clip(tones + rng.normal(0, rng.uniform(0, 4), cover.shape), 0, 255).astype(np.uint8)
    return image[:, :, None], cover, 255 * (paper - ink) / (paper if dark else 255 - ink)


def components(image: np.ndarray, level: float) -> int:
    """Connected components above `level`."""
    return cv2.connectedComponents((image > level).astype(np.uint8).reshape(image.shape[:2]))[0] - 1
