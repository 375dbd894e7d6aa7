"""Feature-map momentum: remember a function of each gradient instead of the gradient.

    velocity ← momentum velocity + φ(grad)              φ(g) = sign(g) |g|ᵖᵒʷᵉʳ, entry by entry
    w        ← w − lr velocity

power = 1 is momentum. Below 1 a rare large gradient counts for less, and at 0 every gradient votes with its sign;
above 1 large gradients count for more. The features are odd, so that each of them still points uphill.

Levels: velocity (inner; its dot-product loss is −⟨velocity, φ(grad)⟩), w (outer). Nested Learning, eq. 51
(higher-order features), with P = I; it leaves φ open. α is momentum, η is lr.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .base import Info, Levels, Rule, State, demand


@dataclass(frozen=True)
class FeatureMomentum(Rule):
    """Momentum over a signed power of the gradient.

    Args:
        lr: size of a step, 0 or more; a step scales with the gradient to the given power.
        momentum: the factor of the velocity that stays, 0 to below 1.
        power: 0 (sign) over 1 (`Momentum`) upwards.

    >>> rule, w = FeatureMomentum(lr=1.0, power=0.5), torch.zeros(2)
    >>> step, _, _ = rule.update(torch.tensor([100.0, -0.01]), rule.init(w), w)
    >>> step
    tensor([-10.0000,   0.1000])
    """

    stacks: ClassVar[bool] = True

    lr: float = 0.01
    momentum: float = 0.9
    power: float = 0.5

    def __post_init__(self) -> None:
        demand(self, "lr", "power")
        demand(self, "momentum", below=1.0)

    @property
    def levels(self) -> Levels:
        """The velocity is written at every step."""
        return (("velocity", 1, "−⟨velocity, φ(grad)⟩", "the gradients"),)

    def init(self, w: Tensor) -> State:
        """An empty memory."""
        return {"velocity": torch.zeros_like(w)}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Write the gradient's features, read the velocity."""
        features = grad.sign() * grad.abs() ** self.power
        velocity = self.momentum * state["velocity"] + features
        return -self.lr * velocity, {"velocity": velocity}, {"features": features}
