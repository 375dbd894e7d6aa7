"""Delta gradient descent (DGD): forget along the present input while descending.

    w ← w (I − lr′ x xᵀ) − lr′ δ xᵀ,        lr′ = lr / (1 + lr ‖x‖²)

for a layer y = w x, one input x and δ the gradient at y. It is the exact solution of argmin_W ½ ‖W x − u‖² + 1/(2 lr)
‖W − w‖², a memory asked to answer u = −δ, the value it generated itself. For a batch δ xᵀ becomes the gradient and x
xᵀ its mean over the inputs (`gram`).

What it is and is not. On ½ ‖W x − v‖² it rests at W x = v / 2, not at v, as δ is zero at the minimum and the decay is
not: it does not descend every loss. On −⟨W x, v⟩ it is the delta rule. As an optimizer of weights it is weight decay
along the inputs.

Levels: one, w itself; its context is the stream of inputs. Nested Learning, eqs. 56-57 and appendix C; the paper
prints lr′ for ‖x‖ = 1 only and writes η for lr. Longhorn (Liu et al. 2024) makes the same implicit step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .base import Info, Rule, State, demand


@dataclass(frozen=True)
class DGD(Rule):
    """Delta gradient descent for the weight `(d_out, d_in)` of a linear layer.

    On −⟨W x, v⟩ with inputs of correlation 0.99, tuned, 12 seeds, it missed 0.239 ± 0.013 of the map where gradient
    descent missed 0.633 ± 0.025; but gradient descent on ½ ‖W x − v‖² also missed 0.239 ± 0.013, and there DGD missed
    half, 0.500 ± 0.000 with independent inputs (optim_dgd).

    Args:
        lr: 0 or more.
        exact: solve the inner problem, stable for inputs of any norm; False takes one gradient step on it instead
            (lr for lr′), as Hope does, which needs lr times the largest eigenvalue of `gram` below 2.

    >>> x, delta = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0]])
    >>> w = torch.tensor([[1.0, 1.0]])
    >>> step, _, _ = DGD(lr=0.25).update(delta.mT @ x, {}, w, gram=x.mT @ x)
    >>> w + step                                   # lr' = 0.25 / (1 + 0.25 * 4); the second column saw no input
    tensor([[0.2500, 1.0000]])
    """

    lr: float = 0.1
    exact: bool = True

    def __post_init__(self) -> None:
        demand(self, "lr")

    def update(self, grad: Tensor, state: State, w: Tensor, gram: Tensor | None = None) -> tuple[Tensor, State, Info]:
        """The step from the mean gradient `(d_out, d_in)` and, over the same inputs, the mean of x xᵀ `(d_in, d_in)`.

        Raises:
            ValueError: without a gram that fits.
        """
        if gram is None or w.ndim != 2 or gram.shape != (w.shape[1], w.shape[1]):
            came = "none" if gram is None else f"one of shape {tuple(gram.shape)}"
            raise ValueError(
                f"DGD.update: a weight of shape {tuple(w.shape)} needs gram, the mean of x xᵀ over its layer's inputs, "
                f"(d_in, d_in); got {came}. Optimizer(params, rule, inputs=nl.optim.inputs(model)) collects it"
            )
        if not self.exact:
            return -self.lr * (w @ gram + grad), state, {}
        decay = torch.eye(len(gram), dtype=w.dtype, device=w.device) + self.lr * gram
        return torch.linalg.solve(decay, w - self.lr * grad, left=False) - w, state, {}
