"""Experiment C6: what a frozen model knows of a fact out of sight, and what a memory adds that writes while reading."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.experiments import amnesia
from nlviz.lab import forgetful
from nlviz.measure import mean_interval


@cache
def kept():
    return nl.lab.kept("amnesia")


def right(method, oldest, youngest=0, trace=None):
    """Share of right answers at these ages, one a run."""
    trace = trace or kept()
    ages = [i for i, age in enumerate(trace.along("age")) if youngest <= age <= oldest]
    return trace.select(method=method)["right"][:, ages].astype(float).mean(1)


@cache
def small():
    window, memory = nl.Attention(window=32, scale=1.0), nl.Delta(lr=0.5)
    return nl.lab.amnesia(window, memory, nl.tasks.aging_facts, runs=2, seed=77, steps=100)


@pytest.mark.parametrize("trace", [kept, small], ids=["kept", "live"])
def test_the_frozen_model_knows_its_window_and_guesses_beyond(trace):
    assert right("frozen", oldest=31, trace=trace()).min() > 0.98
    beyond = right("frozen", youngest=32, oldest=512, trace=trace())
    assert beyond.mean() == pytest.approx(trace().about["chance"], abs=0.01)


def test_with_a_memory_six_facts_in_ten_are_known_at_one_to_two_windows():
    for age in (32, 40, 48, 56, 64):
        mean, half = mean_interval(right("with memory", youngest=age, oldest=age))
        assert mean - half >= 0.6, age
    assert right("with memory", oldest=31).min() > 0.98
    assert right("with memory", youngest=32, oldest=64, trace=small()).min() > 0.55


def test_it_is_a_slope_and_not_a_second_cliff():
    means = kept().select(method="with memory")["right"].mean(0)
    assert (np.diff(means) < 0.01).all()
    assert (np.diff(means) > -0.2).all()
    assert means[kept().along("age").index(128)] > 0.3


@pytest.mark.parametrize(("control", "most"), [("last gradient", 0.15), ("shuffled values", 0.08)])
def test_the_controls_know_next_to_nothing_out_of_sight(control, most):
    mean, half = mean_interval(right(control, youngest=32, oldest=64))
    assert mean + half < most
    assert right(control, youngest=32, oldest=64, trace=small()).mean() < most + 0.03


def test_the_memory_holds_fewer_numbers_than_the_window():
    d, d_value = kept().about["d"], 32
    assert d * d_value < 32 * (d + d_value)


def test_the_kept_trace_is_of_the_experiment_as_it_stands():
    assert kept().about["command"] == "python -m nlviz experiments amnesia"
    assert (kept().about["seed"], kept().sizes["run"]) == (amnesia.SEED, amnesia.RUNS)
    assert kept().about["rules"] == {
        "frozen": "Attention(window=32, scale=1.0)",
        "with memory": "Delta(lr=0.5, keep=1.0)",
    }


def test_answers_are_counted_by_the_age_of_what_was_asked():
    """One right answer at each even age, wrong ones at odd ages, all counted by hand."""
    facts = nl.tasks.aging_facts(ages=forgetful.AGES, runs=2, sequences=2, steps=700, d=4, choices=3)
    scores = torch.nn.functional.one_hot(facts.answers, 3).float()
    scores[facts.ages % 2 == 1] *= -1
    shares = forgetful.by_age(scores, facts)
    assert shares.tolist() == [[float(age % 2 == 0) for age in forgetful.AGES]] * 2


def test_a_model_is_the_same_whoever_is_trained_beside_it():
    window, memory = nl.Attention(window=32, scale=1.0), nl.Delta(lr=0.5)
    alone = nl.lab.amnesia(window, memory, nl.tasks.aging_facts, runs=1, seed=78, steps=5)
    beside = nl.lab.amnesia(window, memory, nl.tasks.aging_facts, runs=2, seed=77, steps=5)
    np.testing.assert_allclose(
        beside["right"][:, 1], alone["right"][:, 0], atol=0.02
    )  # a rounding may turn a close call


def test_the_picture_shows_the_cliff_and_the_slope():
    figure = nl.figures.amnesia(kept())
    frozen, memory = (line.get_ydata() for line in figure.axes[0].lines if len(line.get_ydata()) > 2)
    np.testing.assert_allclose(frozen, kept().select(method="frozen")["right"].mean(0))
    np.testing.assert_allclose(memory, kept().select(method="with memory")["right"].mean(0))
    words = {text.get_text() for text in figure.axes[0].texts}
    assert {"frozen: a cliff", "with a memory: a slope", "in sight: the last 32 facts", "guessing"} <= words
    assert "frozen: 1 just inside the window of 32 facts, 0.06" in figure.alt
