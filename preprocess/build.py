"""The two stages over worker processes: clean every source, then draw every shard.

A worker makes whole files and sends home facts, never pixels. What is finished is kept: run the
build again after it was killed and it makes the rest.
"""

import shutil
from dataclasses import asdict, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from tenfold.data.chunks import check_package
from tenfold.data.errors import ShardFault, SourceFault
from tenfold.data.files import make_folder, only_one, swept
from tenfold.data.identity import image_set
from tenfold.data.recipe import Recipe, digest_of, pixels_digest, recipe_tables
from tenfold.data.schema import INDEX, SCHEMA, SPLITS
from tenfold.data.shard import finished_shard, shard_names, write_shard
from tenfold.data.shardset import read_index, write_index
from tenfold.data.sources.class_checks import check_learnable
from tenfold.data.sources.opening import Source, open_source
from tenfold.data.splits.assign import duplicates, listed
from tenfold.data.splits.groups import source_groups
from tenfold.preprocess.clean.cache import Part, part_size, reading_of
from tenfold.preprocess.draw.random_views import PLAIN, chances
from tenfold.preprocess.draw.render import draw
from tenfold.preprocess.plan import ShardPlan, plan_shards
from tenfold.preprocess.pool import run_all
from tenfold.preprocess.survey.cost import check_room, foresee, tell
from tenfold.preprocess.survey.fingerprint import HASH
from tenfold.preprocess.survey.hold_out import Parts, hold_out
from tenfold.preprocess.survey.notes import notes, polarity_fault
from tenfold.preprocess.survey.ranges import with_ranges
from tenfold.preprocess.survey.survey import Survey, survey

_TOGETHER = 512              # copies laid out at once


def build(recipe: Recipe, data, out, workers: int, plain: bool = False,
          only_report: bool = False) -> dict:
    """Images at `data`, a path or an opened Source → shards in the folder `out`; returns dataset.json as a dictionary.

    plain: every image becomes a row of the test split (those of an official test part only, where
    there is one). only_report: stop before the first shard; the dictionary then holds what is known of the
    sources, and the next build goes on from here. Raises SourceFault, MachineFault.
    """
    check_package(recipe.shards.compression)
    source = data if isinstance(data, Source) else open_source(data, training=not plain)
    if not plain:
        check_learnable(source)
    if Path(out).resolve().is_relative_to(source.root.resolve()):
        raise SourceFault(out, "lies among the images, where the next build would take it for a class",
                          "choose another --out")
    groups = (None, []) if plain else source_groups(recipe.split.groups, source)
    out = make_folder(out)
    stamp = digest_of([source.paths, source.labels.tolist(), source.official, source.stamps,
                       source.classes, pixels_digest(recipe), recipe.source.max_bad, recipe.source.max_opposite,
                       reading_of(recipe), plain,
                       groups, recipe.split.near_duplicates])
    with only_one(out), swept(out, out / ".clean"):
        done = _finished(out, stamp)
        if done:
            asked = {"name": recipe.name, "recipe": recipe_tables(recipe) | {"source": done["recipe"]["source"] | {
                key: value for key, value in asdict(recipe.source).items() if not key.startswith("levels")}},
                     "layout": source.facts(), "images": image_set(source)}
            if done | asked != done and not only_report:       # other words for the trainer, the same pixels
                write_index(out, done := done | asked)
            return done
        scratch = make_folder(out / ".clean")
        if source.arrays:                        # unpacked once where it is compressed
            source = replace(source, arrays=source.reader(scratch))
        cost = foresee(recipe, source, scratch, draw_shard, plain)
        if not only_report:
            tell(cost, workers)
        check_room(out, replace(cost, rows=0) if only_report else cost)
        seen = survey(recipe, source, scratch, workers)
        good = seen.good
        _check_usable(source, seen, recipe)
        fault = polarity_fault(recipe, source, dict(enumerate(seen.facts)))
        if fault and not only_report:
            raise fault
        parts = hold_out(recipe, source, seen, groups, plain)
        if only_report:
            index = _index(recipe, source, seen, parts, [], [], stamp)
            index["notes"] += [f"a build would stop: {fault}"] if fault else []
            return index
        plans = plan_shards(parts.splits, source.labels[good], [seen.facts[i].digest for i in good], recipe)
        check_room(out, replace(cost, rows=sum(len(plan.sources) for plan in plans)))
        facts = _draw_all(recipe, source.labels, good, plans, out, scratch, workers)
        index = _index(recipe, source, seen, parts, plans, facts, stamp)
        for stale in set(shard_names(out)) - {p.name for p in plans}:
            (out / stale).unlink()
        write_index(out, index)
        shutil.rmtree(scratch)
    return index


