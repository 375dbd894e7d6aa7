"""Lesson 09, the usual mistakes of one level with a clock: when it writes, what it gathers, what it writes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..exercise import Function, Mutant


def _ticking(due: Callable[[int, int], bool]) -> Function:
    """Right but for the steps at which it writes."""
    return lambda M, waiting, tile, step, period, rate, keep: (
        (keep**period * M + rate * (waiting + tile), torch.zeros_like(tile))
        if due(step, period)
        else (M, waiting + tile)
    )


def _writing(new: Callable[[Tensor, Tensor, int, float, float], Tensor]) -> Function:
    """Right but for what it writes, given the memory, the sum, and the period, rate and keep."""
    return lambda M, waiting, tile, step, period, rate, keep: (
        (M, waiting + tile)
        if step % period
        else (new(M, waiting + tile, period, rate, keep), torch.zeros_like(waiting))
    )


SLIPS = (
    Mutant(
        "writes every step",
        _ticking(lambda step, period: True),
        "This writes at every step. Most steps only gather: the clock strikes when `step` is a multiple of `period`.",
    ),
    Mutant(
        "a step too early",
        _ticking(lambda step, period: (step + 1) % period == 0),
        "This writes one step too early: with period 4 at step 3. Steps count from 1, "
        "so the first write of that level belongs to step 4.",
    ),
    Mutant(
        "counts from 0",
        _ticking(lambda step, period: (step - 1) % period == 0),
        "This writes one step too late: with period 4 at step 5. Steps count from 1 here, not from 0, "
        "and `step` is this step's own number.",
    ),
    Mutant(
        "the question upside down",
        _ticking(lambda step, period: step % period != 0),
        "The question is upside down: this writes when the clock is silent and gathers when it strikes. "
        "`step % period` is 0, which Python reads as False, exactly at the multiples.",
    ),
    Mutant(
        "only once",
        _ticking(lambda step, period: step == period),
        "This level writes once in its life, when `step` equals `period`. "
        "A clock strikes again: at 4, at 8, at 12 and so on.",
    ),
    Mutant(
        "last tile only",
        lambda M, waiting, tile, step, period, rate, keep: (
            (M, tile) if step % period else (keep**period * M + rate * tile, torch.zeros_like(tile))
        ),
        "Only the last tile is remembered: each new one takes the place of what was waiting. They have to add up.",
    ),
    Mutant(
        "deaf between ticks",
        lambda M, waiting, tile, step, period, rate, keep: (
            (M, waiting) if step % period else (keep**period * M + rate * (waiting + tile), torch.zeros_like(tile))
        ),
        "Between the ticks this level is deaf: a tile that comes there is dropped. "
        "Gather first, at every step, and look at the clock afterwards.",
    ),
    Mutant(
        "this step's tile lost",
        lambda M, waiting, tile, step, period, rate, keep: (
            (M, waiting + tile) if step % period else (keep**period * M + rate * waiting, torch.zeros_like(tile))
        ),
        "The tile of the step that writes is lost: it is neither in the memory nor waiting. "
        "Gather before you look at the clock.",
    ),
    Mutant(
        "this step's tile too late",
        lambda M, waiting, tile, step, period, rate, keep: (
            (M, waiting + tile) if step % period else (keep**period * M + rate * waiting, tile)
        ),
        "This writes first and gathers afterwards, so the tile of the step that writes has to wait a whole period. "
        "It belongs into this write.",
    ),
    Mutant(
        "does not clear",
        lambda M, waiting, tile, step, period, rate, keep: (
            M if step % period else keep**period * M + rate * (waiting + tile),
            waiting + tile,
        ),
        "The memory is right, but what was written goes on waiting and would be written again at the next tick.",
    ),
    Mutant(
        "clears without writing",
        _writing(lambda M, gathered, period, rate, keep: M),
        "At the tick the sum is cleared, but it was not written: M comes back as it was, and the tiles are gone.",
    ),
    Mutant(
        "mean instead of sum",
        _writing(lambda M, gathered, period, rate, keep: keep**period * M + rate * gathered / period),
        "This writes the mean of what has come, not its sum. A mean over C steps is the sum with a C-th of the rate: "
        "the clock would turn the rate down without saying so.",
    ),
    Mutant(
        "forgets at every step",
        lambda M, waiting, tile, step, period, rate, keep: (
            (keep * M, waiting + tile)
            if step % period
            else (keep * M + rate * (waiting + tile), torch.zeros_like(tile))
        ),
        "This forgets a little at every step. At the ticks it comes to the same, but in between the memory should "
        "stand still: a level that is not due is left alone, and forgets all at once when it writes.",
    ),
    Mutant(
        "one step's forgetting",
        _writing(lambda M, gathered, period, rate, keep: keep * M + rate * gathered),
        "The memory fades by one step's share at a write that comes only once in `period` steps: "
        "with a slow clock it would forget more slowly. How much do that many steps leave?",
    ),
    Mutant(
        "forgets nothing",
        _writing(lambda M, gathered, period, rate, keep: M + rate * gathered),
        "The sum is written, but nothing is forgotten: `keep` has not been used yet.",
    ),
    Mutant(
        "forgets everything",
        _writing(lambda M, gathered, period, rate, keep: rate * gathered),
        "What the memory held is gone: only the new sum is left. The old memory stays too, faded.",
    ),
    Mutant(
        "what is new fades too",
        _writing(lambda M, gathered, period, rate, keep: keep**period * (M + rate * gathered)),
        "What has just come fades with the rest before it was used once. Only the old memory fades: "
        "look at the brackets.",
    ),
    Mutant(
        "rate forgotten",
        _writing(lambda M, gathered, period, rate, keep: keep**period * M + gathered),
        "The sum comes in at full strength: `rate`, the share of it that is written, has not been used yet.",
    ),
    Mutant(
        "the rate on the way in",
        lambda M, waiting, tile, step, period, rate, keep: (
            (M, waiting + rate * tile)
            if step % period
            else (keep**period * M + waiting + rate * tile, torch.zeros_like(tile))
        ),
        "The rate was put on the tile as it came in. What waits are the tiles as they are; "
        "the rate is applied once, to their sum, when it is written.",
    ),
    Mutant(
        "minus instead of plus",
        _writing(lambda M, gathered, period, rate, keep: keep**period * M - rate * gathered),
        "This walks away from the lesson. A tile is the error, what is true minus what was answered, times the "
        "key: it points downhill already and is added.",
    ),
)
