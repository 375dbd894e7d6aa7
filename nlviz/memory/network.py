"""Memories that are the weights of a network: a matrix, or a small residual MLP, with gradients written out by hand.

    one layer     M(x) = W x
    two layers    M(x) = x + gain W₂ silu(W₁ x),     gain = √(2 / hidden)

The gain keeps the hidden layer of a unit key at norm about 1, so that one learning rate suits both layers. Each
layer's gradient of ½ ‖v − M(k)‖² is −gain · error inputᵀ: the error behind the layer, the input it saw. Nested
Learning, eqs. 7-9 (a layer memorises its input and its error) and 86-93 (numbering the matrices from the output).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import silu

from ..runtime import generator

Weights = tuple[Tensor, ...]  # (W,) or (W₁, W₂), each (..., out, in), in the order in which they are applied
Pairs = list[tuple[Tensor, Tensor]]  # for each layer inputs (..., N, in) and errors (..., N, out)


def fresh(
    d_key: int,
    d_value: int,
    hidden: int | None,
    batch: Sequence[int],
    seed: int,
    dtype: torch.dtype | None,
    device: torch.device | str | None,
) -> Weights:
    """Weights to start from, the same for all of the batch: a matrix of zeros, or W₁ ~ N(0, 1), W₂ ~ N(0, 1 / 4d)."""
    if hidden is None:
        return (torch.zeros(*batch, d_value, d_key, dtype=dtype, device=device),)
    if d_key != d_value:
        raise ValueError(
            f"a memory with a hidden layer adds its input to its output, so keys and values need one width; "
            f"got d_key={d_key}, d_value={d_value}. Make them equal, or leave hidden out and the memory is a matrix"
        )
    draw = generator(seed)
    first = torch.randn(hidden, d_key, generator=draw)
    second = torch.randn(d_key, hidden, generator=draw) * (0.5 / d_key**0.5)
    dtype = torch.get_default_dtype() if dtype is None else dtype
    return tuple(W.to(device=device, dtype=dtype).repeat(*batch, 1, 1) for W in (first, second))


def gain(weights: Weights) -> float:
    """The factor behind the last layer: 1 for a matrix."""
    return 1.0 if len(weights) == 1 else (2 / weights[0].shape[-2]) ** 0.5


def recall(weights: Weights, x: Tensor) -> Tensor:
    """M(x) for rows `x (..., N, d_key)`: `(..., N, d_value)`.

    >>> recall((torch.tensor([[2.0, 0.0]]),), torch.tensor([[3.0, 1.0]]))
    tensor([[6.]])
    """
    if len(weights) == 1:
        return x @ weights[0].mT
    first, second = weights
    return x + gain(weights) * (silu(x @ first.mT) @ second.mT)


def pulls(weights: Weights, keys: Tensor, values: Tensor) -> tuple[Pairs, tuple[Tensor, ...]]:
    """What each layer saw and what was wrong behind it: gain · errorsᵀ inputs is minus the gradient of ½ Σ ‖v − M(k)‖².

    Args:
        weights: `(..., out, in)` each.
        keys, values: `(..., N, d)`

    Returns:
        For each layer, first to last, its inputs and errors; the last errors are v − M(k). And what their own
        gradient needs (`pulls_gradient`).

    >>> [(inputs, errors)], _ = pulls((torch.zeros(1, 2),), torch.tensor([[3.0, 1.0]]), torch.tensor([[5.0]]))
    >>> errors.mT @ inputs
    tensor([[15.,  5.]])
    """
    if len(weights) == 1:
        return [(keys, values - keys @ weights[0].mT)], ()
    first, second = weights
    z = keys @ first.mT
    gate = z.sigmoid()
    hidden = z * gate  # silu(z)
    slope = gate + hidden * (1 - gate)  # and its derivative
    error = torch.sub(values - keys, hidden @ second.mT, alpha=gain(weights))
    back = error @ second
    return [(keys, back * slope), (hidden, error)], (z, gate, slope, back)


def pulls_gradient(
    weights: Weights,
    pairs: Pairs,
    between: Sequence[Tensor],
    d_pairs: Pairs,
    d_weights: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """The gradient of `pulls` by hand: adds to `d_weights` in place, and uses up `d_pairs`; all `(B, ...)`.

    Returns:
        The gradients of keys and values.
    """
    if len(weights) == 1:
        [(keys, _)], [(d_keys, d_error)] = pairs, d_pairs
        d_weights[0].baddbmm_(d_error.mT, keys, alpha=-1)
        return d_keys.baddbmm_(d_error, weights[0], alpha=-1), d_error
    (first, second), (z, gate, slope, back) = weights, between
    (keys, _), (hidden, error) = pairs
    (d_keys, d_first_error), (d_hidden, d_error) = d_pairs
    d_back = d_first_error * slope
    d_slope = d_first_error * back
    d_error.baddbmm_(d_back, second.mT)
    d_hidden.baddbmm_(d_error, second, alpha=-gain(weights))
    d_weights[1].baddbmm_(error.mT, d_back).baddbmm_(d_error.mT, hidden, alpha=-gain(weights))
    rest = 1 - gate
    d_z = d_hidden * slope + d_slope * (gate * rest * (2 + z * (rest - gate)))  # the second derivative of silu
    d_weights[0].baddbmm_(d_z.mT, keys)
    return d_keys.sub_(d_error).baddbmm_(d_z, first), d_error
