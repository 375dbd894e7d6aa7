"""What memories that modify themselves say of a chunk of tokens: keys, values and rates, with the gradient by hand.

Tokens are columns, and the memories' first layers one matrix, as in `self_modifying_write`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...memory.network import Weights


class Gates(NamedTuple):
    """How the last two of the memories that speak become rates: most · sigmoid(w · M(x) + bias), for lr and keep.

    Args:
        w: `(B, 2, d)`
        bias: `(B, 2, 1)`
        most: of lr; of keep it is 1.
    """

    w: Tensor
    bias: Tensor
    most: float

    def rates(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """lr and keep of logits `(B, 2, C)`: `(B, C)` each."""
        lr, keep = (logits + self.bias).sigmoid().unbind(1)
        return self.most * lr, keep


def read_out(found: Weights, x: Tensor, gates: Gates, n: int) -> tuple[Tensor, ...]:
    """What the first n memories as found make of tokens `(B, d, C)`: unit vectors `(B, d, C)`, and rates `(B, C)`.

    Args:
        found: `(B, n or more, out, in)` a layer, second layers times the gain.
        gates: they read the last two of the n.
    """
    if len(found) > 1:
        vectors, logits = ReadNetworks.apply(*found, x, gates.w, n)
        return *vectors.unbind(1), *gates.rates(logits)
    weights, rates, _ = found[0].split([n - 2, 2, found[0].shape[1] - n], 1)
    vectors = UnitColumns.apply((weights.flatten(1, 2) @ x).unflatten(1, (n - 2, -1)))
    return *vectors.unbind(1), *gates.rates((gates.w.unsqueeze(-2) @ rates).squeeze(-2) @ x)


class ReadNetworks(torch.autograd.Function):
    """(A, S, x, w, n) to (unit vectors `(B, n − 2, d, C)`, logits `(B, 2, C)`).

    A `(B, n or more, h, d)` and S `(B, n or more, d, h)` are the two layers. Differentiable once.
    """

    @staticmethod
    def forward(ctx: Any, A: Tensor, S: Tensor, x: Tensor, w: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """Of the rates only the direction w is asked for: a row of S."""
        B, _, h, _ = A.shape
        v = n - 2
        z = torch.bmm(A[:, :n].flatten(1, 2), x)
        s = torch.ops.aten.silu(z).view(B, n, h, -1)
        vectors = (S[:, :v] @ s[:, :v]).add_(x.unsqueeze(1))
        shrink = vectors.square().sum(2, keepdim=True).add_(1e-6).rsqrt_()
        vectors *= shrink
        rows = w.unsqueeze(2) @ S[:, v:n]  # (B, 2, 1, h)
        logits = torch.bmm(w, x).add_((rows @ s[:, v:]).squeeze(2))
        ctx.save_for_backward(A, S, x, w, z, vectors, shrink, rows)
        return vectors, logits

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_vectors: Tensor, d_logits: Tensor) -> tuple[Tensor | None, ...]:
        """Back through the norm, the two layers, and the rows."""
        A, S, x, w, z, vectors, shrink, rows = ctx.saved_tensors
        B, _, h, _ = A.shape
        v, n = vectors.shape[1], vectors.shape[1] + 2
        s = torch.ops.aten.silu(z).view(B, n, h, -1)
        along = (vectors * d_vectors).sum(2, keepdim=True)
        d_says = torch.addcmul(d_vectors, vectors, along, value=-1).mul_(shrink)
        d_pairs = d_logits.unsqueeze(2)  # (B, 2, 1, C)
        d_s = torch.cat([S[:, :v].mT @ d_says, rows.mT * d_pairs], 1).view_as(z)
        d_z = torch.ops.aten.silu_backward(d_s, z)
        d_rows = d_pairs @ s[:, v:].mT
        d_A, d_S = torch.empty_like(A), torch.empty_like(S)
        d_A[:, n:], d_S[:, n:] = 0, 0
        d_A[:, :n] = torch.bmm(d_z, x.mT).view(B, n, h, -1)
        d_S[:, :v] = d_says @ s[:, :v].mT
        torch.mul(w.unsqueeze(-1), d_rows, out=d_S[:, v:n])
        d_x = torch.bmm(A[:, :n].flatten(1, 2).mT, d_z).add_(d_says.sum(1)).baddbmm_(w.mT, d_logits)
        d_w = (d_rows @ S[:, v:n].mT).squeeze(2).baddbmm_(d_logits, x.mT)
        return d_A, d_S, d_x, d_w, None


class UnitColumns(torch.autograd.Function):
    """`layer.unit` along the axis before the last."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Divide by the length."""
        shrink = x.square().sum(-2, keepdim=True).add_(1e-6).rsqrt_()
        y = shrink * x
        ctx.save_for_backward(y, shrink)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        """What lies along y is taken off."""
        y, shrink = ctx.saved_tensors
        return torch.addcmul(dy, y, (y * dy).sum(-2, keepdim=True), value=-1).mul_(shrink)
