"""What a picture looks like, in sixteen bytes: to find the same picture saved twice, and blank ones."""

import cv2
import numpy as np

_STEP = 2                    # levels: a difference between two cells that is more than paper's grain
_SHARE = 12                  # the same picture: at most a twelfth of the bits that either has differ, …
_LEAST = 16                  # … of at least so many
_NEIGHBOURS = 64             # compared with each look, on either side of it in eight orders


def look(pixels: np.ndarray) -> tuple[str, float]:
    """pixels uint8 (H, W, 1 or 3) -> (32 hexadecimal digits, the deviation of its grey levels, 0..127.5).

    The digits' 128 bits: whether each of 8×8 cells is darker than its right and than its lower neighbour
    (dHash, after N. Krawetz, "Kind of Like That", 2013, who has the right one only: with it alone 11 pairs of
    150 different letters differ in 5 bits or fewer, with both not one does).
    """
    grey = pixels[:, :, 0] if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    spread = round(float(cv2.meanStdDev(grey)[1][0, 0]), 2)
    height, width = grey.shape
    step = min(height, width) // 64
    if step > 1:             # 60 µs for 350×350, where INTER_AREA takes 250 for all of the way
        grey = cv2.resize(grey, (width // step, height // step), interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(grey, (9, 9), interpolation=cv2.INTER_AREA).astype(np.int16)
    cell = small[:-1, :-1] + _STEP
    return np.packbits(np.stack([small[:-1, 1:] > cell, small[1:, :-1] > cell])).tobytes().hex(), spread


def near_groups(looks: list[str]) -> list[int]:
    """A number for each look, the same for those of the same picture, and for chains of such.

    Shares of the bits, since line art on blank paper has few of them. Time grows with n log n (35,000 looks: 1 s):
    two near looks mostly agree in one of eight words of 16 bits, so that they are neighbours in one of
    eight orders, unless more than 64 others share that word.
    """
    words = np.frombuffer(bytes.fromhex("".join(looks)), ">u2").reshape(len(looks), 8)
    distinct, which = np.unique(words, axis=0, return_inverse=True)
    parent = list(range(len(distinct)))

    def root(i):
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i
    for first in range(8):
        order = np.lexsort(np.roll(distinct, -1 - first, axis=1).T)        # lexsort's last key decides first
        ranked = distinct[order]
        packed = ranked.view(np.uint64)
        for k in range(1, min(_NEIGHBOURS + 1, len(order))):
            alike = ranked[k:, first] == ranked[:-k, first]
            if not alike.any():
                break
            differ, either = (np.bitwise_count(f(packed[k:], packed[:-k])).sum(1, dtype=np.int16)
                              for f in (np.bitwise_xor, np.bitwise_or))
            near = alike & (_SHARE * differ <= either) & (either >= _LEAST)
            for i, j in zip(order[k:][near].tolist(), order[:-k][near].tolist(), strict=True):
                parent[root(i)] = root(j)
    # equal looks of almost no bits say nothing either: each of those stands alone
    few = np.bitwise_count(words).sum(1) < _LEAST
    return [-1 - n if alone else root(i) for n, (i, alone) in enumerate(zip(which.ravel().tolist(), few, strict=True))]
