"""What a step descends, and the same compiled."""

from contextlib import contextmanager

import torch
from torch.nn import functional as F

from train.device import computes_in_bfloat16

_REHEARSALS = 3              # CUDA graphs: the first call warms up, the second records, the third replays


def make_objective(model, normalise, device: torch.device, how):
    """A function of uint8 (B, H, W, C) and int64 (B,): (loss, [loss, right answers]), all on the device."""
    low = computes_in_bfloat16(device, how.precision)

    def objective(image, label):
        with torch.autocast(device.type, torch.bfloat16, enabled=low):
            logits = model(normalise(image))
        loss = F.cross_entropy(logits.float(), label, label_smoothing=how.label_smoothing)
        right = (logits.argmax(1) == label).sum(dtype=torch.float32)
        return loss, torch.stack([loss.detach(), right])
    return objective


def compiled(run, row_shape):
    """The run's objective as `train.compile` has it, compiled here and now, or, with a line that says why, as it is.

    What is compiled is a function over the model, not the model: its weights keep their names. Every
    training batch has one size, so it is compiled once. Nothing of the rehearsal stays in the run.
    """
    if run.how.compile == "none":
        return run.objective
    made = torch.compile(run.objective, mode=run.how.compile, dynamic=False)
    graphs = run.device.type == "cuda" and run.how.compile != "default"

    def objective(image, label):
        if graphs:
            torch.compiler.cudagraph_mark_step_begin()   # what the step before gave has been read
        return made(image, label)
    image = torch.zeros(run.batch, *row_shape, dtype=torch.uint8, device=run.device)
    label = torch.zeros(run.batch, dtype=torch.int64, device=run.device)
    try:
        with _without_a_trace(run):
            run.model.train()
            for _ in range(_REHEARSALS):
                objective(image, label)[0].backward()
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
