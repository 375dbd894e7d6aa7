"""The exercises of lesson 06: right answers pass, the truths are the package's rule, the questions' figures hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import mse_loss, normalize

import nlviz as nl
from nlviz.course import exercise
from nlviz.lab.capacity import recall_curve

UNITS = {"dtype": torch.float64}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


# Right answers, differently written ------------------------------------------------------------------------------


def look_then_write(M, key, value, lr):
    surprise = value - M @ key
    return M + lr * torch.outer(surprise, key)


def erase_then_write(memory, k, v, beta):
    identity = torch.eye(len(k), dtype=k.dtype)
    return memory @ (identity - beta * k[:, None] * k) + beta * v[:, None] * k


def between_two_readings(M, key, value, lr):
    old = torch.einsum("ij,j->i", M, key)
    wanted = (1 - lr) * old + lr * value
    return M + torch.einsum("i,j->ij", wanted - old, key)


def row_by_row(M, key, value, lr):
    new = M.clone()
    for i in range(len(value)):
        new[i] += lr * (value[i] - new[i].dot(key)) * key
    return new


def one_step_of_descent(M, key, value, lr):
    return M - lr * torch.func.grad(half_the_square)(M, key, value)


def the_packages_rule(M, key, value, lr):
    return nl.Delta(lr=lr).write(M, key, value)[0]


def half_the_square(M, key, value):
    return 0.5 * (M @ key - value).square().sum()


def of_the_squared_length(M, key, value):
    return torch.linalg.vector_norm(value - M @ key) ** 2 / 2


def torchs_sum(memory, k, v):
    return mse_loss(torch.einsum("ij,j->i", memory, k), v, reduction="sum") / 2


def multiplied_out(M, key, value):
    said = M @ key
    return said.dot(said) / 2 - said.dot(value) + value.dot(value) / 2


def solved(M, keys, values, lr):
    A = torch.eye(len(keys), dtype=M.dtype) + lr * (keys @ keys.T).tril(-1)
    surprises = torch.linalg.solve_triangular(A, values - keys @ M.T, upper=False)
    return M + lr * surprises.T @ keys, surprises


def inverted(M, keys, values, lr):
    K, V = lr**0.5 * keys, lr**0.5 * values
    T = torch.linalg.inv(torch.eye(len(K), dtype=K.dtype) + torch.tril(K @ K.T, -1))
    U, W = T @ V, T @ K
    R = U - W @ M.T
    return M + R.T @ K, R / lr**0.5


def corrected_until_it_stands(M, keys, values, lr):
    overlap = lr * (keys @ keys.T).tril(-1)
    E = start = values - keys @ M.T
    for _ in range(len(keys)):
        E = start - overlap @ E
    return M + sum(lr * torch.outer(e, k) for e, k in zip(E, keys, strict=True)), E


def a_loop(M, keys, values, lr):
    surprises = []
    for key, value in zip(keys, values, strict=True):
        surprises.append(value - M @ key)
        M = look_then_write(M, key, value, lr)
    return M, torch.stack(surprises)


RIGHT = [
    *(("06.A", fn) for fn in (look_then_write, erase_then_write, between_two_readings, row_by_row)),
    *(("06.A", fn) for fn in (one_step_of_descent, the_packages_rule)),
    *(("06.B", fn) for fn in (half_the_square, of_the_squared_length, torchs_sum, multiplied_out)),
    *(("06.C", fn) for fn in (solved, inverted, corrected_until_it_stands, a_loop, nl.memory.delta_chunk)),
]


@pytest.mark.parametrize(("name", "fn"), RIGHT, ids=lambda v: getattr(v, "__name__", v))
def test_differently_written_right_answers_pass(name: str, fn: Any) -> None:
    verdict = nl.check(name, fn)
    assert verdict.passed, verdict


# The truths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_the_truths_are_the_packages_rule_its_loss_and_its_chunk(seed: int, close: Callable[..., None]) -> None:
    M, key, value, lr = exercise.find("06.A").cases(seed)
    close(exercise.find("06.A").truth(M, key, value, lr), nl.Delta(lr=lr).write(M, key, value)[0])
    close(exercise.find("06.B").truth(M, key, value), 0.5 * torch.dist(value, M @ key) ** 2)
    case = exercise.find("06.C").cases(seed)
    for ours, packages in zip(exercise.find("06.C").truth(*case), nl.memory.delta_chunk(*case), strict=True):
        close(ours, packages)


def test_the_cases_are_wide_square_and_tall_and_hold_more_pairs_than_features() -> None:
    taller = [d_value - d_key for d_value, d_key in (exercise.find("06.A").cases(seed)[0].shape for seed in (0, 1, 2))]
    more = [pairs - d_key for pairs, d_key in (exercise.find("06.C").cases(seed)[1].shape for seed in (0, 1, 2))]
    for differences in (taller, more):
        assert [(one > 0) - (one < 0) for one in differences] == [-1, 0, 1]


# What is said ----------------------------------------------------------------------------------------------------


def test_a_loss_that_autograd_cannot_follow_gets_a_sentence() -> None:
    def number_only(M, key, value):
        return torch.tensor(half_the_square(M, key, value).item(), dtype=M.dtype)

    assert "but autograd finds no way from yours back to M" in nl.check("06.B", number_only).message


def test_of_a_chunk_the_wrong_result_is_named() -> None:
    def values_for_surprises(M, keys, values, lr):
        return solved(M, keys, values, lr)[0], values

    told = nl.check("06.C", values_for_surprises).message
    assert told.startswith("at seed 0 for the surprises yours gives")
    assert told.endswith("; none in the new memory")


# The figures of the questions ------------------------------------------------------------------------------------


def _units(*shape: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(*shape, generator=nl.runtime.generator(seed), dtype=torch.float64), dim=-1)


def _told(rule: Any, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The memories after all pairs (run, T, d), one after the other."""
    return nl.memory.scan(rule, keys, values, keys)[1]


