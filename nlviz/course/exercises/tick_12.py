"""12.D, tick: a level of weights gathers clipped gradients and writes when it is due.

The truth clips and steps with torch: `clip_grad_value_`, then `torch.optim.SGD`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant

Two = tuple[Tensor, Tensor]


def _clipped(slope: Tensor) -> Tensor:
    weight = torch.nn.Parameter(torch.zeros_like(slope))
    weight.grad = slope.clone()
    torch.nn.utils.clip_grad_value_([weight], 5.0)
    assert weight.grad is not None
    return weight.grad


def _written(w: Tensor, total: Tensor, rate: float) -> Tensor:
    weight = torch.nn.Parameter(w.clone())
    weight.grad = total
    torch.optim.SGD([weight], lr=rate).step()
    return weight.detach()


def _tick(w: Tensor, waiting: Tensor, slope: Tensor, step: int, period: int, rate: float) -> Two:
    total = torch.stack([waiting, _clipped(slope)]).sum(0)
    if step not in range(period, step + 1, period):
        return w, total
    return _written(w, total, rate), torch.zeros_like(total)


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def _underway(seed: int) -> tuple[Tensor, Tensor, Tensor, int, int, float]:
    """A level that is due, one whose first tick is yet to come, one that writes at every step; some slopes too big."""
    step, period, rate = ((12, 4, 0.1), (15, 16, 0.025), (5, 1, 0.4))[seed % 3]
    shape = ((2, 3, 4), (2, 1, 4), (3, 2, 2))[seed % 3]
    w, waiting, slope = (_normal(*shape, seed=seed + 100 * part) for part in range(3))
    return w, 3 * waiting * ((step - 1) % period) ** 0.5, 6 * slope, step, period, rate


def _due(step: int, period: int) -> bool:
    return step % period == 0


def _taking(cut: Callable[[Tensor], Tensor]) -> Function:
    """Right but for what it makes of the gradient."""

    def level(w: Tensor, waiting: Tensor, slope: Tensor, step: int, period: int, rate: float) -> Two:
        total = waiting + cut(slope)
        return (w - rate * total, torch.zeros_like(w)) if _due(step, period) else (w, total)

    return level


def _ticking(due: Callable[[int, int], bool]) -> Function:
    """Right but for the steps at which it writes."""
    return lambda w, waiting, slope, step, period, rate: (
        (w - rate * (waiting + slope.clamp(-5, 5)), torch.zeros_like(w))
        if due(step, period)
        else (w, waiting + slope.clamp(-5, 5))
    )


def _writing(new: Callable[[Tensor, Tensor, int, float], Tensor]) -> Function:
    """Right but for what it writes, given the weights, the sum, the period and the rate."""
    return lambda w, waiting, slope, step, period, rate: (
        (new(w, waiting + slope.clamp(-5, 5), period, rate), torch.zeros_like(w))
        if _due(step, period)
        else (w, waiting + slope.clamp(-5, 5))
    )


def _last_only(w: Tensor, waiting: Tensor, slope: Tensor, step: int, period: int, rate: float) -> Two:
    slope = slope.clamp(-5, 5)
    return (w - rate * slope, torch.zeros_like(w)) if _due(step, period) else (w, slope)


def _goes_on_waiting(w: Tensor, waiting: Tensor, slope: Tensor, step: int, period: int, rate: float) -> Two:
    total = waiting + slope.clamp(-5, 5)
    return (w - rate * total, total) if _due(step, period) else (w, total)


def _clips_the_sum(w: Tensor, waiting: Tensor, slope: Tensor, step: int, period: int, rate: float) -> Two:
    total = (waiting + slope).clamp(-5, 5)
    return (w - rate * total, torch.zeros_like(w)) if _due(step, period) else (w, total)


def _in_place(w: Tensor, waiting: Tensor, slope: Tensor, step: int, period: int, rate: float) -> Two:
    waiting += slope.clamp(-5, 5)
    return (w - rate * waiting, torch.zeros_like(w)) if _due(step, period) else (w, waiting)


def _plain_descent(fn: Function) -> bool | str:
    weight = torch.nn.Parameter(_normal(2, 3, 3, seed=40))
    w, waiting = weight.detach().clone(), torch.zeros(2, 3, 3, dtype=torch.float64)
    optimizer = torch.optim.SGD([weight], lr=0.3)
    for step in range(1, 7):
        slope = 6 * _normal(2, 3, 3, seed=40 + step)
        w, waiting = fn(w, waiting, slope, step, 1, 0.3)
        weight.grad = slope
        torch.nn.utils.clip_grad_value_([weight], 5.0)
        optimizer.step()
    away = float((w - weight.detach()).abs().max())
    return away < 1e-8 or f"after six steps yours is {away:.3g} away from it in one entry"


def _writes_twice(fn: Function) -> bool | str:
    w, waiting, writes = _normal(1, 3, 3, seed=50), torch.zeros(1, 3, 3, dtype=torch.float64), []
    slopes = _normal(10, 1, 3, 3, seed=51)
    for step, slope in enumerate(slopes, 1):
        before = w
        w, waiting = fn(w, waiting, slope, step, 4, 0.1)
        writes += [] if torch.equal(w, before) else [str(step)]
    if writes != ["4", "8"]:
        return f"yours changes the weights {len(writes)} times, at {', '.join(writes) or 'no step'}"
    return torch.allclose(waiting, slopes[8] + slopes[9]) or "what waits in yours is not the sum of the last two"


def _bounded(fn: Function) -> bool | str:
    w = waiting = torch.zeros(1, 2, 2, dtype=torch.float64)
    for step in range(1, 9):
        w, waiting = fn(w, waiting, torch.full_like(w, 1e6), step, 8, 0.1)
    reach = float(w.abs().max())
    return abs(reach - 4.0) < 1e-8 or f"eight gradients of a million at rate 0.1 move yours by {reach:.3g}, not by 4"


TICK = Exercise(
    id="12.D",
    name="tick",
    task="One step of a level: clip the gradient, gather it; when the level is due, write the sum and clear.",
    cases=_underway,
    truth=_tick,
    gives=("the weights", "what is waiting"),
    properties=(
        ("period 1 is SGD on clipped gradients, as torch has both", _plain_descent),
        ("10 steps of period 4 write twice and leave two gradients waiting", _writes_twice),
        ("no gradient, however large, counts for more than 5 in an entry", _bounded),
    ),
    mutants=(
        Mutant(
            "not clipped",
            _taking(lambda slope: slope),
            "The gradient comes in at full size. On the first batch of an excursion it can be huge, "
            "and one such batch would wreck the slow levels: clip every entry to ± 5 first.",
        ),
        Mutant(
            "clips the sum",
            _clips_the_sum,
            "The sum is clipped here, and with it all that honest small gradients have gathered. Clip each gradient "
            "as it comes, then add it.",
        ),
        Mutant(
            "clips one side",
            _taking(lambda slope: slope.clamp(max=5)),
            "Only the large positive entries are clipped; the large negative ones come through. "
            "`clamp` takes a lower end as well.",
        ),
        Mutant(
            "clips by length",
            _taking(lambda slope: slope * (5 / slope.norm()).clamp(max=1)),
            "This shortens the whole gradient, of all runs together: a wild run would turn down the others. "
            "Clip entry by entry.",
        ),
        Mutant(
            "writes every step",
            _ticking(lambda step, period: True),
            "This writes at every step. Most steps only gather: a level is due when `step` is a multiple of `period`.",
        ),
        Mutant(
            "a step too early",
            _ticking(lambda step, period: (step + 1) % period == 0),
            "This writes one step too early: with period 4 at step 3. Steps count from 1.",
        ),
        Mutant(
            "a step too late",
            _ticking(lambda step, period: (step - 1) % period == 0),
            "This writes one step too late: with period 4 at step 5. Steps count from 1, and `step` is this one's own "
            "number.",
        ),
        Mutant(
            "the question upside down",
            _ticking(lambda step, period: step % period != 0),
            "The question is upside down: this writes when the level is not due. "
            "`step % period` is 0, which Python reads as False, exactly at the multiples.",
        ),
        Mutant(
            "last gradient only",
            _last_only,
            "Each gradient takes the place of what was waiting, so a write knows one batch of its period. "
            "They have to add up.",
        ),
        Mutant(
            "goes on waiting",
            _goes_on_waiting,
            "The weights are right, but what was written goes on waiting and would be written again.",
        ),
        Mutant(
            "clears without writing",
            _writing(lambda w, total, period, rate: w),
            "When it is due, the sum is cleared, but it was never written: the weights come back as they were.",
        ),
        Mutant(
            "mean instead of sum",
            _writing(lambda w, total, period, rate: w - rate * total / period),
            "This writes the mean, and the period has become a smaller rate without saying so (lesson 9). "
            "Write the sum.",
        ),
        Mutant(
            "plus instead of minus",
            _writing(lambda w, total, period, rate: w + rate * total),
            "This walks uphill. What is gathered here are gradients, not errors times keys as in lesson 9: "
            "they point to more loss, so take rate times their sum away.",
        ),
        Mutant(
            "rate forgotten",
            _writing(lambda w, total, period, rate: w - total),
            "The sum is taken away at full strength: `rate` has not been used yet.",
        ),
        Mutant(
            "in place",
            _in_place,
            "The numbers are right, but `waiting += ...` writes over the sum of whoever called. "
            "`waiting = waiting + ...` makes a new one under the same name.",
        ),
        Mutant(
            "only the weights",
            lambda *given: _tick(*given)[0],
            "These are the weights, and they are right. Hand back what is waiting too, or it is lost.",
        ),
        Mutant(
            "swapped",
            lambda *given: _tick(*given)[::-1],
            "Both are right, but they come in the wrong order: the weights first, then what is waiting.",
        ),
    ),
    hints=(
        "It is the level of lesson 9 with two changes: what comes in is a gradient, so it is clipped first, and what "
        "is written is taken away.",
        "`slope.clamp(-5, 5)` clips every entry. Add it to what is waiting. If `step % period` is not 0, that is all; "
        "else the weights lose `rate` times the sum, and nothing is left waiting.",
        "First `waiting = waiting + slope.clamp(-5, 5)`. If `step % period` is not 0, return w and this sum. "
        "Otherwise return `w - rate * waiting` and `torch.zeros_like(waiting)`.",
    ),
)
