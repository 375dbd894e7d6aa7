"""The task changes under an optimizer's feet: what does its memory say, and what does it cost?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, one_hot

from ..runtime import generator, provenance
from ..trace import Trace

if TYPE_CHECKING:
    from ..optim.base import Rule
    from ..tasks import Digits

TASKS = ("old labels", "new labels")


def task_switch(
    digits: Digits,
    rules: Sequence[Rule],
    runs: int = 10,
    switch: int = 100,
    steps: int = 200,
    batch: int = 16,
    unit_gradients: bool = False,
    seed: int = 0,
) -> Trace:
    """One linear layer learns the digits; from step `switch` on every label is one higher (a 9 is called 0).

    Runs are one batched layer, each with its own draws of images, the same for every rule.

    Args:
        digits: of `nl.tasks.digits`.
        rules: optimizer rules whose state is elementwise, so that runs do not meet: SGD, Momentum, Adam, ...
        runs: seeds seed, seed + 1, ...
        switch: the first step with new labels.
        steps: in all.
        batch: images a step.
        unit_gradients: give the rules every gradient at length 1: a control in which a memory holds directions alone.

    Returns:
        A Trace with, on images kept apart, after each step "accuracy" `(method, run, step, task)` and before each step
        "agreement" `(method, run, step)`: the cosine of the step about to be made with straight descent on the labels
        of that moment; and "gradient size" `(method, run, step)`, as it came.

    >>> import nlviz as nl
    >>> task_switch(nl.tasks.digits(), [nl.optim.Momentum()], runs=2, switch=3, steps=6).sizes
    {'method': 1, 'run': 2, 'step': 6, 'task': 2}
    """
    seeds = range(seed, seed + runs)
    draws = torch.stack([torch.randint(len(digits.x), (steps, batch), generator=generator(s)) for s in seeds], dim=1)
    labels = torch.stack([digits.y, (digits.y + 1) % 10])
    later = torch.stack([digits.y_test, (digits.y_test + 1) % 10])
    kept_apart = digits.x_test.expand(runs, -1, -1)

    agreement, accuracy, sizes = [], [], []
    for rule in rules:
        W = torch.zeros(runs, 10, 64, dtype=digits.x.dtype)
        state = rule.init(W)
        for t, index in enumerate(draws.unbind(0)):
            task = int(t >= switch)
            gradient = _gradient(W, digits.x[index], labels[task][index])
            size = gradient.flatten(1).norm(dim=1)
            if unit_gradients:
                gradient = gradient / size[:, None, None]
            step, state, _ = rule.update(gradient, state, W)
            straight = -_gradient(W, kept_apart, later[task].expand(runs, -1))
            W = W + step
            right = ((kept_apart @ W.mT).argmax(-1) == later[:, None]).to(W.dtype).mean(-1)  # (task, run)
            agreement.append(cosine_similarity(step.flatten(1), straight.flatten(1)))
            accuracy.append(right.T)
            sizes.append(size)
    shape = (len(rules), steps, runs)
    arrays = {
        "agreement": torch.stack(agreement).view(shape).transpose(1, 2),
        "gradient size": torch.stack(sizes).view(shape).transpose(1, 2),
        "accuracy": torch.stack(accuracy).view(*shape, len(TASKS)).transpose(1, 2),
    }
    return Trace(
        {name: array.numpy() for name, array in arrays.items()},
        {
            "agreement": ("method", "run", "step"),
            "gradient size": ("method", "run", "step"),
            "accuracy": ("method", "run", "step", "task"),
        },
        {"method": [repr(rule) for rule in rules], "step": list(range(1, steps + 1)), "task": list(TASKS)},
        provenance(seed=seed, runs=runs, switch=switch, batch=batch, unit_gradients=unit_gradients),
    )


def _gradient(W: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Of the mean cross-entropy by W, one layer a run: surprises times keys. W (runs, 10, 64), x (runs, n, 64)."""
    said = torch.softmax(W @ x.mT, dim=-2)  # over neighbours in memory it takes ten times as long
    return (said - one_hot(y, 10).mT) @ x / x.shape[-2]
