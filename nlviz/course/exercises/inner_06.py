"""06.B, inner_loss: the problem behind the delta rule. The truth adds up what the rule takes off, along a way to 0."""

from __future__ import annotations

import torch
from torch import Tensor

from ...memory import Delta
from ..exercise import Exercise, Function, Mutant
from .rewrite_06 import normal


def _heard(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """A memory and the pair that comes in; wide, square, tall."""
    d_value, d_key = ((3, 5), (4, 4), (6, 2))[seed % 3]
    return normal(d_value, d_key, seed=seed), 0.7 * normal(d_key, seed=seed + 100), normal(d_value, seed=seed + 200)


def _right(key: Tensor, value: Tensor) -> Tensor:
    """A memory that answers right: the pair alone, nothing else in it."""
    return torch.outer(value, key) / key.dot(key)


def _inner_loss(M: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Its slope, added up along the straight way from a memory that answers right, where the loss is 0, to M.

    One delta write of rate 1 takes a memory to itself minus the slope: so the slope is known. It is linear in the
    memory and 0 at the start, so the sum is half of the slope at the end times the way.
    """
    slope = M - Delta(lr=1.0).write(M, key, value)[0]
    return (slope * (M - _right(key, value))).sum() / 2


def _is_the_write(fn: Function) -> bool | str:
    M, key, value = _heard(6)
    at = M.clone().requires_grad_()
    loss = fn(at, key, value)
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        return "autograd finds no way from yours back to M: leave out `.item()`, `float()` and `.detach()`"
    away = M - 0.3 * torch.autograd.grad(loss, at)[0] - Delta(lr=0.3).write(M, key, value)[0]
    return float(away.abs().max()) < 1e-8 or f"yours arrives {float(away.norm()):.3g} away from it"


def _nothing_missing(fn: Function) -> bool | str:
    _, key, value = _heard(7)
    there = float(fn(_right(key, value), key, value))
    return abs(there) < 1e-8 or f"yours is {there:.3g} there"


def _never_below(fn: Function) -> bool | str:
    least = min(float(fn(*_heard(seed))) for seed in range(8, 20))
    return least >= 0 or f"for one of twelve memories yours is {least:.3g}"


INNER_LOSS = Exercise(
    id="06.B",
    name="inner_loss",
    task="The loss that the delta rule descends on when a pair comes in: one number, 0 where M answers right.",
    cases=_heard,
    truth=_inner_loss,
    properties=(
        ("it is 0 for a memory that answers right", _nothing_missing),
        ("it is never below 0", _never_below),
        ("one gradient step of rate lr on it, by autograd, is the delta write", _is_the_write),
    ),
    mutants=(
        Mutant(
            "minus the dot product",
            lambda M, key, value: -value.dot(M @ key),
            "This is Hebb's loss: it only asks that the answer points along the value, the longer the better. "
            "Its slope never looks at what M says already. When should the memory be content?",
        ),
        Mutant(
            "plus the dot product",
            lambda M, key, value: value.dot(M @ key),
            "Descent on this turns the answer away from the value. And even with the other sign it would be Hebb's "
            "loss, which is never content; here it should be 0 when the answer is right.",
        ),
        Mutant(
            "a dot product and staying small",
            lambda M, key, value: -value.dot(M @ key) + 0.5 * M.square().sum(),
            "This is Hebb's rule with forgetting: the whole memory is asked to stay small, so every line fades. "
            "Only the answer at this key should matter.",
        ),
        Mutant(
            "half the dot product",
            lambda M, key, value: -0.5 * value.dot(M @ key),
            "This is half of Hebb's loss: it only asks that the answer points along the value, the longer the better. "
            "Its slope never looks at what M says already. When should the memory be content?",
        ),
        Mutant(
            "a square and staying small",
            lambda M, key, value: 0.5 * (M @ key - value).square().sum() + 0.5 * M.square().sum(),
            "The first part is right. The second asks the whole memory to stay small, so every line fades. "
            "Only the answer at this key should matter.",
        ),
        Mutant(
            "adds what was read",
            lambda M, key, value: 0.5 * (M @ key + value).square().sum(),
            "Answer and value are added. The loss should be 0 where the two are equal: subtract.",
        ),
        Mutant(
            "the errors, not their squares",
            lambda M, key, value: (value - M @ key).sum(),
            "The errors are added, not squared: this has no bottom, and its slope is the same for every memory.",
        ),
        Mutant(
            "reads from the left",
            lambda M, key, value: 0.5 * (key @ M - value).square().sum(),
            "`key @ M` asks the rows of M, not its columns. A memory (d_value, d_key) is read as `M @ key`.",
        ),
        Mutant(
            "without the half",
            lambda M, key, value: (M @ key - value).square().sum(),
            "One step on this goes twice as far as the delta write: the slope of a square brings a 2 with it. "
            "What factor takes care of the 2?",
        ),
        Mutant(
            "the length instead of its square",
            lambda M, key, value: 0.5 * (M @ key - value).norm(),
            "This is half the length of the error, not half its square: every error, small or large, would be "
            "corrected by the same amount.",
        ),
        Mutant(
            "the length",
            lambda M, key, value: (M @ key - value).norm(),
            "This is the length of the error, not its square: a step on it is equally long for a small error and a "
            "large one, and steps over the small one. The delta write takes a share of the error.",
        ),
        Mutant(
            "absolute values",
            lambda M, key, value: (M @ key - value).abs().sum(),
            "Absolute values have a slope of plus or minus 1, however large the error is. "
            "A slope that is the error itself belongs to a square.",
        ),
        Mutant(
            "half the mean",
            lambda M, key, value: 0.5 * (M @ key - value).square().mean(),
            "This is a mean: the step would shrink with the number of features of the value. Sum instead.",
        ),
        Mutant(
            "torch's mse_loss",
            lambda M, key, value: torch.nn.functional.mse_loss(M @ key, value),
            "This is the mean of the squares, as `mse_loss` gives it unless told otherwise. The delta write comes from "
            "their sum, and from half of it.",
        ),
        Mutant(
            "sums before it squares",
            lambda M, key, value: 0.5 * (M @ key - value).sum() ** 2,
            "The errors are added first and squared afterwards, so a plus here makes good for a minus there. "
            "Square each, then sum.",
        ),
        Mutant(
            "not summed",
            lambda M, key, value: 0.5 * (M @ key - value) ** 2,
            "There is one number for each feature of the value here. A loss is one number in all: sum them up.",
        ),
        Mutant(
            "minus the square",
            lambda M, key, value: -0.5 * (M @ key - value).square().sum(),
            "This loss falls as the error grows: descent on it would make the memory worse at every write. "
            "Being wrong must cost something.",
        ),
        Mutant(
            "the right slope, another height",
            lambda M, key, value: 0.5 * (M @ key).square().sum() - value.dot(M @ key),
            "The slope is right, so one step on this is the delta write. But where M answers right this is not 0: "
            "half the square of the value is missing, which M cannot change.",
        ),
        Mutant(
            "the key for a value",
            lambda M, key, value: 0.5 * (M @ key - key).square().sum(),
            "The answer is compared with the key, as if the key itself were to be remembered. "
            "What should M say when it is asked with the key?",
        ),
        Mutant(
            "the whole memory against one tile",
            lambda M, key, value: 0.5 * (M - torch.outer(value, key)).square().sum(),
            "This asks M to be that one tile and nothing else: a step on it wipes all other lines. "
            "Ask only for what M says at this key.",
        ),
        Mutant(
            "the direction only",
            lambda M, key, value: 1 - torch.nn.functional.cosine_similarity(M @ key, value, dim=0),
            "A cosine only compares directions: an answer ten times too long would cost nothing. "
            "The delta rule wants the value itself.",
        ),
        Mutant(
            "the error",
            lambda M, key, value: value - M @ key,
            "This is what is missing, one number for each feature of the value. "
            "How much is that in all, as one number that is never below 0?",
        ),
        Mutant(
            "the slope",
            lambda M, key, value: torch.outer(M @ key - value, key),
            "This is the slope, and it is right. Now one step back: which function of M has it?",
        ),
        Mutant(
            "the new memory",
            lambda M, key, value: M + torch.outer(value - M @ key, key),
            "This is where a step of rate 1 arrives, the new memory. Asked for is what it descends on: "
            "one number for every M, whose slope makes this step.",
        ),
    ),
    hints=(
        "A step of rate lr takes M to M minus lr times the slope, and should arrive at the delta write. "
        "What must the slope at M be? And for which M is it 0?",
        "The slope is minus the error times the key, `torch.outer(M @ key - value, key)`. It vanishes where the error "
        "does. What is 0 where the error is 0, and grows both ways? Take care of the 2 that a square's slope brings.",
        "The error is `value - M @ key`. Square its entries, sum them to one number, and take half.",
    ),
)
