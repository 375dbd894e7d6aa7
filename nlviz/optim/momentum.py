"""Momentum: a memory that compresses all past gradients into one, and forgets them at one rate.

    velocity ← momentum velocity + grad          keep a factor, then one step, rate 1, on −⟨velocity, grad⟩
    w        ← w − lr velocity

so that velocity = Σᵢ momentumᵗ⁻ⁱ gradᵢ. Levels: velocity (inner; its context is the stream of gradients), then w
(outer). Nested Learning, eqs. 10-13 and 32-35. The paper writes α (in section 4.3 β) for momentum, η for lr, and m
for −lr velocity, with lr inside the memory; here lr is applied when the memory is read, so that a scheduler changes
the next step and not the memory, as in torch.optim.SGD. The two agree while lr stands still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .base import Info, Levels, Rule, State, demand


@dataclass(frozen=True)
class Momentum(Rule):
    """Momentum that adds gradients up, as `torch.optim.SGD(momentum=...)` does.

    Args:
        lr: size of a step, 0 or more. A constant gradient is amplified up to 1 / (1 - momentum) times.
        momentum: the factor of the memory that stays at each step, 0 (plain descent) to below 1.

    >>> rule, w = Momentum(lr=1.0, momentum=0.5), torch.zeros(1)
    >>> state = rule.init(w)
    >>> for _ in range(3):
    ...     step, state, _ = rule.update(torch.ones(1), state, w)
    >>> step                                       # -(1 + 0.5 + 0.25)
    tensor([-1.7500])
    """

    lr: float = 0.01
    momentum: float = 0.9

    def __post_init__(self) -> None:
        demand(self, "lr")
        demand(self, "momentum", below=1.0)

    @property
    def levels(self) -> Levels:
        """The velocity is written at every step."""
        return (("velocity", 1, "−⟨velocity, grad⟩", "the gradients"),)

    def init(self, w: Tensor) -> State:
        """An empty memory."""
        return {"velocity": torch.zeros_like(w)}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Write the gradient, read the velocity."""
        velocity = self.momentum * state["velocity"] + grad
        return -self.lr * velocity, {"velocity": velocity}, {}


@dataclass(frozen=True)
class MomentumEMA(Momentum):
    """Momentum that averages gradients: the velocity of `Momentum` times (1 - momentum), exactly.

        velocity ← momentum velocity + (1 − momentum) grad

    `MomentumEMA(lr=r / (1 - b), momentum=b)` and `Momentum(lr=r, momentum=b)` make the same steps.

    Args:
        lr: size of a step, 0 or more; a constant gradient ends at a step of lr times the gradient.
        momentum: the factor of the memory that stays at each step, 0 to below 1.

    >>> rule, w = MomentumEMA(lr=1.0, momentum=0.5), torch.zeros(1)
    >>> state = rule.init(w)
    >>> for _ in range(3):
    ...     step, state, _ = rule.update(torch.ones(1), state, w)
    >>> step                                       # -(1 + 0.5 + 0.25) / 2
    tensor([-0.8750])
    """

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Write the gradient's share, read the velocity."""
        velocity = self.momentum * state["velocity"] + (1 - self.momentum) * grad
        return -self.lr * velocity, {"velocity": velocity}, {}


def window(momentum: float, share: float = 0.99) -> int:
    """How many of the last gradients carry a share of all weight: the smallest n with 1 - momentumⁿ ≥ share.

    Args:
        momentum: 0 to below 1.
        share: above 0 to below 1; 0.5 gives the half-life.

    Raises:
        ValueError: outside these ranges.

    Nested Learning, section 4.3, prints 6 and 43 for momentum 0.9, where 1 - 0.9⁶ = 0.469 and 1 - 0.9⁴³ = 0.989;
    it takes one gradient more:

    >>> window(0.9, share=0.5), window(0.9, share=0.99)
    (7, 44)
    """
    if not (0 <= momentum < 1 and 0 < share < 1):
        raise ValueError(f"window: momentum from 0 to below 1, share between 0 and 1; got {momentum} and {share}")
    if momentum == 0:
        return 1
    n = math.log1p(-share) / math.log(momentum)
    return max(1, math.ceil(n - 1e-9))  # a share met exactly, as 0.75 after two of momentum 0.5, is met
