"""Deep momentum (DMGD): the memory of past gradients is a small network one asks with the present gradient.

    u      = a row of the gradient over its norm
    loss   = ½ ‖MLP(u) − past‖², mean over the rows          past: what the row's earlier u were on average
    MLP    ← start + keep (MLP − start) − inner_lr ∇loss          MLP(u) = W_out tanh(W_in u)
    past   ← momentum past + (1 − momentum) u
    w      ← w − lr ‖grad row‖ (u + MLP(u))

One network is shared by all rows of a parameter (a vector counts as one row). W_out starts at zero, so the first
step is plain gradient descent; later ones add what the network recalls. `keep` pulls it back to its start.

Levels: the network and `past` (inner), w (outer). Nested Learning, eq. 50, with u for the gradient and α for keep:
there the network, its input, its target and its scale are left open and said to need care. These are our choices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..runtime import generator
from .base import Info, Levels, Rule, State, demand, rows


@dataclass(frozen=True)
class DeepMomentum(Rule):
    """Gradient descent plus what a two-layer network recalls of past gradients.

    No advantage: on digits, tuned, 12 seeds, the log10 of the training loss was +0.01 ± 0.01 against `SGD` and +0.28 ±
    0.04 against `Momentum` (optim_trainers_digits); in a badly scaled regression −0.12 ± 0.03 and +0.90 ± 0.26
    (optim_trainers_turned).

    Args:
        lr: size of a step, 0 or more.
        momentum: the factor of `past` that stays, 0 to below 1.
        keep: the factor of the network's distance from its start that stays, 0 to 1.
        inner_lr: rate of the network's own descent, 0 (plain descent) to 2 / hidden, beyond which it may be unstable.
        hidden: neurons, 1 or more.
        seed: of the first layer.

    >>> rule, w = DeepMomentum(lr=0.5), torch.zeros(2, 3)
    >>> step, _, _ = rule.update(torch.ones(2, 3), rule.init(w), w)
    >>> bool((step == -0.5).all())                 # begins as plain descent
    True
    """

    lr: float = 0.01
    momentum: float = 0.9
    keep: float = 0.99
    inner_lr: float = 0.1
    hidden: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        demand(self, "lr", "inner_lr")
        demand(self, "momentum", below=1.0)
        demand(self, "keep", below=math.nextafter(1.0, 2.0))
        demand(self, "hidden", low=1)

    @property
    def levels(self) -> Levels:
        """Network and target are written at every step; `start` never is."""
        return (
            ("past", 1, "½ ‖past − u‖², one step", "directions u of the gradients' rows"),
            ("W_in", 1, "½ ‖MLP(u) − past‖²", "directions u of the gradients' rows", ("past",)),
            ("W_out", 1, "½ ‖MLP(u) − past‖²", "directions u of the gradients' rows", ("past",)),
        )

    def init(self, w: Tensor) -> State:
        """A random first layer, drawn by seed, and an empty second one."""
        flat = rows(w)
        start = torch.randn(self.hidden, flat.shape[1], generator=generator(self.seed), dtype=torch.float64).to(w)
        return {"start": start, "W_in": start, "W_out": torch.zeros_like(start.mT), "past": torch.zeros_like(flat)}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """One step of the network towards the past, then read it at the present."""
        G, start, W_in, W_out, past = rows(grad), state["start"], state["W_in"], state["W_out"], state["past"]
        size = torch.linalg.vector_norm(G, dim=1, keepdim=True)
        u = G / size.clamp_min(torch.finfo(G.dtype).tiny)

        features = torch.tanh(u @ W_in.mT)  # (rows, hidden)
        error = features @ W_out.mT - past  # (rows, columns)
        back = (error @ W_out) * (1 - features.square()) / len(u)
        W_in = start + self.keep * (W_in - start) - self.inner_lr * back.mT @ u
        W_out = self.keep * W_out - self.inner_lr * error.mT @ features / len(u)
        past = self.momentum * past + (1 - self.momentum) * u

        recalled = torch.tanh(u @ W_in.mT) @ W_out.mT
        step = -self.lr * (G + size * recalled).reshape(grad.shape)
        info = {"loss": 0.5 * error.square().sum(1).mean(), "recalled": recalled}
        return step, {"start": start, "W_in": W_in, "W_out": W_out, "past": past}, info
