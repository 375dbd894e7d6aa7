"""Gradient descent: the weights are the memory, and each gradient is written once.

    w ← w − lr grad             = argmin_v  ⟨grad, v⟩ + 1/(2 lr) ‖v − w‖²

For a linear layer y = W x the gradient of one token is δ xᵀ, with δ the error at y: the step is a Hebbian write of
the value −δ under the key x. Levels: one, W itself. Nested Learning, eqs. 1, 2, 8 and 9; it writes η for lr.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .base import Info, Rule, State, demand


@dataclass(frozen=True)
class SGD(Rule):
    """Plain gradient descent; remembers nothing beside the weights.

    Args:
        lr: size of a step, 0 or more.

    >>> import torch
    >>> step, _, _ = SGD(lr=0.5).update(torch.tensor([2.0, -4.0]), {}, torch.zeros(2))
    >>> step
    tensor([-1.,  2.])
    """

    lr: float = 0.01

    def __post_init__(self) -> None:
        demand(self, "lr")

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """−lr grad."""
        return -self.lr * grad, state, {}
