"""Stratified splitting: distribute units of images so that each split gets its share of each class.

A unit is a set of images that must stay in one split. Units with images of several classes are placed first, for all
classes together, each where it brings the splits closest to what is wanted (like scikit-learn's StratifiedGroupKFold).
Then the splits are filled with units of a single class, class by class.
"""

from dataclasses import dataclass

import numpy as np

from tenfold.data.random_streams import SPLIT
from tenfold.data.unique import unique

_WINDOW = 256                # units compared at once


@dataclass(frozen=True)
class Cut:
    """The units to be divided into splits, and how many rows of each class each split wants."""
    labels: np.ndarray               # int64 (m,), class of each row
    units: np.ndarray                # int64 (m,), unit of each row, numbered in an order that depends on the content
    wants: dict[str, list[int]]      # {"test": rows of each class, "val": …}, in the order in which they are filled
    folds: int                       # 0, or k: the test split is one of k folds, whatever `wants` says about it
    fold: int
    seed: int
    copies: bool                     # each unit only holds copies of one image: folds get units in turn

    def in_folds(self, split: str) -> bool:
        """Return whether the split is one of k folds."""
        return split == "test" and self.folds > 0

    def needed(self, c: int) -> int:
        """Return how many units class `c` needs at least: one for each split and for training, or one for each fold."""
        splits = [split for split, want in self.wants.items() if want[c] or self.in_folds(split)]
        return max(len(splits) + 1, self.folds)

    def units_to_leave(self, split: str) -> int:
        """Return how many units of each class must remain after `split` is filled: for later splits and training."""
        names = list(self.wants)
        return 1 + sum(any(self.wants[name]) for name in names[names.index(split) + 1:])

    def shuffled(self, units: np.ndarray) -> list[int]:
        """Return the units in a random order that depends on their content and the seed, not on names."""
        return units[np.random.default_rng([self.seed, SPLIT]).permutation(len(units))].tolist()


