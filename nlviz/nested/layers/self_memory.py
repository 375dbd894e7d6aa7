"""A memory that makes its own target, and keeps what it was given from outside.

    target ← unit(M(value))                                           what the memory itself makes of the value
    for every layer W of M:    Δ ← Δ (keep I − step input inputᵀ) + step pull inputᵀ,    W = W₀ + Δ

`input` is what the layer saw when M was asked for the key, `pull` is minus the gradient of ½ ‖M(key) − target‖² behind
the layer, the target held fixed: delta gradient descent, each layer with its own input (Nested Learning, eqs. 57, 87
and 88; the paper multiplies both layers by the same k kᵀ, which fits the first alone, erratum E-25). Both are taken at
the weights that the running chunk found (eq. 90, from the chunk's start, erratum E-15).

The step is lr / (1 + lr ‖input‖²), which solves min ½ ‖W input − pull‖² + 1/(2 lr) ‖W − W_before‖² with what was pulled
held fixed (eq. 56, for inputs of any norm, erratum E-10); eq. 88 has lr itself. Hidden layers see inputs as long as
training makes them, and erasing alone overshoots with an explicit step from ‖input‖² = 2 / lr on.

What a layer said is taken back twice, by erasing and again by the pull, which rests at half the value (erratum E-12):
a matrix written in chunks of 1 keeps, at a unit key, keep − 2 step of it. Implicit steps too may thus turn it over,
and where keep < 2 step − 1 it grows. Nor do they bound what a first layer is pulled by, the second one's weights.

Eq. 88 forgets and erases on the weights themselves. They fade, whatever was learned outside: here both act on Δ, what
was learned since the start, and forgetting leads back to W₀. With W₀ = 0 in the line above it is as printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...memory.network import Weights, gain, pulls, recall
from .layer import unit


class Step(NamedTuple):
    """How a token is written.

    Args:
        implicit: the rate of a layer is lr / (1 + lr ‖input‖²) rather than lr, see `memory.dgd`.
        stop_targets: no outer gradient goes through the target.
    """

    implicit: bool
    stop_targets: bool = False


def draw(memories: int, heads: int, features: int, hidden: int, draws: torch.Generator) -> Weights:
    """Weights to start from, `(memories, heads, out, in)` a layer, drawn as those of every memory with a hidden layer.

    Args:
        hidden: units; 0: matrices, the identity and what a second layer starts as. M = 0 would stay 0.

    >>> [tuple(W.shape) for W in draw(5, 2, features=4, hidden=8, draws=torch.Generator().manual_seed(0))]
    [(5, 2, 8, 4), (5, 2, 4, 8)]
    """
    last = torch.randn(memories, heads, features, hidden or features, generator=draws) * (0.5 / features**0.5)
    if not hidden:
        return (torch.eye(features) + last,)
    return torch.randn(memories, heads, hidden, features, generator=draws), last


def say(weights: Weights, x: Tensor) -> Tensor:
    """What each of n memories makes of the same token: weights `(..., n, out, in)`, x `(..., d)` to `(..., n, d)`.

    >>> say((2 * torch.eye(3).expand(4, 3, 3),), torch.ones(3)).shape
    torch.Size([4, 3])
    """
    x = x.unsqueeze(-2).expand(*weights[0].shape[:-2], x.shape[-1])
    return recall(weights, x.unsqueeze(-2)).squeeze(-2)


def write(
    written: Weights, found: Weights, key: Tensor, value: Tensor, lr: Tensor, keep: Tensor, step: Step
) -> Weights:
    """One token into n memories that share it.

    Args:
        written: Δ, `(..., n, out, in)` a layer.
        found: the weights as the running chunk found them, of the same shapes: the target and the gradient's place.
        key, value: `(..., d)`
        lr, keep: `(...,)`

    Returns:
        Δ after the token.

    >>> start = (torch.eye(4).expand(1, 1, 4, 4),)
    >>> key, value = torch.eye(4)[:1], torch.eye(4)[1:2]
    >>> still = tuple(torch.zeros_like(W) for W in start)
    >>> after = add(start, write(still, start, key, value, torch.ones(1), torch.ones(1), Step(implicit=False)))
    >>> torch.allclose(say(after, key), unit(say(start, value)), atol=1e-6)
    True
    """
    target = unit(say(found, value))
    target = (target.detach() if step.stop_targets else target).unsqueeze(-2)
    keys = key.unsqueeze(-2).unsqueeze(-2).expand(target.shape)
    pairs, _ = pulls(found, keys, target)
    *inner, (seen, error) = pairs
    scale = gain(found)  # stands before the last layer: its input is gain · seen, and errors behind it carry it along
    lr, keep = (rate[..., None, None, None] for rate in (lr, keep))
    after = []
    layers = [*((x.mT, scale * pull.mT) for x, pull in inner), (scale * seen.mT, error.mT)]
    for W, (x, pull) in zip(written, layers, strict=True):
        rate = lr / (1 + lr * x.square().sum(-2, keepdim=True)) if step.implicit else lr
        after.append(keep * W + rate * (pull - W @ x) @ x.mT)
    return tuple(after)


def add(start: Weights | None, written: Weights) -> Weights:
    """The weights themselves: W₀ + Δ, or Δ where nothing is kept apart."""
    return written if start is None else tuple(W + D for W, D in zip(start, written, strict=True))


def masked(frozen: Sequence[bool], before: Weights, after: Weights) -> Weights:
    """Memories `(..., n, out, in)` after a write; a frozen one stays as it was before.

    >>> masked([True, False], (torch.zeros(2, 1, 1),), (torch.ones(2, 1, 1),))[0].flatten()
    tensor([0., 1.])
    """
    if not any(frozen):
        return after
    layers = [zip(frozen, W.unbind(-3), V.unbind(-3), strict=True) for W, V in zip(before, after, strict=True)]
    return tuple(torch.stack([old if stays else new for stays, old, new in layer], -3) for layer in layers)
