"""One chunk of tokens into memories that make their own targets: written at once, with the gradient by hand.

What `self_memory.write` does token by token is, for each layer, the recurrence

    Δ_t = Δ_{t−1} (keep_t I − lr_t x_t x_tᵀ) + lr_t pull_t x_tᵀ

and all inputs x and pulls of a chunk are known at its start. As in `memory.chunk_exact` call u_t = lr_t (pull_t −
Δ_{t−1} x_t) what is really written; Δ_t = keep_t Δ_{t−1} + u_t x_tᵀ is then a decayed sum, and the u of a chunk solve

    u_t + lr_t Σ_{i<t} lasting_{t−1,i} (x_t · x_i) u_i = lr_t (pull_t − lasting_{t−1,0} Δ_0 x_t)

An implicit step, lr_t / (1 + lr_t ‖x_t‖²) in place of lr_t, is the term i = t of that sum with a factor of 1: the
write is corrected by itself too.

The first layers of all memories see the same keys and share one system; each second layer has its own. Tokens are
columns here: the first layers of n memories are then one matrix. Second layers come multiplied by the network's gain
and are given gain² lr, so that nothing else has to be. Nested Learning, eqs. 56, 90 and 93.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.linalg import solve_triangular

from ...memory.network import Weights
from .self_modifying_pace import Pace
from .self_modifying_read import UnitColumns


class Written(NamedTuple):
    """What a chunk leaves: Δ at its end, and of the last memory what it takes to ask it inside the chunk.

    Args:
        end: `(B, n, out, in)` a layer.
        begun: Δ_0, `(B, out, in)` a layer.
        inputs: `(B, in, C)` a layer.
        writes: u, what was really written, `(B, out, C)` a layer.
    """

    end: Weights
    begun: Weights
    inputs: tuple[Tensor, ...]
    writes: tuple[Tensor, ...]


def write_chunk(
    written: Weights, found: Weights, keys: Tensor, values: Tensor, pace: Pace, gain: float, stop_targets: bool
) -> Written:
    """C tokens into n memories a sequence and head.

    Args:
        written, found: `(B, n, out, in)` a layer, see `self_memory.write`; second layers times the gain.
        keys, values: `(B, d, C)`
    """
    if len(found) == 1:
        return _write_matrices(written[0], found[0], keys, values, pace, stop_targets)
    *end, first, second, hidden, u_first, u_second = WriteNetworks.apply(
        keys, values, *found, *written, gain**2, stop_targets, *pace
    )
    return Written(tuple(end), (first, second), (keys, hidden), (u_first, u_second))


def _write_matrices(
    written: Tensor, found: Tensor, keys: Tensor, values: Tensor, pace: Pace, stop_targets: bool
) -> Written:
    """The same for memories of one layer, each token's pull being its error: left to autograd."""
    n, C = found.shape[1], keys.shape[-1]
    rows = found.flatten(1, 2)  # (B, n d, d)
    targets = UnitColumns.apply((rows @ values).unflatten(1, (n, -1)))
    targets = targets.detach() if stop_targets else targets
    lacks = targets.flatten(1, 2) - rows @ keys - written.flatten(1, 2) @ (pace.before * keys)
    eye = torch.eye(C, dtype=keys.dtype, device=keys.device).expand(len(keys), C, C)
    inverse = solve_triangular(eye + pace.lr.mT * pace.between * (keys.mT @ keys), eye, upper=False)
    u = (pace.lr * lacks) @ inverse.mT
    end = (pace.kept.unsqueeze(1) * written) + (u @ (pace.tails * keys).mT).view_as(written)
    return Written((end,), (written[:, -1],), (keys,), (u.unflatten(1, (n, -1))[:, -1],))


