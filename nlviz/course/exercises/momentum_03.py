"""03.A, momentum_step: the velocity hears the gradient, then the weights move. The truth is torch.optim.SGD."""

from __future__ import annotations

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def sgd(w: Tensor, v: Tensor, g: Tensor, lr: float, momentum: float) -> tuple[Tensor, Tensor]:
    """One step of torch.optim.SGD from weights w with v in its buffer: both, afterwards. Autograd goes through it."""
    weights = w.clone()
    optimizer = torch.optim.SGD([weights], lr=lr, momentum=momentum, differentiable=True)
    optimizer.state[weights]["momentum_buffer"] = v.clone()
    weights.grad = g.clone()
    optimizer.step()
    return weights, optimizer.state[weights]["momentum_buffer"]


def _underway(seed: int) -> tuple[Tensor, Tensor, Tensor, float, float]:
    """Weights that move already, and a gradient: a vector, a matrix, a block."""
    shape = ((6,), (3, 4), (2, 2, 3))[seed % 3]
    w, v, g = (_normal(*shape, seed=seed + 100 * part) for part in range(3))
    return w, v, g, (0.1, 0.5, 0.03)[seed % 3], (0.9, 0.5, 0.99)[seed % 3]


def _in_place(w: Tensor, v: Tensor, g: Tensor, lr: float, momentum: float) -> tuple[Tensor, Tensor]:
    v *= momentum
    v += g
    return w - lr * v, v


def _both_in_place(w: Tensor, v: Tensor, g: Tensor, lr: float, momentum: float) -> tuple[Tensor, Tensor]:
    v.mul_(momentum).add_(g)
    return w.sub_(lr * v), v


def _plain(fn: Function) -> bool | str:
    w, v, g, lr, _ = _underway(6)
    away = float((fn(w, v, g, lr, 0.0)[0] - (w - lr * g)).abs().max())
    return away < 1e-8 or f"yours goes elsewhere, by {away:.3g} in one of the weights"


def _coasts(fn: Function) -> bool | str:
    w, v, g, lr, momentum = _underway(7)
    after = fn(w, v, torch.zeros_like(g), lr, momentum)[1]
    kept = float(after.norm() / v.norm())
    return torch.allclose(after, momentum * v) or f"with momentum {momentum} yours has {kept:.3g} of its length"


def _picks_up(fn: Function) -> bool | str:
    w, v, g, lr, momentum = _underway(8)
    v, lengths = torch.zeros_like(v), []
    for _ in range(3):
        before = w
        w, v = fn(w, v, g, lr, momentum)
        lengths.append(float((w - before).norm()))
    return lengths[0] < lengths[1] < lengths[2] or f"yours moves {', '.join(f'{one:.3g}' for one in lengths)}"


