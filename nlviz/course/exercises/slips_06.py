"""Lesson 06, the usual mistakes of many delta writes at once: the system, what is written, what is handed back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.linalg import solve_triangular

from ..exercise import Function, Mutant

Two = tuple[Tensor, Tensor]


def _overlap(keys: Tensor) -> Tensor:
    return (keys @ keys.mT).tril(-1)


def _met(M: Tensor, keys: Tensor, values: Tensor, lr: float) -> Tensor:
    """What each write meets, as it should be."""
    start = values - keys @ M.mT
    return solve_triangular(lr * _overlap(keys), start, upper=False, unitriangular=True)


def _meeting(surprises: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> Function:
    """Right but for the surprises; they are written as they should be."""

    def chunk(M: Tensor, keys: Tensor, values: Tensor, lr: float) -> Two:
        E = surprises(M, keys, values, lr)
        return M + lr * E.mT @ keys, E

    return chunk


def _solving(system: Callable[[Tensor, float], Tensor]) -> Function:
    """Right but for the system of equations."""
    return _meeting(lambda M, keys, values, lr: torch.linalg.solve(system(keys, lr), values - keys @ M.mT))


def _writing(new: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> Function:
    """Right but for the memory that is made of the surprises."""

    def chunk(M: Tensor, keys: Tensor, values: Tensor, lr: float) -> Two:
        E = _met(M, keys, values, lr)
        return new(M, keys, E, lr), E

    return chunk


def _reporting(told: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> Function:
    """The memory is right, the surprises that are handed back are others."""

    def chunk(M: Tensor, keys: Tensor, values: Tensor, lr: float) -> Two:
        E = _met(M, keys, values, lr)
        return M + lr * E.mT @ keys, told(M, keys, values, lr)

    return chunk


def _at_the_end(M: Tensor, keys: Tensor, values: Tensor, lr: float) -> Tensor:
    return values - keys @ (M + lr * _met(M, keys, values, lr).mT @ keys).mT


def _eye(keys: Tensor) -> Tensor:
    return torch.eye(len(keys), dtype=keys.dtype)


def _in_place(M: Tensor, keys: Tensor, values: Tensor, lr: float) -> Two:
    E = _met(M, keys, values, lr)
    M += lr * E.mT @ keys
    return M, E


def _swapped(M: Tensor, keys: Tensor, values: Tensor, lr: float) -> Two:
    E = _met(M, keys, values, lr)
    return E, M + lr * E.mT @ keys


def _solved(system: Tensor, values: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(system, values, upper=False)


CHUNK_SLIPS = (
    Mutant(
        "everybody meets the start",
        _meeting(lambda M, keys, values, lr: values - keys @ M.mT),
        "Every write here meets the memory as it was before the chunk, and nothing of what earlier writes left: "
        "a mini-batch. (If you did solve a system, look at it: with `upper=True`, `solve_triangular` reads only "
        "what stands above the diagonal, and there is nothing.)",
    ),
    Mutant(
        "one round of corrections",
        _meeting(lambda M, keys, values, lr: (values - keys @ M.mT) - lr * _overlap(keys) @ (values - keys @ M.mT)),
        "One round of corrections: each write takes off what earlier ones would have written, had they met the "
        "start. But they met each other, too. The true surprises stand on both sides: solve for them.",
    ),
    Mutant(
        "the future too",
        _solving(lambda keys, lr: _eye(keys) + lr * keys @ keys.mT),
        "The whole table of overlaps is in the system, so a write takes off what later ones will put there. "
        "Only what came before can be met: keep the part below the diagonal.",
    ),
    Mutant(
        "only the future",
        _solving(lambda keys, lr: _eye(keys) + lr * (keys @ keys.mT).triu(1)),
        "Time runs backwards here: each write meets what later ones leave. Row t, column i of the table is about "
        "write t and an i before it, which is below the diagonal: `tril`, not `triu`.",
    ),
    Mutant(
        "the diagonal counted",
        _solving(lambda keys, lr: _eye(keys) + lr * (keys @ keys.mT).tril()),
        "The diagonal of the overlaps is still in: each write meets what it is about to write itself. "
        "`tril(-1)` leaves the diagonal out.",
    ),
    Mutant(
        "the identity forgotten",
        _solving(lambda keys, lr: lr * (keys @ keys.mT).tril()),
        "The identity is missing, and the diagonal of the overlaps stands where it should be. In words: the "
        "surprise itself, plus what earlier ones left, is what the start gives.",
    ),
    Mutant(
        "nothing on the diagonal",
        _solving(lambda keys, lr: lr * _overlap(keys)),
        "There is nothing on the diagonal of this system, so it has no single solution. "
        "Each surprise itself belongs there, once: add the identity.",
    ),
    Mutant(
        "zeros on the diagonal of a triangle",
        _meeting(lambda M, keys, values, lr: solve_triangular(lr * _overlap(keys), values - keys @ M.mT, upper=False)),
        "Zeros stand on the diagonal of this triangle, and solving it divides by them. Each surprise itself "
        "belongs there, once: add the identity, or say `unitriangular=True`.",
    ),
    Mutant(
        "not the one just before",
        _solving(lambda keys, lr: _eye(keys) + lr * (keys @ keys.mT).tril(-2)),
        "The write just before is passed over: two places below the diagonal is one too far.",
    ),
    Mutant(
        "plus what the others wrote",
        _solving(lambda keys, lr: _eye(keys) - lr * _overlap(keys)),
        "The sign in the system is wrong: what earlier writes left is said by the memory already, so it makes a "
        "surprise smaller. On the side of the unknowns it stands with a plus.",
    ),
    Mutant(
        "lr missing in the system",
        _solving(lambda keys, lr: _eye(keys) + _overlap(keys)),
        "In the system, earlier writes count at full strength. They were written with `lr`, so that share of them "
        "is met.",
    ),
    Mutant(
        "an empty start",
        _meeting(lambda M, keys, values, lr: _met(torch.zeros_like(M), keys, values, lr)),
        "The values were taken for surprises, as if the memory had been empty at the start. "
        "What does M say at these keys before the chunk?",
    ),
    Mutant(
        "overlaps of values",
        _meeting(
            lambda M, keys, values, lr: torch.linalg.solve(_eye(keys) + lr * _overlap(values), values - keys @ M.mT)
        ),
        "The overlaps are those of the values. A write is met by later ones as far as their keys are alike.",
    ),
    Mutant(
        "read the other way",
        _meeting(lambda M, keys, values, lr: values - M @ keys.mT),
        "`M @ keys.mT` has the answers as columns. For a row for each pair, as in `values`, "
        "read all keys by `keys @ M.mT`.",
    ),
    Mutant(
        "lr missing at the end",
        _writing(lambda M, keys, E, lr: M + E.mT @ keys),
        "The surprises are right, but they are written at full strength: `lr` belongs there, too.",
    ),
    Mutant(
        "tiles the other way",
        _writing(lambda M, keys, E, lr: M + lr * keys.mT @ E),
        "The tiles lie on their side. M is (d_value, d_key), and so is the product of the surprises, turned, "
        "with the keys.",
    ),
    Mutant(
        "only the change",
        _writing(lambda M, keys, E, lr: lr * E.mT @ keys),
        "This is what the chunk adds, and it is right. Asked for is the memory after it: it comes on top of M.",
    ),
    Mutant(
        "the last pair not written",
        _writing(lambda M, keys, E, lr: M + lr * E[:-1].mT @ keys[:-1]),
        "The surprises are right, but the last pair is not written. The memory after the chunk holds all of them.",
    ),
    Mutant(
        "surprises times lr",
        _reporting(lambda M, keys, values, lr: lr * _met(M, keys, values, lr)),
        "The memory is right. What comes with it is what was written, lr times the surprises, as papers have it. "
        "Here the surprises themselves are asked for: value minus what was read.",
    ),
    Mutant(
        "surprises of the start",
        _reporting(lambda M, keys, values, lr: values - keys @ M.mT),
        "The memory is right. But the surprises are those of the memory before the chunk, not what each write met "
        "in its turn: hand back the solution of the system.",
    ),
    Mutant(
        "surprises of the end",
        _reporting(_at_the_end),
        "The memory is right. But these are the errors it still makes after the whole chunk. "
        "A surprise is what a write met before it wrote.",
    ),
    Mutant(
        "in place",
        _in_place,
        "The numbers are right, but `M += ...` writes over the memory of whoever called, who may still need it. "
        "`M + ...` makes a new one.",
    ),
    Mutant(
        "only the memory",
        lambda M, keys, values, lr: M + lr * _met(M, keys, values, lr).mT @ keys,
        "This is the memory, and it is right. Hand back the surprises too: `return memory, surprises`.",
    ),
    Mutant(
        "swapped",
        _swapped,
        "Both are right, but they come in the wrong order: the memory first, then the surprises.",
    ),
    Mutant(
        "multiplied by the system",
        _meeting(lambda M, keys, values, lr: (_eye(keys) + lr * _overlap(keys)) @ (values - keys @ M.mT)),
        "This multiplies by the system. The surprises are what it must be solved for: "
        "`torch.linalg.solve_triangular(system, values - keys @ M.mT, upper=False)`.",
    ),
    Mutant(
        "ones everywhere",
        _solving(lambda keys, lr: 1 + lr * _overlap(keys)),
        "A 1 was added to every entry of the table. Only the diagonal should have it: `torch.eye(len(keys))`.",
    ),
    Mutant(
        "features with features",
        lambda M, keys, values, lr: _solved(torch.eye(keys.shape[1], dtype=keys.dtype) + lr * keys.mT @ keys, values),
        "`keys.mT @ keys` compares features with features. Writes meet each other: `keys @ keys.mT` has a row and a "
        "column for each of them.",
    ),
    Mutant(
        "surprises not turned",
        _writing(lambda M, keys, E, lr: M + lr * E @ keys),
        "Surprises and keys both have a row for each write. Turn the surprises, `surprises.mT @ keys`: that is the "
        "sum of all tiles, (d_value, d_key).",
    ),
    Mutant(
        "lesson 1's sign",
        _reporting(lambda M, keys, values, lr: -_met(M, keys, values, lr)),
        "The memory is right, and the surprises have the sign of lesson 1, answer minus value. "
        "Here they are what is missing: value minus what was read.",
    ),
)
