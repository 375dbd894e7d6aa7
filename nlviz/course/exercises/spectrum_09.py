"""09.B, spectrum_step: several levels, one error. The truth is autograd through the answer of all levels together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..exercise import Exercise, Function, Mutant
from .slips_09 import SLIPS
from .tick_09 import normal, struck

Several = tuple[Tensor, Tensor]
Numbers = tuple[float, ...]
Periods = tuple[int, ...]


def _struck(M: Tensor, gathered: Tensor, step: int, periods: Periods, rates: Numbers, keeps: Numbers) -> Several:
    """What their clocks make of all levels: (level, d, d), twice."""
    levels = [struck(*level) for level in zip(M, gathered, [step] * len(M), periods, rates, keeps, strict=True)]
    return torch.stack([memory for memory, _ in levels]), torch.stack([waiting for _, waiting in levels])


def _spectrum_step(
    M: Tensor,
    waiting: Tensor,
    key: Tensor,
    value: Tensor,
    step: int,
    periods: Periods,
    rates: Numbers,
    keeps: Numbers,
) -> Several:
    """Every level hears the slope, by its own memory, of half the squared error of the answer of all."""
    levels = M.clone().requires_grad_()
    answer = torch.stack([level @ key for level in levels]).sum(0)
    (slope,) = torch.autograd.grad((value - answer).square().sum() / 2, levels)
    return _struck(M, waiting - slope, step, periods, rates, keeps)


def _underway(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, int, Periods, Numbers, Numbers]:
    """A spectrum in which some clocks strike and some do not, then two levels, then one in which all strike.

    What waits has the size of as many tiles as have come since the last write: none at a level of period 1.
    """
    step, periods, rates, keeps = (
        (12, (1, 4, 8), (0.5, 0.2, 0.1), (0.9, 0.98, 1.0)),
        (9, (3, 10), (0.3, 0.1), (0.95, 0.99)),
        (16, (1, 2, 16), (0.4, 0.15, 0.05), (0.8, 0.95, 0.995)),
    )[seed % 3]
    d = (4, 3, 5)[seed % 3]
    M, waiting = (normal(len(periods), d, d, seed=seed + 100 * part) for part in range(2))
    key, value = (normal(d, seed=seed + 100 * part) for part in (2, 3))
    come = torch.tensor([(step - 1) % period for period in periods], dtype=torch.float64)
    return M, waiting * come.sqrt()[:, None, None], key, value, step, periods, rates, keeps


def _tile(M: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch.outer(value - M.sum(0) @ key, key)


def _hearing(tiles: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Function:
    """Right but for the tiles its levels hear: one for all or one each, given the memories, the key and the value."""
    return lambda M, waiting, key, value, *clocks: _struck(M, waiting + tiles(M, key, value), *clocks)


def _each(tick: Function) -> Function:
    """A spectrum whose levels hear what they should and make of it what one level's `tick` makes."""

    def spectrum(
        M: Tensor, waiting: Tensor, key: Tensor, value: Tensor, step: int, *settings: tuple[float, ...]
    ) -> Several:
        own = list(zip(*settings, strict=True))  # (period, rate, keep) of each level
        levels = [tick(M[i], waiting[i], _tile(M, key, value), step, *own[i]) for i in range(len(M))]
        return torch.stack([memory for memory, _ in levels]), torch.stack([left for _, left in levels])

    return spectrum


def _one_after_the_other(
    M: Tensor, waiting: Tensor, key: Tensor, value: Tensor, step: int, *settings: tuple[Any, ...]
) -> Several:
    M, waiting = M.clone(), waiting.clone()
    for i, own in enumerate(zip(*settings, strict=True)):
        M[i], waiting[i] = struck(M[i], waiting[i] + _tile(M, key, value), step, *own)
    return M, waiting


