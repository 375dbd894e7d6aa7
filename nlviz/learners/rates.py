"""A rate for every run: an optimizer rule of this package as a `torch.optim.Optimizer` for weights `(runs, ...)`.

    step of the rule at lr = 1,      w ← w + lr[run] step

which is the rule at that lr wherever the step is proportional to lr: SGD, Momentum, Adam and all whose memory holds no
lr.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ..optim.base import Rule


class RunRates(torch.optim.Optimizer):
    """Steps every run at its own rate.

    Args:
        groups: each with "params" `(runs, ...)` and "lr" `(runs,)`; what else is in a group stays there ("name").
        rule: an elementwise rule whose step is proportional to its lr, so that runs do not meet; its lr is not used.

    >>> from nlviz.optim import SGD
    >>> w = torch.zeros(2, 1, requires_grad=True)
    >>> w.grad = torch.ones(2, 1)
    >>> RunRates([{"params": [w], "lr": torch.tensor([0.1, 0.5])}], SGD()).step()
    >>> w.detach().T
    tensor([[-0.1000, -0.5000]])
    """

    def __init__(self, groups: Iterable[dict[str, Any]], rule: Rule) -> None:
        super().__init__(groups, {})
        self.rule = replace(rule, lr=1.0)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of every parameter that has a gradient."""
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    if not self.state[w]:
                        self.state[w] = self.rule.init(w)
                    step, self.state[w], _ = self.rule.update(w.grad, self.state[w], w)
                    w.addcmul_(step, along_runs(group["lr"], w))


def along_runs(number: Tensor, weight: Tensor) -> Tensor:
    """`(runs,)` as `(runs, 1, ...)` beside a weight `(runs, ...)`.

    >>> along_runs(torch.ones(3), torch.ones(3, 4, 5)).shape
    torch.Size([3, 1, 1])
    """
    return number.reshape(-1, *[1] * (weight.ndim - 1))
