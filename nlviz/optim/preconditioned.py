"""Preconditioned momentum: before a gradient is written, a second memory turns it into better coordinates.

    C        ← keep C + (1 − keep) grad gradᵀ                         what the gradients' rows have in common
    P        = argmin_P  tr(P C̄) + tr(P⁻¹)  =  C̄^(−1/2)               the inner problem, solved every `every` steps
    velocity ← momentum velocity + P grad
    w        ← w − lr velocity

with C̄ = C / (mean eigenvalue of C) + damping I: P changes the shape of the bowl, not the size of the step, so that
lr means what it means for `Momentum`. Along a direction in which gradients are always large P is small; it is bounded
by 1/√damping.

Levels: P (inner, slow: period `every`), C and velocity (inner, every step), w (outer). Nested Learning, eqs. 38-41 (a
preconditioner is a memory with an inner loss of its own) and 46-47 (momentum that stores P grad; eq. 47 leaves out α,
which the text includes). The paper names no loss for P; this one is whitening, as in Shampoo (Gupta et al. 2018). α
is momentum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .base import Info, Levels, Rule, State, demand, demand_matrix


@dataclass(frozen=True)
class Preconditioned(Rule):
    """Momentum over whitened gradients of a matrix `(rows, columns)`; its memory P is `(rows, rows)`.

    Args:
        lr: size of a step, 0 or more.
        momentum: the factor of the velocity that stays, 0 to below 1.
        keep: the factor of C that stays, 0 to below 1.
        damping: how far P may stretch a direction, at most 1/√damping; above 0.
        every: steps between two solutions for P, 1 or more.

    Raises:
        ValueError: for a parameter that is not a matrix.

    >>> rule, w = Preconditioned(lr=1.0), torch.zeros(2, 2)
    >>> step, _, _ = rule.update(torch.diag(torch.tensor([100.0, 1.0])), rule.init(w), w)
    >>> bool(step[0, 0] / step[1, 1] < 20)         # a hundredfold slope, far less than a hundredfold step
    True
    """

    matrices: ClassVar[bool] = True

    lr: float = 0.01
    momentum: float = 0.9
    keep: float = 0.99
    damping: float = 0.01
    every: int = 10

    def __post_init__(self) -> None:
        demand(self, "lr")
        demand(self, "momentum", "keep", below=1.0)
        demand(self, "damping", low=1e-12)
        demand(self, "every", low=1)

    @property
    def levels(self) -> Levels:
        """P is the slow level."""
        return (
            ("C", 1, "½ ‖C − grad gradᵀ‖², one step", "the gradients"),
            ("P", self.every, "tr(P C̄) + tr(P⁻¹)", "C", ("C",)),
            ("velocity", 1, "−⟨velocity, P grad⟩", "the gradients", ("C", "P")),
        )

    def init(self, w: Tensor) -> State:
        """Empty memories, P the identity."""
        demand_matrix(self, w)
        eye = torch.eye(w.shape[-2], dtype=w.dtype, device=w.device).expand(*w.shape[:-1], w.shape[-2])
        return {"velocity": torch.zeros_like(w), "C": torch.zeros_like(eye), "P": eye.clone(), "age": 0}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Learn the shape, solve for P where it is due, write P grad."""
        C = self.keep * state["C"] + (1 - self.keep) * grad @ grad.mT
        P = self._whiten(C) if state["age"] % self.every == 0 else state["P"]
        velocity = self.momentum * state["velocity"] + P @ grad
        return -self.lr * velocity, {"velocity": velocity, "C": C, "P": P, "age": state["age"] + 1}, {}

    def _whiten(self, C: Tensor) -> Tensor:
        """C̄^(−1/2), by eigenvalues."""
        try:
            values, vectors = torch.linalg.eigh(C)
        except torch.linalg.LinAlgError:  # the descent has diverged: be NaN, as every rule is then
            return torch.full_like(C, torch.nan)
        mean = values.mean(-1, keepdim=True).clamp_min(torch.finfo(C.dtype).tiny)
        roots = (values.clamp_min(0) / mean + self.damping).rsqrt()
        return (vectors * roots.unsqueeze(-2)) @ vectors.mT
