"""The exercises of lesson 08: their truths against other ways, right answers pass, and the six systems hold up."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

import nlviz as nl
from nlviz.course import exercise
from nlviz.course.exercises.systems_08 import SYSTEMS, System
from nlviz.nested.problems.ordering import order_levels
from nlviz.nested.problems.written_log import recover_period
from nlviz.runtime import project


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


# Right answers, differently written ------------------------------------------------------------------------------


def waits_between_the_ends(wrote):
    often, regular = wrote.mean(1), torch.zeros_like(wrote[:, 0])
    for level, row in enumerate(wrote):
        waits = torch.tensor([-1, *row.nonzero().flatten().tolist(), len(row)]).diff()
        if len(waits) > 3 and (waits[1:-1] == waits.max()).all():
            often[level], regular[level] = 1 / waits.max(), 1
    return often, regular


def plain_python(log):
    often, regular = [], []
    for row in log.tolist():
        at = [step for step, wrote in enumerate(row, 1) if wrote]
        gaps = {b - a for a, b in pairwise(at)}
        gap = gaps.pop() if len(gaps) == 1 and len(at) >= 3 else 0
        steady = gap >= max(at[0], len(row) + 1 - at[-1]) if gap else False
        often.append(1 / gap if steady else len(at) / len(row))
        regular.append(float(steady))
    return log.new_tensor(often), log.new_tensor(regular)


def shifted_by_its_period(wrote):
    """A clock is its own log, moved by one period."""
    count = wrote.sum(1)
    often, regular = count / wrote.shape[1], torch.zeros_like(count)
    for i, row in enumerate(wrote):
        for period in range(1, wrote.shape[1]):
            first = row[:period]
            if count[i] >= 3 and first.sum() == 1 and torch.equal(row[period:], row[:-period]):
                often[i], regular[i] = 1 / period, 1
                break
    return often, regular


def the_packages_recovery(wrote):
    found = [recover_period(row.numpy()) for row in wrote]
    steady = [one.period is not None and one.period < math.inf for one in found]
    often = [1 / one.period if ok else 1 / one.mean for one, ok in zip(found, steady, strict=True)]
    return wrote.new_tensor(often), wrote.new_tensor([float(ok) for ok in steady])


def round_after_round(frequency, needs):
    level = torch.zeros_like(frequency)
    for _ in frequency:
        for i in range(len(frequency)):
            faster = (frequency > frequency[i]) | ((frequency == frequency[i]) & (needs[i] > 0))
            if faster.any():
                level[i] = level[faster].max() + 1
    return level


def by_recursion(often, table):
    def depth(i):
        ahead = [j for j in range(len(often)) if often[j] > often[i] or (often[j] == often[i] and table[i, j])]
        return 1 + max(map(depth, ahead)) if ahead else 0

    return torch.tensor([float(depth(i)) for i in range(len(often))], dtype=often.dtype)


def peeling(frequency, needs):
    """Take away those before whom nobody is left, and again."""
    faster = (frequency[None] > frequency[:, None]) | ((frequency[None] == frequency[:, None]) & needs.bool())
    left, level = torch.ones_like(frequency, dtype=torch.bool), torch.zeros_like(frequency)
    number = 0
    while left.any():
        free = left & ~(faster & left).any(1)
        level[free] = number
        left, number = left & ~free, number + 1
    return level


def the_packages_order(frequency, needs):
    names = range(len(frequency))
    table = {i: {j for j in names if needs[i, j]} for i in names}
    groups = order_levels({i: 1 / float(frequency[i]) if frequency[i] else math.inf for i in names}, table)
    level = torch.zeros_like(frequency)
    for place, group in enumerate(groups):
        level[list(group)] = place
    return level


RIGHT = [
    *(("08.A", fn) for fn in (waits_between_the_ends, plain_python, shifted_by_its_period, the_packages_recovery)),
    *(("08.B", fn) for fn in (round_after_round, by_recursion, peeling, the_packages_order)),
]


@pytest.mark.parametrize(("name", "fn"), RIGHT, ids=lambda v: getattr(v, "__name__", v))
def test_differently_written_right_answers_pass(name: str, fn: Any) -> None:
    verdict = nl.check(name, fn)
    assert verdict.passed, verdict


# The truths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_the_truth_of_frequency_is_what_the_package_recovers(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    wrote = (torch.rand(6, 30, generator=draw) < torch.tensor([0.05, 0.2, 0.5, 0.9, 1.0, 0.0])[:, None]).double()
    wrote[0] = 0
    wrote[0, seed :: seed + 2] = 1
    ours, theirs = exercise.find("08.A").truth(wrote), the_packages_recovery(wrote)
    torch.testing.assert_close(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])


@pytest.mark.parametrize("seed", range(8))
def test_the_truth_of_order_levels_is_the_packages_order(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    frequency = torch.tensor([0.0, 0.25, 1.0, math.inf], dtype=torch.float64)[torch.randint(4, (7,), generator=draw)]
    needs = torch.rand(7, 7, generator=draw).lt(0.4).double().tril(-1)  # who is listed later needs who is listed before
    assert torch.equal(exercise.find("08.B").truth(frequency, needs), the_packages_order(frequency, needs))


def test_the_cases_of_frequency_hold_what_only_looks_like_a_clock() -> None:
    logs = [exercise.find("08.A").cases(seed)[0] for seed in (0, 1, 2)]
    regular = [exercise.find("08.A").truth(log)[1].tolist() for log in logs]
    assert regular == [[1, 1, 0, 1, 0], [1, 0, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_a_described_system_has_a_log_that_shows_its_periods(system: System) -> None:
    for row, place in zip(system.log(200), system.logged, strict=True):
        assert recover_period(row.numpy()).period == system.periods[place]


# What is said ----------------------------------------------------------------------------------------------------


def test_a_slip_in_a_system_is_told_with_its_part() -> None:
    def in_the_order_of_the_list(frequency, needs):
        right = round_after_round(frequency, needs)
        return right if len(frequency) != 3 or frequency[0] != frequency[2] or needs[0, 2] == 0 else right.flip(0)

    told = nl.check("08.B", in_the_order_of_the_list).message
    assert told == (
        "it should hold that the six described systems come out as derived by hand, but in MLP and Adam yours puts the "
        "weights on level 0, not 1"
    )


def test_a_flag_that_is_no_number_is_told_so() -> None:
    def flags(wrote):
        often, regular = waits_between_the_ends(wrote)
        return often, regular > 0

    assert "put 1 and 0 into `torch.zeros_like(wrote[:, 0])`" in nl.check("08.A", flags).message


# What the lesson says ---------------------------------------------------------------------------------------------


def test_the_tests_that_the_lesson_quotes_are_there() -> None:
    quoted = re.findall(r"`(test_\w+)`", (project() / "notebooks" / "src" / "08_levels.py").read_text("utf8"))
    there = "".join(path.read_text("utf8") for path in (project() / "tests").glob("test_*.py"))
    assert len(quoted) == 2
    assert [name for name in quoted if f"def {name}(" not in there] == []


def test_counting_ties_periods_five_and_six_in_nineteen_steps() -> None:
    for steps, counts in {19: (3, 3), 20: (4, 3)}.items():
        now = torch.arange(1, steps + 1)
        wrote = torch.stack([now % period == 0 for period in (5, 6)]).double()
        assert tuple(wrote.sum(1).tolist()) == counts
        often, regular = exercise.find("08.A").truth(wrote)
        assert regular.all()
        torch.testing.assert_close(often, torch.tensor([1 / 5, 1 / 6], dtype=torch.float64))


def test_training_a_linear_layer_is_reading_one_long_context() -> None:
    digits = nl.tasks.digits(seed=0, dtype=torch.float64)
    keys, values = digits.x[:300], torch.nn.functional.one_hot(digits.y[:300], 10).double()
    layer = torch.nn.Linear(64, 10, bias=False, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    for key, value in zip(keys, values, strict=True):
        optimizer.zero_grad()
        (0.5 * (layer(key) - value).square().sum()).backward()
        optimizer.step()
    M = nl.memory.scan(nl.Delta(lr=0.01), keys[None], values[None], keys[None])[1][0]
    torch.testing.assert_close(M, layer.weight.detach(), rtol=0, atol=1e-14)


def test_a_transformer_block_is_put_together_from_memories_that_have_stopped() -> None:
    torch.manual_seed(0)
    block = torch.nn.TransformerEncoderLayer(8, 2, 32, dropout=0.0, batch_first=True, dtype=torch.float64)
    x, still, a = torch.randn(4, 6, 8, dtype=torch.float64), nl.Hebb(lr=0.0), block.self_attn
    q, k, v = (still.read(a.in_proj_weight, x) + a.in_proj_bias).chunk(3, dim=-1)
    q, k, v = (one.unflatten(-1, (2, -1)).transpose(1, 2) for one in (q, k, v))
    seen = (torch.softmax(q @ k.mT / 2, dim=-1) @ v).transpose(1, 2).flatten(2)
    y = block.norm1(x + still.read(a.out_proj.weight, seen) + a.out_proj.bias)
    hidden = torch.relu(still.read(block.linear1.weight, y) + block.linear1.bias)
    y = block.norm2(y + still.read(block.linear2.weight, hidden) + block.linear2.bias)
    torch.testing.assert_close(y, block(x), rtol=0, atol=1e-12)
