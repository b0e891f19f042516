"""Cut units of images into parts so that each class gives each part its share.

A unit is a set of images that must lie on one side. Units of several classes are placed first, all classes at
once, each where it brings the parts nearest to what is asked (as scikit-learn's StratifiedGroupKFold does); then
each class fills up with units of its own.
"""

from dataclasses import dataclass

import numpy as np

from tenfold.data.random_streams import SPLIT

_WINDOW = 256                # units compared at once


@dataclass(frozen=True)
class Cut:
    """What is to be cut, and into what."""
    labels: np.ndarray               # int64 (m,), class of each row
    units: np.ndarray                # int64 (m,), unit of each row, numbered in an order that content decides
    wants: dict[str, list[int]]      # {"test": rows of each class, "val": …}, in the order in which they are filled
    folds: int                       # 0, or k: the test part is one of k folds, whatever `wants` says of it
    fold: int
    seed: int
    copies: bool                     # a unit is no more than copies of one image: folds are dealt in turn

    def in_folds(self, part: str) -> bool:
        return part == "test" and self.folds > 0

    def needed(self, c: int) -> int:
        """The least number of units that class `c` must have: one for each part and for training, one for each fold."""
        parts = [part for part, want in self.wants.items() if want[c] or self.in_folds(part)]
        return max(len(parts) + 1, self.folds)

    def later(self, part: str) -> int:
        """How many units of each class must be left when `part` is filled: for the parts after it and for training."""
        names = list(self.wants)
        return 1 + sum(any(self.wants[name]) for name in names[names.index(part) + 1:])

    def shuffled(self, units: list[int]) -> list[int]:
        """In an order that depends on their content and the seed, not on any name."""
        return [units[i] for i in np.random.default_rng([self.seed, SPLIT]).permutation(len(units))]


