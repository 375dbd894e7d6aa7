"""Streams: what a learner gets, what it does not, and what the record says."""

from __future__ import annotations

from collections import Counter
from functools import cache, partial
from itertools import pairwise

import pytest
import torch

import nlviz as nl
from nlviz.tasks import stream_text


@cache
def digits():
    return nl.tasks.digits()


MAKERS = {
    "home and away": partial(nl.tasks.home_and_away, steps=150),
    "home and scrambled": partial(nl.tasks.home_and_scrambled, steps=150),
    "home too hard": partial(nl.tasks.home_too_hard, steps=150),
    "home and away, ten files": lambda digits, **worlds: nl.tasks.home_and_away_files(steps=150, **worlds),
    "permuted digits": partial(nl.tasks.permuted_digits, each=(20, 40)),
    "split digits": partial(nl.tasks.split_digits, each=(20, 40)),
    "recurring digits": partial(nl.tasks.recurring_digits, steps=150, stay=(10, 20)),
}
makers = pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)


@cache
def few(maker, runs=3, seed=0):
    return maker(digits(), runs=runs, seed=seed)


@makers
def test_a_run_is_the_same_world_whoever_runs_beside_it(maker):
    many, alone = few(maker, runs=3, seed=7), few(maker, runs=1, seed=8)
    assert torch.equal(many.task[:, 1], alone.task[:, 0])
    for (x, y), (x_alone, y_alone) in zip(many, alone, strict=True):
        assert torch.equal(x[1], x_alone[0])
        assert torch.equal(y[1], y_alone[0])


@makers
def test_schedules_vary_with_the_seed(maker):
    stream = few(maker, runs=6)
    assert len({tuple(task.tolist()) for task in stream.task.T}) == 6


@makers
def test_a_batch_holds_images_and_labels_and_nothing_that_names_the_task(maker):
    stream = few(maker)
    steps = list(stream)
    assert len(steps) == len(stream)
    for x, y in steps[:3]:
        assert x.shape == (3, 8, 64)
        assert y.shape == (3, 8)
    assert torch.equal(torch.stack([y for _, y in steps]), stream.answers)


def test_home_calls_digits_by_their_names_and_excursions_by_others():
    stream = nl.tasks.home_and_away(digits(), runs=4, steps=400)
    home = stream.task == 0
    assert torch.equal(stream.answers[home], digits().y[stream.index[home]])
    assert torch.equal(torch.stack([x for x, _ in stream]), digits().x[stream.index] - 0.3)
    for run in range(4):
        for task in stream.task[:, run].unique()[1:]:
            labels = stream.labels[run, task]
            assert sorted(labels.tolist()) == list(range(10))
            assert (labels == torch.arange(10)).sum() < 7  # it contradicts home
            there = stream.task[:, run] == task
            assert torch.equal(stream.answers[there, run], labels[digits().y[stream.index[there, run]]])


