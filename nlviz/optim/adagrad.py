"""AdaGrad: divide each gradient by the root of everything that weight has seen.

    square ← square + grad²
    w      ← w − lr grad / (√square + eps)

The memory keeps all of itself and takes one step, rate 1, on its inner loss −⟨square, grad²⟩. It never forgets, so a
step shrinks as 1/√t. Levels: square (inner), w (outer). Duchi et al. 2011; Nested Learning, appendix B: with a sum of
gradients on top it is the regression of `regression.py` with keep = 1 (eqs. 106-111 write it for whole matrices, with
shapes that do not fit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .base import Info, Levels, Rule, State, demand


@dataclass(frozen=True)
class AdaGrad(Rule):
    """The diagonal AdaGrad, as `torch.optim.Adagrad`.

    Args:
        lr: size of the first step, 0 or more.
        eps: added to the root, 0 or more.

    >>> rule, w = AdaGrad(lr=1.0), torch.zeros(2)
    >>> step, _, _ = rule.update(torch.tensor([100.0, -0.01]), rule.init(w), w)
    >>> step                                       # the first step ignores how big a gradient is
    tensor([-1.,  1.])
    """

    stacks: ClassVar[bool] = True

    lr: float = 0.01
    eps: float = 1e-10

    def __post_init__(self) -> None:
        demand(self, "lr", "eps")

    @property
    def levels(self) -> Levels:
        """The squares are written at every step."""
        return (("square", 1, "−⟨square, grad²⟩", "the gradients"),)

    def init(self, w: Tensor) -> State:
        """Nothing seen."""
        return {"square": torch.zeros_like(w)}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Add the square, divide by the root."""
        square = state["square"] + grad.square()
        scale = square.sqrt() + self.eps
        return -self.lr * grad / scale, {"square": square}, {"scale": scale}
