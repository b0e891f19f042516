"""Draw every planned shard in worker processes; a worker writes a whole file and returns facts, never pixels."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tenfold.data.recipe import Recipe
from tenfold.data.shard import finished_shard, write_shard
from tenfold.preprocess.draw.memory import borrow, give_back
from tenfold.preprocess.draw.random_views import PLAIN, RandomView, draw_views
from tenfold.preprocess.draw.render import draw_copies
from tenfold.preprocess.draw.together import BYTES, drawn_from_source, pictures_together
from tenfold.preprocess.plan import Plan, ShardPlan
from tenfold.preprocess.pool import Progress, run_tasks
from tenfold.preprocess.survey.open_block import Block, forget_levels
from tenfold.preprocess.survey.table import Survey

_TOGETHER = 512              # copies laid out at once


@dataclass(frozen=True)
class Workplace:
    """The folders that shards are drawn from and written to, and their recipe."""
    out: Path                # folder of the set
    cache: Path              # folder of the clean cache
    block_size: int          # sources in one of its blocks
    recipe: Recipe
    reader: Any              # of the source: see `drawn_from_source`


@dataclass(frozen=True)
class DrawTask:
    """One shard to draw: all that a worker process needs."""
    where: Workplace
    plan: ShardPlan
    listed: np.ndarray       # int64 (rows,): position of each row's source in the listing, and so in the clean cache
    labels: np.ndarray       # int64 (rows,)


@dataclass(frozen=True)
class DrawnShard:
    """A shard that was written: its file, and the exact sums of its pixels per channel."""
    name: str
    split: str
    rows: int
    bytes: int
    sha256: str              # of the file
    content: str             # of what comes before its trailer
    pixels: int
    sum: list[int]
    sum_of_squares: list[int]


def draw_shards(plan: Plan, survey: Survey, where: Workplace, workers: int) -> list[DrawnShard]:
    """Draw each planned shard, unless it is on disk and still matches. survey: as `plan_shards` had it."""
    forget_levels(where.cache)
    tasks = (DrawTask(where, shard, survey.listed[shard.sources], survey.labels[shard.sources])
             for shard in plan.shards)
    return run_tasks(draw_shard, tasks, workers, Progress("draw", "row", plan.counts))


def draw_shard(task: DrawTask) -> DrawnShard:
    """Draw and write one shard, unless it is there."""
    plan, recipe = task.plan, task.where.recipe
    path = task.where.out / plan.name
    known = finished_shard(path, plan.attributes)
    if known:
        facts, image = known
    else:
        image = _draw_rows(task)
        columns = {"label": task.labels, "source": plan.sources, "copy": plan.copies}
        facts = write_shard(path, image, columns, plan.attributes, recipe.shards.compression)
    drawn = DrawnShard(**facts, split=plan.split, **moments(image))
    give_back()
    return drawn


def _draw_rows(task: DrawTask) -> np.ndarray:
    """The pixels of a shard, uint8 (rows, H, W, C)."""
    plan, where, recipe = task.plan, task.where, task.where.recipe
    image = borrow((len(plan), *recipe.draw.canvas, recipe.clean.channels))
    if plan.split == "train":
        views = draw_views(recipe.seed, plan.sources, plan.copies, recipe.draw)
    else:
        views = PLAIN.times(len(plan))
    if drawn_from_source(recipe, where.reader):
        _draw_from_source(task, views, image)
        return image
    once = plan.split != "train" or recipe.draw.copies == 1
    block = lru_cache(1)(lambda number: Block(where.cache, number, once))
    picture = lru_cache(1)(lambda listed: block(listed // where.block_size).picture(listed % where.block_size))
    order = np.argsort(task.listed, kind="stable")         # source by source, so each is opened once
    for rows in np.split(order, range(_TOGETHER, len(order), _TOGETHER)):
        draw_copies([picture(listed) for listed in task.listed[rows].tolist()], views[rows], recipe.draw,
                    [image[row] for row in rows.tolist()])
    return image


def _draw_from_source(task: DrawTask, views: RandomView, image: np.ndarray) -> None:
    """Draw the copies of pictures that are not cleaned into `image`."""
    reader, draw = task.where.reader, task.where.recipe.draw
    together = max(1, min(_TOGETHER, BYTES // int(np.prod(reader.shape_of_each))))
    order = np.argsort(task.listed, kind="stable")
    for rows in np.split(order, range(together, len(order), together)):
        listed, which = np.unique(task.listed[rows], return_inverse=True)
        pictures = pictures_together(reader.read_rows(listed), draw)
        draw_copies([pictures[k] for k in which.tolist()], views[rows], draw, [image[row] for row in rows.tolist()])


def moments(image: np.ndarray) -> dict:
    """Return {"pixels", "sum", "sum_of_squares"} of image uint8 (rows, H, W, C): exact, the sums per channel."""
    # OpenCV takes a fifteenth of numpy's time, in RGB a fortieth; its means times the pixels are within a hundredth
    # of whole numbers, so rounding makes them exact
    mean, std = np.array([cv2.meanStdDev(row) for row in image])[..., 0].swapaxes(0, 1)
    n = image[0, :, :, 0].size
    return {"pixels": n * len(image), "sum": np.rint(n * mean).astype(int).sum(0).tolist(),
            "sum_of_squares": np.rint(n * (std**2 + mean**2)).astype(int).sum(0).tolist()}
