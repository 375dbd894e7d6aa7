"""The laboratory of continual learning: its measures against hand-made cases, its protocol, and what it finds.

Settings are some that `choose` found on seeds of 100,000 and more; all that is claimed is measured on others.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.experiments import in_a_row
from nlviz.measure import error_ratio, forgotten, mean_interval, prequential

OURS = nl.learners.OURS
RESULTS = Path(nl.__file__).parent.parent / "data" / "results"
CHOSEN = {"SGD": (0.2,), OURS: (0.4, 0.2)}  # what the kept table of home and away has chosen


@cache
def digits():
    return nl.tasks.digits()


# measures


def test_the_measures_of_an_accuracy_matrix_are_those_of_the_papers():
    """Lopez-Paz & Ranzato 2017, eqs. 2-4, and Chaudhry et al. 2018, eq. 3, written out with the indices they print."""
    draws = np.random.default_rng(0)
    for tasks in (2, 3, 5):
        matrix = draws.random((tasks + 1, tasks))
        T, b = tasks, matrix[0]
        R = {(i, j): matrix[i, j - 1] for i in range(1, T + 1) for j in range(1, T + 1)}
        assert nl.measure.average_accuracy(matrix) == pytest.approx(sum(R[T, i] for i in range(1, T + 1)) / T)
        backward = sum(R[T, i] - R[i, i] for i in range(1, T)) / (T - 1)
        assert nl.measure.backward_transfer(matrix) == pytest.approx(backward)
        forward = sum(R[i - 1, i] - b[i - 1] for i in range(2, T + 1)) / (T - 1)
        assert nl.measure.forward_transfer(matrix) == pytest.approx(forward)
        best = [max(R[past, j] for past in range(1, T)) - R[T, j] for j in range(1, T)]
        assert nl.measure.forgetting(matrix) == pytest.approx(sum(best) / (T - 1))


def test_measures_take_many_runs_at_once_and_explain_a_matrix_that_is_none():
    matrices = np.random.default_rng(0).random((2, 3, 5, 4))
    for measure in (
        nl.measure.average_accuracy,
        nl.measure.backward_transfer,
        nl.measure.forward_transfer,
        nl.measure.forgetting,
    ):
        assert measure(matrices).shape == (2, 3)
        assert measure(matrices)[1, 2] == pytest.approx(measure(matrices[1, 2]))
        with pytest.raises(ValueError, match="a row for the untrained learner"):
            measure(matrices[..., 1:, :])


def hand_made():
    #        home                       away          home
    right = [0.9, 0.9, 0.9, 0.9, 0.9, 0.1, 0.5, 0.8, 0.2, 0.6, 0.9, 0.9]
    task = [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0]
    return nl.trace.Trace(
        {"right": np.array([right, [1.0] * 12]), "task": np.array([task] * 2)},
        {"right": ("run", "step"), "task": ("run", "step")},
    )


def test_prequential_accuracy_at_home_and_away_by_hand():
    trace = hand_made()
    np.testing.assert_allclose(prequential(trace, since=0), [(4.5 + 1.4 + 2.6) / 12, 1])
    np.testing.assert_allclose(prequential(trace, since=0.5), [(1.3 + 2.6) / 6, 1])
    np.testing.assert_allclose(prequential(trace, since=0.5, where="away"), [1.3 / 2, 1])
    np.testing.assert_allclose(prequential(trace, since=0.5, where="home"), [2.6 / 4, 1])


def test_what_is_forgotten_and_comes_back_by_hand():
    np.testing.assert_allclose(forgotten(hand_made(), batches=3), [[0.7, 0.3, 0.0], [0, 0, 0]], atol=1e-12)
    with pytest.raises(ValueError, match="never comes home"):
        forgotten(hand_made(), batches=5)


def watched():
    """Three tasks of 3, 2 and 4 steps, asked after every step; the third is on at the end."""
    accuracy = [
        [[0.5, 0.1, 0.0], [0.8, 0.2, 0.0], [0.9, 0.1, 0.0], [0.4, 0.6, 0.1], [0.7, 0.9, 0.1]]
        + [[0.6, 0.3, 0.5], [0.2, 0.5, 0.6], [0.5, 0.7, 0.7], [0.6, 0.6, 0.9]],
        [[0.2, 0.2, 0.2]] * 9,
    ]
    task = [[0, 0, 0, 1, 1, 2, 2, 2, 2]] * 2
    return nl.Trace(
        {"accuracy": np.array(accuracy), "task": np.array(task)},
        {"accuracy": ("run", "check", "task"), "task": ("run", "step")},
        {"check": list(range(9))},
    )


def test_the_worst_moments_by_hand_are_those_of_the_paper():
    """De Lange et al. 2023: min-ACC over old tasks since they were learned; WC-ACC mixes in the task on, 1 / k."""
    trace = watched()
    least = [0.2, 0.3]  # task 0 in steps 3 to 8, task 1 in steps 5 to 8
    np.testing.assert_allclose(nl.measure.minimum_accuracy(trace), [np.mean(least), 0.2])
    k = 3
    np.testing.assert_allclose(nl.measure.worst_case_accuracy(trace)[0], 0.9 / k + (1 - 1 / k) * np.mean(least))
    rare = nl.Trace(
        {"accuracy": trace["accuracy"][:, 1::2], "task": trace["task"]}, trace.axes, {"check": [1, 3, 5, 7]}
    )
    np.testing.assert_allclose(nl.measure.minimum_accuracy(rare)[0], np.mean([0.4, 0.3]))  # looks seldom, sees less


def test_what_is_left_after_a_switch_by_hand():
    found = nl.measure.since_switch(watched(), batches=2)
    first = [0.4 - 0.9, 0.7 - 0.9]  # task 0, after one and after two batches of task 1
    second = [(0.6 + 0.3) / 2 - 0.8, (0.2 + 0.5) / 2 - 0.8]  # tasks 0 and 1, at .7 and .9 before
    np.testing.assert_allclose(found, [np.mean([first, second], axis=0), [0, 0]], atol=1e-12)
    np.testing.assert_allclose(nl.measure.since_switch(watched(), batches=4)[0, -1], (0.6 + 0.6) / 2 - 0.8)
    with pytest.raises(ValueError, match="on for 5 batches"):
        nl.measure.since_switch(watched(), batches=5)
    seldom = nl.Trace(watched().arrays, watched().axes, {"check": list(range(1, 18, 2))})
    with pytest.raises(ValueError, match="every=1"):
        nl.measure.since_switch(seldom)


# protocol


class LastLabel:
    """Answers with the last label it saw; -1 before."""

    def __init__(self, runs):
        self.last = torch.full((runs,), -1)
        self.lessons = 0

    def predict(self, x):
        return self.last[:, None].expand(x.shape[:2])

    def learn(self, x, y):
        self.last = y[:, -1]
        self.lessons += 1
        return {"lesson": torch.full((len(y),), float(self.lessons))}


def test_every_batch_is_asked_before_it_is_learned():
    stream = nl.tasks.home_and_away(digits(), runs=3, steps=40)
    trace = nl.lab.follow(LastLabel(3), stream)
    y = stream.answers  # (step, run, batch)
    expected = (y[1:] == y[:-1, :, -1:]).float().mean(-1).T.numpy()
    np.testing.assert_allclose(trace["right"][:, 1:], expected)
    assert (trace["right"][:, 0] == 0).all()
    assert (trace["answered"][:, 0] == 0).all()
    assert (trace["answered"][:, 1:] == 1).all()
    assert trace["lesson"][0].tolist() == list(range(1, 41))
    np.testing.assert_array_equal(trace["task"], stream.task.T.numpy())


def test_each_run_sits_its_exams_when_its_own_tasks_end():
    stream = nl.tasks.permuted_digits(digits(), runs=3, tasks=3, each=(5, 15))
    exam = nl.lab.follow(LastLabel(3), stream, exams=50)["exam"]
    assert exam.shape == (3, 4, 3)
    assert (exam[:, 0] == 0).all()
    for run in range(3):
        for task in range(3):
            end = int((stream.task[:, run] == task).nonzero()[-1])
            known = (digits().y_test[:50] == stream.answers[end, run, -1]).float().mean()
            np.testing.assert_allclose(exam[run, task + 1], [known] * 3, rtol=1e-6)


def test_exams_in_between_are_taken_after_the_batch_is_learned():
    stream = nl.tasks.permuted_digits(digits(), runs=2, tasks=2, each=(5, 9))
    trace = nl.lab.follow(LastLabel(2), stream, exams=30, every=3)
    assert trace.along("check") == [2, 5, 8, 11]
    for run in range(2):
        for check, step in enumerate(trace.along("check")):
            known = (digits().y_test[:30] == stream.answers[step, run, -1]).float().mean()
            np.testing.assert_allclose(trace["accuracy"][run, check], [known] * 2, rtol=1e-6)
    with pytest.raises(ValueError, match="exams=100 say"):
        nl.lab.follow(LastLabel(2), stream, every=3)


def test_exams_on_a_stream_of_uneven_runs_are_explained():
    with pytest.raises(ValueError, match="as many segments in every run"):
        nl.lab.follow(LastLabel(8), nl.tasks.home_and_away(digits(), runs=8, steps=600), exams=10)


def test_settings_are_chosen_on_seeds_that_are_not_reported_and_side_by_side():
    asked = []

    def stream(runs, seed):
        asked.append(range(seed, seed + runs))
        return nl.tasks.home_and_away(digits(), runs, seed, steps=60)

    families = {
        "SGD": nl.learners.Family(nl.learners.single_rates()["SGD"].make, [(0.0,), (1e9,), (0.2,), (0.01,)]),
        "its shadow": nl.learners.Family(lambda seeds, lr: None, setting_of="SGD"),
    }
    chosen = nl.lab.choose(families, stream, runs=3, seed=40)
    assert chosen == {"SGD": (0.2,), "its shadow": (0.2,)}
    nl.lab.compare({"SGD": families["SGD"]}, stream, chosen, runs=3, seed=40)
    assert set(asked[0]).isdisjoint(asked[1])


def test_comparing_is_following_each_alone_on_the_same_worlds():
    families = {name: nl.learners.home_and_away_table()[name] for name in ("SGD", OURS)}
    stream = partial(nl.tasks.home_and_away, digits(), steps=60)
    trace = nl.lab.compare(families, stream, CHOSEN, runs=2, seed=5)
    for name, numbers in (("SGD", (0.2,)), (OURS, CHOSEN[OURS])):
        learner = families[name].make([5, 6], *(torch.full((2,), number) for number in numbers))
        alone = nl.lab.follow(learner, stream(runs=2, seed=5))
        np.testing.assert_allclose(trace.select(method=name)["right"], alone["right"])
    assert trace["writes"].tolist() == [[60, -1, -1], [60, 15, 3]]
    assert trace.about["chosen"]["SGD"] == [0.2]


def test_a_recorded_run_tells_what_each_level_wrote_and_when_the_gate_opened():
    stream = nl.tasks.home_and_away(digits(), runs=2, steps=200)
    learner = nl.learners.Gated(nl.learners.Network([0, 1]), torch.tensor([0.4, 0.4]))
    trace = nl.lab.follow(learner, stream, record=True)
    assert trace["wrote"].sum(1).tolist() == [200, 50, 12]
    assert trace["size"].shape == (2, 3, 200)
    assert (trace["size"][:, 2, 15::16] > 0).all()
    assert trace["restarted"].sum() > 0
    assert trace.along("level") == ["level 1, period 1", "level 2, period 4", "level 3, period 16"]


def test_a_learner_from_outside_runs_through_the_same_laboratory():
    from sklearn.linear_model import SGDClassifier

    stream = nl.tasks.home_and_away(digits(), runs=2, steps=120, home=(60, 60), away=(20, 20))
    learner = nl.learners.PartialFit([SGDClassifier(loss="log_loss", random_state=seed) for seed in (0, 1)], classes=10)
    trace = nl.lab.follow(learner, stream)
    assert trace["right"][:, 30:60].mean() > 0.6


# what is found on other streams than home and away on digits; for that, see test_lab_continual_table.py


@cache
def ten_files():
    families = {name: nl.learners.home_and_away_table()[name] for name in CHOSEN}
    return nl.lab.compare(families, nl.tasks.home_and_away_files, CHOSEN, runs=10, seed=4000)


def test_settings_of_the_digits_are_those_of_the_kept_table():
    chosen = nl.Trace.load(RESULTS / "continual_table.npz").about["chosen"]
    assert {name: tuple(chosen[name]) for name in CHOSEN} == CHOSEN


def test_on_text_with_the_settings_of_the_digits_the_gate_errs_less_than_descent():
    """Which of ten files: at .2 descent is also the best of its eight rates there."""
    trace = ten_files()
    mean, half = mean_interval(error_ratio(trace, OURS, "SGD"))
    assert mean + half < 0.75
    assert error_ratio(trace, OURS, "SGD").max() < 1
    for name in CHOSEN:
        assert prequential(trace.select(method=name), where="home").mean() >= 0.8
    gone = {name: forgotten(trace.select(method=name))[:, 1].mean() for name in CHOSEN}
    assert gone[OURS] <= 0.25 * gone["SGD"]


def test_where_a_few_namings_come_back_and_none_is_home_the_gate_errs_less_too():
    families = {name: nl.learners.home_and_away_table()[name] for name in CHOSEN}
    stream = partial(nl.tasks.recurring_digits, digits(), steps=800)
    mean, half = mean_interval(error_ratio(nl.lab.compare(families, stream, CHOSEN, runs=6, seed=4000), OURS, "SGD"))
    assert mean + half < 0.75


@cache
def permuted():
    return nl.Trace.load(RESULTS / "continual_permuted.npz")


def at_the_end(method):
    return nl.measure.average_accuracy(permuted().select(method=method)["exam"].astype(float))


@pytest.mark.parametrize("method", ["SGD", "replay 400"])
def test_the_kept_trace_of_permuted_digits_comes_from_this_code(method):
    """The first task of two runs, with the kept setting."""
    seeds = [in_a_row.SEED, in_a_row.SEED + 1]
    families = {**nl.learners.single_rates(), **nl.learners.references()}
    columns = [torch.full((2,), number) for number in permuted().about["chosen"][method]]
    stream = nl.tasks.permuted_digits(digits(), runs=2, seed=seeds[0])
    steps = int(stream.ends.any(1).nonzero()[1]) + 1  # the first task is over in both runs
    stream = replace(stream, index=stream.index[:steps], task=stream.task[:steps].clamp(max=1))
    exam = nl.lab.follow(families[method].make(seeds, *columns), stream, exams=100)["exam"]
    kept = permuted().select(method=method)["exam"]
    np.testing.assert_allclose(exam[:, 1], kept[:2, 1], atol=0.03)
    assert permuted().sizes["run"] >= 20


def test_on_tasks_in_a_row_replay_is_strong():
    assert at_the_end("replay 400").mean() >= 0.78


def test_on_tasks_in_a_row_ewc_beats_descent_if_it_is_told_when_a_task_ends():
    mean, half = mean_interval(at_the_end("EWC, told") - at_the_end("SGD"))
    assert mean - half > 0
    untold, half = mean_interval(at_the_end("EWC") - at_the_end("SGD"))
    assert abs(untold) + half < 0.06  # with surprise instead: at most a little


def test_accuracy_at_the_end_is_best_for_descent_that_learns_little_and_keeps_it():
    """Forgetting without plasticity says nothing: just after a task it knows it far less well than replay does."""
    assert permuted().about["chosen"]["SGD"][0] <= 0.0125
    learned = {
        name: np.diagonal(permuted().select(method=name)["exam"][:, 1:], axis1=1, axis2=2).mean(1)
        for name in ("SGD", "replay 400")
    }
    mean, half = mean_interval(learned["replay 400"] - learned["SGD"])
    assert mean - half > 0.1


def test_on_tasks_in_a_row_clocks_alone_tie_with_descent():
    mean, half = mean_interval(at_the_end("levels, no reset") - at_the_end("SGD"))
    assert abs(mean) <= half + 0.02


def test_replay_falls_after_a_switch_and_comes_back_and_ewc_only_falls():
    """The stability gap of De Lange et al. 2023: what is measured at the ends of tasks alone does not show it."""
    since = permuted().select(method="replay 400")["since switch"].astype(float)  # (run, batch)
    deepest = since[:, :6].min(-1)
    assert mean_interval(deepest)[0] < -0.05
    mean, half = mean_interval(since[:, -5:].mean(-1) - since[:, :6].mean(-1))
    assert mean - half > 0
    drawn_back = permuted().select(method="EWC, told")["since switch"].astype(float).mean(0)
    assert drawn_back.argmin() >= 30
    assert drawn_back[-1] < -0.05
    for method in permuted().along("method"):
        one = permuted().select(method=method)
        assert (one["minimum accuracy"] <= one["exam"][:, -1, :-1].mean(-1) + 1e-6).all()


def test_on_split_digits_descent_knows_the_last_pair_alone_and_replay_most():
    stream, seeds, lr = nl.tasks.split_digits(digits(), runs=2, seed=3000), [3000, 3001], torch.full((2,), 0.1)
    nets = (nl.learners.Network(seeds) for _ in range(2))
    descent, replay = (
        nl.lab.follow(learner(net, lr), stream, exams=60)["exam"]
        for learner, net in zip((nl.learners.Levels, nl.learners.Replay), nets, strict=True)
    )
    assert nl.measure.average_accuracy(descent) == pytest.approx([0.2, 0.2], abs=0.02)
    assert nl.measure.forgetting(descent).min() > 0.95
    assert nl.measure.average_accuracy(replay).min() > 0.8
