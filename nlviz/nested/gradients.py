"""Gradients that wait: is each finite, add one to a sum, dense or sparse, without asking the device."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import torch
from torch import Tensor


def all_finite(gradients: Iterable[Tensor]) -> Tensor:
    """Whether no entry is infinite or NaN, `()` of bool, on the device of the first gradient.

    >>> bool(all_finite([torch.ones(2), torch.tensor([1.0, float("nan")])]))
    False
    """
    entries = [grad.coalesce().values() if grad.is_sparse else grad for grad in gradients]
    if not entries:
        return torch.tensor(True)
    wide = reduce(torch.promote_types, (entry.dtype for entry in entries), torch.float32)
    sums = [entry.sum(dtype=wide).to(entries[0].device) for entry in entries]  # a sum shows it: cheapest to compute
    return torch.isfinite(torch.stack(sums)).all()


def only_if(good: Tensor, grad: Tensor) -> Tensor:
    """The gradient where `good`, `()` of bool, holds, else zeros."""
    if grad.is_sparse:
        grad = grad.coalesce()
        kept = only_if(good, grad.values())
        return torch.sparse_coo_tensor(grad.indices(), kept, grad.shape, is_coalesced=True, check_invariants=False)
    return torch.where(good.to(grad.device), grad, 0)


def plus(waiting: Tensor | None, grad: Tensor, keep: bool) -> Tensor:
    """The sum with one gradient more, in float32 at least; a sum to keep is a tensor of its own."""
    if waiting is None and not keep:
        return grad
    wide = torch.promote_types(grad.dtype, torch.float32)
    if waiting is None:
        return grad.to(wide, copy=True)
    return (waiting + grad.to(wide)).coalesce() if waiting.is_sparse else waiting.add_(grad)
