"""06.C, delta_chunk: many delta writes at once. The truth is the loop, each of its writes an SGD step of torch."""

from __future__ import annotations

import torch
from torch import Tensor

from ..exercise import Exercise, Function
from .rewrite_06 import normal, rewritten, unit
from .slips_06 import CHUNK_SLIPS, Two


def _one_by_one(M: Tensor, keys: Tensor, values: Tensor, lr: float) -> Two:
    surprises = []
    for key, value in zip(keys, values, strict=True):
        surprises.append(value - torch.nn.functional.linear(key, M))
        M = rewritten(M, key, value, lr)
    return M, torch.stack(surprises)


def _stream(seed: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """A memory that holds something already, and pairs: fewer than features, as many, more."""
    d_value, d_key, T = ((3, 5, 4), (4, 4, 4), (2, 3, 6))[seed % 3]
    M, values = normal(d_value, d_key, seed=seed), normal(T, d_value, seed=seed + 200)
    return M, 0.6 * normal(T, d_key, seed=seed + 100), values, (0.3, 0.6, 0.25)[seed % 3]


def _cut(fn: Function) -> bool | str:
    M, keys, values = normal(3, 4, seed=10), 0.6 * normal(7, 4, seed=11), normal(7, 3, seed=12)
    whole, E = fn(M, keys, values, 0.5)
    half, first = fn(M, keys[:3], values[:3], 0.5)
    end, second = fn(half, keys[3:], values[3:], 0.5)
    away = float((end - whole).norm() + (torch.cat([first, second]) - E).norm())
    return away < 1e-8 or f"cut after three of seven, yours ends {away:.3g} away"


def _rebound(fn: Function) -> bool | str:
    key, values = unit(5, seed=20), normal(8, 3, seed=21)
    M, _ = fn(normal(3, 5, seed=22), key.expand(8, 5), values, 1.0)
    away = float((M @ key - values[-1]).norm())
    return away < 1e-8 or f"yours reads something {away:.3g} away from it"


def _strangers(fn: Function) -> bool | str:
    M, values, keys = normal(3, 5, seed=30), normal(4, 3, seed=31), torch.linalg.qr(normal(5, 4, seed=32))[0].mT
    away = float((fn(M, keys, values, 0.5)[1] - (values - keys @ M.mT)).norm())
    return away < 1e-8 or f"in yours they meet something else, {away:.3g} away"


DELTA_CHUNK = Exercise(
    id="06.C",
    name="delta_chunk",
    task="Many delta writes, one after the other, computed at once: the memory at the end and what each write met.",
    cases=_stream,
    truth=_one_by_one,
    gives=("the new memory", "the surprises"),
    properties=(
        ("keys at right angles do not hear of each other: every surprise is that of the memory found", _strangers),
        ("one key of norm 1 with eight values in turn, lr 1, is answered with the last", _rebound),
        ("a chunk cut in two, the second on the memory of the first, gives the same", _cut),
    ),
    mutants=CHUNK_SLIPS,
    hints=(
        "Write down what the second write meets: its value, minus what M says at its key, minus what the first has "
        "left there, lr (k₁ · k₂) e₁. And the third? Put all that is unknown on one side.",
        "All writes at once, a row of E for each: E + lr L E = V − K Mᵀ, where L is `keys @ keys.mT` below its "
        "diagonal, `.tril(-1)`. That is a triangular system for E. The new memory is M and the sum of all tiles.",
        "A is `torch.eye(len(keys))` plus lr times L. `torch.linalg.solve_triangular(A, values - keys @ M.mT, "
        "upper=False)` gives E, and `M + lr * E.mT @ keys` the new memory: all tiles in one product. Return both.",
    ),
)
