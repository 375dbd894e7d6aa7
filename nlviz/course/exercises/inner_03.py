"""03.B, inner_loss: the small problem behind momentum. The truth is the slope that torch.optim.SGD implies, summed."""

from __future__ import annotations

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant
from .momentum_03 import sgd


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def _heard(seed: int) -> tuple[Tensor, Tensor, float]:
    """A velocity and the gradient that comes in."""
    n = (5, 8, 3)[seed % 3]
    return _normal(n, seed=seed), _normal(n, seed=seed + 100), (0.9, 0.5, 0.99)[seed % 3]


def _inner_loss(v: Tensor, g: Tensor, momentum: float) -> Tensor:
    """Its slope, summed along the straight line from 0 to v by Simpson's rule.

    A step of rate 1 takes u to u minus the slope at u. That is to be SGD's new velocity: so the slope is known.
    """

    def slope(u: Tensor) -> Tensor:
        return u - sgd(torch.zeros_like(g), u, g, 1.0, momentum)[1]

    return torch.dot(v, slope(0 * v) + 4 * slope(v / 2) + slope(v)) / 6


def _is_the_write(fn: Function) -> bool | str:
    v, g, momentum = _heard(7)
    at = v.clone().requires_grad_()
    loss = fn(at, g, momentum)
    if not loss.requires_grad:
        return "autograd finds no way from yours back to v: leave out `.item()`, `float()` and `.detach()`"
    away = v - torch.autograd.grad(loss, at)[0] - sgd(torch.zeros_like(v), v, g, 1.0, momentum)[1]
    return float(away.abs().max()) < 1e-8 or f"yours arrives {float(away.norm()):.3g} away from it"


def _zero_at_zero(fn: Function) -> bool | str:
    v, g, momentum = _heard(8)
    there = float(fn(torch.zeros_like(v), g, momentum))
    return abs(there) < 1e-8 or f"yours is {there:.3g} there"


INNER_LOSS = Exercise(
    id="03.B",
    name="inner_loss",
    task="The loss that momentum's memory descends on when a gradient comes in: one number, zero at v = 0.",
    cases=_heard,
    truth=_inner_loss,
    properties=(
        ("it is zero at v = 0", _zero_at_zero),
        (
            "one gradient step of rate 1 on it, by autograd, makes of v the new velocity of torch.optim.SGD",
            _is_the_write,
        ),
    ),
    mutants=(
        Mutant(
            "plus the dot product",
            lambda v, g, momentum: v.dot(g) + 0.5 * (1 - momentum) * v.dot(v),
            "Descent on this turns the velocity away from g. A loss is small where one wants to be: "
            "it should fall when v points along g.",
        ),
        Mutant(
            "minus the square",
            lambda v, g, momentum: -v.dot(g) - 0.5 * (1 - momentum) * v.dot(v),
            "This loss falls for ever as v grows: the velocity would swell at every step. "
            "Staying small is a wish too, so being large must cost something.",
        ),
        Mutant(
            "without the half",
            lambda v, g, momentum: -v.dot(g) + (1 - momentum) * v.dot(v),
            "On this the velocity fades twice too fast, 0.8 of it is left where 0.9 should be: "
            "the slope of ‖v‖² is 2 v. What factor takes care of the 2?",
        ),
        Mutant(
            "half of both",
            lambda v, g, momentum: 0.5 * ((1 - momentum) * v.dot(v) - v.dot(g)),
            "The fading is right, but g comes in with half its strength: only a square brings a 2 with it, "
            "a dot product does not.",
        ),
        Mutant(
            "momentum instead of 1 - momentum",
            lambda v, g, momentum: -v.dot(g) + 0.5 * momentum * v.dot(v),
            "Descent on this takes `momentum` times v away, so that 1 − momentum of it is left. "
            "How strong must the wish be, for `momentum` to be left?",
        ),
        Mutant(
            "momentum nowhere",
            lambda v, g, momentum: -v.dot(g) + 0.5 * v.dot(v),
            "One step on this lands on g, whatever v was: the memory is wiped every time. The wish to stay small is "
            "too strong; `momentum` has not been used yet.",
        ),
        Mutant(
            "the square of g",
            lambda v, g, momentum: -v.dot(g) + 0.5 * (1 - momentum) * g.dot(g),
            "The square is that of g, which does not change when v does: it has no slope in v, and nothing fades. "
            "Who should stay small?",
        ),
        Mutant(
            "only the dot product",
            lambda v, g, momentum: -v.dot(g),
            "This is the first wish, to point along g. On it alone v only grows, gradient upon gradient. "
            "The second wish, to stay small, makes it forget.",
        ),
        Mutant(
            "the length instead of its square",
            lambda v, g, momentum: -v.dot(g) + 0.5 * (1 - momentum) * v.norm(),
            "This takes the length of v, not its square: every velocity would lose the same length at a step, "
            "long or short. A share of itself is lost when the square is paid for.",
        ),
        Mutant(
            "the length, without the half",
            lambda v, g, momentum: -v.dot(g) + (1 - momentum) * v.norm(),
            "This takes the length of v, not half its square: every velocity would lose the same length at a step, "
            "long or short. A share of itself is lost when the square is paid for.",
        ),
        Mutant(
            "the whole distance to g",
            lambda v, g, momentum: 0.5 * (v - g).dot(v - g),
            "This asks v to be g, and one step of rate 1 on it lands there, whatever v was. Momentum asks for the "
            "direction of g, by a dot product, and to stay small; `momentum` says how small.",
        ),
        Mutant(
            "the distance to the new velocity",
            lambda v, g, momentum: 0.5 * (v - momentum * v - g).dot(v - momentum * v - g),
            "The new velocity is used to define the loss that should explain it, and v stands on both sides: the slope "
            "is (1 − momentum) times too small. Two plain wishes suffice: along g, and small.",
        ),
        Mutant(
            "the distance to g",
            lambda v, g, momentum: 0.5 * (1 - momentum) * (v - g).dot(v - g),
            "This asks v to be close to g, and a step on it averages: v ← momentum v + (1 − momentum) g. Momentum as "
            "torch has it only asks for the direction of g, by a dot product, and to stay small.",
        ),
        Mutant(
            "the new velocity",
            lambda v, g, momentum: momentum * v + g,
            "This is where the step arrives, the new velocity. Asked for is what it descends on: "
            "one number for every v, whose slope makes this step.",
        ),
        Mutant(
            "the slope",
            lambda v, g, momentum: (1 - momentum) * v - g,
            "This is the slope, and it is right. Now one step back: which function of v has it?",
        ),
        Mutant(
            "a vector",
            lambda v, g, momentum: -v * g + 0.5 * (1 - momentum) * v**2,
            "There is one number for each entry here. A loss is one number in all: sum them up.",
        ),
        Mutant(
            "mean instead of sum",
            lambda v, g, momentum: (-v * g + 0.5 * (1 - momentum) * v**2).mean(),
            "Everything is too small by the number of entries: this is a mean. With it the step would depend "
            "on how many weights there are. Sum instead.",
        ),
    ),
    hints=(
        "A step of rate 1 takes v to v minus the slope, and should arrive at momentum · v + g. "
        "What must the slope at v be, then?",
        "The slope is (1 − momentum) v − g. Each part belongs to one wish: −g says that the loss falls along g, "
        "(1 − momentum) v that it grows with v. The slope of ⟨v, g⟩ is g; the slope of ½ ‖v‖² is v.",
        "Two terms: `v.dot(g)` with a minus, and half of `v.dot(v)` with a factor that leaves `momentum` of v after "
        "the step: 0.1 where momentum is 0.9.",
    ),
)
