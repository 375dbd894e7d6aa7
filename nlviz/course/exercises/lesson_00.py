"""Lesson 00, the start: one small function to try the machine on, and five questions about what the course builds on.

The outer product u xᵀ is the gradient of uᵀ W x with respect to W: that is its truth here, by autograd.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant
from .questions_00 import QUESTIONS

__all__ = ["EXERCISES", "QUESTIONS", "TITLE"]

TITLE = "Start"


def _pair(seed: int) -> tuple[Tensor, Tensor]:
    m, n = ((2, 3), (4, 4), (5, 2))[seed % 3]
    numbers = torch.randn(m + n, generator=generator(seed), dtype=torch.float64)
    return numbers[:m], numbers[m:]


def _outer(u: Tensor, x: Tensor) -> Tensor:
    W = torch.zeros(len(u), len(x), dtype=u.dtype, requires_grad=True)
    return torch.autograd.grad(u @ W @ x, W)[0]


def _rank_one(fn: Function) -> bool | str:
    rank = int(torch.linalg.matrix_rank(fn(*_pair(8))))
    return rank == 1 or f"yours has rank {rank}"


def _turns(fn: Function) -> bool:
    u, x = _pair(6)
    return torch.equal(fn(u, x), fn(x, u).T)


OUTER = Exercise(
    id="00.A",
    name="outer",
    task="The outer product of two vectors: the table with u[i] · x[j] in row i, column j.",
    cases=_pair,
    truth=_outer,
    properties=(
        ("every row is a multiple of x", _rank_one),
        ("outer(x, u) is the same table on its side", _turns),
    ),
    mutants=(
        Mutant(
            "entry by entry",
            lambda u, x: u * x,
            "This multiplies the vectors entry by entry. An outer product has every u[i] with every x[j]: "
            "u must stand as a column, `u[:, None]`, for that.",
        ),
        Mutant(
            "inner product",
            lambda u, x: (u * x).sum() if len(u) == len(x) else u @ x,
            "This is the inner product, u · x: one number, and only for vectors of one length. "
            "The outer product is a table, for any two lengths.",
        ),
        Mutant(
            "on its side",
            lambda u, x: x[:, None] * u[None, :],
            "The table lies on its side: u[i] belongs to row i, so u is the column and x the row.",
        ),
        Mutant(
            "sum instead of product",
            lambda u, x: u[:, None] + x[None, :],
            "The shape is right, but these are sums, u[i] + x[j]; products are asked for.",
        ),
        Mutant(
            "without x",
            lambda u, x: u[:, None].expand(len(u), len(x)),
            "All columns are u: x is not in it yet. Column j is u times x[j].",
        ),
    ),
    hints=(
        "A column (m, 1) times a row (1, n) gives a table (m, n): PyTorch repeats both until they fit.",
        "`u[:, None]` makes a column of u, `x[None, :]` makes a row of x. Multiply the two, and return the result.",
    ),
)

EXERCISES = (OUTER,)
