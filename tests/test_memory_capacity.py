"""How much a memory holds: the numbers the lessons print, 20 seeds each."""

from __future__ import annotations

import numpy as np
import pytest

import nlviz as nl
from nlviz.lab.capacity import recall_curve
from nlviz.measure import mean_interval
from nlviz.trace import Trace

RUNS, D = 20, 32
RULES = {"Hebb": nl.Hebb(), "Delta": nl.Delta()}


@pytest.fixture(scope="module")
def once() -> Trace:
    return recall_curve(RULES, {n: nl.tasks.recall(pairs=n, d_key=D, d_value=D, runs=RUNS) for n in (2, 16, 32, 64)})


@pytest.fixture(scope="module")
def again() -> Trace:
    tasks = {n: nl.tasks.rebinding(pairs=16, times=n, d_key=D, d_value=D, runs=RUNS) for n in (1, 8)}
    return recall_curve(RULES, tasks)


def test_hebbs_squared_error_is_the_number_of_other_pairs_over_the_number_of_features(once: Trace) -> None:
    mean, half = mean_interval(once.select(method="Hebb")["squared error"], axis=-1)
    expected = (np.array(once.along("load")) - 1) / D
    assert (abs(mean - expected) < np.maximum(2 * half, 1e-3)).all()
    assert (abs(mean - expected) < 0.15 * expected).all()


def test_eight_rebindings_drown_hebb_and_leave_delta_standing(again: Trace) -> None:
    right = again["top-1"].mean(-1)  # (method, load)
    assert right[:, 0].min() >= 0.9  # both know every key that came once
    assert right[0, 1] <= 0.20
    assert right[1, 1] >= 0.85


def test_on_random_keys_hebb_points_better_and_delta_says_better(once: Trace) -> None:
    full = once.select(load=2 * D)
    points, says = (np.diff(full[measure], axis=0)[0] for measure in ("top-1", "squared error"))  # Delta − Hebb, paired
    for difference in (points, says):
        mean, half = mean_interval(difference)
        assert mean + half < -0.2  # fewer right answers, and less error


def test_a_little_forgetting_brings_hebb_as_far_as_delta_where_all_are_told_again_every_week() -> None:
    rules = {"Hebb": nl.Hebb(keep=0.95), "Delta": nl.Delta()}
    right = recall_curve(rules, {8: nl.tasks.rebinding(times=8, runs=RUNS, seed=100)})["top-1"][:, 0]
    mean, half = mean_interval(right[0] - right[1])
    assert mean - half > -0.02
    assert right[0].mean() > 0.93


def test_a_small_rate_turns_delta_into_hebb_where_nothing_is_told_twice() -> None:
    rules = {"Hebb": nl.Hebb(), "slow": nl.Delta(lr=0.1), "middle": nl.Delta(lr=0.25)}
    right = recall_curve(rules, {2 * D: nl.tasks.recall(pairs=2 * D, runs=RUNS)})["top-1"][:, 0]
    slow, middle = (mean_interval(one - right[0]) for one in right[1:])
    assert slow[0] - slow[1] > 0
    assert slow[0] + slow[1] < 0.05
    assert abs(middle[0]) < 0.05


def test_a_quieter_hebb_has_the_squared_error_of_the_best_delta_and_points_as_well_as_before() -> None:
    rules = {
        "loud": nl.Hebb(),
        "quiet": nl.Hebb(lr=1 / 3),
        **{f"{lr}": nl.Delta(lr=lr) for lr in (1.0, 0.5, 0.25, 0.1)},
    }
    trace = recall_curve(rules, {2 * D: nl.tasks.recall(pairs=2 * D, runs=RUNS)})
    errors = trace["squared error"][:, 0].mean(-1)
    assert (trace["top-1"][0] == trace["top-1"][1]).all()
    assert errors[1] < 0.4 * errors[0]
    assert abs(errors[1] - errors[2:].min()) < 0.02


def test_hebb_treats_all_pairs_alike_and_delta_writes_over_the_first() -> None:
    task = nl.tasks.recall(pairs=2 * D, runs=RUNS)
    hebb, delta = (
        nl.measure.top1(nl.run(rule, task, record=())).mean(0).reshape(8, 8).mean(1) for rule in RULES.values()
    )
    assert np.ptp(hebb) < 0.15
    assert delta[0] < 0.1
    assert delta[-1] > 0.95


def test_orthonormal_keys_are_all_recalled_and_one_key_more_breaks_it() -> None:
    task = nl.tasks.recall(pairs=D + 1, d_key=D, d_value=D, runs=RUNS)
    keys, _ = np.linalg.qr(task.keys.numpy()[:, :D].swapaxes(-1, -2))
    keys = task.keys.new_tensor(keys).mT
    for rule in RULES.values():
        exact = nl.tasks.Task(keys, task.values[:, :D], keys, task.values[:, :D], "orthonormal", {})
        over = nl.tasks.Task(*(x.clone() for x in (task.keys, task.values, task.keys, task.values)), "one more", {})
        over.keys[:, :D] = keys
        trace = recall_curve({"rule": rule}, {D: exact, D + 1: over})
        assert trace["squared error"][0, 0].max() < 1e-10
        assert trace["squared error"][0, 1].min() > 1e-2


def test_a_single_run_is_not_a_curve() -> None:
    with pytest.raises(ValueError, match="at load 4 is a single run; give it an axis of runs"):
        recall_curve(RULES, {4: nl.tasks.recall(pairs=4)})


def test_with_fewer_names_than_dimensions_looking_before_writing_buys_something_with_more_next_to_nothing() -> None:
    rates = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    rules = {"Hebb": [nl.Hebb(lr=lr) for lr in rates], "Delta": [nl.Delta(lr=lr) for lr in rates]}
    best = {}
    for pairs in (D // 2, 2 * D):
        here, there = (nl.tasks.recall(pairs=pairs, runs=RUNS, seed=seed) for seed in (0, 100))
        tried = {
            name: [recall_curve({"": r}, {0: there})["squared error"].mean() for r in rules[name]] for name in rules
        }
        chosen = {name: rules[name][int(np.argmin(errors))] for name, errors in tried.items()}
        best[pairs] = recall_curve(chosen, {0: here})["squared error"][:, 0]
    few, many = best[D // 2], best[2 * D]
    assert few.mean(-1) == pytest.approx([0.33, 0.28], abs=0.01)
    assert abs(many[0] - many[1]).mean() < 0.02


def test_at_its_own_best_rate_delta_is_a_little_ahead_of_the_hebb_that_forgets() -> None:
    keeps, rates = (1.0, 0.99, 0.97, 0.95, 0.93, 0.9), (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    settings = {"Hebb": [nl.Hebb(keep=keep) for keep in keeps], "Delta": [nl.Delta(lr=lr) for lr in rates]}
    leads = []
    for seed in (100, 200, 300):
        here, there = (nl.tasks.rebinding(times=8, runs=RUNS, seed=s) for s in (seed, 1000 + seed))
        hebb, delta = nl.lab.recall_contest(settings, there, here)["top-1"].mean(-1)
        leads.append(delta - hebb)
    assert np.mean(leads) == pytest.approx(0.02, abs=0.01)
