"""Logistic regression for a range of penalties: it agrees with scikit-learn, and it ends in time."""

import itertools
import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from tenfold.train.learn.logistic import DECAYS, Problem, regularisation_path


def standardised(rows: int, width: int, classes: int):
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(rows, width))
    label = (x @ rng.normal(size=(width, classes)) + rng.gumbel(size=(rows, classes))).argmax(1)
    return (x - x.mean(0)) / x.std(0), label


def test_the_path_is_that_of_sklearn():
    x, label = standardised(90, 5, 3)
    problem = Problem(torch.from_numpy(x), torch.from_numpy(label), 3)
    found = list(regularisation_path(problem))
    assert [decay for decay, *_ in found] == sorted(DECAYS, reverse=True)
    for decay, weight, bias in found[::3]:
        theirs = LogisticRegression(C=1 / (decay * len(x)), tol=1e-8, max_iter=1000).fit(x, label)
        np.testing.assert_allclose(weight, theirs.coef_, atol=2e-3)
        np.testing.assert_allclose(bias - bias.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=2e-3)


def test_class_weights_and_smoothing_are_those_of_the_loss_and_time_ends_the_path():
    x, label = map(torch.from_numpy, standardised(60, 4, 3))
    weights = torch.tensor([3.0, 1.0, 1.0], dtype=torch.float64)
    problem = Problem(x, label, 3, weights, smoothing=0.1)
    losses = [math.log(3)]                       # where all weights are 0
    for evaluations in range(12):
        looks = itertools.count()
        late = lambda most=evaluations, looks=looks: next(looks) >= most  # noqa: E731
        (decay, weight, bias), = regularisation_path(problem, late=late)
        loss = problem.loss(weight, bias) + decay / 2 * weight.square().sum()
        assert decay == DECAYS[0]
        assert next(looks) == evaluations + 2    # it ended with the next look, which path itself repeated
        losses.append(loss.item())
    assert losses[0] > losses[1]
    assert losses == sorted(losses, reverse=True)
    *_, (decay, weight, bias) = regularisation_path(problem)
    for values in (weight, bias):
        values.requires_grad_()
    losses = F.cross_entropy(F.linear(x, weight, bias), label, label_smoothing=0.1, reduction="none")
    loss = (losses * weights[label]).sum() / weights[label].sum()
    (loss + decay / 2 * weight.square().sum()).backward()
    assert max(weight.grad.abs().max(), bias.grad.abs().max()) < 1e-4


def test_smoothed_labels_of_unequal_classes_are_learnt():
    """Thirty to one, each with the same weight in all."""
    label = torch.tensor([0] * 600 + [1] * 20)
    x = torch.randn(620, 4, generator=torch.Generator().manual_seed(0)) + 6 * label[:, None]
    problem = Problem(x - x.mean(0), label, 2, 310 / torch.bincount(label), smoothing=0.1)
    *_, (_, weight, bias) = regularisation_path(problem)
    assert (F.linear(problem.x, weight, bias).argmax(1) == label).all()
