"""Keep the metrics of the steps since the last evaluation on the device, so that no step waits for the device."""

import torch

from tenfold.data.errors import TrainingFault

CURE = "lower train.lr, or raise train.warmup; earlier checkpoints are kept"
_AT_FIRST = 256              # steps for which memory is allocated first; it doubles as needed


class StepMetrics:
    """float (steps, 2) on the device: the loss of each step, and how many rows of its batch were right."""

    def __init__(self, device: torch.device):
        self.device = device
        self._memory = torch.zeros(_AT_FIRST, 2, device=device)
        self._steps = 0

    @property
    def values(self) -> torch.Tensor:
        """float (steps, 2): the metrics so far; valid until the next call."""
        return self._memory[:self._steps]

    def add(self, metrics: torch.Tensor) -> None:
        """Add the metrics of a step, float (2,)."""
        if self._steps == len(self._memory):
            self._memory = torch.cat([self._memory, torch.zeros_like(self._memory)])
        self._memory[self._steps] = metrics
        self._steps += 1

    def restore(self, values: torch.Tensor) -> None:
        """Replace the metrics by float (steps, 2) of a run that is resumed."""
        self.clear()
        for metrics in values:
            self.add(metrics.to(self.device))

    def clear(self) -> None:
        """Remove all metrics, after an evaluation."""
        self._steps = 0

    def read(self, batch: int, step: int, steps: int) -> tuple[float, float]:
        """Wait for the device, and return (mean loss, share of right answers).

        batch: rows of a step; step: steps of the run so far; steps: planned. TrainingFault: a loss is not finite.
        """
        loss, right = self.values.cpu().double().unbind(1)
        if not loss.isfinite().all():
            bad = step - self._steps + 1 + int(loss.isfinite().logical_not().nonzero()[0])
            raise TrainingFault(f"step {bad} of {steps}", "the loss is not finite", CURE)
        return loss.mean().item(), (right / batch).mean().item()
