"""One chunk of a memory that is a network: its reads, its matrices at the end, and the gradient of both by hand.

For each layer, with the m matrices X that the chunk found and the inputs and errors of `network.pulls`,

    read    z ↦ Σ_j own[t, j] X_j z + Σ_i seen[t, i] (input_i · z) error_i       the layers one behind the other
    write   X_j ← Σ_l mix[j, l] X_l + Σ_i share[j, i] error_i input_iᵀ

Autograd could differentiate this line by line, and so the tests judge it. Written out, the matrices of a chunk are
touched a few times instead of a dozen, and moving them, not the arithmetic, is what takes the time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import silu

from .network import Pairs, gain, pulls, pulls_gradient


class ChunkStep(torch.autograd.Function):
    """(L, queries, keys, values, own, seen, mix, share, *X, *start) to (recalled, *X at the end).

    Shapes: queries `(B, C, d_key)`; keys, values `(B, N, d)`; own `(B, C, m, 1)`, seen `(B, C, N)`, mix `(B, m, m)`,
    share `(B, m, N)`; for each of L layers X `(B, m, out, in)`, the weights first. `start`, `(B, out, in)` each, are
    the weights the gradients are taken at; without them those in X. Differentiable once.
    """

    @staticmethod
    def forward(ctx: Any, L: int, queries: Tensor, keys: Tensor, values: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        """Read and write."""
        (own, seen, mix, share), X, start = given[:4], given[4 : 4 + L], given[4 + L :]
        weights = start or tuple(x[:, 0] for x in X)
        pairs, between = pulls(weights, keys, values)
        y, ends = queries, []
        reads: list[Tensor] = []
        for x, (inputs, errors) in zip(X, pairs, strict=True):
            before, z = y, silu(y) if reads else y
            each = torch.bmm(z, x.flatten(1, 2).mT).unflatten(-1, x.shape[1:3])  # (B, C, m, out)
            overlap = torch.bmm(z, inputs.mT)  # (B, C, N)
            y = torch.baddbmm((own * each).sum(2), seen * overlap, errors)
            end = torch.bmm(mix, x.flatten(2)).view_as(x)
            end.flatten(1, 2).baddbmm_(_shares(share, errors).mT, inputs)
            ends.append(end)
            reads += [before, z, each, overlap]
        ctx.L, ctx.starts = L, len(start)
        ctx.save_for_backward(*given, *(part for pair in pairs for part in pair), *reads, *between)
        return (y if L == 1 else torch.add(queries, y, alpha=gain(weights))), *ends

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_recalled: Tensor, *d_ends: Tensor) -> tuple[Tensor | None, ...]:
        """Back through the read and the write of each layer, last to first, then through the gradients they use."""
        L, saved = ctx.L, iter(ctx.saved_tensors)
        own, seen, mix, share = (next(saved) for _ in range(4))
        X = [next(saved) for _ in range(L)]
        start = tuple(next(saved) for _ in range(ctx.starts))
        pairs = [(next(saved), next(saved)) for _ in range(L)]
        reads = [tuple(next(saved) for _ in range(4)) for _ in range(L)]
        weights = start or tuple(x[:, 0] for x in X)

        d_y = d_recalled if L == 1 else gain(weights) * d_recalled
        d_pairs: Pairs = []
        d_X: list[Tensor] = []
        d_tables = []
        for x, d_end, (inputs, errors), (before, z, each, overlap) in reversed(
            list(zip(X, d_ends, pairs, reads, strict=True))
        ):
            d_end_rows, d_end_flat = d_end.flatten(1, 2), d_end.flatten(2)
            d_shares = torch.bmm(inputs, d_end_rows.mT).unflatten(-1, x.shape[1:3])  # (B, N, m, out)
            d_errors = (share.mT.unsqueeze(-1) * d_shares).sum(2)
            d_inputs = torch.bmm(_shares(share, errors), d_end_rows)
            d_x = torch.bmm(mix.mT, d_end_flat).view_as(x)

            d_each = (own * d_y.unsqueeze(2)).flatten(2)  # (B, C, m · out)
            d_weight = torch.bmm(d_y, errors.mT)
            d_overlap = seen * d_weight
            d_z = torch.baddbmm(torch.bmm(d_each, x.flatten(1, 2)), d_overlap, inputs)
            d_x.flatten(1, 2).baddbmm_(d_each.mT, z)
            d_inputs.baddbmm_(d_overlap.mT, z)
            d_errors.baddbmm_((seen * overlap).mT, d_y)

            if any(ctx.needs_input_grad[4:8]):
                d_own = (each * d_y.unsqueeze(2)).sum(-1, keepdim=True)
                d_mix = torch.bmm(d_end_flat, x.flatten(2).mT)
                d_share = (d_shares * errors.unsqueeze(2)).sum(-1).mT
                d_tables.append((d_own, d_weight * overlap, d_mix, d_share))
            d_pairs.insert(0, (d_inputs, d_errors))
            d_X.insert(0, d_x)
            d_y = torch.ops.aten.silu_backward(d_z, before) if len(d_X) < L else d_z

        d_start = [torch.zeros_like(W) for W in start]
        d_keys, d_values = pulls_gradient(weights, pairs, tuple(saved), d_pairs, d_start or [d_x[:, 0] for d_x in d_X])
        d_queries = d_y if L == 1 else d_recalled + d_y
        tables = [sum(parts) for parts in zip(*d_tables, strict=True)] or [None] * 4
        return None, d_queries, d_keys, d_values, *tables, *d_X, *d_start


def _shares(share: Tensor, errors: Tensor) -> Tensor:
    """Each error times its share in each of the m matrices: `(B, m, N)` and `(B, N, out)` to `(B, N, m · out)`."""
    return (share.mT.unsqueeze(-1) * errors.unsqueeze(2)).flatten(2)
