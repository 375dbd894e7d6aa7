"""Train on one half of the digits, then on the other, and watch the first half go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..runtime import generator, provenance
from ..trace import Trace

if TYPE_CHECKING:
    from ..tasks import Digits

ORDERS = ("A, then B", "A and B mixed")
TASKS = ("A: digits 0-4", "B: digits 5-9")


def overwriting(
    digits: Digits,
    rates: Sequence[float] = (0.003, 0.01, 0.03, 0.1, 0.3),
    runs: int = 5,
    steps: int = 200,
    batch: int = 16,
    hidden: int = 32,
    every: int = 4,
    seed: int = 0,
) -> Trace:
    """A small network learns digits 0-4, then 5-9, by plain gradient descent; the control gets both mixed.

    All runs, rates and orders are one batched network: each run has its own first weights and its own draws,
    the same for every rate, so that rates can be compared run by run.

    Args:
        digits: of `nl.tasks.digits`.
        rates: learning rates, above 0.
        runs: seeds seed, seed + 1, ...
        steps: gradient steps on A, and again as many on B.
        batch: images a step.
        hidden: units of the one hidden layer (ReLU).
        every: how many steps between two measurements.

    Returns:
        A Trace, both arrays `(order, lr, run, step, task)`, on images kept apart, 0 to 1: "accuracy", and "among its
        five": how often the best of the task's own five answers is right, when it may give no other.

    >>> import nlviz as nl
    >>> overwriting(nl.tasks.digits(), rates=[0.1], runs=2, steps=8).sizes
    {'order': 2, 'lr': 1, 'run': 2, 'step': 4, 'task': 2}
    """
    lr = torch.tensor(rates).repeat(len(ORDERS)).repeat_interleave(runs)[:, None, None]
    many = len(ORDERS) * len(rates)
    seeds = range(seed, seed + runs)
    W1 = torch.stack([torch.randn(hidden, 64, generator=generator(2 * s)) / 8 for s in seeds]).repeat(many, 1, 1)
    W2 = torch.stack([torch.randn(10, hidden, generator=generator(2 * s + 1)) for s in seeds]).repeat(many, 1, 1)
    weights = [W1.requires_grad_(), (W2 / hidden**0.5).requires_grad_()]
    draws = torch.stack([torch.rand(2 * steps, batch, generator=generator(s + 10_007)) for s in seeds], dim=1)
    first, second = ((digits.y < 5).nonzero()[:, 0], (digits.y >= 5).nonzero()[:, 0])
    anything = torch.arange(len(digits.y))

    accuracy, among = [], []
    for step, draw in enumerate(draws.unbind(0), start=1):  # draw: (runs, batch), even in [0, 1)
        pools = (first if step <= steps else second, anything)
        index = torch.cat([pool[(draw * len(pool)).long()].repeat(len(rates), 1) for pool in pools])
        scores = _scores(weights, digits.x[index])
        loss = cross_entropy(scores.flatten(0, 1), digits.y[index].flatten(), reduction="sum") / batch
        gradients = torch.autograd.grad(loss, weights)  # the runs share no weight: each gets its own gradient
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= lr * gradient
        if step % every == 0:
            scores = _scores(weights, digits.x_test).detach()
            accuracy.append(_accuracy(scores, digits.y_test))
            low = torch.arange(10) < 5
            own = torch.where((digits.y_test < 5)[:, None] == low, 0.0, -torch.inf)
            among.append(_accuracy(scores + own, digits.y_test))
    shape = (len(accuracy), len(ORDERS), len(rates), runs, len(TASKS))
    labels = {"order": ORDERS, "lr": rates, "task": TASKS, "step": range(every, 2 * steps + 1, every)}
    arrays = {"accuracy": accuracy, "among its five": among}
    return Trace(
        {name: torch.stack(one).view(shape).permute(1, 2, 3, 0, 4).numpy() for name, one in arrays.items()},
        {name: ("order", "lr", "run", "step", "task") for name in arrays},
        {axis: list(values) for axis, values in labels.items()},
        provenance(seed=seed, runs=runs, steps=steps, batch=batch, hidden=hidden),
    )


def _scores(weights: Sequence[Tensor], x: Tensor) -> Tensor:
    W1, W2 = weights
    return torch.relu(x @ W1.mT) @ W2.mT


def _accuracy(scores: Tensor, y: Tensor) -> Tensor:
    """Share of right answers on either half of the images: (nets, task)."""
    right = (scores.argmax(-1) == y).float()
    return torch.stack([right[:, y < 5].mean(1), right[:, y >= 5].mean(1)], dim=-1)
