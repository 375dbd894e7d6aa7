"""The table of the continual learners: how its numbers come about, what is kept, and what may be said of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.experiments import continual
from nlviz.experiments.continual import FLIGHTS, HERE, WORLDS
from nlviz.measure import around_return, forgotten, mean_interval, prequential

RESULTS = Path(nl.__file__).parent.parent / "data" / "results"
OURS = nl.learners.OURS
ALL_LEVELS, SPRING = "restart of all levels", "elastic twin, periods 1, 4, 16"
SINGLE = list(nl.learners.single_rates())


@cache
def kept(name="continual_table"):
    return nl.lab.kept(name)


def of(method, number="accuracy"):
    return kept().select(method=method)[number].astype(float)


def ratio(method, baseline):
    return (1 - of(method)) / (1 - of(baseline))


# how the numbers come about


def two_learners(runs, seed, **lengths):
    stream = partial(nl.tasks.home_and_away, nl.tasks.digits(), steps=160, home=(20, 30), away=(10, 12), **lengths)
    families = {name: nl.learners.home_and_away_table()[name] for name in ("SGD", OURS)}
    chosen = {"SGD": (0.2,), OURS: (0.4, 0.1)}
    return families, stream, chosen


def test_about_a_return_by_hand():
    #        home                  away           home
    right = [0.9, 0.8, 0.9, 0.9, 0.1, 0.5, 0.8, 0.2, 0.6, 0.9, 0.3, 0.7, 1.0, 0.4]
    task = [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 2, 2, 0, 0]
    trace = nl.Trace(
        {"right": np.array([right]), "task": np.array([task])}, {"right": ("run", "step"), "task": ("run", "step")}
    )
    np.testing.assert_allclose(around_return(trace, 2, 2, since=0), [[0.4, 0.75, 0.6, 0.5]])
    np.testing.assert_allclose(around_return(trace, 2, 2, since=0.6), [[0.3, 0.7, 1.0, 0.4]])
    with pytest.raises(ValueError, match="never comes home"):
        around_return(trace, 2, 3, since=0.6)


def test_the_digest_is_the_measures_of_what_was_compared():
    families, stream, chosen = two_learners(runs=3, seed=2)
    trace = nl.lab.compare(families, stream, chosen, runs=3, seed=2)
    small = nl.lab.digest(trace, every=40)
    for i, name in enumerate(families):
        one = trace.select(method=name)
        np.testing.assert_allclose(small["accuracy"][i], prequential(one), rtol=1e-6)
        np.testing.assert_allclose(small["forgotten"][i], forgotten(one), atol=1e-6)
        np.testing.assert_allclose(small["around"][i], around_return(one, 8, 12), atol=1e-6)
        np.testing.assert_allclose(small["curve"][i, :, 1], one["right"][:, 40:80].mean(1), rtol=1e-6)
    assert small.along("since")[8] == 0
    assert small["writes"].tolist() == [[160, -1, -1], [160, 40, 10]]
    assert small["restarts"][0].tolist() == [-1, -1, -1]
    assert (small["restarts"][1] > 0).all()


def test_a_contest_tunes_each_and_compares_all_on_the_same_worlds():
    families, stream, chosen = two_learners(runs=3, seed=2)
    few = {"SGD": families["SGD"]._replace(settings=[(0.0,), (0.2,)]), OURS: families[OURS]}
    few["its shadow"] = few["SGD"]._replace(setting_of="SGD")
    trace = nl.lab.contest(few, stream, runs=3, tuning_runs=2, seed=2, chosen={OURS: chosen[OURS]})
    assert trace.about["chosen"] == {"SGD": [0.2], OURS: [0.4, 0.1], "its shadow": [0.2]}
    together = nl.lab.digest(nl.lab.compare(families, stream, chosen, runs=3, seed=2))
    for name in families:
        for number in ("accuracy", "forgotten", "curve", "restarts"):
            np.testing.assert_array_equal(trace.select(method=name)[number], together.select(method=name)[number])
    np.testing.assert_array_equal(trace.select(method="its shadow")["accuracy"], trace.select(method="SGD")["accuracy"])
    np.testing.assert_array_equal(trace["writes"], [[160, -1, -1], [160, 40, 10], [160, -1, -1]])


def test_the_table_in_words_says_means_paired_differences_and_the_worst_seed():
    arrays = {
        "accuracy": np.array([[0.8, 0.6], [0.9, 0.9]]),
        "away": np.array([[0.5, 0.7], [0.6, 0.6]]),
        "forgotten": np.zeros((2, 2, 6)) + 0.25,
        "answered": np.array([[1.0, 0.5], [1.0, 1.0]]),
        "writes": np.array([[40, -1], [40, 10]]),
    }
    axes = {name: ("method", "run") for name in arrays}
    axes |= {"forgotten": ("method", "run", "learned"), "writes": ("method", "level")}
    trace = nl.Trace(arrays, axes, {"method": ["SGD", "ours"]}, {"chosen": {"SGD": [0.2], "ours": [0.4, 0.1]}})
    _, head, sgd, ours = (line.split() for line in nl.lab.table_lines(trace, "ours", "SGD"))
    assert sgd[1:] == ["0.700±1.271", "-0.200±1.271", "0.600", "0.250±0.000", "0.600", "40", "0.2", "1", "died"]
    assert ours[1:] == ["0.900±0.000", "0.375±1.588", "0.600", "0.250±0.000", "0.900", "10", "0.4,", "0.1"]
    assert head[-1] == "setting"


# what is kept


def shortened(stream, steps):
    return replace(stream, index=stream.index[:steps], task=stream.task[:steps])


@pytest.mark.parametrize("method", ["SGD", "EWC", ALL_LEVELS, SPRING, OURS])
def test_the_kept_table_comes_from_this_code(method):
    """The first 160 steps of two runs, with the kept setting; later a difference in the last digit grows."""
    setting = kept().about["chosen"][method]
    seeds = [continual.SEED, continual.SEED + 1]
    family = nl.learners.home_and_away_table()[method]
    learner = family.make(seeds, *(torch.full((2,), number) for number in setting))
    right = nl.lab.follow(learner, shortened(continual.world()(runs=2, seed=seeds[0]), 160))["right"]
    np.testing.assert_allclose(right.reshape(2, 4, 40).mean(-1), of(method, "curve")[:2, :4], atol=0.01)


def test_the_kept_table_has_all_rows_enough_seeds_and_settings_from_the_grid():
    table, trace = nl.learners.home_and_away_table(), kept()
    assert trace.along("method") == list(table)
    assert trace.sizes["run"] >= 20
    assert trace.about["seed"] == continual.SEED
    assert trace.about["command"] == "python -m nlviz experiments continual_table"
    for name, family in table.items():
        chosen = tuple(trace.about["chosen"][name])
        assert chosen in [pytest.approx(setting) for setting in table[family.setting_of or name].settings], name
    assert (trace["answered"] == 1).all()


@pytest.mark.parametrize("name", ["continual_table", "continual_schedules", "continual_edge"])
def test_what_is_kept_is_small(name):
    assert (RESULTS / f"{name}.npz").stat().st_size < 300_000


def test_the_other_worlds_were_run_with_the_settings_of_the_table():
    trace = kept("continual_schedules")
    assert trace.along("world") == list(WORLDS)
    assert trace.sizes["run"] >= 20
    for name, setting in trace.about["chosen"].items():
        assert setting == pytest.approx(kept().about["chosen"][name])
    errors = 1 - trace.select(method=OURS)["accuracy"], 1 - trace.select(method=HERE)["accuracy"]
    np.testing.assert_allclose(trace["error ratio"], errors[0] / errors[1], rtol=1e-4)


def test_the_recorded_flights_are_of_one_stream_and_small():
    flights = {method: kept(f"flight_{file}") for file, method in FLIGHTS.items()}
    stream = continual.world()(runs=1, seed=continual.FLIGHT)
    for method, trace in flights.items():
        assert trace.about["method"] == method
        assert trace.about["setting"] == pytest.approx(kept().about["chosen"][method])
        assert {"right", "task", "surprise", "wrote", "size"} <= set(trace)
        np.testing.assert_array_equal(trace["task"], stream.task.T.numpy())
    assert flights["SGD"].along("level") == ["level 1, period 1"]
    assert flights[OURS]["wrote"].sum(1).tolist() == [1200, 300, 75]
    assert flights[OURS]["restarted"].sum() > 10
    assert sum((RESULTS / f"flight_{file}.npz").stat().st_size for file in FLIGHTS) < 1_000_000


# what may be said


def interval(samples):
    mean, half = mean_interval(samples)
    return mean - half, mean + half


@pytest.mark.parametrize("single", SINGLE)
def test_the_surprise_gate_errs_little_more_than_half_as_often_as_any_single_rate(single):
    assert ratio(OURS, single).mean() <= 0.65
    assert interval(ratio(OURS, single))[1] < 0.75


def test_no_run_of_the_surprise_gate_is_worse_than_descent_on_average():
    assert of(OURS).min() > of("SGD").mean()


def test_after_one_batch_at_home_a_quarter_of_what_descent_has_forgotten_and_no_slower_abroad():
    gone = {name: of(name, "forgotten")[:, 1].mean() for name in ("SGD", OURS)}
    assert gone[OURS] <= 0.25 * gone["SGD"]
    assert interval(of(OURS, "away") - of("SGD", "away"))[0] > 0.1


@pytest.mark.parametrize("everything", [ALL_LEVELS, "restart of all, one rate"])
def test_to_restart_all_levels_is_worse_by_two_in_a_hundred_and_more(everything):
    assert interval(of(OURS) - of(everything))[0] >= 0.02


@pytest.mark.parametrize("without", ["no reset", "last gradient", "no consolidation"])
def test_each_part_is_needed(without):
    assert interval(of(OURS) - of(without))[0] > 0


def test_the_clock_ties_at_the_same_rates_with_sixteen_times_fewer_slow_writes():
    low, high = interval(of(OURS) - of("gate, C = 1, same rates"))
    assert low > -0.01
    assert high < 0.01
    writes = dict(zip(kept().along("method"), kept()["writes"].tolist(), strict=True))
    assert writes[OURS] == [1200, 300, 75]
    assert writes["gate, C = 1, same rates"] == [1200] * 3


def test_with_rates_of_its_own_a_clock_that_ticks_at_every_step_is_a_little_better():
    low, high = interval(of("gate, C = 1, own rate ratio .5") - of(OURS))
    assert low > 0
    assert high < 0.02


@pytest.mark.parametrize("spring", ["elastic twin, C = 1", SPRING])
def test_a_spring_has_most_of_the_gain_and_not_the_return_home(spring):
    assert ratio(spring, "SGD").mean() < 0.75
    assert interval(of(OURS) - of(spring))[0] > 0
    assert of(spring, "forgotten")[:, 1].mean() > 3 * of(OURS, "forgotten")[:, 1].mean()


def test_before_anything_is_learned_again_every_learner_has_lost_home():
    for name in ("SGD", OURS, SPRING):
        assert of(name, "forgotten")[:, 0].mean() > 0.5


def test_with_short_segments_the_gate_loses_its_home_in_some_runs():
    ratios = kept("continual_schedules").select(world="short segments")["error ratio"]
    assert (ratios > 0.85).sum() == 4
    assert (ratios < 0.65).sum() >= 10
    assert kept("continual_schedules").select(world="home and away")["error ratio"].max() < 0.65


@pytest.mark.parametrize("schedule", ["long segments", "mixed segments"])
def test_with_longer_segments_a_spring_is_as_good_online(schedule):
    trace = kept("continual_schedules").select(world=schedule)
    ours, spring = (trace.select(method=name)["accuracy"].astype(float) for name in (OURS, SPRING))
    low, high = interval(ours - spring)
    assert low < 0 < high
    assert low > -0.01
    assert high < 0.01


@pytest.mark.parametrize("schedule", ["short segments", "long segments", "mixed segments"])
def test_other_schedules_need_no_other_settings(schedule):
    """Against descent that was tuned anew on each."""
    assert kept("continual_schedules").select(world=schedule)["error ratio"].mean() < 0.75


@pytest.mark.parametrize("failure", ["nothing is contradicted", "home never mastered"])
def test_where_nothing_is_contradicted_or_home_was_never_mastered_the_gate_costs(failure):
    assert interval(kept("continual_schedules").select(world=failure)["error ratio"])[0] > 1


def test_success_and_failure_stand_in_one_picture():
    trace = kept("continual_schedules")
    samples = dict(zip(trace.along("world"), trace["error ratio"], strict=True))
    figure = nl.figures.intervals(samples, x="errors over those of descent", mark=("no better", 1.0))
    assert "nothing is contradicted: 1.1" in figure.alt
    assert any(list(line.get_xdata()) == [1, 1] for line in figure.axes[0].lines)
    assert "no better" in [words.get_text() for words in figure.axes[0].texts]


def test_around_a_return_the_gate_is_home_at_once_and_descent_is_not():
    trace = kept()
    over = trace.along("since")
    second = over.index(1)
    curves = {name: of(name, "around") for name in (OURS, "SGD", ALL_LEVELS)}
    assert interval(curves[OURS][:, second] - curves["SGD"][:, second])[0] > 0.3
    assert interval(curves[OURS][:, second] - curves[ALL_LEVELS][:, second])[0] > 0
    told = {name: mean_interval(curve) for name, curve in curves.items()}
    figure = nl.figures.lines(
        over,
        {name: mean for name, (mean, _) in told.items()},
        half={name: half for name, (_, half) in told.items()},
        x="batches since the return home",
        y="right answers",
    )
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), told[OURS][0])


def test_beyond_the_rates_of_the_grid_runs_break_down_and_below_none_did():
    trace = kept("continual_edge")
    broken = dict(zip(trace.along("lr"), (trace["accuracy"] < continual.BROKEN).sum(1), strict=True))
    assert broken == {0.3: 0, 0.4: 0, 0.5: 0, 0.6: 5}
    assert trace.sizes["run"] == 60
    grid = nl.learners.home_and_away_table()[OURS].settings
    assert max(lr for lr, _ in grid) == 0.4
