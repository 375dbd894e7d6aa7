"""The exercises of lesson 09: their truths against a replay and the package's own levels, and right answers pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import nlviz as nl
from nlviz.course import exercise
from nlviz.lab.additive import AdditiveLevels


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


# Right answers, differently written ------------------------------------------------------------------------------


def as_the_clock_says(M, waiting, tile, step, period, rate, keep):
    waiting = waiting + tile
    if step % period:
        return M, waiting
    return keep**period * M + rate * waiting, torch.zeros_like(waiting)


def without_an_if(memory, gathered, new, t, every, lr, stays):
    due = float(t // every * every == t)
    gathered = gathered + new
    return (1 - due + due * stays**every) * memory + due * lr * gathered, (1 - due) * gathered


def forgets_step_by_step(M, waiting, tile, step, period, rate, keep):
    if step % period != 0:
        return M, torch.add(waiting, tile)
    faded = M.clone()
    for _ in range(period):
        faded *= keep
    return faded.add_(waiting + tile, alpha=rate), waiting * 0


def the_packages_level(M, waiting, tile, step, period, rate, keep):
    levels = AdditiveLevels((period,), M.new_tensor([rate]), M.new_tensor([keep]), *M.shape)
    levels.memories, levels.waiting, levels.age = [M.clone()], [waiting.clone()], step - 1
    levels.tick(tile)
    return levels.memories[0], levels.waiting[0]


def with_the_tick(M, waiting, key, value, step, periods, rates, keeps):
    tile = torch.outer(value - M.sum(0) @ key, key)
    levels = [
        as_the_clock_says(M[i], waiting[i], tile, step, periods[i], rates[i], keeps[i]) for i in range(len(periods))
    ]
    return torch.stack([m for m, _ in levels]), torch.stack([w for _, w in levels])


def into_copies(M, waiting, key, value, step, periods, rates, keeps):
    error = value - M.sum(0) @ key
    M, waiting = M.clone(), waiting + torch.outer(error, key)
    for i, (period, rate, keep) in enumerate(zip(periods, rates, keeps, strict=True)):
        if step % period == 0:
            M[i] = keep**period * M[i] + rate * waiting[i]
            waiting[i] = 0
    return M, waiting


def all_levels_at_once(M, waiting, key, value, step, periods, rates, keeps):
    period, rate, keep = (torch.tensor(one, dtype=M.dtype)[:, None, None] for one in (periods, rates, keeps))
    due = step % period == 0
    waiting = waiting + (value - (M @ key).sum(0))[:, None] * key
    return torch.where(due, keep**period * M + rate * waiting, M), torch.where(due, 0.0, waiting)


def autograd_asks_the_answer(M, waiting, key, value, step, periods, rates, keeps):
    M = M.clone().requires_grad_()
    (0.5 * (value - M.sum(0) @ key) ** 2).sum().backward()
    pairs = [
        without_an_if(*level)
        for level in zip(M.detach(), waiting, -M.grad, [step] * len(M), periods, rates, keeps, strict=True)
    ]
    memories, left = zip(*pairs, strict=True)
    return torch.stack(memories), torch.stack(left)


def the_packages_levels(M, waiting, key, value, step, periods, rates, keeps):
    levels = AdditiveLevels(periods, M.new_tensor(rates), M.new_tensor(keeps), *M.shape[1:])
    levels.memories, levels.waiting, levels.age = list(M.clone()), list(waiting.clone()), step - 1
    levels.write(value, key)
    return torch.stack(levels.memories), torch.stack(levels.waiting)


RIGHT = [
    *(("09.A", fn) for fn in (as_the_clock_says, without_an_if, forgets_step_by_step, the_packages_level)),
    *(("09.B", fn) for fn in (with_the_tick, into_copies, all_levels_at_once)),
    *(("09.B", fn) for fn in (autograd_asks_the_answer, the_packages_levels)),
]


@pytest.mark.parametrize(("name", "fn"), RIGHT, ids=lambda v: getattr(v, "__name__", v))
def test_differently_written_right_answers_pass(name: str, fn: Any) -> None:
    verdict = nl.check(name, fn)
    assert verdict.passed, verdict


# The truths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("steps", "period"), [(10, 4), (12, 4), (5, 8), (6, 1)], ids="T{}".format)
def test_the_truth_of_tick_is_a_replay_of_the_whole_stream(
    steps: int, period: int, draw: Callable[..., torch.Tensor], close: Callable[..., None]
) -> None:
    """Each tile has faded since the tick that wrote it; those since the last tick are waiting."""
    rate, keep, tiles = 0.3, 0.9, draw(steps, 3, 4, seed=steps)
    M = start = draw(3, 4, seed=100)
    waiting = torch.zeros_like(M)
    for step, tile in enumerate(tiles, 1):
        M, waiting = exercise.find("09.A").truth(M, waiting, tile, step, period, rate, keep)
    last = steps - steps % period
    expected = keep**last * start
    for step, tile in enumerate(tiles[:last], 1):
        written = next(t for t in range(step, last + 1) if t % period == 0)
        expected = expected + rate * keep ** (last - written) * tile
    close(M, expected)
    close(waiting, tiles[last:].sum(0))


def test_the_truth_of_spectrum_step_is_the_packages_levels(
    like: dict[str, Any], draw: Callable[..., torch.Tensor], close: Callable[..., None]
) -> None:
    periods, rates, keeps = (1, 3, 8), (0.4, 0.15, 0.05), (0.9, 0.98, 1.0)
    levels = AdditiveLevels(periods, torch.tensor(rates, **like), torch.tensor(keeps, **like), d_value=4, d_key=5)
    M = waiting = torch.zeros(3, 4, 5, **like)
    for step, (key, value) in enumerate(zip(draw(21, 5) / 2, draw(21, 4, seed=1), strict=True), 1):
        M, waiting = exercise.find("09.B").truth(M, waiting, key, value, step, periods, rates, keeps)
        levels.write(value, key)
        close(M, torch.stack(levels.memories))
        close(waiting, torch.stack(levels.waiting))


def test_the_cases_hold_a_tick_a_level_yet_to_tick_and_period_one() -> None:
    clocks = [exercise.find("09.A").cases(seed)[3:5] for seed in (0, 1, 2)]
    assert [step % period == 0 for step, period in clocks] == [True, False, True]
    assert [period > step for step, period in clocks] == [False, True, False]
    assert [period == 1 for _, period in clocks] == [False, False, True]
    spectra = [exercise.find("09.B").cases(seed)[4:6] for seed in (0, 1, 2)]
    due = [[step % period == 0 for period in periods] for step, periods in spectra]
    assert due == [[True, True, False], [True, False], [True, True, True]]


# What is said ----------------------------------------------------------------------------------------------------


def test_a_clock_that_does_not_stop_is_told_when_it_wrote() -> None:
    def from_the_first_tick_on(M, waiting, tile, step, period, rate, keep):
        if step < period:
            return M, waiting + tile
        return keep**period * M + rate * (waiting + tile), torch.zeros_like(tile)

    told = nl.check("09.A", from_the_first_tick_on).message
    assert told.endswith("yours changes the memory 7 times, at 4, 5, 6, 7, 8, 9, 10")


def test_the_wrong_one_of_the_two_is_named() -> None:
    def keeps_waiting(M, waiting, tile, step, period, rate, keep):
        return as_the_clock_says(M, waiting, tile, step, period, rate, keep)[0], waiting + 2 * tile

    told = nl.check("09.A", keeps_waiting).message
    assert told.startswith("at seed 0 for what is waiting yours gives")
    assert told.endswith("; none in the memory")


def test_a_slip_of_one_level_has_the_same_hint_in_a_spectrum() -> None:
    def fades_by_one_step(M, waiting, key, value, step, periods, rates, keeps):
        M, waiting = M.clone(), waiting + torch.outer(value - M.sum(0) @ key, key)
        for i, period in enumerate(periods):
            if step % period == 0:
                M[i], waiting[i] = keeps[i] * M[i] + rates[i] * waiting[i], 0
        return M, waiting

    hint = {mutant.name: mutant.hint for mutant in exercise.find("09.A").mutants}["one step's forgetting"]
    assert nl.check("09.B", fades_by_one_step).message.endswith(f". {hint}")


def recovery(*levels: tuple[int, float, float], **how: Any) -> float:
    return float(nl.lab.spectrum(levels, streams=12, seed=900, **how)["recovery"].mean())


def test_the_figures_of_the_questions_are_measured() -> None:
    fast = (1, 0.8, 0.95)
    summed = {clock: recovery(fast, (clock, 0.15, 1.0)) for clock in (1, 8, 16, 32)}
    assert all(abs(value - 0.45) < 0.03 for value in summed.values()), summed
    assert abs(summed[32] - summed[1]) < 0.02
    assert abs(recovery(fast, (16, 0.15, 1.0), average=True) - 0.09) < 0.02
    assert abs(recovery(fast, (1, 0.15 / 16, 1.0)) - 0.09) < 0.02
    assert recovery(fast, (16, 0.15 * 16, 1.0), average=True) == pytest.approx(summed[16])
    assert abs(recovery(fast, (8, 0.15, 0.95))) < 0.01  # both fade: neither A nor B
    writes = [int(nl.lab.spectrum([fast, (clock, 0.15, 1.0)], streams=1)["writes"][1]) for clock in (1, 32)]
    assert writes == [560, 17]
