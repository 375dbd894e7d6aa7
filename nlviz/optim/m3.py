"""M3, multi-scale momentum Muon: two memories of gradients with two periods, each read through Newton-Schulz.

    fast   ← momentum fast + (1 − momentum) grad                       every step
    square ← square_keep square + (1 − square_keep) grad²              every step
    slow   ← slow_momentum slow + (1 − slow_momentum) mean of the last `period` gradients           every `period` steps
    w      ← w − lr √max(1, rows/columns) (NS(fast) + slow_weight NS(slow)) / (√square / rms + floor)

NS(slow) is used from the step after it was made; rms is the root of the mean of `square` over the matrix. In the slow
memory the weights of past gradients are a staircase, in the fast one an exponential. Levels: fast and square (period
1), slow (`period`), w (outer).

Nested Learning, section 7.2, Algorithm 1 and eq. 75, which contradict each other; this is the averaging form. The
paper writes β₁, β₂, β₃, α, f for momentum, square_keep, slow_momentum, slow_weight, period and gives no values. It
divides by √square alone: an orthogonal matrix has entries of a fixed size, so a step would grow as gradients shrink,
without bound at weights whose own gradient is almost nothing; its first one can point uphill. Hence rms, which makes
lr mean what it means for `Muon`, and floor. `second_moment=False` leaves the division out: two-scale Muon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .base import Info, Levels, Rule, State, demand, demand_matrix
from .muon import shape_scale
from .orthogonal import newton_schulz


@dataclass(frozen=True)
class M3(Rule):
    """Two-scale orthogonalised momentum for a matrix `(..., rows, columns)`, averaging form.

    No advantage over one time scale: against `Muon`, tuned, 12 seeds, the log10 of the training loss was +0.17 ± 0.06
    on digits (optim_trainers_digits), +0.11 ± 0.10 without their mean image (optim_trainers_centred) and +3.29 ± 0.11
    in a badly scaled regression (optim_trainers_turned).

    Args:
        lr: how far a singular direction moves in a step, 0 or more; once the slow memory speaks, up to twice as far.
        momentum, slow_momentum, square_keep: the factors that stay, 0 to below 1.
        slow_weight: of the slow direction, 0 or more.
        period: steps between two writes of the slow memory, 1 or more.
        second_moment: divide by the root of the mean square, as the paper does.
        floor: the least divisor of the second moment, above 0. With 1 no weight moves further than without division;
            towards 0 the paper's division appears.
        steps: of Newton-Schulz, 0 or more.

    Raises:
        ValueError: for a parameter that is not a matrix.

    >>> rule, w = M3(period=2, second_moment=False), torch.zeros(2, 2)
    >>> state = rule.init(w)
    >>> for _ in range(3):
    ...     step, state, info = rule.update(torch.eye(2), state, w)
    ...     print(bool(info["slow"].any()))        # the slow direction speaks from the third step on
    False
    False
    True
    """

    matrices: ClassVar[bool] = True
    stacks: ClassVar[bool] = True

    lr: float = 0.02
    momentum: float = 0.95
    slow_momentum: float = 0.9
    square_keep: float = 0.999
    slow_weight: float = 1.0
    period: int = 20
    second_moment: bool = True
    floor: float = 1.0
    steps: int = 5

    def __post_init__(self) -> None:
        demand(self, "lr", "slow_weight", "steps")
        demand(self, "floor", low=1e-12)
        demand(self, "momentum", "slow_momentum", "square_keep", below=1.0)
        demand(self, "period", low=1)

    @property
    def levels(self) -> Levels:
        """Two clocks."""
        found = (
            ("orthogonal", 0, "½ ‖Xᵀ X − I‖², by Newton-Schulz", "the fast memory", ("fast",)),
            ("fast", 1, "½ ‖fast − grad‖², one step", "the gradients"),
            ("square", 1, "½ ‖square − grad²‖², one step", "the gradients"),
            ("slow", self.period, "½ ‖slow − mean grad‖², one step", "the mean gradients of its periods"),
        )
        return tuple(level for level in found if self.second_moment or level[0] != "square")

    def init(self, w: Tensor) -> State:
        """Empty memories; `gathered` collects the gradients of the present period, `direction` is NS(slow)."""
        demand_matrix(self, w)
        names = ("fast", "slow", "gathered", "direction") + ("square",) * self.second_moment
        return {name: torch.zeros_like(w) for name in names} | {"age": 0}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Write the fast memory, read both, write the slow one where it is due."""
        age = state["age"] + 1
        fast = self.momentum * state["fast"] + (1 - self.momentum) * grad
        new = {**state, "age": age, "fast": fast, "gathered": state["gathered"] + grad}
        orthogonal = newton_schulz(fast, self.steps)
        step = -self.lr * shape_scale(w) * (orthogonal + self.slow_weight * state["direction"])
        if self.second_moment:
            new["square"] = self.square_keep * state["square"] + (1 - self.square_keep) * grad.square()
            step = step / (_relative(new["square"]) + self.floor)
        if age % self.period == 0:
            mean = new["gathered"] / self.period
            new["slow"] = self.slow_momentum * state["slow"] + (1 - self.slow_momentum) * mean
            new["direction"] = newton_schulz(new["slow"], self.steps)
            new["gathered"] = torch.zeros_like(grad)
        return step, new, {"fast": orthogonal, "slow": state["direction"]}


