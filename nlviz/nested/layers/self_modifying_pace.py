"""The rates of one chunk as tables: how much of what was there, and of each write, is left when."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...memory.chunks import lasting


class Pace(NamedTuple):
    """The rates of one chunk as tables, `lasting` of `memory.chunks` among them.

    Args:
        lr: `(B, 1, C)`
        between: `(B, C, C)`, lasting_{t−1,i}: what is left of write i before token t; with implicit steps 1 for i = t.
        before: `(B, 1, C)`, what is left of Δ_0 before each token.
        tails: `(B, 1, C)`, what is left of each write at the chunk's end.
        kept: `(B, 1, 1)`, and of Δ_0.
    """

    lr: Tensor
    between: Tensor
    before: Tensor
    tails: Tensor
    kept: Tensor


def paces(lr: Tensor, keep: Tensor, implicit: bool) -> tuple[Pace, Tensor]:
    """The tables of a chunk with these rates `(B, C)`, and all that is left: `lasting`, `(B, C + 1, C + 1)`."""
    left, between, before, tails, kept = Left.apply(keep)
    if implicit:
        between = between + torch.eye(keep.shape[-1], dtype=keep.dtype, device=keep.device)
    return Pace(lr.unsqueeze(-2), between, before.mT, tails, kept), left


class Left(torch.autograd.Function):
    """keep `(B, C)` to `lasting` and the four cuts of it that make a `Pace`; the gradient by hand, in a few steps."""

    @staticmethod
    def forward(ctx: Any, keep: Tensor) -> tuple[Tensor, ...]:
        """`lasting`, and: between tokens, before each, after each at the end, and over the whole chunk."""
        left = lasting(keep)
        ctx.save_for_backward(keep, left)
        ctx.set_materialize_grads(False)
        return left, *(left[at].clone() for at in Left.cuts)

    cuts = (
        (slice(None), slice(None, -1), slice(1, None)),
        (slice(None), slice(None, -1), slice(0, 1)),  # a column
        (slice(None), slice(-1, None), slice(1, None)),
        (slice(None), slice(-1, None), slice(0, 1)),
    )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_left: Tensor | None, *d_cuts: Tensor | None) -> Tensor:
        """left_{ti} is the product of keep_j for i < j ≤ t, so that keep_j stands in all entries on both its sides."""
        keep, left = ctx.saved_tensors
        d = torch.zeros_like(left) if d_left is None else d_left.clone()
        for at, d_cut in zip(Left.cuts, d_cuts, strict=True):
            if d_cut is not None:
                d[at] += d_cut
        ones = torch.ones_like(left)
        later = torch.bmm(ones.triu(), d.mul_(left))  # (B, j, i): over all t ≥ j
        return later.mul_(ones.tril(-1)).sum(-1)[:, 1:] / (keep + torch.finfo(keep.dtype).tiny ** 0.5)