def _first_alone(M: Tensor, waiting: Tensor, key: Tensor, value: Tensor, *clocks: Any) -> Several:
    memories, left = _spectrum_step(M, waiting, key, value, *clocks)
    return torch.cat([memories[:1], M[1:]]), torch.cat([left[:1], waiting[1:]])


def _gradients(M: Tensor, waiting: Tensor, key: Tensor, value: Tensor, *clocks: Any) -> Several:
    memories, left = _struck(M, _tile(M, key, value) - waiting, *clocks)
    return memories, -left


def _in_place(M: Tensor, waiting: Tensor, key: Tensor, value: Tensor, *clocks: Any) -> Several:
    memories, left = _spectrum_step(M, waiting, key, value, *clocks)
    return M.copy_(memories), waiting.copy_(left)


def _collapses(fn: Function) -> bool | str:
    three, one = (torch.zeros(levels, 3, 3, dtype=torch.float64) for levels in (3, 1))
    waiting, waits = torch.zeros_like(three), torch.zeros_like(one)
    pairs = zip(normal(7, 3, seed=40) / 2, normal(7, 3, seed=41), strict=True)
    for step, (key, value) in enumerate(pairs, 1):
        three, waiting = fn(three, waiting, key, value, step, (2, 2, 2), (0.1, 0.2, 0.05), (1.0, 1.0, 1.0))
        one, waits = fn(one, waits, key, value, step, (2,), (0.35,), (1.0,))
    away = float((three.sum(0) - one.sum(0)).abs().max())
    return away < 1e-8 or f"after seven steps yours differ by {away:.3g} in one entry"


def _content(fn: Function) -> bool | str:
    M = torch.zeros(3, 4, 4, dtype=torch.float64)
    M[1] = normal(4, 4, seed=50)
    key = normal(4, seed=51)
    after, waiting = fn(M, torch.zeros_like(M), key, M[1] @ key, 1, (1, 2, 8), (0.5, 0.2, 0.1), (1.0, 1.0, 1.0))
    moved, waits = float((after - M).abs().max()), float(waiting.abs().max())
    return max(moved, waits) < 1e-8 or f"in yours an entry of size {waits:.3g} is waiting, and one moved by {moved:.3g}"


def _answers(fn: Function) -> bool | str:
    M, key, value = normal(3, 4, 4, seed=60), normal(4, seed=61), normal(4, seed=62)
    key = key / key.norm()
    after, _ = fn(M, torch.zeros_like(M), key, value, 1, (1, 1, 1), (0.5, 0.3, 0.2), (1.0, 1.0, 1.0))
    error = float((value - after.sum(0) @ key).norm() / (value - M.sum(0) @ key).norm())
    return error < 1e-8 or f"after a write yours still has {error:.3g} of the error it had before"


