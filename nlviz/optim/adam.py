"""Adam: two memories of gradients, one of their mean and one of their size; a step is the one over the other.

    mean   ← momentum mean + (1 − momentum) grad
    square ← square_keep square + (1 − square_keep) grad²
    w      ← w − lr mean̅ / (√square̅ + eps)             the bars divide by 1 − factorᵗ: both memories began empty

Inner problem: with momentum = square_keep and eps = 0 the step is exactly a regression, the number per weight that
best maps every past gradient to the root of their mean square (`regression.py`). Different factors and eps are
heuristics on top. Levels: mean and square have the same period and do not need each other, hence one level (the
paper's example in Definition 2); w is the outer one. Kingma & Ba 2015; Nested Learning, appendix B, eqs. 100-105. The
paper writes β₁ for momentum, β₂ for square_keep, M and H for the memories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .base import Info, Levels, Rule, State, demand


@dataclass(frozen=True)
class Adam(Rule):
    """Adam, as `torch.optim.Adam`.

    Args:
        lr: about the largest change of any weight in one step, 0 or more.
        momentum: the factor of the mean that stays (β₁), 0 to below 1.
        square_keep: the factor of the mean square that stays (β₂), 0 to below 1.
        eps: added to the root, 0 or more; where a gradient nears it, the step falls short of lr.

    >>> rule, w = Adam(lr=1.0), torch.zeros(2)
    >>> step, _, _ = rule.update(torch.tensor([100.0, -0.01]), rule.init(w), w)
    >>> step.round(decimals=4)                     # the first step ignores how big a gradient is
    tensor([-1.,  1.])
    """

    stacks: ClassVar[bool] = True

    lr: float = 0.001
    momentum: float = 0.9
    square_keep: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        demand(self, "lr", "eps")
        demand(self, "momentum", "square_keep", below=1.0)

    @property
    def levels(self) -> Levels:
        """Both memories are written at every step: one level."""
        return (
            ("mean", 1, "½ ‖mean − grad‖², one step", "the gradients"),
            ("square", 1, "½ ‖square − grad²‖², one step", "the gradients"),
        )

    def init(self, w: Tensor) -> State:
        """Two empty memories."""
        return {"mean": torch.zeros_like(w), "square": torch.zeros_like(w), "age": 0}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Write both memories, divide one by the root of the other."""
        age = state["age"] + 1
        mean = self.momentum * state["mean"] + (1 - self.momentum) * grad
        square = self.square_keep * state["square"] + (1 - self.square_keep) * grad.square()
        scale = (square / (1 - self.square_keep**age)).sqrt() + self.eps
        step = -self.lr / (1 - self.momentum**age) * mean / scale
        return step, {"mean": mean, "square": square, "age": age}, {"scale": scale}


@dataclass(frozen=True)
class AdamPrinted(Rule):
    """Adam as the paper prints it: sums that never decay, and no correction of their start. For comparison only.

        mean ← mean + momentum grad,      square ← square + square_keep grad²,      w ← w − lr mean / (√square + eps)

    It forgets nothing, so it goes on in an old direction for as long as it has already gone there. Nested Learning,
    eqs. 102-105, where the gradient carries one minus too many (as printed it would climb); here it goes down.

    Args:
        lr: of a step, 0 or more.
        momentum, square_keep: how strongly a gradient and its square are added, 0 or more.
        eps: added to the root, 0 or more.

    >>> rule, w = AdamPrinted(lr=1.0), torch.zeros(1)
    >>> state = rule.init(w)
    >>> for slope in (1.0, 1.0, 1.0, -1.0):
    ...     step, state, _ = rule.update(torch.tensor([slope]), state, w)
    >>> bool(step > 0)                             # the slope has turned, the step has not
    False
    """

    stacks: ClassVar[bool] = True

    lr: float = 0.001
    momentum: float = 0.9
    square_keep: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        demand(self, "lr", "momentum", "square_keep", "eps")

    @property
    def levels(self) -> Levels:
        """Both sums are written at every step."""
        return (
            ("mean", 1, "−⟨mean, grad⟩", "the gradients"),
            ("square", 1, "−⟨square, grad²⟩", "the gradients"),
        )

    def init(self, w: Tensor) -> State:
        """Two empty sums."""
        return {"mean": torch.zeros_like(w), "square": torch.zeros_like(w)}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Add to both sums, divide one by the root of the other."""
        mean = state["mean"] + self.momentum * grad
        square = state["square"] + self.square_keep * grad.square()
        scale = square.sqrt() + self.eps
        return -self.lr * mean / scale, {"mean": mean, "square": square}, {"scale": scale}