def units_of_classes(labels: np.ndarray, units: np.ndarray, classes: int) -> list[np.ndarray]:
    """Return, for each class, the units that hold a row of it, ascending, int64 (units,)."""
    many = int(units.max(initial=0)) + 1
    pairs = unique(labels * many + units)
    return np.split(pairs % many, np.searchsorted(pairs // many, range(1, classes)))


def cut_units(cut: Cut, classes: int) -> tuple[dict[str, np.ndarray], list[int]]:
    """Divide the units; return ({"test": rows, "val": rows}, the classes that have too few rows or units)."""
    of_class = units_of_classes(cut.labels, cut.units, classes)
    spans = np.bincount(np.concatenate(of_class))
    exclusive = [units[spans[units] == 1] for units in of_class]
    totals = np.bincount(cut.labels, minlength=classes)
    small = [c for c, units in enumerate(of_class) if len(units) < cut.needed(c) or (
        not cut.copies and not cut.folds and sum(want[c] for want in cut.wants.values()) >= totals[c])]
    if small:
        return {}, small
    # `mixed`: classes that have too few units of their own; these are placed together with the shared units
    mixed = np.array([len(exclusive[c]) < min(len(units), cut.needed(c)) for c, units in enumerate(of_class)])
    shared = np.concatenate([np.flatnonzero(spans > 1), *(exclusive[c] for c in np.flatnonzero(mixed))])
    chosen, loads = _place_shared(cut, cut.shuffled(np.sort(shared)), mixed)
    sizes = np.bincount(cut.units)
    for c in range(classes):
        if mixed[c]:
            enough = _mixed_has_enough(cut, c, loads, int(totals[c]))
        else:
            order = [(u, int(sizes[u])) for u in cut.shuffled(exclusive[c])]
            enough = _place_exclusive(cut, c, order, {split: load[:, c] for split, load in loads.items()}, chosen)
        if not enough:
            small.append(c)
    return {split: np.flatnonzero(np.isin(cut.units, units)) for split, units in chosen.items()}, small


def _place_shared(cut: Cut, shared: list[int], mixed) -> tuple[dict[str, list[int]], dict[str, np.ndarray]]:
    """Place units of several classes; return ({split: units}, {split: rows of each class in them, (1, classes)}).

    The rows of a test split that is one of several folds are (folds, classes).
    """
    at = np.full(int(cut.units.max(initial=-1)) + 1, -1)
    at[shared] = range(len(shared))
    rows = at[cut.units] >= 0
    table = np.zeros((len(shared), len(mixed)), np.int64)
    np.add.at(table, (at[cut.units[rows]], cut.labels[rows]), 1)
    share = np.where(mixed, 1.0, table.sum(0) / np.maximum(1, np.bincount(cut.labels, minlength=len(mixed))))
    remaining, chosen, loads = np.arange(len(shared)), {}, {}
    for split, want in cut.wants.items():
        if cut.in_folds(split):
            fold = deal_units(table[remaining], cut.folds)
            taken = np.flatnonzero(fold == cut.fold)
            loads[split] = np.stack([table[remaining[fold == k]].sum(0) for k in range(cut.folds)])
        else:
            taken = take_units(table[remaining], np.array(want) * share, mixed, cut.units_to_leave(split))
            loads[split] = table[remaining[taken]].sum(0, keepdims=True)
        chosen[split] = [shared[i] for i in remaining[taken]]
        remaining = np.delete(remaining, taken)
    return chosen, loads


def deal_units(table: np.ndarray, folds: int) -> np.ndarray:
    """Return the fold of each unit, so that each class is spread evenly. table (units, classes): rows."""
    load, out = np.zeros((folds, table.shape[1])), np.zeros(len(table), np.int64)
    weight = 1 / np.maximum(1, table.sum(0)) ** 2
    for i in np.argsort(-(weight * table**2).sum(1), kind="stable"):       # large units first
        out[i] = fold = (weight * table[i] * (table[i] + 2 * load)).sum(1).argmin()
        load[fold] += table[i]
    return out


def take_units(table: np.ndarray, want: np.ndarray, mixed: np.ndarray, leave: int) -> np.ndarray:
    """Return the indices of the units that together hold about `want` rows of each class.

    table (units, classes): rows; the units are in random order. The classes in `mixed` have no other units: of these,
    at least one unit is taken if any row is wanted, and at least `leave` units remain.
    """
    remaining, have = (table > 0).sum(0), np.zeros(table.shape[1])
    taken: list[int] = []

    def take(i):
        nonlocal remaining, have
        have, remaining = have + table[i], remaining - (table[i] > 0)
        taken.append(int(i))

    def enough_left(rows):
        return ((remaining - (rows > 0) >= leave) | (rows == 0) | ~mixed).all(-1)

    def change(rows):            # of the squared errors, each as a share of what is wanted
        return (rows * (rows + 2 * (have - want)) / np.maximum(want, 1)).sum(1)
    passed_over = []
    for i, unit in enumerate(table if want.any() else ()):   # whatever fits, in random order
        if (have + unit <= want).all() and enough_left(unit):
            take(i)
        else:
            passed_over.append(i)
    rest = np.array(passed_over, np.int64)
    while len(rest) and (missing := mixed & (want > 0) & (have == 0)).any():    # some of each class
        useful = rest[enough_left(table[rest]) & (table[rest][:, missing] > 0).any(1)]
        if not len(useful):
            break
        take(useful[change(table[useful]).argmin()])
        rest = rest[rest != taken[-1]]
    while len(rest):             # the unit that helps most; one that does not help now never will, because `have` grows
        rows = rest[:_WINDOW]
        gain = np.where(enough_left(table[rows]), change(table[rows]), 0)
        if gain.min() < 0:
            take(rows[gain.argmin()])
            gain[gain.argmin()] = 0
        rest = np.concatenate([rows[gain < 0], rest[_WINDOW:]])
    return np.array(sorted(taken), np.int64)


def _mixed_has_enough(cut: Cut, c: int, loads, total: int) -> bool:
    """Return whether every split, and training, has a row of the mixed class `c`, which has `total` rows."""
    held = {split: int(load[cut.fold if cut.in_folds(split) else 0, c]) for split, load in loads.items()}
    return sum(held.values()) < total and all(
        held[split] or not want[c] or cut.in_folds(split) for split, want in cut.wants.items())


def _place_exclusive(cut: Cut, c: int, remaining: list[tuple[int, int]], loads, chosen) -> bool:
    """Add units that only hold class `c` to `chosen`; return False if there are too few of them.

    remaining: (unit, rows) in random order. loads: rows of the class that each split, or fold, already has.
    """
    for split, want in cut.wants.items():
        if cut.in_folds(split):
            if cut.copies:
                taken = [unit for unit, _ in remaining[cut.fold::cut.folds]]
            else:
                taken = _deal_exclusive(remaining, loads[split].tolist(), cut.fold)
        else:
            count = max(0, want[c] - int(loads[split][0]))
            if count >= sum(size for _, size in remaining) + (count == 0):
                return False
            taken = _take_exclusive(remaining, count, 0 if cut.copies else cut.units_to_leave(split))
        chosen[split] += taken
        placed = set(taken)
        remaining = [(unit, size) for unit, size in remaining if unit not in placed]
    return len(remaining) > 0


def _deal_exclusive(remaining, load, fold: int) -> list[int]:
    """Return the units of one fold: large units first, each goes to the fold with the fewest rows."""
    load, taken = list(load), []
    for unit, size in sorted(remaining, key=lambda pair: -pair[1]):
        least = load.index(min(load))
        load[least] += size
        if least == fold:
            taken.append(unit)
    return taken


def _take_exclusive(remaining, count: int, leave: int) -> list[int]:
    """Return the first units that together hold at most `count` rows, or the smallest unit; `leave` units remain."""
    taken: list[int] = []
    have = 0
    for unit, size in remaining:
        if have + size <= count and len(remaining) - len(taken) > leave:
            taken.append(unit)
            have += size
    return taken if taken or not count else [min(remaining, key=lambda pair: pair[1])[0]]
