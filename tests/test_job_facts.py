"""The town and its news: what the task says about itself, and what lesson 06 says about the memories that read it."""

from __future__ import annotations

import numpy as np
import pytest

import nlviz as nl
from nlviz.lab.capacity import recall_curve
from nlviz.measure import mean_interval
from nlviz.tasks import JOBS, NAMES, job_facts
from nlviz.tasks.jobs import JobFacts


@pytest.fixture(scope="module")
def town() -> JobFacts:
    return job_facts()


def test_the_right_answer_is_what_was_told_last(town: JobFacts) -> None:
    for run in range(3):
        last = town.told[run]
        assert (town.keys[run, last] == town.queries[run]).all()
        assert (town.values[run, last] == town.targets[run]).all()
        for name, at in enumerate(last.tolist()):
            assert not (town.keys[run, at + 1 :] == town.queries[run, name]).all(-1).any()


def test_only_changes_are_told(town: JobFacts) -> None:
    has: dict[tuple[float, ...], str] = {}
    told = town.words(town.values[0])
    for key, job in zip(town.keys[0].tolist(), told, strict=True):
        assert has.get(tuple(key)) != job
        has[tuple(key)] = job
    assert len(has) == len(NAMES)
    assert set(told) == set(JOBS)


def test_half_of_the_people_hardly_ever_change(town: JobFacts) -> None:
    times = (town.keys[:, :, None] == town.queries[:, None]).all(-1).sum(1).sort(-1).values.double()
    quiet, busy = times[:, :16].mean(), times[:, 16:].mean()
    assert (quiet - 1) / (busy - 1) < 0.1  # all are told once; drawn 20 times less often
    even = job_facts(quiet=0.0, runs=4)
    times = (even.keys[:, :, None] == even.queries[:, None]).all(-1).sum(1)
    assert times.double().std() < 5


def test_names_that_share_letters_are_near_each_other() -> None:
    names = job_facts(changes=32, d=4096, runs=1).queries[0]
    cosine = names @ names.mT

    def between(one: str, other: str) -> float:
        return float(cosine[NAMES.index(one), NAMES.index(other)])

    assert between("Lena", "Elena") == pytest.approx(0.67, abs=0.05)
    assert between("Anna", "Hanna") == pytest.approx(0.67, abs=0.05)
    assert between("Lena", "Omar") == pytest.approx(0, abs=0.05)


def test_words_say_the_right_job_and_a_table_knows_everything(town: JobFacts) -> None:
    table: dict[tuple[float, ...], list[float]] = {}
    for key, value in zip(town.keys[5].tolist(), town.values[5].tolist(), strict=True):
        table[tuple(key)] = value
    answers = town.targets.new_tensor([table[tuple(key)] for key in town.queries[5].tolist()])
    assert town.words(answers, run=5) == town.words(town.targets[5], run=5)


def test_every_run_is_a_town_of_its_own_and_the_same_again(town: JobFacts) -> None:
    again = job_facts(seed=1, runs=2)
    assert (again.keys[0] == town.keys[1]).all()
    assert (again.values[0] == town.values[1]).all()
    assert not (town.keys[0] == town.keys[1]).any()


@pytest.mark.parametrize("wrong", [{"changes": 31}, {"quiet": 1.2}, {"quiet": -0.1}])
def test_a_town_that_cannot_be_is_a_sentence(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="job_facts: changes is 32 or more"):
        job_facts(**wrong)


# what the lesson says -----------------------------------------------------------------------------------------------


def _shares(task: JobFacts, **rules: object) -> dict[str, np.ndarray]:
    trace = recall_curve(rules, {0: task})
    return {name: trace.select(method=name, load=0)["top-1"] for name in rules}


def test_rewriting_beats_forgetting_where_some_change_and_others_do_not(town: JobFacts) -> None:
    keeps = {f"Hebb {keep}": nl.Hebb(keep=keep) for keep in (1.0, 0.99, 0.98, 0.97, 0.95, 0.92, 0.9)}
    shares = _shares(town, delta=nl.Delta(lr=0.5), **keeps)
    for name in keeps:  # even the best of them on these very towns
        mean, half = mean_interval(shares["delta"] - shares[name])
        assert mean - half > 0.35
    assert shares["delta"].mean() == pytest.approx(0.88, abs=0.01)
    assert max(shares[name].mean() for name in keeps) == pytest.approx(0.45, abs=0.02)


def test_where_all_change_alike_the_lead_is_smaller_and_still_large() -> None:
    even = job_facts(quiet=0.0)
    shares = _shares(even, delta=nl.Delta(lr=0.5), hebb=nl.Hebb(keep=0.98))
    mean, half = mean_interval(shares["delta"] - shares["hebb"])
    assert mean - half > 0.25
    assert mean + half < 0.4


def test_forgetting_adds_nothing_to_rewriting_here(town: JobFacts) -> None:
    keeps = {str(keep): nl.Delta(keep=keep) for keep in (1.0, 0.999, 0.997, 0.99, 0.97)}
    means = [share.mean() for share in _shares(town, **keeps).values()]
    assert means == sorted(means, reverse=True)


def test_more_room_helps_the_one_that_rewrites_and_hardly_the_one_that_forgets() -> None:
    roomy = _shares(job_facts(d=128), delta=nl.Delta(lr=0.5), hebb=nl.Hebb(keep=0.97))
    assert roomy["delta"].mean() == pytest.approx(0.95, abs=0.01)
    assert roomy["hebb"].mean() == pytest.approx(0.49, abs=0.02)


def test_in_the_first_town_elena_is_said_to_have_lenas_job(town: JobFacts) -> None:
    M = nl.Delta(lr=0.5).init(64, 64)
    for key, value in zip(town.keys[0], town.values[0], strict=True):
        M, _ = nl.Delta(lr=0.5).write(M, key, value)
    says, true = (dict(zip(NAMES, town.words(x), strict=True)) for x in (town.queries[0] @ M.mT, town.targets[0]))
    assert says["Elena"] == true["Lena"] != true["Elena"]
    assert sum(says[name] != true[name] for name in NAMES) == 2
