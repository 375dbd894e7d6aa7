"""Streams of facts and of drifting weights: what is told, what is asked, and what the best of all learners reaches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import nlviz as nl


def test_a_fact_is_asked_for_at_the_age_that_was_ordered():
    facts = nl.tasks.aging_facts(ages=(0, 3, 9), runs=2, sequences=3, steps=400, d=8, choices=5)
    assert set(facts.ages[..., 9:].unique().tolist()) == {0, 3, 9}
    for age in (0, 3, 9):
        assert (facts.ages[..., 9:] == age).float().mean() == pytest.approx(1 / 3, abs=0.04)
    assert (facts.asked[..., :9] >= 0).all()
    assert (facts.asked[..., :9] <= torch.arange(9)).all()
    for t in (3, 77):
        assert facts.answers[1, 2, t] == facts.values[1, 2, facts.asked[1, 2, t]]
    assert facts.names.norm(dim=-1).sub(1).abs().max() < 1e-5
    assert torch.bincount(facts.values.flatten()).min() > 0.8 * facts.values.numel() / 5
    assert facts.chance == 1 / 5


def test_names_are_new_in_every_sequence_and_run():
    facts = nl.tasks.aging_facts(ages=(1,), runs=2, sequences=2, steps=30)
    names = facts.names.flatten(0, 2)
    assert (names @ names.T - torch.eye(len(names))).abs().max() < 0.6


@pytest.mark.parametrize("maker", ["aging_facts", "overridden_facts", "drifting_regression"])
def test_a_run_is_the_same_world_whoever_runs_beside_it(maker):
    def make(**worlds):
        ages = {"ages": (0, 5), "steps": 20} if maker == "aging_facts" else {}
        steps = {"steps": 50} if maker == "drifting_regression" else {}
        return getattr(nl.tasks, maker)(**ages, **steps, **worlds)

    many, alone = make(runs=3, seed=7), make(runs=1, seed=8)
    runs_second = maker == "drifting_regression"
    for name, one in vars(alone).items():
        if isinstance(one, torch.Tensor):
            both = getattr(many, name)
            assert torch.equal(both[:, 1:2] if runs_second else both[1:2], one), name


def told(first, second):
    """What stands side by side, as pairs of plain numbers."""
    return list(zip(first.tolist(), second.tolist(), strict=True))


def test_each_overridden_fact_is_told_with_a_new_value_and_not_in_the_gap():
    stream = nl.tasks.overridden_facts(runs=3, seed=2, episodes=3)
    for run in range(3):
        facts = told(stream.items[run], stream.values[run])
        default = dict(facts[:480])
        assert len(default) == 16
        for episode in range(3):
            after, later = stream.when[2 * episode : 2 * episode + 2]
            new = dict(facts[after - 16 : after])
            assert len(set(facts[after - 16 : after])) == 4  # one value each, all the time
            assert all(value != default[item] for item, value in new.items())
            assert new == dict(told(stream.asked[run, 2 * episode], stream.wanted[run, 2 * episode]))
            assert not {item for item, _ in facts[after:later]} & set(new)
            back = told(stream.asked[run, 2 * episode + 1], stream.wanted[run, 2 * episode + 1])
            assert set(back) == {(item, default[item]) for item in new}
            assert all(default[item] == value for item, value in facts[after : later + 48])
    assert stream.chance == 1 / 32


def test_a_wider_key_changes_no_fact():
    narrow, wide = (nl.tasks.overridden_facts(runs=2, episodes=1, d_key=d) for d in (32, 64))
    assert torch.equal(narrow.items, wide.items)
    assert torch.equal(narrow.wanted, wide.wanted)


def test_drifting_weights_have_the_variance_and_the_time_scales_they_say():
    stream = nl.tasks.drifting_regression(runs=40, steps=400, d=1, scales=(5, 50), noise=0.3)
    assert stream.wanted.square().mean() == pytest.approx(1, abs=0.1)
    assert (stream.heard - stream.wanted).std() == pytest.approx(0.3, abs=0.01)
    weight = stream.wanted / stream.inputs[..., 0]
    kept = stream.inputs[..., 0].abs() > 0.1
    for lag in (1, 10, 40):
        both = kept[lag:] & kept[:-lag]
        alike = (weight[lag:] * weight[:-lag])[both].mean()
        assert alike == pytest.approx((np.exp(-lag / 5) + np.exp(-lag / 50)) / 2, abs=0.1)


def test_the_oracle_of_a_drift_is_the_conditional_mean_of_all_that_was_heard():
    """Judged by one linear solve: the values are jointly normal, with a covariance that can be written down."""
    stream = nl.tasks.drifting_regression(runs=2, steps=60, d=3, scales=(4, 30), noise=0.5)
    t = np.arange(60)
    for run in range(2):
        x, heard = (part[:, run].double().numpy() for part in (stream.inputs, stream.heard))
        apart = np.abs(t[:, None] - t)
        covariance = sum(np.exp(-apart / scale) for scale in (4, 30)) / 6 * (x @ x.T)
        for now in (1, 2, 17, 59):
            known = covariance[:now, :now] + 0.25 * np.eye(now)
            expected = covariance[now, :now] @ np.linalg.solve(known, heard[:now])
            assert stream.said[now, run].item() == pytest.approx(expected, abs=1e-4)
        assert stream.said[0, run] == 0


def test_no_learner_of_chapter_9_is_better_than_the_oracle_and_the_fast_decay_comes_close():
    trace = nl.lab.two_scales(runs=3, tuning_runs=2, steps=2000, seed=7000)
    oracle = nl.tasks.drifting_regression(runs=3, steps=2000, seed=7000).oracle.numpy()
    assert (trace["error"] > oracle).all()
    assert (trace.select(method="periods 1, 1, fast decays")["error"] < 1.12 * oracle).all()


def test_streams_that_cannot_be_are_explained():
    with pytest.raises(ValueError, match="0 or more; got \\[3, -1\\]"):
        nl.tasks.aging_facts(ages=(3, -1))
    with pytest.raises(ValueError, match="scales are steps, above 0"):
        nl.tasks.drifting_regression(scales=(0,))
