"""Delta momentum: forget only along the directions that are being written.

    U        = grad / ‖grad‖
    velocity ← velocity (momentum I − erase Uᵀ U) + grad
    w        ← w − lr velocity

The part behind `momentum` is one gradient step, rate `erase`, on the inner loss ½ ‖velocity Uᵀ − P‖² with the target
P = (‖grad‖ / erase) I (the delta rule of memories, where `Momentum` has Hebb's). A gradient of one token is δ xᵀ, so
Uᵀ U is x xᵀ / ‖x‖²: what the memory held for this input fades by momentum − erase a step, everything else by
momentum. A vector counts as one row.

Levels: velocity (inner), w (outer). Nested Learning, eqs. 48-49, in which the decay has no step size; α is momentum,
P the target. Whether it gets anywhere sooner is an open question; `DeltaMomentum` says what we found.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .base import Info, Levels, Rule, State, demand, rows


@dataclass(frozen=True)
class DeltaMomentum(Rule):
    """Momentum that erases along the new gradient before it adds it; stable for a gradient of any size.

    Against `Momentum`, tuned, 12 seeds, the log10 of the training loss was −0.27 ± 0.05 on digits
    (optim_trainers_digits), but +0.01 ± 0.04 without the mean image that all digits share (optim_trainers_centred), and
    −0.51 ± 0.31 in a badly scaled regression, where momentum that looks ahead got −2.24 ± 0.32
    (optim_trainers_turned); it never arrived first in the toy valley of the paper's Figure 4 once each was tuned
    (optim_valley).

    Args:
        lr: size of a step, 0 or more.
        momentum: the factor of the velocity that stays, 0 to below 1.
        erase: how much more of it goes along the gradient, 0 (`Momentum`) to `momentum` (all of it).

    >>> rule, w = DeltaMomentum(lr=1.0, momentum=0.9, erase=0.9), torch.zeros(2)
    >>> state = {"velocity": torch.tensor([5.0, 5.0])}
    >>> step, _, _ = rule.update(torch.tensor([2.0, 0.0]), state, w)
    >>> step                                       # the first is new, the second only fades
    tensor([-2.0000, -4.5000])
    """

    lr: float = 0.01
    momentum: float = 0.9
    erase: float = 0.5

    def __post_init__(self) -> None:
        demand(self, "lr", "erase")
        demand(self, "momentum", below=1.0)
        if self.erase > self.momentum:
            raise ValueError(
                f"DeltaMomentum: erase takes from what momentum keeps, so it is at most momentum "
                f"({self.momentum}); got {self.erase}"
            )

    @property
    def levels(self) -> Levels:
        """The velocity is written at every step."""
        return (("velocity", 1, "½ ‖velocity Uᵀ − P‖²", "the gradients"),)

    def init(self, w: Tensor) -> State:
        """An empty memory."""
        return {"velocity": torch.zeros_like(w)}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Erase along the gradient, write it, read the velocity."""
        size = torch.linalg.vector_norm(grad).clamp_min(torch.finfo(grad.dtype).tiny)
        U, V = rows(grad / size), rows(state["velocity"])
        recalled = V @ U.mT  # (rows, rows): what the memory says of this gradient
        velocity = self.momentum * state["velocity"] - self.erase * (recalled @ U).reshape(grad.shape) + grad
        return -self.lr * velocity, {"velocity": velocity}, {"recalled": recalled}


@dataclass(frozen=True)
class DeltaMomentumPrinted(Rule):
    """Delta momentum as the paper prints it, with P = I: the decay has no step size. For comparison only.

        m ← m (momentum I − gradᵀ grad) − lr grad,          w ← w + m

    Along a direction in which the gradient has size σ the memory is multiplied by momentum − σ² a step: where σ² is
    above 1 + momentum it explodes. `info["factor"]` is that multiplier with σ the norm of the whole gradient; below
    −1 is the flag. Nested Learning, eqs. 48-49.

    Args:
        lr: of a step, 0 or more.
        momentum: the factor that stays, 0 to below 1.

    >>> rule, w = DeltaMomentumPrinted(), torch.zeros(1)
    >>> _, _, info = rule.update(torch.tensor([3.0]), rule.init(w), w)
    >>> info["factor"]                             # 0.9 - 3², unstable
    tensor(-8.1000)
    """

    lr: float = 0.01
    momentum: float = 0.9

    def __post_init__(self) -> None:
        demand(self, "lr")
        demand(self, "momentum", below=1.0)

    @property
    def levels(self) -> Levels:
        """The memory is written at every step."""
        return (("m", 1, "½ ‖m gradᵀ − P‖²", "the gradients"),)

    def init(self, w: Tensor) -> State:
        """An empty memory."""
        return {"m": torch.zeros_like(w)}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """The printed line, and by how much it multiplies."""
        G = rows(grad)
        m = self.momentum * state["m"] - (rows(state["m"]) @ G.mT @ G).reshape(grad.shape) - self.lr * grad
        return m, {"m": m}, {"factor": self.momentum - G.square().sum()}
