"""Fast weights: tensors by name that stand in for a network's parameters inside a context."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Weights = dict[str, Tensor]
"""Name of a parameter -> its fast weight: of its shape, or with a first axis of sequences."""

State = dict[str, Any]
"""Fast weights and what belongs to them: "weights", "start" and "waiting" (gradients), each a `Weights`; "age", how
many losses were learned; "writes", a count for each level; "batch", how many sequences, None where all share one."""


def fresh(weights: Weights) -> Weights:
    """The same numbers as new nodes of the graph, so that a loss has a partial gradient for each.

    A level written with a full gradient depends on what the other levels were then. Where those have not moved since, a
    loss would find them again through that write, and `learn` would take more than its own gradient.

    >>> start = torch.zeros(2, requires_grad=True)
    >>> weight = fresh({"w": start})["w"]
    >>> weight is start, torch.equal(weight, start)
    (False, True)
    """
    with torch.enable_grad():
        return {name: w.view_as(w) if w.requires_grad else w.detach().requires_grad_() for name, w in weights.items()}


def added(waiting: Weights, gradients: Weights) -> Weights:
    """Sums by name.

    >>> added({"a": torch.ones(1)}, {"a": torch.ones(1), "b": torch.ones(1)})
    {'a': tensor([2.]), 'b': tensor([1.])}
    """
    sums = {name: waiting[name] + gradient for name, gradient in gradients.items() if name in waiting}
    return {**waiting, **gradients, **sums}


def where(when: bool | Tensor, new: Tensor, old: Tensor) -> Tensor:
    """The new weight where `when` holds: a bool, or a bool tensor `(batch,)`, one a sequence.

    >>> where(torch.tensor([True, False]), torch.ones(2, 1), torch.zeros(2, 1))
    tensor([[1.],
            [0.]])
    """
    if isinstance(when, bool):
        return new if when else old
    return torch.where(when.reshape(-1, *[1] * (old.ndim - 1)), new, old)
