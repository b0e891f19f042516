"""What a step descends, and the same compiled."""

from contextlib import contextmanager

import torch
from torch.nn import functional as F

from tenfold.train.device import computes_in_bfloat16

_BETA = 0.999                # images beyond some thousands of a class add little that is new
_REHEARSALS = 3              # CUDA graphs: the first call warms up, the second records, the third replays


def make_objective(model, normalise, device: torch.device, how, augment=None, class_weights=None):
    """A function of uint8 (B, H, W, C), int64 (B,) and, with `augment`, its chance: (loss, [loss, right answers]),
    all on the device. `class_weights` float (classes,) or None: alike."""
    low = computes_in_bfloat16(device, how.precision)

    def objective(image, label, chance=None):
        image = normalise(image)
        if augment is not None:
            image, label = augment(image, label, chance)
        with torch.autocast(device.type, torch.bfloat16, enabled=low):
            logits = model(image)
        loss, told = loss_of(logits.float(), label, class_weights, how.label_smoothing)
        right = (logits.argmax(1) == told).sum(dtype=torch.float32)
        return loss, torch.stack([loss.detach(), right])
    return objective


def loss_of(logits, label, weights=None, smoothing: float = 0.0):
    """(mean cross-entropy, the label (B,) that counts as right) of (B, classes) logits.

    A mixed label is (a, b, share of a): the loss is the same mix of both, and the larger share is right.
    """
    if not isinstance(label, tuple):
        return F.cross_entropy(logits, label, weights, label_smoothing=smoothing), label
    first, second, share = label
    of = [F.cross_entropy(logits, one, weights, label_smoothing=smoothing, reduction="none") for one in (first, second)]
    weight = torch.ones_like(share) if weights is None else torch.lerp(weights[second], weights[first], share)
    return torch.lerp(of[1], of[0], share).sum() / weight.sum(), torch.where(share >= 0.5, first, second)


def weights_of(shards, kind: str, device: torch.device) -> torch.Tensor | None:
    """float (classes,) for the loss, by the training rows of each class, 1 in the mean; None: all alike.

    "balanced" is 1 / rows; "effective" (1 - β) / (1 - β^rows) with β = 0.999, nearly alike for classes of
    more than a few thousand rows (Cui et al., 2019, arXiv:1901.05555).
    """
    if kind == "none":
        return None
    counts = torch.from_numpy(shards.class_counts("train")).double()
    effective = counts if kind == "balanced" else (1 - _BETA ** counts) / (1 - _BETA)
    weights = torch.where(counts > 0, 1 / effective.clamp_min(1), 0.0)
    return (weights * (counts > 0).sum() / weights.sum()).float().to(device)


def compiled(run, row_shape):
    """The run's objective as `train.compile` has it, compiled here and now, or, with a line that says why, as it is.

    What is compiled is a function over the model, not the model: its weights keep their names. Every
    training batch has one size, so it is compiled once. Nothing of the rehearsal stays in the run.
    """
    if run.how.compile == "none":
        return run.objective
    made = torch.compile(run.objective, mode=run.how.compile, dynamic=False)
    graphs = run.device.type == "cuda" and run.how.compile != "default"

    def objective(image, label, chance=None):
        if graphs:
            torch.compiler.cudagraph_mark_step_begin()   # what the step before gave has been read
        return made(image, label, chance)
    image = torch.zeros(run.batch, *row_shape, dtype=torch.uint8, device=run.device)
    label = torch.zeros(run.batch, dtype=torch.int64, device=run.device)
    try:
        with _without_a_trace(run):
            run.model.train()
            for _ in range(_REHEARSALS):
                objective(image, label, run.chance(run.batch))[0].backward()
                run.optimizer.zero_grad(set_to_none=True)
    except Exception as error:                   # no compiler, an old GPU, …: if it is the model's own fault,
        line = str(error).strip().partition("\n")[0]     # the first step will say so
        print(f"note: train.compile = \"{run.how.compile}\" does not work here ({line[:200]}); training without it")
        return run.objective
    return objective


@contextmanager
def _without_a_trace(run):
    """Weights, batch statistics and random states are afterwards what they were, in the same places."""
    state = {k: v.clone() for k, v in run.model.state_dict().items()}
    random = torch.get_rng_state(), torch.cuda.get_rng_state(run.device) if run.device.type == "cuda" else None
    try:
        yield
    finally:
        run.optimizer.zero_grad(set_to_none=True)
        run.model.load_state_dict(state)
        torch.set_rng_state(random[0])
        if random[1] is not None:
            torch.cuda.set_rng_state(random[1], run.device)
