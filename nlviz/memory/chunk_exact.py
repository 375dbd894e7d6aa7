"""The chunk form of every matrix memory that adds one tile a step: Hebb, Delta, DGD and their decayed kin.

    M_t = M_{t−1} (keep_t I − erase_t k_t k_tᵀ) + write_t v_t k_tᵀ

Each write depends on what the memory says by then, so the loop looks unavoidable. It is not. Call
u_t = write_t v_t − erase_t M_{t−1} k_t what is really written: the value less what is erased. Then
M_t = keep_t M_{t−1} + u_t k_tᵀ is a plain decayed sum, and what the memory says at k_t is

    M_{t−1} k_t = lasting_{t−1,0} M₀ k_t + Σ_{i<t} lasting_{t−1,i} (k_i · k_t) u_i

Put it into u_t, and a triangular system is left: each token takes off what earlier tokens of its chunk wrote under
similar keys. It is linear in M₀, so all chunks are solved at once, before any of them knows the M₀ it will find:

    A = I + erase ⊙ D ⊙ K Kᵀ,    D_{ti} = lasting_{t−1,i}
    U = A⁻¹ (write ⊙ V),   W = A⁻¹ (erase ⊙ lasting_{·−1,0} ⊙ K),        u = U − W M₀ᵀ

and the only loop left is two products a chunk. Nested Learning, eqs. 15, 57, 64, 65 and 93 are rows of one table; the
parallel form is DeltaNet's (Yang et al. 2024a) and Gated DeltaNet's (Yang et al. 2024b), with the decay rather than a
0/1 mask between the tokens of a chunk (erratum E-41). Papers write α for keep, β or η for the step in erase and write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.linalg import solve_triangular

from .base import MatrixMemory, check_pair
from .chunks import Steps, cut, in_chunks, join, lasting, pieces, rate_in_chunks


class Row(NamedTuple):
    """A rule's row in the table: M ← M (keep I − erase k kᵀ) + (write v − frozen M_start k) kᵀ; numbers or `(B, T)`.

    Args:
        keep: the factor that stays, 0 to 1.
        erase: how much is taken off along the key; with unit keys up to 1 + keep is stable.
        write: how much of the value is written.
        frozen: how much of what the memory said when the chunk began, M_start k, is taken off: the part of a gradient
            that is taken at the chunk's start, as in test-time training and in Nested Learning, eq. 93.
    """

    keep: Steps
    erase: Steps
    write: Steps
    frozen: Steps = 0.0


def rank_one(
    M: Tensor, keys: Tensor, values: Tensor, queries: Tensor, row: Row, chunk: int, read_first: bool = False
) -> tuple[Tensor, Tensor]:
    """Write and read a whole sequence, chunk by chunk; equal to the loop up to rounding.

    Args:
        M: `(B, d_value, d_key)`, the memory to start from.
        keys, queries: `(B, T, d_key)`
        values: `(B, T, d_value)`
        row: the rule.
        chunk: steps per chunk, 1 or more; T need not be a multiple.
        read_first: whether query t is asked before pair t is written.

    Returns:
        What was recalled `(B, T, d_value)`, and the memory at the end.

    >>> import torch
    >>> keys, values = torch.eye(3)[None], torch.tensor([[[1.0], [2.0], [3.0]]])
    >>> linear_attention = Row(keep=1.0, erase=0.0, write=1.0)
    >>> rank_one(torch.zeros(1, 1, 3), keys, values, keys, linear_attention, chunk=2)[1]
    tensor([[[1., 2., 3.]]])
    """
    cuts = pieces(keys.shape[1], chunk)
    lengths = [steps for steps, _ in cuts]
    parts = zip(*(cut(x, lengths) for x in (keys, values, queries, *row)), strict=True)
    recalled = []
    for (_, size), (k, v, q, *now) in zip(cuts, parts, strict=True):
        answer, M = _whole_chunks(M, k, v, q, Row(*now), size, read_first)
        recalled.append(answer)
    return join(recalled, values), M


def _whole_chunks(
    M: Tensor, keys: Tensor, values: Tensor, queries: Tensor, row: Row, C: int, read_first: bool
) -> tuple[Tensor, Tensor]:
    """The same for n whole chunks of C steps."""
    keep, erase, write, frozen = (rate_in_chunks(x, C, keys) for x in row)
    left = lasting(keep)  # (B or 1, n or 1, C + 1, C + 1)
    before, last = left[..., :-1, :], left[..., -1, :]
    rows = before if read_first else left[..., 1:, :]
    tables = (
        erase.unsqueeze(-1) * before[..., 1:],  # how much of write i step t takes off again, per overlap of their keys
        write.unsqueeze(-2),
        (erase * before[..., 0] + frozen).unsqueeze(-2),  # how much of what the memory found says is taken off
        rows[..., 1:],
        rows[..., :1],
        last[..., 1:, None],
        last[..., :1, None],
    )
    K, V, Q = (in_chunks(x, C).flatten(0, 1) for x in (keys, values, queries))  # (B n, C, d)
    recalled, M = ExactChunks.apply(M, K, V, Q, *(table.flatten(0, 1) for table in tables))
    return recalled.reshape(*values.shape), M


class ExactChunks(torch.autograd.Function):
    """(M, K, V, Q, takes, write, of_found, sees, sees_found, tails, kept) to (recalled, M at the end).

    K, V, Q are `(B n, C, d)`; takes and sees `(B n, C, C)`, write and of_found `(B n, 1, C)`, sees_found and tails
    `(B n, C, 1)`, kept `(B n, 1, 1)`, or 1 in place of B n where the rates are numbers. Autograd would find the same
    gradient, and pass over everything more often. Differentiable once.
    """

    @staticmethod
    def forward(ctx: Any, M: Tensor, K: Tensor, V: Tensor, Q: Tensor, *tables: Tensor) -> tuple[Tensor, Tensor]:
        """All chunks at once, then chunk after chunk, then all at once again."""
        takes, write, of_found, sees, sees_found, tails, kept = tables
        among_keys, to_queries = torch.bmm(K, K.mT), torch.bmm(Q, K.mT)

        # U and W, from which u = U − W Mᵀ, what is really written, once the memory M that a chunk finds is known.
        eye = torch.eye(K.shape[1], dtype=K.dtype, device=K.device).expand_as(among_keys)
        inverse = solve_triangular(takes * among_keys, eye, upper=False, unitriangular=True)
        u, W = torch.bmm(inverse * write, V), torch.bmm(inverse * of_found, K)

        # Chunk after chunk: u, and the memory F that each chunk finds.
        F = M.new_empty(len(K), *M.shape[1:])
        for find, u_, W_, tail, keep in _in_turn(len(M), F, u, W, tails * K, kept.expand(len(K), 1, 1)):
            find.copy_(M)
            u_.baddbmm_(W_, M.mT, alpha=-1)
            M = (keep * M).baddbmm_(u_.mT, tail)

        # What the memory found says, and what the chunk itself wrote before each question.
        ctx.save_for_backward(K, V, Q, *tables, among_keys, to_queries, inverse, W, F, u)
        return torch.bmm(Q, F.mT).mul_(sees_found).baddbmm_(sees * to_queries, u), M

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_recalled: Tensor, d_M: Tensor) -> tuple[Tensor | None, ...]:
        """The same three stages from last to first; the loop runs backwards in time."""
        K, V, Q, *tables, among_keys, to_queries, inverse, W, F, u = ctx.saved_tensors
        takes, write, of_found, sees, sees_found, tails, kept = tables

        d_says = sees_found * d_recalled
        d_seen = torch.bmm(d_recalled, u.mT)
        d_to_queries = sees * d_seen
        d_Q = torch.bmm(d_says, F).baddbmm_(d_to_queries, K)
        d_K = torch.bmm(d_to_queries.mT, Q)
        d_found, d_u = torch.bmm(d_says.mT, Q), torch.bmm((sees * to_queries).mT, d_recalled)

        # Backwards in time: what the memory at each chunk's end is worth; d_u is completed on the way.
        d_ends = torch.empty_like(d_found)
        turns = list(_in_turn(len(d_M), d_ends, d_found, d_u, W, tails * K, kept.expand(len(K), 1, 1)))
        for d_end, d_found_, d_u_, W_, tail, keep in reversed(turns):
            d_end.copy_(d_M)
            d_u_.baddbmm_(tail, d_M.mT)
            d_M = d_found_.addcmul_(keep, d_M).baddbmm_(d_u_.mT, W_, alpha=-1)
        d_tails, d_W = torch.bmm(u, d_ends), torch.bmm(d_u, F).neg_()

        by_values, by_keys = torch.bmm(d_u, V.mT), torch.bmm(d_W, K.mT)
        d_inverse = (write * by_values).add_(of_found * by_keys)
        d_system = torch.bmm(inverse.mT, torch.bmm(d_inverse, inverse.mT)).neg_()
        d_among_keys = takes * d_system
        d_V = torch.bmm((inverse * write).mT, d_u)
        d_K.addcmul_(tails, d_tails).baddbmm_((inverse * of_found).mT, d_W).baddbmm_(d_among_keys + d_among_keys.mT, K)
        if not any(ctx.needs_input_grad[4:]):
            return d_M, d_K, d_V, d_Q, *[None] * 7
        d_tables = (
            d_system * among_keys,
            (inverse * by_values).sum(1, keepdim=True),
            (inverse * by_keys).sum(1, keepdim=True),
            d_seen * to_queries,
            (d_recalled * torch.bmm(Q, F.mT)).sum(2, keepdim=True),
            (d_tails * K).sum(2, keepdim=True),
            (d_ends * F).sum((1, 2), keepdim=True),
        )
        return d_M, d_K, d_V, d_Q, *d_tables


def _in_turn(B: int, *parts: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The n chunks `(B, ...)` of parts `(B n, ...)`, as views: what is written into them is written into the parts."""
    return zip(*(part.unflatten(0, (B, -1)).unbind(1) for part in parts), strict=True)


class RankOne(MatrixMemory):
    """A matrix memory whose write is a row of the table: it says which, and has the chunk form for it."""

    def row(self, keys: Tensor, lr: Steps, keep: Steps) -> Row:
        """The rule's coefficients, for keys `(B, T, d_key)` and its rates."""
        raise NotImplementedError(f"{type(self).__name__} has no row; write row(self, keys, lr, keep) -> Row")

    def chunks(
        self,
        M: Tensor,
        keys: Tensor,
        values: Tensor,
        queries: Tensor,
        chunk: int,
        read_first: bool,
        rates: Mapping[str, Steps],
    ) -> tuple[Tensor, Tensor]:
        """A whole sequence `(B, T, ...)`: what was recalled, and the memory at the end."""
        check_pair(self, M, keys, values)
        check_pair(self, M, queries)
        return rank_one(M, keys, values, queries, self.row(keys, rates["lr"], rates["keep"]), chunk, read_first)