def _relative(square: Tensor) -> Tensor:
    """Root of each entry over the root of their mean: 1 on average, whatever the gradient's size."""
    mean = square.mean((-2, -1), keepdim=True).clamp_min(torch.finfo(square.dtype).tiny)
    return (square / mean).sqrt()


@dataclass(frozen=True)
class M3Printed(Rule):
    """M3 as Algorithm 1 prints it: sums that never decay. For comparison only.

        fast   ← fast + momentum grad
        square ← square + square_keep grad²
        slow   ← slow + slow_momentum (sum of the period's gradients)
        w      ← w − lr (NS(fast) + slow_weight NS(slow)) / √(square + eps)

    `square` grows without end, so a step shrinks as 1/√t whatever the loss does, and neither memory forgets.
    Nested Learning, section 7.2, Algorithm 1.

    Args:
        lr, momentum, slow_momentum, square_keep, slow_weight, eps: 0 or more.
        period: steps between two writes of the slow memory, 1 or more.
        steps: of Newton-Schulz, 0 or more.

    >>> rule, w = M3Printed(lr=1.0, period=1000), torch.zeros(2, 2)
    >>> state, sizes = rule.init(w), []
    >>> for _ in range(100):
    ...     step, state, _ = rule.update(torch.eye(2), state, w)
    ...     sizes.append(float(step.norm()))
    >>> round(sizes[0] / sizes[99], 2)             # a constant gradient, a tenth of the step
    10.0
    """

    matrices: ClassVar[bool] = True
    stacks: ClassVar[bool] = True

    lr: float = 0.02
    momentum: float = 0.9
    slow_momentum: float = 0.9
    square_keep: float = 0.999
    slow_weight: float = 1.0
    period: int = 20
    steps: int = 5
    eps: float = 1e-8

    def __post_init__(self) -> None:
        demand(self, "lr", "momentum", "slow_momentum", "square_keep", "slow_weight", "steps", "eps")
        demand(self, "period", low=1)

    @property
    def levels(self) -> Levels:
        """Two clocks."""
        return (
            ("orthogonal", 0, "½ ‖Xᵀ X − I‖², by Newton-Schulz", "the fast memory", ("fast",)),
            ("fast", 1, "−⟨fast, grad⟩", "the gradients"),
            ("square", 1, "−⟨square, grad²⟩", "the gradients"),
            ("slow", self.period, "−⟨slow, sum of gradients⟩", "the gradients of its periods"),
        )

    def init(self, w: Tensor) -> State:
        """Empty sums."""
        demand_matrix(self, w)
        return {name: torch.zeros_like(w) for name in ("fast", "slow", "gathered", "direction", "square")} | {"age": 0}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Add to the fast sums, read, add to the slow one where it is due."""
        age = state["age"] + 1
        fast = state["fast"] + self.momentum * grad
        square = state["square"] + self.square_keep * grad.square()
        new = {**state, "age": age, "fast": fast, "square": square, "gathered": state["gathered"] + grad}
        orthogonal = newton_schulz(fast, self.steps)
        step = -self.lr * (orthogonal + self.slow_weight * state["direction"]) / (square + self.eps).sqrt()
        if age % self.period == 0:
            new["slow"] = state["slow"] + self.slow_momentum * new["gathered"]
            new["direction"] = newton_schulz(new["slow"], self.steps)
            new["gathered"] = torch.zeros_like(grad)
        return step, new, {"fast": orthogonal, "slow": state["direction"]}
