"""08.B, order_levels: frequency first, then dependence. The truth counts walks by powers of the matrix "is faster"."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant
from .systems_08 import SYSTEMS

Faster = Callable[[Tensor, Tensor], Tensor]


def _faster(frequency: Tensor, needs: Tensor) -> Tensor:
    """Definition 2: 1 in row i, column j where j is faster than i."""
    higher = frequency[None, :] > frequency[:, None]
    equal = frequency[None, :] == frequency[:, None]
    return (higher | (equal & (needs > 0))).to(needs.dtype)


def _order_levels(frequency: Tensor, needs: Tensor) -> Tensor:
    """How long a walk from each component to ever faster ones can be: the highest power with anything in its row."""
    faster = _faster(frequency, needs)
    walks, longest = torch.eye(len(needs), dtype=needs.dtype), torch.zeros(len(needs), dtype=needs.dtype)
    for length in range(1, len(needs)):
        walks = (walks @ faster).clamp(max=1)
        longest[walks.sum(1) > 0] = length
    return longest


def table(size: int, *needs: tuple[int, int]) -> Tensor:
    """1 in row i, column j for every pair (i, j): i needs j."""
    square = torch.zeros(size, size, dtype=torch.float64)
    for i, j in needs:
        square[i, j] = 1
    return square


def _components(seed: int) -> tuple[Tensor, Tensor]:
    """Needs that run with the frequencies and against them; a chain and two independents at one frequency."""
    if seed % 3 == 0:  # weights, two moments they need, a memory that needs the weights
        return torch.tensor([1.0, 1.0, 1.0, 8.0], dtype=torch.float64), table(4, (0, 1), (0, 2), (3, 0))
    if (
        seed % 3 == 1
    ):  # a chain of three listed from its end, one beside it, two slower ones, the faster needs the slower
        frequency = torch.tensor([1.0, 1.0, 0.5, 1.0, 1.0, 0.25], dtype=torch.float64)
        return frequency, table(6, (0, 1), (1, 3), (1, 5), (2, 0), (2, 5))
    frequency = torch.tensor([0.0, 0.25, 4.0, 0.25, 4.0, 0.25, float("inf")], dtype=torch.float64)
    return frequency, table(7, (3, 1), (5, 1), (2, 0), (4, 2), (6, 3))


def _chain(faster: Faster, rounds: int | None = None) -> Function:
    """Right but for who counts as faster, or for how far a chain is followed."""

    def order(frequency: Tensor, needs: Tensor) -> Tensor:
        ahead = faster(frequency, needs) > 0
        level = torch.zeros(len(needs), dtype=needs.dtype)
        for _ in range(len(needs) if rounds is None else rounds):
            level = torch.stack([(level[row] + 1).max() if row.any() else level[i] * 0 for i, row in enumerate(ahead)])
        return level

    return order


def _dense(values: Tensor) -> Tensor:
    """Equal values, equal places: 0 for the smallest."""
    return torch.unique(values, return_inverse=True)[1].to(values.dtype)


def _by_place(frequency: Tensor, needs: Tensor) -> Tensor:
    """Where two of one frequency do not need each other, the one that is listed first counts as faster."""
    equal = frequency[None, :] == frequency[:, None]
    neither = (needs + needs.T == 0).to(needs.dtype).tril(-1)
    return _faster(frequency, needs).maximum(equal * neither)


def _no_ties(frequency: Tensor, needs: Tensor) -> Tensor:
    level, order = torch.zeros_like(frequency), _order_levels(frequency, needs)
    level[torch.sort(order, stable=True).indices] = torch.arange(len(level), dtype=level.dtype)
    return level


def _last_to_first(frequency: Tensor, needs: Tensor) -> Tensor:
    order = _order_levels(frequency, needs)
    return order.max() - order


def _in_place(frequency: Tensor, needs: Tensor) -> Tensor:
    order = _order_levels(frequency, needs)
    frequency.zero_().add_(order)
    return frequency


def _six(fn: Function) -> bool | str:
    for system in SYSTEMS:
        found = fn(system.frequency(), system.table())
        expected = found.new_tensor(system.levels)
        if not torch.equal(found, expected):
            wrong = int((found != expected).int().argmax())
            return (
                f"in {system.name} yours puts the {system.parts[wrong]} on level {float(found[wrong]):g}, "
                f"not {system.levels[wrong]}"
            )
    return True


def _frequency_first(fn: Function) -> bool | str:
    frequency = torch.tensor([1.0, 0.5, 2.0, 0.25], dtype=torch.float64)
    found = fn(frequency, table(4, (0, 1), (2, 0), (2, 3), (1, 3)))  # every one needs a slower one
    return torch.equal(found, found.new_tensor([1, 2, 0, 3])) or f"yours gives {[float(one) for one in found]}"


def _side_by_side(fn: Function) -> bool | str:
    found = fn(torch.ones(3, dtype=torch.float64), table(3, (0, 1), (0, 2)))
    return bool(found[1] == found[2]) or f"yours puts them on levels {float(found[1]):g} and {float(found[2]):g}"


def _any_list(fn: Function) -> bool | str:
    frequency, needs = _components(1)
    mixed = torch.randperm(len(frequency), generator=generator(7))
    found = fn(frequency, needs)[mixed], fn(frequency[mixed], needs[mixed][:, mixed])
    return torch.equal(*found) or "listed in another order, the same parts get other levels from yours"


ORDER_LEVELS = Exercise(
    id="08.B",
    name="order_levels",
    task="The level of every component: how long a chain of faster ones stands before it; 0 is the innermost.",
    cases=_components,
    truth=_order_levels,
    properties=(
        ("the six described systems come out as derived by hand", _six),
        ("the frequency comes first, whatever needs what", _frequency_first),
        ("two of one frequency that do not need each other, and wait for the same, share a level", _side_by_side),
        ("it does not matter in which order they are listed", _any_list),
    ),
    mutants=(
        Mutant(
            "frequency alone",
            lambda frequency, needs: _dense(-frequency),
            "Whoever has the same frequency shares a level here. Look at `needs` then: "
            "the weights need the velocity of the same step, so the velocity comes first.",
        ),
        Mutant(
            "slow first",
            lambda frequency, needs: _chain(lambda f, n: _faster(-f, n))(frequency, needs),
            "The slowest gets 0 here. Level 0 is the innermost, with the highest frequency; "
            "what is never written is outermost.",
        ),
        Mutant(
            "last to first",
            _last_to_first,
            "The order is right and counted from the wrong end: 0 belongs to the fastest.",
        ),
        Mutant(
            "dependence alone",
            _chain(lambda frequency, needs: needs, rounds=7),
            "Only `needs` decides here. It has a say between equal frequencies; before that the higher frequency "
            "is the faster one, even where it needs the slower.",
        ),
        Mutant(
            "needs upside down",
            _chain(lambda frequency, needs: _faster(frequency, needs.T)),
            "Who needs whom is upside down: `needs[i, j]` is 1 where i needs j. "
            "What is needed has to be there first, so j is the faster one.",
        ),
        Mutant(
            "needs across frequencies",
            _chain(lambda frequency, needs: _faster(frequency, needs).maximum(needs), rounds=7),
            "A need between different frequencies was counted too. A memory needs the weights, and is faster all the "
            "same: dependence has a say only where two frequencies are equal.",
        ),
        Mutant(
            "all of one frequency are faster",
            _chain(_by_place),
            "Two of one frequency are ordered by their place in the list here. "
            "Where neither needs the other, neither is faster: they share a level.",
        ),
        Mutant(
            "no ties",
            _no_ties,
            "Everyone has a level alone here. Two moments that are written at the same time and do not need each other "
            "stand side by side, on one level.",
        ),
        Mutant(
            "counts who is faster",
            lambda frequency, needs: _faster(frequency, needs).sum(1),
            "This counts how many are faster. Two that share a level push the next one by one level, not by two: "
            "follow the longest chain.",
        ),
        Mutant(
            "one round",
            _chain(_faster, rounds=1),
            "Everybody with somebody faster is on level 1 here. How long is the chain before each? "
            "One more than the highest level among those that are faster.",
        ),
        Mutant(
            "two rounds",
            _chain(_faster, rounds=2),
            "The chains are followed for two links and no further. Go on until nothing changes: "
            "as many rounds as there are components are always enough.",
        ),
        Mutant(
            "counts from 1",
            lambda frequency, needs: _order_levels(frequency, needs) + 1,
            "The order is right, but it begins with 1. The innermost level is 0 here: nobody is before it.",
        ),
        Mutant(
            "in place",
            _in_place,
            "The levels are right, but they were written into `frequency`, and the caller still needs that. "
            "Begin with `torch.zeros_like(frequency)`.",
        ),
        Mutant(
            "whole numbers",
            lambda frequency, needs: _order_levels(frequency, needs).long(),
            "The levels are right, but of another dtype than `frequency`: begin with `torch.zeros_like(frequency)`.",
        ),
    ),
    hints=(
        "For one component i: which are faster? Those with a higher frequency, and those with the same frequency that "
        "i needs. If there are none, its level is 0.",
        "Otherwise its level is one more than the highest level among the faster ones. Those levels have to be known "
        "first: begin with zeros and repeat until nothing changes; as many rounds as there are components will do.",
        "For component i: `faster = (frequency > frequency[i]) | ((frequency == frequency[i]) & (needs[i] > 0))`; if "
        "`faster.any()`, then `level[i] = level[faster].max() + 1`. A loop over i, inside a loop over the rounds.",
    ),
)
