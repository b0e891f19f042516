"""Choose the batch size for train.batch = "auto": the largest power of two that fits into the device's memory."""

import math
from dataclasses import replace

import torch

from tenfold.data.out_of_memory import is_out_of_memory
from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.batches import engine_for
from tenfold.train.device import free_device_memory, is_cuda, is_host, peak_memory, same_random_state
from tenfold.train.learn.learner import Learner
from tenfold.train.normalise import Normalise

_SHARE = 0.8                 # of the free memory may be used: evaluation, compiled steps and fragmentation need some
_MOST, _MOST_ON_CPU = 1024, 128      # larger batches are no faster, and give fewer steps in an epoch
_ROWS = 4                    # rows of the batch whose activations are counted, and of a second one twice as large
_OPTIMIZER = 2               # copies of the weights that the optimizer makes in its first step, at most


def with_batch(recipe: Recipe, batch: int) -> Recipe:
    """Return the recipe with another batch."""
    return replace(recipe, train=replace(recipe.train, batch=batch))


def choose_batch(shards: ShardSet, recipe: Recipe, device: torch.device) -> Recipe:
    """Return the recipe with "auto" replaced by the largest batch that fits, and print a line about it.

    A separate network is tried and then discarded; random states are the same afterwards. On CUDA, steps are tried with
    batches that double in size. Other devices do not report the memory in use, so it is computed there from what the
    backward pass keeps of a few rows.
    """
    most = _MOST_ON_CPU if is_host(device) else _MOST
    rows = 2 ** int(math.log2(min(most, shards.rows("train"))))
    why = "the most that is tried" if rows == most else f"of {shards.rows('train')} training rows"
    limit = int(_SHARE * free_device_memory(device)) - _bytes_of_set(shards, recipe, device)
    with same_random_state(device):
        recipe = with_batch(recipe, rows)        # "auto" must be a number here, whichever it is
        normalise = Normalise([0.5] * shards.row_shape[2], [0.5] * shards.row_shape[2], device, recipe.model.size)
        learner = Learner(shards, recipe, normalise, pretrained=False)
        learner.model.train()
        batch = largest_tried(learner, shards, limit, rows) if is_cuda(device) else \
            largest_computed(learner, shards, limit, rows)
    if batch < rows:
        why = f"the most that fits into {limit / 1e9:.1f} GB"
    print(f"train.batch auto: {batch} images, {why} on {device}")
    return with_batch(recipe, batch)


def largest_tried(learner: Learner, shards: ShardSet, limit: int, most: int) -> int:
    """Return the largest power of two, from 1 to `most`, for which a step stays within `limit` bytes, by trying."""
    fitting = 1
    while fitting < most and _step_bytes(learner, shards, 2 * fitting) <= limit:
        fitting *= 2
    return fitting


def largest_computed(learner: Learner, shards: ShardSet, limit: int, most: int) -> int:
    """Return the largest power of two, from 1 to `most`, whose activations fit into `limit` bytes, by calculation."""
    few, more = (_activation_bytes(learner, shards, rows) for rows in (_ROWS, 2 * _ROWS))
    row = (more - few) / _ROWS                   # bytes for each row
    fixed = few - _ROWS * row                    # bytes that do not grow with the batch: weights in another precision
    free = limit - (3 + _OPTIMIZER) * _weight_bytes(learner) - fixed
    # twice, because the gradients of the activations need as much
    return min(most, 2 ** int(math.log2(max(1.0, free / (2 * row)))))


def _step_bytes(learner: Learner, shards: ShardSet, rows: int) -> float:
    """Return the bytes in use at the peak of a step of `rows` rows; infinity if the device runs out of memory."""
    device = learner.normalise.device
    try:
        with peak_memory(device) as peak:
            learner.loss(*learner.example(rows, shards.row_shape))[0].backward()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return math.inf
    finally:
        learner.optimizer.zero_grad(set_to_none=True)
    return peak() + _OPTIMIZER * _weight_bytes(learner)


def _activation_bytes(learner: Learner, shards: ShardSet, rows: int) -> int:
    """Return the bytes that are kept for the backward pass of `rows` rows."""
    weights = {p.data_ptr() for p in learner.model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        learner.loss(*learner.example(rows, shards.row_shape))
    return sum(kept.values())


def _weight_bytes(learner: Learner) -> int:
    return sum(p.nbytes for p in learner.model.parameters() if p.requires_grad)


def _bytes_of_set(shards: ShardSet, recipe: Recipe, device: torch.device) -> int:
    """Return the bytes of the splits that are kept in memory as a whole."""
    return sum(shards.rows(split) * math.prod(shards.row_shape) for split in ("train", "val")
               if engine_for(recipe.train, shards, split, device) == "memory")
