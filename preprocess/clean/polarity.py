"""Detect the polarity of a picture: dark ink on light ground or light ink on dark, with its log-odds."""

import cv2
import numpy as np

CLEAR = 3.0                  # log-odds beyond which a picture clearly looks one way: 95 in 100
_SIDE = 64                   # pixels along the longer side at which pictures are judged
_LEAST_COMPONENT = 0.001         # share of the picture; smaller components are grain
# Log-odds = these times (b, b^5, p, k); see `dark_ink_log_odds`. A logistic regression without intercept on 5,000
# characters of six fonts, a third of them of several components, tight and with margins, with shadow, blur and grain,
# each with its negative. Right on other fonts: 88% of characters cut to their bounding box (97% of E, F, H, L, M, T,
# 70% of those of several components), 96% with margins up to a quarter, 98% with wider ones; all of 150 scanned
# letters, 1,728 printed characters and 1,000 digits. The border's tone alone has 75% of tight ones.
_BORDER, _BORDER_5, _COMPONENTS, _EDGES = 2.1, 4.8, 4.7, 1.1
_TOUCHED = 0.04              # share of an edge that has a tone, from which the tone touches it
_SHADED = 32                 # pixels of the shorter side, from which a third tone is looked for: no stroke's edge
_UNEVEN = 0.72               # in smoothly uneven light, Otsu's threshold explains less than this of the variance
_THIN, _STROKES = 9, 6.0     # pixels by which strokes are narrower than the light's changes; log-odds of strokes alone
_BROAD, _APART = 5, 24       # pixels by which a third tone is broader than an edge's; levels between two tones


def grey_of(image: np.ndarray) -> np.ndarray:
    """Return the grey levels (ITU-R 601), uint8 (H, W), of a picture uint8 (H, W, 1 or 3)."""
    return image[:, :, 0] if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def dark_ink_log_odds(image: np.ndarray) -> tuple[float, int, int]:
    """Return (log-odds that the ink is the dark tone, the dark tone, the light tone: 0..255) of uint8 (H, W, 1 or 3).

    Otsu's threshold parts the picture into two tones (N. Otsu, 1979). Under a shadow with an edge there are three, and
    the split counts that tells most clearly; in smoothly uneven light there are none, and narrow strokes count alone.
    The negative of a picture has the negative log-odds. 0: one tone only.
    """
    grey = grey_of(image)
    height, width = grey.shape
    share = min(1.0, _SIDE / max(height, width))
    if share < 1:
        size = max(4, round(width * share)), max(4, round(height * share))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(grey, (3, 3), 0)
    split, light = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = 1 - light
    if not light.any() or not dark.any():
        return 0.0, int(grey.min()), int(grey.max())
    dark_mean, light_mean = (cv2.mean(grey, mask)[0] for mask in (dark, light))
    odds = _log_odds(light)
    if min(grey.shape) >= _SHADED:
        lit = float(light.mean())
        if lit * (1 - lit) * (light_mean - dark_mean) ** 2 < _UNEVEN * float(grey.var()):
            odds = _log_odds_of_strokes(grey)
        else:
            odds = max([odds, *map(_log_odds, _third_tones(grey, int(split)))], key=abs)
    return round(odds, 3), round(dark_mean), round(light_mean)


def _log_odds(light: np.ndarray) -> float:
    """Return the log-odds that the ink is dark; light: uint8 (H, W), 1 where the light tone is.

    Ground fills most of the border: b in -1..1, the share of light border pixels less that of dark ones. Ink cut to its
    bounding box fills much of the border too, but it hangs together where the ground around it falls into components: p
    in -1..1, the light components less the dark ones, over their number. And it touches all four edges, or none: k in
    -1, 0, 1, whether that holds for the dark tone less whether it holds for the light one.
    """
    b = 2 * float(np.concatenate([light[0], light[-1], light[1:-1, 0], light[1:-1, -1]]).mean()) - 1
    light_count, dark_count = _components(light), _components(1 - light)
    p = (light_count - dark_count) / max(1, light_count + dark_count)
    edges = np.array([light[0].mean(), light[-1].mean(), light[:, 0].mean(), light[:, -1].mean()])
    k = sum(sign * ((share > _TOUCHED).sum() in (0, 4)) for sign, share in ((1, 1 - edges), (-1, edges)))
    return _BORDER * b + _BORDER_5 * b**5 + _COMPONENTS * p + _EDGES * int(k)


def _third_tones(grey: np.ndarray, split: int) -> list[np.ndarray]:
    """Return masks of the light tone, uint8 (H, W), by other splits: where either tone of Otsu's is two, one broad."""
    masks = []
    for above in (False, True):
        side = grey[(grey > split) == above]
        other = int(cv2.threshold(side, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0])
        light = (grey > other).astype(np.uint8)
        middle = cv2.inRange(grey, min(split, other) + 1, max(split, other))
        ink = light * 255 if above else (1 - light) * 255
        if cv2.erode(middle, np.ones((_BROAD, _BROAD), np.uint8)).mean() > 255 * 0.01 and \
                abs(cv2.mean(grey, middle)[0] - cv2.mean(grey, ink)[0]) > _APART:
            masks.append(light)
    return masks


def _log_odds_of_strokes(grey: np.ndarray) -> float:
    """Log-odds by narrow strokes alone: what a closing removes is dark, what an opening removes is light."""
    around = np.ones((_THIN, _THIN), np.uint8)
    dark, light = (float(np.maximum(cv2.morphologyEx(grey, how, around), 6).sum()) - 6 * grey.size
                   for how in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT))
    return _STROKES * (dark - light) / max(dark + light, 1.0)


def other_polarity(image: np.ndarray, polarity: str) -> str:
    """Return the polarity of a picture, "dark" or "light", if it is clearly the opposite of its set's, else "".

    image: uint8 (H, W, 1 or 3); polarity: that of the set. If it is neither "dark" nor "light", the result is "".
    """
    sign, other = {"dark": (1, "light"), "light": (-1, "dark")}.get(polarity, (0, ""))
    return other if sign and sign * dark_ink_log_odds(image)[0] < -CLEAR else ""


def _components(mask: np.ndarray) -> int:
    """How many connected components of some size a mask (H, W) of 0 and 1 has."""
    _, _, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return int((facts[1:, cv2.CC_STAT_AREA] >= max(2, _LEAST_COMPONENT * mask.size)).sum())
