"""One routine for the whole family: each row of the table of decayed rank-one rules against a loop of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from nlviz.memory import Row, rank_one

T, D = 21, 4


def outer(value: Tensor, key: Tensor) -> Tensor:
    return torch.einsum("bv,bk->bvk", value, key)


def says(M: Tensor, key: Tensor) -> Tensor:
    return torch.einsum("bvk,bk->bv", M, key)


def erase(M: Tensor, key: Tensor, step: Tensor, keep: Tensor | float = 1.0) -> Tensor:
    """M (keep I - step k kᵀ)"""
    eye = torch.eye(D, dtype=M.dtype, device=M.device)
    keep = keep[:, None, None] if isinstance(keep, Tensor) else keep
    return torch.einsum("bvk,bkj->bvj", M, keep * eye - step[:, None, None] * outer(key, key))


# name: (how one token is written given alpha, eta and the chunk's start; the row of the table)
Write = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
TABLE: dict[str, tuple[Write, Callable[[Tensor, Tensor], Row]]] = {
    "linear attention": (
        lambda M, start, k, v, a, e: M + outer(v, k),
        lambda a, e: Row(keep=1.0, erase=0.0, write=1.0),
    ),
    "gated linear attention": (
        lambda M, start, k, v, a, e: a[:, None, None] * M + outer(v, k),
        lambda a, e: Row(keep=a, erase=0.0, write=1.0),
    ),
    "DeltaNet": (
        lambda M, start, k, v, a, e: M + outer(e[:, None] * (v - says(M, k)), k),
        lambda a, e: Row(keep=1.0, erase=e, write=e),
    ),
    "Gated DeltaNet": (
        lambda M, start, k, v, a, e: a[:, None, None] * erase(M, k, e) + outer(e[:, None] * v, k),
        lambda a, e: Row(keep=a, erase=a * e, write=e),
    ),
    "DGD + decay, dot product": (
        lambda M, start, k, v, a, e: erase(M, k, e, a) + outer(e[:, None] * v, k),
        lambda a, e: Row(keep=a, erase=e, write=e),
    ),
    "DGD + decay, l2": (
        lambda M, start, k, v, a, e: erase(M, k, e, a) - outer(e[:, None] * (says(M, k) - v), k),
        lambda a, e: Row(keep=a, erase=2 * e, write=e),
    ),
    "Hope, l2 at the chunk's start": (
        lambda M, start, k, v, a, e: erase(M, k, e, a) - outer(e[:, None] * (says(start, k) - v), k),
        lambda a, e: Row(keep=a, erase=e, write=e, frozen=e),
    ),
    "TTT-linear": (
        lambda M, start, k, v, a, e: M - outer(e[:, None] * (says(start, k) - v), k),
        lambda a, e: Row(keep=1.0, erase=0.0, write=e, frozen=e),
    ),
    "Titans without momentum": (
        lambda M, start, k, v, a, e: a[:, None, None] * M - outer(e[:, None] * (says(start, k) - v), k),
        lambda a, e: Row(keep=a, erase=0.0, write=e, frozen=e),
    ),
}


@pytest.mark.parametrize("chunk", [1, 3, 16, T])
@pytest.mark.parametrize("name", TABLE)
def test_the_row_is_its_rule(name: str, chunk: int, draw: Any, close: Any) -> None:
    write, row = TABLE[name]
    keys, queries = (normalize(draw(2, T, D, seed=i), dim=-1) for i in (0, 1))
    values, M0 = draw(2, T, D, seed=2), 0.5 * draw(2, D, D, seed=3)
    alpha, eta = draw(2, T, seed=4).sigmoid(), 0.7 * draw(2, T, seed=5).sigmoid()
    leaves = [x.requires_grad_() for x in (M0, keys, values, queries, alpha, eta)]

    M, before, after, start = M0, [], [], M0
    for t in range(T):
        start = M if t % chunk == 0 else start
        before.append(says(M, queries[:, t]))
        M = write(M, start, keys[:, t], values[:, t], alpha[:, t], eta[:, t])
        after.append(says(M, queries[:, t]))
    expected = [torch.stack(before, 1), torch.stack(after, 1), M]

    first, _ = rank_one(M0, keys, values, queries, row(alpha, eta), chunk, read_first=True)
    then, end = rank_one(M0, keys, values, queries, row(alpha, eta), chunk)
    close([first, then, end], expected, 1e-12)

    def gradient(parts: list[Tensor]) -> tuple[Tensor, ...]:
        worth = sum((part * draw(*part.shape, seed=9 + i)).sum() for i, part in enumerate(parts))
        return torch.autograd.grad(worth, leaves, allow_unused=True, materialize_grads=True)

    close(gradient([first, then, end]), gradient(expected), 1e-11)
