"""Judge weight decays by sources that a regression was not fitted to: five-fold cross-validation on train.

Few val rows cannot tell which decay is best: of 26 rows, the log-loss chose one with which 76% of a test split were
right, and not the one with 98% (222 photographs of parts with and without a defect).
"""

from dataclasses import replace

import torch

from tenfold.train.learn.logistic import Problem

_FOLDS = 5


def one_row_each(sources: torch.Tensor) -> torch.Tensor:
    """Return the number of the first row of each source, int64 (m,), ascending. sources: int64 (n,), by row."""
    first: dict[int, int] = {}
    for row, source in enumerate(sources.tolist()):
        first.setdefault(source, row)
    return torch.tensor(list(first.values()), dtype=torch.int64)


def folds(label: torch.Tensor) -> torch.Tensor:
    """Return the fold of each row, int64 (m,); the rows of each class are dealt out in turn. -1: its class has one."""
    order = torch.argsort(label, stable=True)
    counts = torch.bincount(label)
    within = torch.arange(len(label), device=label.device) - (counts.cumsum(0) - counts)[label[order]]
    fold = torch.empty_like(label)
    fold[order] = within % _FOLDS
    return torch.where(counts[label] > 1, fold, -1)


def cross_validation(problem: Problem) -> list[tuple[Problem, tuple[torch.Tensor, torch.Tensor]]]:
    """Return (the regression without the rows of a fold, those rows as x and label) for each fold that has rows."""
    fold = folds(problem.label)
    held = [fold == k for k in range(_FOLDS) if (fold == k).any()]
    return [(replace(problem, x=problem.x[~rows], label=problem.label[~rows]), (problem.x[rows], problem.label[rows]))
            for rows in held]