class WriteNetworks(torch.autograd.Function):
    """(keys, values, A, S, Δ_A, Δ_S, gain², stop, *pace) to (Δ_A, Δ_S at the end, and of the last
    memory Δ_A, Δ_S as they were, hidden, u_A and u_S).

    A `(B, n, h, d)` and S `(B, n, d, h)` are the two layers. Autograd would find the same gradient; it passes over
    everything more often. Differentiable once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        keys: Tensor,
        values: Tensor,
        A: Tensor,
        S: Tensor,
        D_A: Tensor,
        D_S: Tensor,
        square: float,
        stop: bool,
        *pace: Tensor,
    ) -> tuple[Tensor, ...]:
        """Targets, errors and pulls of all tokens, then two kinds of systems."""
        lr, between, before, tails, kept = pace
        (B, n, h, _), C = A.shape, keys.shape[-1]
        of_each = partial(each, n)

        # What the memories as found make of keys and values: z, hidden = silu(z), and S hidden.
        pairs = torch.cat([keys, values], -1)
        z = torch.bmm(A.flatten(1, 2), pairs).view(B * n, h, 2 * C)
        s = torch.ops.aten.silu(z)
        says = torch.bmm(S.flatten(0, 1), s)
        hidden, z_k = s[..., :C], z[..., :C].contiguous()  # silu_backward is slow on every other row

        # Targets, errors, and what the errors ask of the first layer.
        targets = of_each(values) + says[..., C:]
        shrink = targets.square().sum(1, keepdim=True).add_(1e-6).rsqrt_()
        targets *= shrink
        error = (targets - says[..., :C]).sub_(of_each(keys))
        back = torch.bmm(S.flatten(0, 1).mT, error)
        pull = torch.ops.aten.silu_backward(back, z_k)

        # What is really written.
        lacks_A = pull.view(B, n * h, C).baddbmm_(D_A.flatten(1, 2), before * keys, alpha=-1)
        lacks_S = torch.baddbmm(error, D_S.flatten(0, 1), of_each(before) * hidden, alpha=-1)
        among_A, among_S = torch.bmm(keys.mT, keys), torch.bmm(hidden.mT, hidden)
        takes = lr.mT * between
        systems = torch.cat([takes * among_A, of_each(square * takes) * among_S])
        eye = torch.eye(C, dtype=keys.dtype, device=keys.device).expand_as(systems)
        inverse = solve_triangular(systems.add_(eye), eye, upper=False)
        inverse_A, inverse_S = inverse[:B], inverse[B:]
        u_A = torch.bmm(lacks_A, (inverse_A * lr).mT)
        u_S = torch.bmm(lacks_S, (inverse_S * of_each(square * lr)).mT)

        end_A, end_S = _faded(kept, D_A), _faded(kept, D_S)
        end_A.flatten(1, 2).baddbmm_(u_A, (tails * keys).mT)
        end_S.flatten(0, 1).baddbmm_(u_S, (of_each(tails) * hidden).mT)

        ctx.square, ctx.stop = square, stop
        ctx.save_for_backward(
            *(pairs, A, S, D_A, D_S, *pace, z, targets, shrink, error, back, among_A, among_S, inverse, u_A, u_S)
        )
        ctx.set_materialize_grads(False)
        begun = (D[:, -1].clone() for D in (D_A, D_S))
        return end_A, end_S, *begun, *(x.view(B, n, -1, C)[:, -1].contiguous() for x in (hidden.contiguous(), u_A, u_S))

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,
        d_end_A: Tensor | None,
        d_end_S: Tensor | None,
        d_begun_A: Tensor | None,
        d_begun_S: Tensor | None,
        d_hidden: Tensor | None,
        d_u_A: Tensor | None,
        d_u_S: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        """From what was written back to lacks, to errors and pulls, to targets, to what the memories said."""
        (pairs, A, S, D_A, D_S, lr, between, before, tails, kept, z, targets, *rest) = ctx.saved_tensors
        shrink, error, back, among_A, among_S, inverse, u_A, u_S = rest
        (B, n, h, d), C, square = A.shape, between.shape[-1], ctx.square
        of_each = partial(each, n)
        s = torch.ops.aten.silu(z)  # quicker made again than fetched
        keys, hidden, z_k = pairs[..., :C], s[..., :C], z[..., :C].contiguous()
        S_, D_A_, D_S_ = S.flatten(0, 1), D_A.flatten(1, 2), D_S.flatten(0, 1)
        d_end_A = torch.zeros_like(D_A) if d_end_A is None else d_end_A
        d_end_S = torch.zeros_like(D_S) if d_end_S is None else d_end_S
        d_end_A_, d_end_S_ = d_end_A.flatten(1, 2), d_end_S.flatten(0, 1)

        # The writes: u solves a triangular system, and so does its gradient.
        d_u_A = _last(n, torch.bmm(d_end_A_, tails * keys), d_u_A)
        d_u_S = _last(n, torch.bmm(d_end_S_, of_each(tails) * hidden), d_u_S)
        d_A, d_S = torch.bmm(d_u_A, inverse[:B]), torch.bmm(d_u_S, inverse[B:])  # of lr · lacks
        d_system_A, d_system_S = torch.bmm(d_A.mT, u_A).neg_(), torch.bmm(d_S.mT, u_S).neg_()
        d_own = torch.diagonal(d_system_A + _over(n, d_system_S), dim1=1, dim2=2).neg()
        d_lr = (d_own / lr.squeeze(1).clamp_min(1e-30)).unsqueeze(1)  # u = (1/lr + between ⊙ among)⁻¹ lacks
        d_A *= lr
        d_S *= of_each(square * lr)  # of lacks; lacks = pull − Δ (before · input)
        takes = lr.mT * between
        d_between = lr.mT * (d_system_A * among_A + square * _over(n, d_system_S * among_S))
        d_among_A, d_among_S = takes * d_system_A, of_each(square * takes) * d_system_S

        # The inputs' part in the systems, in Δ input, and in Δ at the end.
        said_A, said_S = torch.bmm(D_A_.mT, d_A), torch.bmm(D_S_.mT, d_S)
        late_A, late_S = torch.bmm(d_end_A_.mT, u_A), torch.bmm(d_end_S_.mT, u_S)
        d_keys = (tails * late_A).addcmul_(before, said_A, value=-1).baddbmm_(keys, d_among_A + d_among_A.mT)
        d_late = (of_each(tails) * late_S).addcmul_(of_each(before), said_S, value=-1)
        d_late.baddbmm_(hidden, d_among_S + d_among_S.mT)
        d_tails = (keys * late_A).sum(1, keepdim=True) + _over(n, (hidden * late_S).sum(1, keepdim=True))
        d_before = -(keys * said_A).sum(1, keepdim=True) - _over(n, (hidden * said_S).sum(1, keepdim=True))
        d_kept = (d_end_A * D_A).sum((1, 2, 3)) + (d_end_S * D_S).sum((1, 2, 3))
        d_D_A, d_D_S = _faded(kept, d_end_A), _faded(kept, d_end_S)
        d_D_A.flatten(1, 2).baddbmm_(d_A, (before * keys).mT, alpha=-1)
        d_D_S.flatten(0, 1).baddbmm_(d_S, (of_each(before) * hidden).mT, alpha=-1)

        _last(n, d_D_A, d_begun_A)
        _last(n, d_D_S, d_begun_S)

        # Pulls and errors: pull = silu′(z) back, back = Sᵀ error, error = target − key − S hidden.
        d_pull = d_A.view(B * n, h, C)
        d_back = torch.ops.aten.silu_backward(d_pull, z_k)
        d_error = d_S.baddbmm_(S_, d_back)
        d_says = targets.new_empty(B * n, d, 2 * C)
        torch.neg(d_error, out=d_says[..., :C])
        if ctx.stop:
            d_says[..., C:] = 0
        else:
            along = (targets * d_error).sum(1, keepdim=True)
            torch.addcmul(d_error, targets, along, value=-1, out=d_says[..., C:]).mul_(shrink)
        d_W_S = torch.bmm(d_says, s.mT).baddbmm_(error, d_back.mT)
        d_s = torch.bmm(S_.mT, d_says)
        d_s[..., :C] += _last(n, d_late, d_hidden)
        d_z = torch.ops.aten.silu_backward(d_s, z)
        d_z[..., :C] += _bend(z_k).mul_(back).mul_(d_pull)
        d_z = d_z.view(B, n * h, 2 * C)
        d_W_A = torch.bmm(d_z, pairs.mT).view(A.shape)
        d_pairs = torch.bmm(A.flatten(1, 2).mT, d_z)
        direct = _over(n, d_says)  # keys and values are a part of what the memories say, and of the error
        d_keys += d_pairs[..., :C] + direct[..., :C]
        d_values = d_pairs[..., C:] + direct[..., C:]
        rates = (d_lr, d_between, d_before, d_tails, d_kept.view_as(kept))
        return d_keys, d_values, d_W_A, d_W_S.view(S.shape), d_D_A, d_D_S, None, None, *rates


def _bend(z: Tensor) -> Tensor:
    """The second derivative of silu."""
    gate = z.sigmoid()
    rest = 1 - gate
    return (rest - gate).mul_(z).add_(2).mul_(gate).mul_(rest)


def _faded(kept: Tensor, D: Tensor) -> Tensor:
    """kept Δ, laid out so that what is added to a flattened view of it is added to it."""
    return (kept.unsqueeze(1) * D).contiguous()


def _last(n: int, x: Tensor, more: Tensor | None) -> Tensor:
    """A gradient for all n memories, with what is added for the last."""
    if more is not None:
        x.view(len(more), n, *more.shape[1:])[:, -1] += more
    return x


def _over(n: int, x: Tensor) -> Tensor:
    """`(B n, ...)` added up over the n memories."""
    return x if n == 1 else x.unflatten(0, (-1, n)).sum(1)


def each(n: int, x: Tensor) -> Tensor:
    """`(B, ...)` as `(B n, ...)`, the same for n memories."""
    return x if n == 1 else x.unsqueeze(1).expand(-1, n, *x.shape[1:]).flatten(0, 1)