def _finished(out: Path, stamp: str) -> dict | None:
    """The index of a set that is finished and made of the same files by the same recipe."""
    try:
        index = read_index(out)
        whole = index.get("stamp") == stamp and all(
            (out / s["name"]).stat().st_size == s["bytes"] for s in index["shards"])
    except (ShardFault, OSError, KeyError, TypeError):
        return None
    return index if whole else None


def _check_usable(source: Source, seen: Survey, recipe) -> None:
    """Enough good pictures to go on, and some in each class. SourceFault names an example."""
    faults = [row.fault for row in seen.facts]
    because = "".join(f"; {line}" for line in notes(recipe, source, seen) if line.startswith("deep"))
    bad = [i for i, fault in enumerate(faults) if fault]
    counts = np.bincount(source.labels[seen.good], minlength=len(source.classes))
    empty = []
    for c in np.flatnonzero(counts == 0):
        mine = [i for i in bad if source.labels[i] == c]
        empty.append(f"'{source.classes[c]}'" + (f" ({source.paths[mine[0]]}: {faults[mine[0]]})" if mine else ""))
    if empty:
        raise SourceFault(source.root, (f"class {empty[0]} has" if len(empty) == 1 else f"{len(empty)} classes have")
                          + " no usable image" + (f": {listed(empty)}" if len(empty) > 1 else ""),
                          "add images to it or remove the class" + because)
    if len(bad) > recipe.source.max_bad * len(source):
        raise SourceFault(
            source.root, f"{len(bad)} of {len(source)} images cannot be used, such as "
            f"{source.paths[bad[0]]} ({faults[bad[0]]})",
            f"mend them, or allow more than a share of {recipe.source.max_bad} with --set source.max_bad=…{because}")


def _draw_all(recipe, labels, good, plans: list[ShardPlan], out: Path, scratch: Path, workers: int):
    """The facts of each planned shard; those on disk that still match are kept."""
    (out / INDEX).unlink(missing_ok=True)      # from here on the set is unfinished
    size = part_size(len(labels))
    tasks = ((draw_shard, (out, scratch, size, plan, good[plan.sources], labels[good[plan.sources]], recipe))
             for plan in plans)
    return run_all(tasks, workers, [len(plan.sources) for plan in plans], "draw", "row")


