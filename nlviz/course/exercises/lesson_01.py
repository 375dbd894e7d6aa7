"""Lesson 01, a gradient is a surprise: the two halves of one step of gradient descent on a linear layer.

    u = ∂L/∂(output)             the surprise in the output: what was said minus what was true
    W ← W − lr u xᵀ              remember it: key x, value −u

Nested Learning, section 3.1, eqs. 7-9, writes δ for u and η for lr. Truths: autograd, torch.optim.SGD.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant
from .questions_01 import QUESTIONS

__all__ = ["EXERCISES", "QUESTIONS", "TITLE"]

TITLE = "A gradient is a surprise"


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def _onehot(y: Tensor, classes: int) -> Tensor:
    return torch.eye(classes, dtype=torch.float64)[y]


# 01.A ------------------------------------------------------------------------------------------------------------


def _seen(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """A layer, an input and its label: ten classes of 64 pixels, then smaller ones.

    The layer's guess is neither the label nor the class before it, so that every wrong place for the 1 shows.
    """
    d_out, d_in = ((10, 64), (3, 5), (4, 4))[seed % 3]
    W, x = _normal(d_out, d_in, seed=seed) / d_in**0.5, _normal(d_in, seed=seed + 100)
    return W, x, ((W @ x).argmax() + 2) % d_out


def _surprise(W: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """By autograd, through the layer's output."""
    output = (W @ x).requires_grad_()
    return torch.autograd.grad(torch.nn.functional.cross_entropy(output, y), output)[0]


def _p(W: Tensor, x: Tensor) -> Tensor:
    return torch.softmax(W @ x, dim=0)


