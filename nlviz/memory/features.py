"""Feature maps: what a key becomes before it is written or asked. A map φ makes the overlap of two keys φ(k) · φ(q).

A matrix memory of d features keeps about d pairs apart, so a map to more features is more room: degree 2 takes d to
about d² / 2. Nested Learning, eqs. 5 and 64 (linear attention with φ) and 68 (Atlas: polynomials). Apply the same map
to keys and queries, and make the memory with `init(d_key=φ(keys).shape[-1], ...)`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def identity(x: Tensor) -> Tensor:
    """The key as it is: φ(k) · φ(q) = k · q.

    >>> identity(torch.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return x


def elu_plus_one(x: Tensor) -> Tensor:
    """ELU(x) + 1, feature by feature: all features positive, as in linear attention (Katharopoulos et al. 2020).

    Args:
        x: `(..., d)`

    Returns:
        `(..., d)`, every entry above 0.

    >>> elu_plus_one(torch.tensor([1.0, 0.0]))
    tensor([2., 1.])
    """
    return torch.where(x > 0, x + 1, x.clamp(max=0).exp())  # elu(x) + 1 would round to 0 far below


def quadratic(x: Tensor) -> Tensor:
    """All products of up to two features: φ(k) · φ(q) = 1 + k · q + (k · q)² / 2, where exp(k · q) begins.

    Args:
        x: `(..., d)`

    Returns:
        `(..., 1 + d + d (d + 1) / 2)`

    >>> key, query = torch.tensor([3.0, 1.0]), torch.tensor([0.0, 2.0])
    >>> quadratic(key) @ quadratic(query)
    tensor(5.)
    """
    d = x.shape[-1]
    i, j = torch.triu_indices(d, d, device=x.device)
    share = x.new_ones(len(i)).masked_fill(i == j, 0.5**0.5)  # x_i x_j stands twice in (k · q)², x_i² once
    return torch.cat([torch.ones_like(x[..., :1]), x, share * x[..., i] * x[..., j]], -1)