MOMENTUM_STEP = Exercise(
    id="03.A",
    name="momentum_step",
    task="One step of descent with momentum: the new weights and the new velocity.",
    cases=_underway,
    truth=sgd,
    gives=("the new weights", "the new velocity"),
    properties=(
        ("with momentum 0 the weights descend plainly, by lr times the gradient", _plain),
        ("without a gradient the velocity coasts: the factor momentum is left of it", _coasts),
        ("under a gradient that stays, each of three steps is longer than the one before", _picks_up),
    ),
    mutants=(
        Mutant(
            "moves by the old velocity",
            lambda w, v, g, lr, momentum: (w - lr * v, momentum * v + g),
            "The weights moved by the velocity as it was: every gradient acts one step late. "
            "Write first, then read: they should move by the new one.",
        ),
        Mutant(
            "gradient forgotten",
            lambda w, v, g, lr, momentum: (w - lr * momentum * v, momentum * v),
            "The velocity fades, but the gradient `g` never comes in: this memory only forgets.",
        ),
        Mutant(
            "plus instead of minus",
            lambda w, v, g, lr, momentum: (w + lr * (momentum * v + g), momentum * v + g),
            "The velocity is right, but the weights move along it. It is a sum of gradients, and these point uphill.",
        ),
        Mutant(
            "an average of gradients",
            lambda w, v, g, lr, momentum: (
                w - lr * (momentum * v + (1 - momentum) * g),
                momentum * v + (1 - momentum) * g,
            ),
            "This averages: the gradient comes in with the factor 1 − momentum. torch.optim.SGD adds it whole; "
            "the average is `nl.optim.MomentumEMA`, and makes steps shorter by exactly that factor.",
        ),
        Mutant(
            "the rate inside the velocity",
            lambda w, v, g, lr, momentum: (w - (momentum * v + lr * g), momentum * v + lr * g),
            "`lr` went into the velocity. torch applies it when the velocity is read, to the step of the weights; "
            "the two differ as soon as the rate changes on the way.",
        ),
        Mutant(
            "the rate twice",
            lambda w, v, g, lr, momentum: (w - lr * (momentum * v + lr * g), momentum * v + lr * g),
            "`lr` is applied twice, to the gradient that comes in and to the step. Once is enough: at the step.",
        ),
        Mutant(
            "a velocity that points downhill, with the rate inside",
            lambda w, v, g, lr, momentum: (w + momentum * v - lr * g, momentum * v - lr * g),
            "Here the velocity points downhill and holds the rate, as the paper writes it. The one you are given is a "
            "sum of gradients, as torch keeps it: it points uphill, and the weights go against it, times `lr`.",
        ),
        Mutant(
            "a velocity that points downhill",
            lambda w, v, g, lr, momentum: (w + lr * (momentum * v - g), momentum * v - g),
            "The gradient is subtracted from the velocity. The one you are given adds gradients up, uphill as they "
            "are; the minus comes later, where the weights move.",
        ),
        Mutant(
            "Nesterov's step",
            lambda w, v, g, lr, momentum: (w - lr * (g + momentum * (momentum * v + g)), momentum * v + g),
            "This is Nesterov's step, which looks one fading further ahead: `torch.optim.SGD(nesterov=True)`. "
            "Plain momentum moves by the new velocity itself.",
        ),
        Mutant(
            "momentum on the gradient",
            lambda w, v, g, lr, momentum: (w - lr * (v + momentum * g), v + momentum * g),
            "The factor sits on the gradient, and the velocity never fades. It is the old velocity that should shrink; "
            "what is new comes in at full strength.",
        ),
        Mutant(
            "momentum on both",
            lambda w, v, g, lr, momentum: (w - lr * momentum * (v + g), momentum * (v + g)),
            "The new gradient fades before it was used once: the factor is for the old velocity alone. "
            "Look at the brackets.",
        ),
        Mutant(
            "nothing fades",
            lambda w, v, g, lr, momentum: (w - lr * (v + g), v + g),
            "Nothing fades: this velocity keeps every gradient at full strength for ever. "
            "`momentum` has not been used yet.",
        ),
        Mutant(
            "moves by the gradient alone",
            lambda w, v, g, lr, momentum: (w - lr * g, momentum * v + g),
            "The velocity is right, but nobody reads it: the weights moved by the gradient of this step alone.",
        ),
        Mutant(
            "the old velocity handed back",
            lambda w, v, g, lr, momentum: (w - lr * (momentum * v + g), v),
            "The weights are right, but the velocity comes back as it was. It has to be the new one, "
            "or the next step remembers nothing of this gradient.",
        ),
        Mutant(
            "the velocity in place",
            _in_place,
            "The numbers are right, but `v *= ...` and `v += ...` write over the velocity of whoever called. "
            "`v = momentum * v + ...` makes a new one under the same name.",
        ),
        Mutant(
            "both in place",
            _both_in_place,
            "The numbers are right, and torch.optim works like this to save memory. Here the old weights and the old "
            "velocity are still needed: leave out `*=`, `-=` and the methods that end in `_`.",
        ),
        Mutant(
            "only the weights",
            lambda w, v, g, lr, momentum: w - lr * (momentum * v + g),
            "These are the new weights, and they are right. Hand back the velocity too: "
            "a memory that is not kept has forgotten everything.",
        ),
        Mutant(
            "swapped",
            lambda w, v, g, lr, momentum: (momentum * v + g, w - lr * (momentum * v + g)),
            "Both are right, but they come in the wrong order: the weights first, then the velocity.",
        ),
    ),
    hints=(
        "Two things happen, one after the other: the velocity hears the gradient, then the weights move. "
        "Which velocity do they move by?",
        "The new velocity is what is left of the old one, `momentum` times it, with the gradient added as it is. "
        "The weights go against the new velocity, `lr` times it. The rate appears in the second line only.",
        "First `v = ...`, the new velocity: a new tensor under the old name, so without `*=` or `+=`. Then return two "
        "things with a comma between them: w minus `lr` times this v, and v.",
    ),
)
