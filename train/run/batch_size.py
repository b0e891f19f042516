"""Choose the batch of train.batch = "auto": the largest power of two that the memory of the device takes."""

import math
from dataclasses import replace

import torch

from tenfold.data.out_of_memory import is_out_of_memory
from tenfold.data.recipe import Recipe
from tenfold.data.shardset import ShardSet
from tenfold.train.batches import engine_for
from tenfold.train.device import is_cuda, is_host, peak_memory, same_random_state
from tenfold.train.learn.learner import Learner
from tenfold.train.memory import free_memory
from tenfold.train.normalise import Normalise

_SHARE = 0.8                 # of the free memory that may be used: evaluation, compiled steps and fragments need some
_MOST, _MOST_ON_CPU = 1024, 128      # larger ones are no faster, and make fewer steps of an epoch
_ROWS = 4                    # of a batch whose activations are counted, beside one of twice as many
_OPTIMIZER = 2               # copies of the weights that the optimiser makes in its first step, at most


def with_batch(recipe: Recipe, batch: int) -> Recipe:
    """Return the recipe with another batch."""
    return replace(recipe, train=replace(recipe.train, batch=batch))


def choose_batch(shards: ShardSet, recipe: Recipe, device: torch.device) -> Recipe:
    """Return the recipe with the largest batch that fits in place of "auto", and print a line about it.

    A network of its own is tried and thrown away, and random states are afterwards what they were. On CUDA batches are
    trained, each twice as large as the one before; elsewhere, where nothing tells what is in use, the memory is
    computed from what the backward pass keeps of a few rows.
    """
    most = _MOST_ON_CPU if is_host(device) else _MOST
    rows = 2 ** int(math.log2(min(most, shards.rows("train"))))
    why = "the most that is tried" if rows == most else f"of {shards.rows('train')} training rows"
    limit = int(_SHARE * free_memory(device)) - _bytes_of_set(shards, recipe, device)
    with same_random_state(device):
        recipe = with_batch(recipe, rows)        # any number will do
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
    """Return the largest batch whose step stays within `limit` bytes, of powers of two up to `most`; 1 at least."""
    fitting = 1
    while fitting < most and _step_bytes(learner, shards, 2 * fitting) <= limit:
        fitting *= 2
    return fitting


def largest_computed(learner: Learner, shards: ShardSet, limit: int, most: int) -> int:
    """Return the largest power of two up to `most` whose activations fit into `limit` bytes, by those of a few rows."""
    few, more = (_activation_bytes(learner, shards, rows) for rows in (_ROWS, 2 * _ROWS))
    row = (more - few) / _ROWS                   # the rest does not grow with the batch: weights in another precision
    free = limit - (3 + _OPTIMIZER) * _weight_bytes(learner) - (few - _ROWS * row)
    # twice: gradients of the activations come beside them
    return min(most, 2 ** int(math.log2(max(1.0, free / (2 * row)))))


def _step_bytes(learner: Learner, shards: ShardSet, rows: int) -> float:
    """Bytes in use at the peak of a step of so many rows; infinite where the device has not so many."""
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
    """Bytes that the backward pass keeps of so many rows."""
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
    """Bytes of the splits that are kept where batches are made."""
    return sum(shards.rows(split) * math.prod(shards.row_shape) for split in ("train", "val")
               if engine_for(recipe.train, shards, split, device) == "memory")