def draw_shard(out: Path, scratch: Path, size: int, plan: ShardPlan, positions, labels, recipe: Recipe) -> dict:
    """Draw and write one shard, unless it is there.

    positions (rows,): where in the listing, and so in `scratch`, `size` to a part, each row's source lies.
    """
    cv2.setNumThreads(1)
    known = finished_shard(out / plan.name, plan.attributes)
    if known:
        facts, image = known
        return facts | moments(image)
    how = recipe.draw
    image = np.empty((len(positions), *how.canvas, recipe.clean.channels), np.uint8)
    if plan.split == "train":
        views = chances(recipe.seed, plan.sources, plan.copies, how)
    else:
        views = PLAIN.times(len(positions))
    part = lru_cache(1)(lambda number: Part(scratch, number))
    picture = lru_cache(1)(lambda position: part(position // size).picture(position % size))
    order = np.argsort(positions, kind="stable")           # source by source, so each is opened once
    for rows in np.split(order, range(_TOGETHER, len(order), _TOGETHER)):
        draw([picture(p) for p in positions[rows].tolist()], views[rows], how, [image[row] for row in rows.tolist()])
    columns = {"label": labels, "source": plan.sources, "copy": plan.copies}
    facts = write_shard(out / plan.name, image, columns, plan.attributes, recipe.shards.compression)
    return facts | moments(image)


def moments(image: np.ndarray) -> dict:
    """{"pixels", "sum", "sum_of_squares"} of image uint8 (rows, H, W, C): exact, the sums per channel."""
    # OpenCV takes a fifteenth of numpy's time, in RGB a fortieth; a row's moments, times its pixels, are
    # within a hundredth of the whole numbers that they are
    mean, std = np.array([cv2.meanStdDev(row) for row in image])[..., 0].swapaxes(0, 1)
    n = image[0, :, :, 0].size
    return {"pixels": n * len(image), "sum": np.rint(n * mean).astype(int).sum(0).tolist(),
            "sum_of_squares": np.rint(n * (std**2 + mean**2)).astype(int).sum(0).tolist()}


def _index(recipe, source: Source, seen: Survey, parts: Parts, plans, facts, stamp) -> dict:
    """dataset.json: all that the trainer knows of this room's work."""
    shards = [{"split": plan.split} | {k: f[k] for k in ("name", "rows", "bytes", "sha256")}
              for plan, f in zip(plans, facts, strict=True)]
    labels, paths = source.labels[seen.good], [source.paths[i] for i in seen.good]
    rows = [seen.facts[i] for i in seen.good]
    splits = parts.splits
    mean, std = _mean_std([f for plan, f in zip(plans, facts, strict=True) if plan.split == "train"])
    return {
        "schema": SCHEMA, "name": recipe.name, "classes": list(source.classes),
        "rows": {split: sum(s["rows"] for s in shards if s["split"] == split) for split in SPLITS},
        "class_counts": {split: np.bincount(labels[splits == split], minlength=len(source.classes)).tolist()
                         for split in SPLITS},
        "canvas": list(recipe.draw.canvas), "channels": recipe.clean.channels, "mean": mean, "std": std,
        "digest": digest_of([s["sha256"] for s in shards]), "shards": shards,
        "common": asdict(seen.common), "recipe": recipe_tables(with_ranges(recipe, seen.common.ranges)), "stamp": stamp,
        "images": image_set(source),
        "versions": {name: version(name) for name in (
            "numpy", "h5py", "pillow", "joblib", "opencv-python-headless")},
        "layout": source.facts(),
        "set_aside": [{"path": source.paths[i], "reason": row.fault} for i, row in enumerate(seen.facts) if row.fault],
        "notes": [*notes(recipe, source, seen), *parts.notes],
        "duplicates": duplicates(labels, [row.digest for row in rows], splits, paths),
        "near_duplicates": parts.near,
        "sources": [{"path": path, "label": int(label), "split": str(split), "digest": row.digest,
                     "size": list(row.size), "look": row.look[:HASH], "spread": row.spread} | row.ink_facts()
                    for path, label, split, row in zip(paths, labels, splits, rows, strict=True)],
    }


def _mean_std(facts: list[dict]) -> tuple[list[float], list[float]]:
    """Per channel over all training pixels, as shares of 255; from whole sums, so exact."""
    n = sum(f["pixels"] for f in facts)
    if not n:
        return [], []
    first, second = (np.sum([f[k] for f in facts], axis=0) for k in ("sum", "sum_of_squares"))
    mean = first / n
    std = np.sqrt(np.maximum(second / n - mean**2, 0))
    return (mean / 255).tolist(), (std / 255).tolist()