SPECTRUM_STEP = Exercise(
    id="09.B",
    name="spectrum_step",
    task="One pair through all levels: they answer together, hear one error, and each writes when its clock strikes.",
    cases=_underway,
    truth=_spectrum_step,
    gives=("the memories", "what is waiting"),
    properties=(
        ("three levels of one clock that forget nothing are one level with the sum of their rates", _collapses),
        ("no error, nothing waits: a perfect memory beside two empty ones is left alone, and so are they", _content),
        ("with clocks of 1 and rates that add up to 1, a key of length 1 is answered exactly afterwards", _answers),
    ),
    mutants=(
        Mutant(
            "an error for each level",
            _hearing(lambda M, key, value: (value - M @ key)[:, :, None] * key),
            "Every level has its own error here, as if it were alone, and all of them together will overshoot. "
            "They answer together: there is one error, that of their sum.",
        ),
        Mutant(
            "mean of the levels",
            _hearing(lambda M, key, value: torch.outer(value - M.mean(0) @ key, key)),
            "This takes the mean of the levels for their answer. The answers add up: three levels that each know a "
            "third of it know all of it.",
        ),
        Mutant(
            "the first level answers alone",
            _hearing(lambda M, key, value: torch.outer(value - M[0] @ key, key)),
            "Only the first level was asked for its answer. What the others know counts too: the answers add up.",
        ),
        Mutant(
            "what the levels before left over",
            _hearing(lambda M, key, value: (value - M.cumsum(0) @ key)[:, :, None] * key),
            "Each level hears what those before it in the list have left over; the last one alone hears the error of "
            "all. They stand side by side, not in a row.",
        ),
        Mutant(
            "sign of the error flipped",
            _hearing(lambda M, key, value: -_tile(M, key, value)),
            "The error has the wrong sign: this is what was answered minus what is true, and tiles are added. "
            "The answer would move away from the value.",
        ),
        Mutant(
            "gathers gradients",
            _gradients,
            "This gathers gradients and subtracts their sum, as an optimizer does. What is waiting here are tiles, "
            "errors times keys, which point the other way: they are gathered with a plus and written with a plus.",
        ),
        Mutant(
            "outer product transposed",
            _hearing(lambda M, key, value: _tile(M, key, value).T),
            "The tile lies on its side. A memory has a row for every entry of the value, so the error comes first.",
        ),
        Mutant(
            "the error alone",
            _hearing(lambda M, key, value: (value - M.sum(0) @ key)[:, None].expand(len(value), len(key))),
            "Every column of the tile is the error: the key has not been used in it. "
            "A tile is the outer product of the two.",
        ),
        Mutant(
            "the error shared out",
            _hearing(lambda M, key, value: _tile(M, key, value) / len(M)),
            "The error was shared out among the levels. Each of them hears all of it; how much of it a level takes "
            "is said by its rate.",
        ),
        Mutant(
            "one level after the other",
            _one_after_the_other,
            "Here a level writes, and the next one hears the error that is left. All levels hear the same error, "
            "that of before any write: compute it once, outside the loop.",
        ),
        Mutant(
            "only the first level learns",
            _first_alone,
            "Only the first level learns; the others come back as they were. Each gathers, and each has its clock.",
        ),
        Mutant(
            "the first level's settings for all",
            lambda M, waiting, key, value, step, periods, rates, keeps: _spectrum_step(
                M, waiting, key, value, step, periods[:1] * len(M), rates[:1] * len(M), keeps[:1] * len(M)
            ),
            "All levels have the clock, the rate and the keep of the first one. Level i has `periods[i]`, `rates[i]` "
            "and `keeps[i]`.",
        ),
        *(Mutant(slip.name, _each(slip.fn), slip.hint) for slip in SLIPS),
        Mutant(
            "in place",
            _in_place,
            "The numbers are right, but the caller's memories were written over: `M[i] = ...` and `+=` do that. "
            "Put the new levels into lists and stack these, or begin with `M.clone()`.",
        ),
        Mutant(
            "the sum of the levels",
            lambda *arguments: tuple(part.sum(0) for part in _spectrum_step(*arguments)),
            "The levels were added up. They add up in their answer, but each stays by itself: "
            "once in one sum, the fast one could not forget alone.",
        ),
        Mutant(
            "only the memories",
            lambda *arguments: _spectrum_step(*arguments)[0],
            "These are the memories, and they are right. Hand back what is waiting too: the slow levels live on it.",
        ),
        Mutant(
            "swapped",
            lambda *arguments: _spectrum_step(*arguments)[::-1],
            "Both are right, but they come in the wrong order: the memories first, then what is waiting.",
        ),
    ),
    hints=(
        "What do all levels answer together, before anything is written? There is one error, "
        "and every level hears it at every step, whether its clock strikes or not.",
        "The levels stand along the first axis: `M.sum(0) @ key` is their answer. The value minus that is the error; "
        "its outer product with the key is the tile of all levels. Then each does what it did in 09.A.",
        "After the tile, a loop: `tick(M[i], waiting[i], tile, step, periods[i], rates[i], keeps[i])` gives the new "
        "memory of level i and what waits there. Put these into two lists, and return `torch.stack` of each.",
    ),
)
