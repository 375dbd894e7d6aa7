"""The toy valley of Figure 4: does a momentum that erases along the gradient arrive sooner?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..optim.base import Info, Rule, State
from ..runtime import provenance
from ..trace import Trace
from .side_by_side import Watch, advance, begin

if TYPE_CHECKING:
    Make = Callable[[float, float], Rule]

BY_STEP = "DeltaMomentum, erase = min(lr ‖grad‖², momentum)"


def valley(w: Tensor, k: Tensor | float = 10.0, a: Tensor | float = 1.0, omega: Tensor | float = 2.0) -> Tensor:
    """r² + k (r − θ + a sin ωr)², a narrow winding valley with its floor's lowest point, 0, at the origin.

    Args:
        w: `(..., 2)`, r and θ.
        k: steepness of the walls, above 0.
        a, omega: size and frequency of the bends.

    Source: Nested Learning, eq. 53; its Figure 4 does not say k, a, ω or the rates.

    >>> valley(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), omega=torch.pi).round(decimals=3)
    tensor([0., 1.])
    """
    r, theta = w.unbind(-1)
    return r.square() + k * (r - theta + a * torch.sin(omega * r)).square()


def toy_valley(
    rules: Mapping[str, Make],
    k: Sequence[float] = (5.0, 10.0, 20.0),
    a: Sequence[float] = (0.5, 1.0, 2.0),
    omega: Sequence[float] = (1.0, 2.0, 3.0),
    rates: Sequence[float] = (0.001, 0.002, 0.004),
    momenta: Sequence[float] = (0.8, 0.9),
    start: tuple[float, float] = (-3.5, 2.0),
    steps: int = 6000,
    watch: Watch = iter,
) -> Trace:
    """Optimizers walk down valleys of every shape, at the same rates and momenta, until the loss is below 1e-6.

    Args:
        rules: method -> what makes its rule from lr and momentum. One more is always there: delta momentum that erases
            as much as one gradient step on its own squared error would, min(lr ‖grad‖², momentum), the form that did
            best in a public reproduction.
        k, a, omega: shapes of valley.
        rates, momenta: of every rule.
        start: r and θ.
        steps: after which a walk that has not arrived counts as lost.
        watch: goes through methods, rates and momenta, `tqdm` say.

    Returns:
        A Trace with "steps" `(method, lr, momentum, k, a, omega)`: until the loss was first below 1e-6; NaN where that
        did not happen, whether it went far away or not.

    Source: Nested Learning, eq. 53 and Figure 4; start as there.

    >>> import nlviz as nl
    >>> walks = toy_valley({"Momentum": nl.optim.Momentum}, [10.0], [1.0], [2.0], rates=[0.004], momenta=[0.9])
    >>> walks["steps"].ravel()
    array([670., 719.], dtype=float32)
    """
    shapes = torch.tensor(list(product(k, a, omega)), dtype=torch.float64).unbind(1)
    makers: dict[str, Make] = {**rules, BY_STEP: _EraseByStep}
    taken = [
        _walk(makers[name](lr, momentum), shapes, start, steps)
        for name, lr, momentum in watch(list(product(makers, rates, momenta)))
    ]
    sizes = {"method": makers, "lr": rates, "momentum": momenta, "k": k, "a": a, "omega": omega}
    labels = {axis: list(values) for axis, values in sizes.items()}
    array = torch.stack(taken).view(*map(len, labels.values())).float().numpy()
    return Trace({"steps": array}, {"steps": tuple(labels)}, labels, provenance(seed=None, limit=steps, start=start))


def _walk(rule: Rule, shapes: Sequence[Tensor], start: Sequence[float], steps: int) -> Tensor:
    """Steps until arrival in every valley, (valley,)."""
    w = torch.tensor(start, dtype=torch.float64).expand(len(shapes[0]), 2)
    state, arrived = begin(rule, w), torch.full((len(w),), torch.nan)
    for t in range(steps):
        loss, grad = _slope(w, *shapes)
        arrived = arrived.where((loss >= 1e-6) | arrived.isfinite(), float(t))
        if t % 100 == 0 and (arrived.isfinite() | ~loss.isfinite()).all():
            break
        step, state = advance(rule, grad, state, w)
        w = w + step
    return arrived


def _slope(w: Tensor, k: Tensor, a: Tensor, omega: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of `valley` and its gradient, by hand."""
    r, theta = w.unbind(-1)
    off = r - theta + a * torch.sin(omega * r)
    push = 2 * k * off
    return r.square() + k * off.square(), torch.stack(
        [2 * r + push * (1 + a * omega * torch.cos(omega * r)), -push], -1
    )


@dataclass(frozen=True)
class _EraseByStep(Rule):
    """Delta momentum whose erasing grows with the gradient."""

    lr: float
    momentum: float

    def init(self, w: Tensor) -> State:
        return {"velocity": torch.zeros_like(w)}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        velocity, size = state["velocity"], grad.square().sum()
        share = (self.lr * size).clamp(max=self.momentum) / size.clamp_min(torch.finfo(grad.dtype).tiny)
        velocity = self.momentum * velocity - share * (velocity * grad).sum() * grad + grad
        return -self.lr * velocity, {"velocity": velocity}, {}
