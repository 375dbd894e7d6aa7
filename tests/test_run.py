"""Tasks, run and measure: what goes in comes out as numbers with names."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest
import torch
from scipy import stats

import nlviz as nl
from nlviz import measure


def test_every_run_of_a_batch_is_the_task_of_its_own_seed(like):
    together = nl.tasks.recall(pairs=5, d_key=6, d_value=4, seed=3, runs=4, dtype=like["dtype"])
    for i in range(4):
        alone = nl.tasks.recall(pairs=5, d_key=6, d_value=4, seed=3 + i, dtype=like["dtype"])
        assert torch.equal(together.keys[i], alone.keys)
        assert torch.equal(together.values[i], alone.values)


@pytest.mark.parametrize("similarity", [0.0, 0.3, 0.7])
def test_keys_are_as_similar_as_asked(similarity):
    keys = nl.tasks.recall(pairs=200, d_key=64, similarity=similarity, dtype=torch.float64).keys
    cosines = (keys @ keys.T)[~torch.eye(200, dtype=torch.bool)]
    assert cosines.mean().item() == pytest.approx(similarity, abs=0.02)


def test_rebinding_asks_for_the_latest_value(close, like):
    task = nl.tasks.rebinding(pairs=3, times=4, d_key=8, d_value=8, dtype=like["dtype"])
    close(task.keys[-3:], task.queries)
    close(task.values[-3:], task.targets)
    close(task.keys[:3], task.queries)


@pytest.mark.parametrize("bad", [dict(pairs=0), dict(similarity=1.0), dict(similarity=-0.1), dict(runs=0)])
def test_a_task_that_cannot_be_is_a_sentence(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        nl.tasks.recall(**bad)


def test_orthonormal_keys_are_read_back_exactly_up_to_d_pairs(like, close):
    task = nl.tasks.recall(pairs=8, d_key=8, d_value=8, dtype=like["dtype"]).to(device=like["device"])
    orthonormal = torch.linalg.qr(task.keys.T)[0].T
    task = nl.tasks.Task(orthonormal, task.values, orthonormal, task.values, "orthonormal", {})
    for rule in (nl.Hebb(), nl.Delta()):
        trace = nl.run(rule, task)
        close(torch.from_numpy(trace["answer"].copy()), torch.from_numpy(trace["target"].copy()))
        assert trace["surprise"] == pytest.approx(1.0)


def test_run_records_what_a_loop_by_hand_sees(like, close):
    task = nl.tasks.recall(pairs=6, d_key=4, d_value=3, dtype=like["dtype"], runs=2).to(device=like["device"])
    trace = nl.run(nl.Delta(lr=0.5), task, record=("surprise", "error", "memory"))
    assert trace.axes["memory"] == ("run", "step", "value feature", "key feature")
    for run in range(2):
        M = torch.zeros(3, 4, **like)
        for step in range(6):
            missed = task.values[run, step] - M @ task.keys[run, step]
            M = M + 0.5 * torch.outer(missed, task.keys[run, step])
            assert trace["surprise"][run, step] == pytest.approx(missed.norm().item(), rel=1e-5)
            close(torch.from_numpy(trace["memory"][run, step].copy()), M.cpu())
        error = (task.targets[run] - task.queries[run] @ M.T).square().sum(-1) / task.targets[run].square().sum(-1)
        np.testing.assert_allclose(trace["error"][run, -1], error.cpu(), rtol=1e-5)
    np.testing.assert_allclose(measure.squared_error(trace), trace["error"][:, -1], rtol=1e-5)


def test_run_says_what_it_can_record():
    with pytest.raises(ValueError, match="cannot record weather"):
        nl.run(nl.Delta(), nl.tasks.recall(pairs=2), record=("weather",))


def test_a_key_or_value_that_does_not_fit_says_what_to_type():
    M = nl.Delta().init(d_key=4, d_value=2)
    with pytest.raises(ValueError, match=r"key has 5 features.*init\(d_key=5, d_value=2\)"):
        nl.Delta().write(M, torch.zeros(5), torch.zeros(2))
    with pytest.raises(ValueError, match=r"value has 3 features.*init\(d_key=4, d_value=3\)"):
        nl.Hebb().write(M, torch.zeros(4), torch.zeros(3))


def test_interference_counts_what_later_writes_cost():
    task = nl.tasks.recall(pairs=12, d_key=8, d_value=8, dtype=torch.float64)
    cost = measure.interference(nl.run(nl.Delta(), task))
    assert cost.shape == (12,)
    assert cost[-1] == pytest.approx(0, abs=1e-12)  # the last pair has seen no later write
    assert cost[:-1].max() > 0.1


def test_top1_counts_the_nearest_candidate():
    trace = nl.Trace(
        {"answer": np.array([[1.0, 0.1], [0.9, 1.0]]), "target": np.eye(2)},
        {"answer": ("query", "value"), "target": ("query", "value")},
    )
    assert measure.top1(trace).tolist() == [1, 1]
    more = np.array([[1.0, 0], [0, 1], [2, 2], [2, 2]])
    assert measure.top1(trace, candidates=more).tolist() == [0, 0]
    twice = nl.Trace.join({"one": trace, "other": trace}, axis="method")
    assert measure.top1(twice, candidates=more[:2]).tolist() == [[1, 1], [1, 1]]
    assert measure.top1(twice, candidates=more[[1, 0, 0]]).tolist() == [[1, 1], [1, 1]]  # in any order, more than once


@pytest.mark.parametrize("n", [2, 3, 5, 10, 20, 31, 100])
def test_the_interval_is_students(n):
    samples = np.random.default_rng(n).normal(size=n)
    mean, half = measure.mean_interval(samples)
    low, high = stats.t.interval(0.95, n - 1, loc=samples.mean(), scale=stats.sem(samples))
    assert mean == pytest.approx((low + high) / 2)
    assert half == pytest.approx((high - low) / 2, rel=1e-3)


def test_digits_are_the_shipped_ones_split_by_seed():
    one, same, other = nl.tasks.digits(seed=0), nl.tasks.digits(seed=0), nl.tasks.digits(seed=1)
    assert torch.equal(one.x, same.x)
    assert not torch.equal(one.y, other.y)
    assert (len(one.x), len(one.x_test)) == (1400, 397)
    assert one.x.min() >= 0
    assert one.x.max() == 1
    assert torch.cat([one.y, one.y_test]).bincount().tolist() == torch.cat([other.y, other.y_test]).bincount().tolist()


def test_overwriting_loses_the_first_task_and_the_control_keeps_it():
    trace = nl.lab.overwriting(nl.tasks.digits(), rates=[0.1], runs=3)
    after_a = trace.select(order="A, then B", lr=0.1, step=200)["accuracy"]
    after_b = trace.select(order="A, then B", lr=0.1, step=400)["accuracy"]
    mixed = trace.select(order="A and B mixed", lr=0.1, step=400)["accuracy"]
    assert after_a[:, 0].min() > 0.9
    assert after_b[:, 0].max() < 0.1
    assert after_b[:, 1].min() > 0.9
    assert mixed.min() > 0.85


def test_a_function_stays_a_function_after_every_module_was_imported():
    """Importing `nlviz.x.y` binds the module y in x: no function may bear that name."""
    for package in ("loops", "tasks", "memory", "figures", "widgets", "course", "lab"):
        home = importlib.import_module(f"nlviz.{package}")
        for module in pkgutil.iter_modules(home.__path__):
            importlib.import_module(f"nlviz.{package}.{module.name}")
        for name in home.__all__:
            assert not isinstance(getattr(home, name), type(importlib)), f"nlviz.{package}.{name} became a module"
    for _ in range(2):
        assert nl.run(nl.Delta(), nl.tasks.recall(pairs=2))["surprise"].shape == (2,)


def test_the_face_gives_every_name_it_lists_and_no_other():
    for name in dir(nl):
        assert getattr(nl, name) is not None
    with pytest.raises(AttributeError, match="nlviz has no 'nonsense'"):
        _ = nl.nonsense


def test_a_run_in_bfloat16_gives_its_numbers_in_float32():
    task = nl.tasks.recall(pairs=3, d_key=4, d_value=4, dtype=torch.bfloat16)
    trace = nl.run(nl.Delta(lr=0.5), task, record=("surprise", "error", "memory"))
    assert {trace[name].dtype for name in trace} == {np.dtype("float32")}
    np.testing.assert_array_equal(trace["target"], task.targets.double())
    M = torch.zeros(4, 4, dtype=torch.bfloat16)
    for key, value in zip(task.keys, task.values, strict=True):
        M, _ = nl.Delta(lr=0.5).write(M, key, value)
    np.testing.assert_array_equal(trace["memory"][-1], M.double())
