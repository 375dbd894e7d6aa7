"""09.A, tick: a level with a clock. The truth forgets one step at a time and writes by torch.optim.SGD."""

from __future__ import annotations

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant
from .slips_09 import SLIPS


def normal(*shape: int, seed: int) -> Tensor:
    """Standard normal numbers, the same at every call."""
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def struck(M: Tensor, gathered: Tensor, step: int, period: int, rate: float, keep: float) -> tuple[Tensor, Tensor]:
    """What its clock makes of a level that has gathered its tiles: the memory and what is waiting."""
    if step not in range(period, step + 1, period):
        return M, gathered
    level = torch.nn.Parameter(M.clone())
    level.grad = torch.zeros_like(M)
    forgetting = torch.optim.SGD([level], lr=1.0, weight_decay=1 - keep)
    for _ in range(period):
        forgetting.step()
    level.grad = -gathered
    torch.optim.SGD([level], lr=rate).step()
    return level.detach(), torch.zeros_like(gathered)


def _tick(
    M: Tensor, waiting: Tensor, tile: Tensor, step: int, period: int, rate: float, keep: float
) -> tuple[Tensor, Tensor]:
    return struck(M, torch.stack([waiting, tile]).sum(0), step, period, rate, keep)


def _underway(seed: int) -> tuple[Tensor, Tensor, Tensor, int, int, float, float]:
    """A level whose clock strikes now, one whose first tick is yet to come, one that writes at every step.

    One step later the second would strike: who counts one too many shows. With period 1 nothing can be waiting.
    """
    step, period, rate, keep = ((12, 4, 0.3, 0.9), (7, 8, 0.1, 0.95), (5, 1, 0.5, 0.8))[seed % 3]
    d = (4, 3, 5)[seed % 3]
    M, waiting, tile = (normal(d, d, seed=seed + 100 * part) for part in range(3))
    return M, waiting * ((step - 1) % period) ** 0.5, tile, step, period, rate, keep


def _sum_in_place(
    M: Tensor, waiting: Tensor, tile: Tensor, step: int, period: int, rate: float, keep: float
) -> tuple[Tensor, Tensor]:
    waiting += tile
    if step % period:
        return M, waiting
    return keep**period * M + rate * waiting, torch.zeros_like(waiting)


def _both_in_place(
    M: Tensor, waiting: Tensor, tile: Tensor, step: int, period: int, rate: float, keep: float
) -> tuple[Tensor, Tensor]:
    waiting += tile
    if step % period == 0:
        M.mul_(keep**period).add_(rate * waiting)
        waiting.zero_()
    return M, waiting


def _plain_descent(fn: Function) -> bool | str:
    layer = torch.nn.Parameter(normal(3, 3, seed=10))
    M, waiting, rate = layer.detach().clone(), torch.zeros(3, 3, dtype=torch.float64), 0.3
    optimizer = torch.optim.SGD([layer], lr=rate)
    pairs = zip(normal(6, 3, seed=11) / 2, normal(6, 3, seed=12), strict=True)
    for step, (key, value) in enumerate(pairs, 1):
        M, waiting = fn(M, waiting, torch.outer(value - M @ key, key), step, 1, rate, 1.0)
        optimizer.zero_grad()
        (value - layer @ key).square().sum().div(2).backward()
        optimizer.step()
    away = float((M - layer.detach()).abs().max())
    return away < 1e-8 or f"after six steps yours is {away:.3g} away from it in one entry"


def _writes_twice(fn: Function) -> bool | str:
    M, tiles = normal(3, 3, seed=20), normal(10, 3, 3, seed=21)
    waiting, writes = torch.zeros_like(M), []
    for step, tile in enumerate(tiles, 1):
        before = M
        M, waiting = fn(M, waiting, tile, step, 4, 0.3, 0.9)
        if not torch.equal(M, before):
            writes.append(str(step))
    if writes != ["4", "8"]:
        return f"yours changes the memory {len(writes)} times, at {', '.join(writes) or 'no step'}"
    return torch.allclose(waiting, tiles[8] + tiles[9]) or "what waits in yours is not the sum of the last two"


def _nothing_lost(fn: Function) -> bool | str:
    tiles = normal(11, 3, 3, seed=30)
    M, waiting = torch.zeros(2, 3, 3, dtype=torch.float64)
    for step, tile in enumerate(tiles, 1):
        M, waiting = fn(M, waiting, tile, step, 3, 0.3, 1.0)
    away = float((M + 0.3 * waiting - 0.3 * tiles.sum(0)).abs().max())
    return away < 1e-8 or f"after 11 steps of period 3 yours is {away:.3g} away from it in one entry"


TICK = Exercise(
    id="09.A",
    name="tick",
    task="One step of a level with a clock: gather; when the clock strikes, forget, write what is waiting, clear.",
    cases=_underway,
    truth=_tick,
    gives=("the memory", "what is waiting"),
    properties=(
        ("period 1 without forgetting is plain SGD, as torch.optim has it", _plain_descent),
        ("10 steps of period 4 write twice and leave two tiles waiting", _writes_twice),
        ("with keep 1 nothing is lost: M + rate · waiting is rate times the sum of all tiles", _nothing_lost),
    ),
    mutants=(
        *SLIPS,
        Mutant(
            "the sum in place",
            _sum_in_place,
            "The numbers are right, but `waiting += ...` writes over the sum of whoever called. "
            "`waiting = waiting + ...` makes a new one under the same name.",
        ),
        Mutant(
            "both in place",
            _both_in_place,
            "The numbers are right, and a fast program works like this. Here the old memory is still needed: "
            "leave out `+=`, `*=` and the methods that end in `_`.",
        ),
        Mutant(
            "only the memory",
            lambda *arguments: _tick(*arguments)[0],
            "This is the memory, and it is right. Hand back what is waiting too, or it is lost.",
        ),
        Mutant(
            "swapped",
            lambda *arguments: _tick(*arguments)[::-1],
            "Both are right, but they come in the wrong order: the memory first, then what is waiting.",
        ),
    ),
    hints=(
        "At every step the tile joins those that are waiting. Then one question: does the clock strike at this step? "
        "If not, what of the two has changed?",
        "The clock strikes when `step % period` is 0. Then the old memory has faded as much as `period` steps fade, "
        "a factor `keep` for each of them, `rate` times the sum comes in, and nothing is left waiting.",
        "First `waiting = waiting + tile`. If `step % period` is not 0, return M and this sum. Otherwise return "
        "`keep**period` times M plus `rate` times the sum, and with it `torch.zeros_like(waiting)`.",
    ),
)