def _named(answers: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Which of all values ever told each answer points to most."""
    return (answers @ values.mT).argmax(-1)


def test_after_eight_weeks_on_orthonormal_keys_hebb_says_the_sum_and_delta_the_last() -> None:
    keys = torch.linalg.qr(_units(50, 32, 16, seed=0))[0].mT
    values = _units(50, 8, 16, 32, seed=1)
    told = keys.repeat(1, 8, 1), values.flatten(1, 2)
    added, rewritten = (keys @ _told(rule, *told).mT for rule in (nl.Hebb(), nl.Delta()))
    torch.testing.assert_close(added, values.sum(1))
    torch.testing.assert_close(rewritten, values[:, -1])
    latest = (_named(added, told[1]) == torch.arange(7 * 16, 8 * 16)).double().mean()
    assert abs(float(latest) - 1 / 9) < 0.03


def test_on_64_random_keys_hebb_is_too_loud_and_delta_has_written_over_the_older_half() -> None:
    task = nl.tasks.recall(pairs=64, d_key=32, d_value=32, runs=60, **UNITS)
    rules = {"Hebb": nl.Hebb(), "softer": nl.Hebb(lr=1 / 3), "delta": nl.Delta()}
    curve = recall_curve(rules, {64: task})
    points, error = (curve[measure].mean((1, 2)) for measure in ("top-1", "squared error"))
    assert points.tolist() == pytest.approx([0.83, 0.83, 0.44], abs=0.02)
    assert error.tolist() == pytest.approx([1.97, 0.66, 1.06], abs=0.04)
    answers = {name: task.keys @ _told(rule, task.keys, task.values).mT for name, rule in rules.items()}
    weight = (answers["Hebb"] * task.values).sum(-1, keepdim=True)
    assert float(weight.mean()) == pytest.approx(1, abs=0.02)
    assert float((answers["Hebb"] - weight * task.values).square().sum(-1).mean()) == pytest.approx(1.9, abs=0.05)
    for name, (older, newer) in {"Hebb": (0.83, 0.83), "delta": (0.14, 0.77)}.items():
        right = (_named(answers[name], task.values) == torch.arange(64)).double().mean(0)
        assert [float(right[:32].mean()), float(right[32:].mean())] == pytest.approx([older, newer], abs=0.03)


def test_a_key_of_norm_2_at_rate_1_makes_the_error_three_times_as_large_each_time() -> None:
    key, value = torch.tensor([2.0, 0.0], **UNITS), torch.tensor([1.0], **UNITS)
    M, said = torch.zeros(1, 2, **UNITS), []
    for _ in range(3):
        M = nl.Delta().write(M, key, value)[0]
        said.append(float(M @ key))
    assert said == [4.0, -8.0, 28.0]


def test_a_second_fact_under_a_key_of_cosine_0_8_leaves_0_36_of_the_first() -> None:
    keys, values = torch.tensor([[1.0, 0.0], [0.8, 0.6]], **UNITS), torch.eye(2, **UNITS)
    for rule, said in ((nl.Delta(), [0.36, 0.8]), (nl.Hebb(), [1.0, 0.8])):
        assert (_told(rule, keys, values) @ keys[0]).tolist() == pytest.approx(said)


def test_forgetting_loses_the_names_that_nobody_mentions() -> None:
    runs, keys = 100, _units(100, 16, 32, seed=2)
    values = _units(runs, 16 + 8 * 8, 32, seed=3)
    told = torch.cat([keys, keys[:, :8].repeat(1, 8, 1)], dim=1), values
    latest = torch.cat([torch.arange(72, 80), torch.arange(8, 16)])
    found = {}
    for name, rule in {"0.9": nl.Hebb(keep=0.9), "0.98": nl.Hebb(keep=0.98), "delta": nl.Delta()}.items():
        right = (_named(keys @ _told(rule, *told).mT, values) == latest).double().mean(0)
        found[name] = [float(right[:8].mean()), float(right[8:].mean())]
    assert found["0.9"] == pytest.approx([0.99, 0.00], abs=0.012)
    assert found["0.98"] == pytest.approx([0.45, 0.21], abs=0.04)
    assert found["delta"] == pytest.approx([0.99, 0.92], abs=0.02)