def units_of_classes(labels, units, classes: int) -> list[list[int]]:
    """For each class the units that hold a row of it, ascending."""
    many = int(units.max(initial=0)) + 1
    pairs = np.unique(labels * many + units)
    return [of.tolist() for of in np.split(pairs % many, np.searchsorted(pairs // many, range(1, classes)))]


def cut_units(cut: Cut, classes: int) -> tuple[dict[str, np.ndarray], list[int]]:
    """({"test": rows, "val": rows}, the classes that have too few rows or units for that)."""
    of_class = units_of_classes(cut.labels, cut.units, classes)
    spans = np.bincount(np.concatenate(of_class).astype(np.int64))
    own = [[u for u in units if spans[u] == 1] for units in of_class]
    totals = np.bincount(cut.labels, minlength=classes)
    small = [c for c, units in enumerate(of_class) if len(units) < cut.needed(c) or (
        not cut.copies and not cut.folds and sum(want[c] for want in cut.wants.values()) >= totals[c])]
    if small:
        return {}, small
    # a class with hardly a unit of its own is placed together with the units that it shares
    poor = np.array([len(own[c]) < min(len(units), cut.needed(c)) for c, units in enumerate(of_class)])
    shared = np.flatnonzero(spans > 1).tolist() + [u for c in np.flatnonzero(poor) for u in own[c]]
    chosen, loads = _place_shared(cut, cut.shuffled(sorted(shared)), poor)
    sizes = np.bincount(cut.units)
    for c in range(classes):
        if poor[c]:
            enough = _poor_has_enough(cut, c, loads, int(totals[c]))
        else:
            order = [(u, int(sizes[u])) for u in cut.shuffled(own[c])]
            enough = _place_own(cut, c, order, {part: load[:, c] for part, load in loads.items()}, chosen)
        if not enough:
            small.append(c)
    return {part: np.flatnonzero(np.isin(cut.units, units)) for part, units in chosen.items()}, small


def _place_shared(cut: Cut, shared: list[int], poor) -> tuple[dict[str, list[int]], dict[str, np.ndarray]]:
    """({part: units}, {part: rows of each class that they hold, (1, classes); of test in folds (folds, classes)})."""
    at = np.full(int(cut.units.max(initial=-1)) + 1, -1)
    at[shared] = range(len(shared))
    rows = at[cut.units] >= 0
    table = np.zeros((len(shared), len(poor)), np.int64)
    np.add.at(table, (at[cut.units[rows]], cut.labels[rows]), 1)
    share = np.where(poor, 1.0, table.sum(0) / np.maximum(1, np.bincount(cut.labels, minlength=len(poor))))
    left, chosen, loads = np.arange(len(shared)), {}, {}
    for part, want in cut.wants.items():
        if cut.in_folds(part):
            fold = deal_units(table[left], cut.folds)
            taken = np.flatnonzero(fold == cut.fold)
            loads[part] = np.stack([table[left[fold == k]].sum(0) for k in range(cut.folds)])
        else:
            taken = take_units(table[left], np.array(want) * share, poor, cut.later(part))
            loads[part] = table[left[taken]].sum(0, keepdims=True)
        chosen[part] = [shared[i] for i in left[taken]]
        left = np.delete(left, taken)
    return chosen, loads


def deal_units(table, folds: int) -> np.ndarray:
    """Which fold each unit goes to, so that each class is spread evenly. table (units, classes): rows."""
    load, out = np.zeros((folds, table.shape[1])), np.zeros(len(table), np.int64)
    weight = 1 / np.maximum(1, table.sum(0)) ** 2
    for i in np.argsort(-(weight * table**2).sum(1), kind="stable"):       # the large first, while there is a choice
        out[i] = fold = (weight * table[i] * (table[i] + 2 * load)).sum(1).argmin()
        load[fold] += table[i]
    return out


def take_units(table, want, poor, later: int) -> np.ndarray:
    """Indices of the units that together hold about `want` rows of each class.

    table (units, classes): rows, units in random order. Of the classes in `poor`, which have no other units, at
    least one unit is taken where any is wanted, and at least `later` are left.
    """
    left, have, taken = (table > 0).sum(0), np.zeros(table.shape[1]), []

    def take(i):
        nonlocal left, have
        have, left = have + table[i], left - (table[i] > 0)
        taken.append(int(i))

    def spare(some):
        return ((left - (some > 0) >= later) | (some == 0) | ~poor).all(-1)

    def change(some):            # of the squared errors, each as a share of what is wanted
        return (some * (some + 2 * (have - want)) / np.maximum(want, 1)).sum(1)
    rest = []
    for i, one in enumerate(table if want.any() else ()):    # whatever fits, in random order
        if (have + one <= want).all() and spare(one):
            take(i)
        else:
            rest.append(i)
    rest = np.array(rest, np.int64)
    while len(rest) and (missing := poor & (want > 0) & (have == 0)).any():    # some of each class
        useful = rest[spare(table[rest]) & (table[rest][:, missing] > 0).any(1)]
        if not len(useful):
            break
        take(useful[change(table[useful]).argmin()])
        rest = rest[rest != taken[-1]]
    while len(rest):             # the best of those that bring it nearer; who does not now never will, as `have` grows
        some = rest[:_WINDOW]
        gain = np.where(spare(table[some]), change(table[some]), 0)
        if gain.min() < 0:
            take(some[gain.argmin()])
            gain[gain.argmin()] = 0
        rest = np.concatenate([some[gain < 0], rest[_WINDOW:]])
    return np.array(sorted(taken), np.int64)


def _poor_has_enough(cut: Cut, c: int, loads, total: int) -> bool:
    """Whether every part, and training, has a row of class `c`, which has `total` rows."""
    held = {part: int(load[cut.fold if cut.in_folds(part) else 0, c]) for part, load in loads.items()}
    return sum(held.values()) < total and all(
        held[part] or not want[c] or cut.in_folds(part) for part, want in cut.wants.items())


def _place_own(cut: Cut, c: int, left: list[tuple[int, int]], loads, chosen) -> bool:
    """Add units of class `c` alone to `chosen`. left: (unit, rows) in random order; loads: rows of the class that
    lie in each part, or fold, already. False: there are too few of them."""
    for part, want in cut.wants.items():
        if cut.in_folds(part):
            if cut.copies:
                taken = [unit for unit, _ in left[cut.fold::cut.folds]]
            else:
                taken = _deal_own(left, loads[part].tolist(), cut.fold)
        else:
            count = max(0, want[c] - int(loads[part][0]))
            if count >= sum(size for _, size in left) + (count == 0):
                return False
            taken = _take_own(left, count, 0 if cut.copies else cut.later(part))
        chosen[part] += taken
        gone = set(taken)
        left = [(unit, size) for unit, size in left if unit not in gone]
    return len(left) > 0


def _deal_own(left, load, fold: int) -> list[int]:
    """The units of one fold: the large ones first, each to the fold that has the fewest rows."""
    load, taken = list(load), []
    for unit, size in sorted(left, key=lambda pair: -pair[1]):
        least = load.index(min(load))
        load[least] += size
        if least == fold:
            taken.append(unit)
    return taken


def _take_own(left, count: int, later: int) -> list[int]:
    """The first units that together hold at most `count` rows, or the smallest one; `later` of them stay."""
    taken, have = [], 0
    for unit, size in left:
        if have + size <= count and len(left) - len(taken) > later:
            taken.append(unit)
            have += size
    if count and not taken:
        taken = [min(left, key=lambda pair: pair[1])[0]]
    return taken