def _u(W: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return _p(W, x) - _onehot(y, len(W))


def _sums_to_zero(fn: Function) -> bool | str:
    total = float(fn(*_seen(7)).sum())
    return abs(total) < 1e-8 or f"yours sum to {total:.3g}"


def _no_mistake_no_surprise(fn: Function) -> bool | str:
    W = 30.0 * torch.eye(4, dtype=torch.float64)
    largest = float(fn(W, W[2] / 30, torch.tensor(2)).abs().max())
    return largest < 1e-8 or f"for a right answer given with certainty yours has an entry of size {largest:.3g}"


SURPRISE = Exercise(
    id="01.A",
    name="surprise",
    task="How the loss changes with each output: ∂L/∂(output) of softmax and cross-entropy, one number a class.",
    cases=_seen,
    truth=_surprise,
    properties=(
        ("the entries sum to zero", _sums_to_zero),
        ("no mistake, no surprise", _no_mistake_no_surprise),
    ),
    mutants=(
        Mutant(
            "the sign is flipped",
            lambda W, x, y: -_u(W, x, y),
            "The sign is flipped: this is what was true minus what was said. A gradient points to where the loss "
            "grows, so it is what was said minus what was true.",
        ),
        Mutant(
            "raw scores, no softmax",
            lambda W, x, y: W @ x - _onehot(y, len(W)),
            "This takes the raw scores where the probabilities belong. It is the surprise of ½‖output − one-hot‖²; "
            "cross-entropy first turns the scores into probabilities.",
        ),
        Mutant(
            "probabilities minus the label's number",
            lambda W, x, y: _p(W, x) - y,
            "The label is the name of a class, not an amount: class 7 is no more than class 2. As what should have "
            "been said it is a 1 at that class and 0 elsewhere.",
        ),
        Mutant(
            "scores minus the label's number",
            lambda W, x, y: W @ x - y,
            "Scores minus the number of the label: neither side is a probability yet. What was said goes through "
            "softmax; what is true is a 1 at the label and 0 elsewhere.",
        ),
        Mutant(
            "the squared error's surprise",
            lambda W, x, y: 2 * (W @ x - _onehot(y, len(W))),
            "This is the gradient of the squared error ‖output − one-hot‖². The loss here is cross-entropy: "
            "there the scores go through softmax, and no factor 2 appears.",
        ),
        Mutant(
            "probabilities only",
            lambda W, x, y: _p(W, x),
            "These are the probabilities: what the layer says. A surprise also needs what is true; "
            "the label `y` has not been used yet.",
        ),
        Mutant(
            "log-probabilities",
            lambda W, x, y: torch.log_softmax(W @ x, dim=0) - _onehot(y, len(W)),
            "There is a logarithm too many: the loss takes the log of the probabilities, its gradient does not.",
        ),
        Mutant(
            "one-hot at the guess",
            lambda W, x, y: _p(W, x) - _onehot((W @ x).argmax(), len(W)),
            "The 1 is subtracted at the class the layer likes best. It belongs at the label `y`: "
            "a layer that is compared with itself is never wrong.",
        ),
        Mutant(
            "one-hot one place off",
            lambda W, x, y: _p(W, x) - _onehot(y - 1, len(W)),
            "The 1 is subtracted one place before the label. Labels count from 0, as Python does: use `y` as it is.",
        ),
        Mutant(
            "softmax over an axis of length one",
            lambda W, x, y: torch.ones(len(W), dtype=torch.float64) - _onehot(y, len(W)),
            "Every class has probability 1: the softmax ran over an axis with one entry in it. "
            "Let it run over the classes; `W @ x` has no other axis.",
        ),
        Mutant(
            "softmax of the weights",
            lambda W, x, y: torch.softmax(W, dim=0) @ x - _onehot(y, len(W)),
            "The softmax was taken of the weights. First the scores, `W @ x`, then the softmax of these.",
        ),
        Mutant(
            "divided by the number of classes",
            lambda W, x, y: _u(W, x, y) / len(W),
            "Everything is too small by the number of classes. Cross-entropy takes a mean over examples, "
            "never over classes, and there is one example here.",
        ),
        Mutant(
            "gradient with respect to W",
            lambda W, x, y: torch.outer(_u(W, x, y), x),
            "This is the gradient with respect to the weights W. The question stops one step earlier, "
            "at the layer's output; what becomes of it in W is the next exercise.",
        ),
        Mutant(
            "gradient with respect to x",
            lambda W, x, y: W.T @ _u(W, x, y),
            "This is the surprise carried back to the input x, through W. The question is about the layer's output.",
        ),
        Mutant(
            "the loss itself",
            lambda W, x, y: -torch.log_softmax(W @ x, dim=0)[y],
            "This is the loss: how large the surprise is, as one number. "
            "Its gradient says for each class in which direction.",
        ),
    ),
    hints=(
        "What does the layer say, as one probability a class? And what should it have said? "
        "A surprise is the difference of the two.",
        "The scores are `W @ x`, their probabilities `torch.softmax(..., dim=0)`. What should have been said is 1 at "
        "the label and 0 elsewhere. Said minus true, in this order.",
        "Take the probabilities p. At every class but the label, the answer is p itself; at the label it is p − 1. "
        "`torch.nn.functional.one_hot(y, len(W))` has that 1.",
    ),
)

# 01.B ------------------------------------------------------------------------------------------------------------


def _met(seed: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """A layer, an input, a surprise and a rate; the first layer is square."""
    d_out, d_in = ((5, 5), (10, 64), (3, 7))[seed % 3]
    W, x, u = _normal(d_out, d_in, seed=seed), _normal(d_in, seed=seed + 100), _normal(d_out, seed=seed + 200)
    return W, x, u, (0.1, 0.5, 0.03)[seed % 3]


def _remember(W: Tensor, x: Tensor, u: Tensor, lr: float) -> Tensor:
    """By torch.optim.SGD, on a loss whose gradient in the output is u."""
    layer = torch.nn.Parameter(W.clone())
    optimizer = torch.optim.SGD([layer], lr=lr)
    torch.dot(layer @ x, u).backward()
    optimizer.step()
    return layer.detach()


def _in_place(W: Tensor, x: Tensor, u: Tensor, lr: float) -> Tensor:
    W -= lr * torch.outer(u, x)
    return W


def _rank_one(fn: Function) -> bool | str:
    W, x, u, lr = _met(7)
    rank = int(torch.linalg.matrix_rank(fn(W, x, u, lr) - W))
    return rank == 1 or f"yours has rank {rank}"


def _moves_against(fn: Function) -> bool | str:
    W, x, u, lr = _met(8)
    moved = float(torch.dot((fn(W, x, u, lr) - W) @ x, u))
    return moved < 0 or f"⟨what W says at x, u⟩ changes by {moved:.3g}, which should be below zero"


REMEMBER = Exercise(
    id="01.B",
    name="remember",
    task="The weights after one step of gradient descent: W with the surprise u at the input x written into it.",
    cases=_met,
    truth=_remember,
    properties=(
        ("the change has rank one", _rank_one),
        ("what W says at x moves against u", _moves_against),
    ),
    mutants=(
        Mutant(
            "plus instead of minus",
            lambda W, x, u, lr: W + lr * torch.outer(u, x),
            "This climbs: the layer will be more wrong at x than before. Descent goes against the surprise, "
            "so the value that is stored is −u.",
        ),
        Mutant(
            "outer product transposed",
            lambda W, x, u, lr: W - lr * torch.outer(x, u),
            "The tile lies on its side: `outer(x, u)` has a row for every input. W has a row for every output, "
            "so the surprise comes first.",
        ),
        Mutant(
            "u @ x",
            lambda W, x, u, lr: W - lr * (u @ x),
            "`u @ x` is a dot product: one number, which only exists where W is square. Every pair of an output and an "
            "input needs a number of its own: an outer product.",
        ),
        Mutant(
            "u * x",
            lambda W, x, u, lr: W - lr * u * x,
            "`u * x` multiplies entry by entry, which only works where W is square. Every pair of an output and an "
            "input needs a number of its own: an outer product.",
        ),
        Mutant(
            "without the rate",
            lambda W, x, u, lr: W - torch.outer(u, x),
            "The step is too long: `lr`, the size of the step, has not been used.",
        ),
        Mutant(
            "in place",
            _in_place,
            "The numbers are right, but the old W is gone, and this lesson compares before and after. "
            "`W = W - ...` makes a new tensor, `W -= ...` does not.",
        ),
        Mutant(
            "only the sign of u",
            lambda W, x, u, lr: W - lr * torch.outer(u.sign(), x),
            "Only the direction of each surprise was kept, not its size. A big surprise should leave a big mark.",
        ),
        Mutant(
            "x scaled to length one",
            lambda W, x, u, lr: W - lr * torch.outer(u, x / x.norm()),
            "x was scaled to length 1 first. Plain gradient descent uses x as it is: a bright image writes more.",
        ),
        Mutant(
            "divided by the squared length of x",
            lambda W, x, u, lr: W - lr * torch.outer(u, x) / x.square().sum(),
            "The step was divided by ‖x‖². That is the normalised rule; plain gradient descent does not divide.",
        ),
        Mutant(
            "only the change",
            lambda W, x, u, lr: -lr * torch.outer(u, x),
            "This is the change alone. The new weights are the old W and the change.",
        ),
        Mutant(
            "without x",
            lambda W, x, u, lr: W - lr * u[:, None],
            "Every column was changed alike: x has not been used. A column of W hears from one input, "
            "and should change by as much as that input was on.",
        ),
    ),
    hints=(
        "Which numbers of W took part in this answer, and how strongly? W[i, j] carried x[j] to output i, "
        "where the surprise is u[i].",
        "The gradient of the loss with respect to W[i, j] is u[i] · x[j]: all of them at once are one outer product "
        "with the shape of W. Descent subtracts it, times the rate.",
        "`torch.outer(a, b)` has a row for every entry of a. Choose a and b so that it has the shape of W, multiply by "
        "`lr`, subtract it from W into a new tensor, and return that.",
    ),
)

EXERCISES = (SURPRISE, REMEMBER)