def test_stays_are_as_long_as_asked_and_home_comes_between_all_excursions():
    stream = nl.tasks.home_and_away(digits(), runs=8, steps=2000, home=(5, 9), away=(2, 3))
    for task in stream.task.T:
        which, lengths = task.unique_consecutive(return_counts=True)
        assert which[::2].eq(0).all()
        assert which[1::2].tolist() == list(range(1, len(which) // 2 + 1))
        assert set(lengths[:-1][::2].tolist()) == {5, 6, 7, 8, 9}  # the last stay may be cut short
        assert set(lengths[:-1][1::2].tolist()) == {2, 3}


def test_scrambled_excursions_keep_the_labels_and_every_pixel():
    stream = nl.tasks.home_and_scrambled(digits(), runs=2, steps=100)
    plain = digits().x[stream.index] - 0.3
    x = torch.stack([x for x, _ in stream])
    assert torch.equal(stream.answers, digits().y[stream.index])
    assert torch.equal(x[stream.task == 0], plain[stream.task == 0])
    away = stream.task > 0
    assert torch.equal(x[away].sort(-1).values, plain[away].sort(-1).values)
    assert not torch.equal(x[away], plain[away])


def test_a_home_too_hard_takes_the_same_images_for_the_same_wrong_digits():
    stream = nl.tasks.home_too_hard(digits(), runs=2, steps=300, wrong=0.45)
    home = stream.task == 0
    right = stream.answers[home] == digits().y[stream.index[home]]
    assert right.float().mean() == pytest.approx(1 - 0.45 * 0.9, abs=0.03)
    taken = {}
    for image, answer in zip(
        stream.index[home[:, 0], 0].flatten(), stream.answers[home[:, 0], 0].flatten(), strict=True
    ):
        assert taken.setdefault(int(image), int(answer)) == int(answer)


def test_permuted_digits_shows_every_task_once_in_an_order_of_its_own():
    stream = nl.tasks.permuted_digits(digits(), runs=5, tasks=4, each=(10, 30))
    for run in range(5):
        which, lengths = stream.task[:, run].unique_consecutive(return_counts=True)
        assert which.tolist() == [0, 1, 2, 3]
        assert lengths[:-1].min() >= 10
        assert lengths[:-1].max() <= 30
        x, y = stream.exam(2)
        assert torch.equal(x[run], digits().x_test[:, stream.orders[run, 2]] - 0.3)
        assert torch.equal(y[run], digits().y_test)
    assert torch.equal(stream.exam(0)[0][0], digits().x_test - 0.3)


def test_tasks_in_a_row_are_as_long_as_asked_whatever_the_seed():
    stream = nl.tasks.permuted_digits(digits(), runs=200, tasks=8, each=(1, 9), batch=1)
    for task in stream.task.T:
        which, lengths = task.unique_consecutive(return_counts=True)
        assert which.tolist() == list(range(8))
        assert lengths.min() >= 1
        assert lengths[:-1].max() <= 9
    stream = nl.tasks.permuted_digits(digits(), runs=200, seed=6000, batch=1)
    lengths = torch.stack([(stream.task == task).sum(0) for task in range(5)])
    assert lengths.min() >= 250
    assert lengths[:-1].max() <= 350


def test_split_digits_shows_every_digit_in_one_pair_and_an_exam_asks_for_its_pair_alone():
    stream = few(MAKERS["split digits"], runs=4)
    for run in range(4):
        which, lengths = stream.task[:, run].unique_consecutive(return_counts=True)
        assert which.tolist() == [0, 1, 2, 3, 4]
        assert lengths[:-1].min() >= 20
        pairs = [set(stream.answers[stream.task[:, run] == task, run].flatten().tolist()) for task in range(5)]
        assert [len(pair) for pair in pairs] == [2] * 5
        assert set.union(*pairs) == set(range(10))
        for task, pair in enumerate(pairs):
            x, y = stream.exam(task)
            assert set(y[run].tolist()) == pair
            kept = digits().x_test[torch.isin(digits().y_test, torch.tensor(sorted(pair)))] - 0.3
            assert torch.equal(x[run], kept[: len(x[run])])
    x = torch.stack([x for x, _ in stream])
    assert torch.equal(x, digits().x[stream.index] - 0.3)
    assert torch.equal(stream.answers, digits().y[stream.index])


def test_recurring_digits_come_back_to_a_few_namings_at_random():
    stream = nl.tasks.recurring_digits(digits(), runs=8, tasks=3, stay=(2, 4), steps=900)
    after = torch.zeros(3, 3)
    for run in range(8):
        which, lengths = stream.task[:, run].unique_consecutive(return_counts=True)
        assert set(lengths[:-1].tolist()) == {2, 3, 4}
        for now, then in pairwise(which.tolist()):
            after[now, then] += 1
        assert torch.equal(stream.labels[run, 0], torch.arange(10))
        assert stream.labels[run].sort(-1).values.tolist() == [list(range(10))] * 3
        there = stream.task[:, run] == 1
        assert torch.equal(stream.answers[there, run], stream.labels[run, 1][digits().y[stream.index[there, run]]])
    share = after / after.sum(-1, keepdim=True)
    assert (share.diagonal() == 0).all()
    assert share[~torch.eye(3, dtype=torch.bool)].min() > 0.42  # either of the other two is equally likely
    assert (stream.oracle[300:] == 1).all()  # it knows again what was here before


def test_ten_files_are_shown_as_often_and_as_long_as_ten_digits():
    stream = few(MAKERS["home and away, ten files"])
    x, y = stream.examples.x[0], stream.examples.y[0]
    assert x.shape == (1400, 64)
    assert torch.equal(y.unique(return_counts=True)[1], torch.full((10,), 140))
    assert x.mean(0).abs().max() < 1e-5
    assert x.square().sum(-1).mean() == pytest.approx(9, rel=1e-4)
    assert (digits().x - 0.3).square().sum(-1).mean() == pytest.approx(9, rel=0.02)  # as long as a digit
    home = stream.task == 0
    assert torch.equal(stream.answers[home], stream.shown[home])
    away = ~home
    assert not torch.equal(stream.answers[away], stream.shown[away])


def test_windows_count_characters_as_pythons_own_counter_does():
    text = "if Self.x[0] == '\t': # é\n    return {Self}\n" * 3
    data = text.encode()
    place = stream_text.PLACE[torch.tensor(list(data))]
    found = stream_text.windows(place, len(data), 1, torch.Generator().manual_seed(0))[0].square()
    counts = Counter(chr(b | 32 if b >= 64 else b) for b in data if 32 <= b < 128)
    for character, count in counts.items():
        at = ord(character) - 32 if ord(character) < 64 else ord(character) - 64
        assert found[at] == pytest.approx(count / sum(counts.values()), rel=1e-5)
    assert found.sum() == pytest.approx(1, rel=1e-5)


def test_the_oracle_guesses_a_label_until_it_has_seen_it_in_this_task():
    stream = nl.tasks.home_and_away(digits(), runs=2, steps=200, batch=4)
    for run in range(2):
        seen = set()
        for step in range(200):
            task = int(stream.task[step, run])
            asked = [(task, int(digits().y[i])) for i in stream.index[step, run]]
            share = sum(1.0 if one in seen else 0.1 for one in asked) / 4
            assert stream.oracle[step, run] == pytest.approx(share)
            seen |= set(asked)
    assert stream.chance == 0.1


def test_where_labels_stay_the_oracle_knows_them_in_every_task():
    oracle = nl.tasks.permuted_digits(digits(), runs=2).oracle
    assert (oracle[200:] == 1).all()


@makers
@pytest.mark.parametrize("runs", [1, 2])
def test_repeated_worlds_are_the_same_worlds(maker, runs):
    stream = few(maker, runs=runs)
    twice = stream.repeat(2)
    assert twice.runs == 2 * runs
    for (x, y), (xx, yy) in zip(stream, twice, strict=True):
        assert torch.equal(xx, torch.cat([x, x]))
        assert torch.equal(yy, torch.cat([y, y]))
    assert torch.equal(twice.exam(1)[0], torch.cat([stream.exam(1)[0]] * 2))
    assert torch.equal(twice.oracle, torch.cat([stream.oracle] * 2, dim=1))


@makers
def test_guessing_reaches_chance_and_the_oracle_nearly_all_once_it_has_seen_the_tasks(maker):
    stream = few(maker, runs=6, seed=3)
    guesses = torch.randint(stream.classes, stream.answers.shape, generator=torch.Generator().manual_seed(0))
    assert (guesses == stream.answers).float().mean() == pytest.approx(stream.chance, abs=0.02)
    assert 0.6 < stream.oracle.mean() < 1


def test_a_stay_that_cannot_be_is_explained():
    with pytest.raises(ValueError, match="home is \\(shortest, longest\\) in steps"):
        nl.tasks.home_and_away(digits(), home=(40, 20))
    with pytest.raises(ValueError, match="1 task or more"):
        nl.tasks.permuted_digits(digits(), tasks=0)
    with pytest.raises(ValueError, match="2 tasks or more"):
        nl.tasks.recurring_digits(digits(), tasks=1)
    with pytest.raises(ValueError, match="ten modules of 32,000,000 bytes"):
        nl.tasks.home_and_away_files(runs=1, window=1_000_000)
