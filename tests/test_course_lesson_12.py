"""The exercises of lesson 12: their truths against the package's own parts, and the learner they make against Gated."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.course import exercise
from nlviz.course.masters import masters, solution_cell
from nlviz.learners.surprise import Surprise


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


# Right answers, differently written ------------------------------------------------------------------------------


def both_questions(loss, usual, since):
    surprised = loss > 2 * usual.clamp(min=0.25)
    return (surprised & (since >= 4)).to(loss.dtype)


def where_and_maximum(loss, usual, since):
    floor = torch.full_like(usual, 0.25)
    return torch.where((loss / torch.maximum(usual, floor) > 2) & (since > 3), 1.0, 0.0).to(loss.dtype)


def a_product_of_two(l, u, s):
    return (l > 0.5) * (l > 2 * u) * (s >= 4).double()


def a_loop_over_runs(loss, usual, since):
    out = torch.zeros_like(loss)
    for i in range(len(loss)):
        if loss[i] > max(0.5, 2 * usual[i]) and since[i] >= 4:
            out[i] = 1
    return out


def as_asked(usual, since, loss, a):
    anew = (a == 1) | (since == 0)
    return torch.where(anew, loss, 0.8 * usual + 0.2 * loss), torch.where(a == 1, 1.0, since + 1)


def multiplied_with_the_gate(usual, since, loss, a):
    begins = torch.maximum(a, (since == 0).to(a.dtype))
    return begins * loss + (1 - begins) * (usual + 0.2 * (loss - usual)), (1 - a) * since + 1


def run_by_run(usual, since, loss, a):
    usual, since = usual.clone(), since.clone()
    for i in range(len(a)):
        usual[i] = loss[i] if a[i] or not since[i] else 0.8 * usual[i] + 0.2 * loss[i]
        since[i] = 1 if a[i] else since[i] + 1
    return usual, since


def two_lerps(fast, slow, a, share):
    slow = torch.lerp(slow, fast, share * a)
    return torch.lerp(fast, slow, a), slow


def written_out(fast, slow, a, share):
    slow = slow + share * a * (fast - slow)
    return fast + a * (slow - fast), slow


def as_two_means(fast, slow, gate, share):
    slow = (1 - share * gate) * slow + share * gate * fast
    return (1 - gate) * fast + gate * slow, slow


def clamped(w, waiting, slope, step, period, rate):
    waiting = waiting + slope.clamp(-5, 5)
    if step % period:
        return w, waiting
    return w - rate * waiting, torch.zeros_like(waiting)


def without_an_if(w, waiting, slope, step, period, rate):
    total, due = waiting + torch.clip(slope, -5.0, 5.0), float(step % period == 0)
    return w - due * rate * total, (1 - due) * total


def torchs_own(w, waiting, slope, step, period, rate):
    waiting = waiting + torch.minimum(torch.maximum(slope, torch.tensor(-5.0)), torch.tensor(5.0))
    return (torch.sub(w, waiting, alpha=rate), waiting * 0) if step % period == 0 else (w, waiting)


def means_of_the_second_half(ours, theirs, t):
    late = slice(ours.shape[1] // 2, None)
    ratios = (1 - ours[:, late].mean(1)) / (1 - theirs[:, late].mean(1))
    return ratios.mean(), t * ratios.std() / len(ratios) ** 0.5


def counted(ours, theirs, t):
    wrong = torch.stack([(1 - one)[:, one.shape[1] // 2 :].sum(-1) for one in (ours, theirs)])
    ratios = wrong[0] / wrong[1]
    n = len(ratios)
    return ratios.sum() / n, t * (((ratios - ratios.mean()) ** 2).sum() / (n - 1) / n).sqrt()


RIGHT = [
    *(("12.A", fn) for fn in (both_questions, where_and_maximum, a_product_of_two, a_loop_over_runs)),
    *(("12.B", fn) for fn in (as_asked, multiplied_with_the_gate, run_by_run)),
    *(("12.C", fn) for fn in (two_lerps, written_out, as_two_means)),
    *(("12.D", fn) for fn in (clamped, without_an_if, torchs_own)),
    *(("12.E", fn) for fn in (means_of_the_second_half, counted)),
]


@pytest.mark.parametrize(("name", "fn"), RIGHT, ids=lambda v: getattr(v, "__name__", v))
def test_differently_written_right_answers_pass(name: str, fn: Any) -> None:
    verdict = nl.check(name, fn)
    assert verdict.passed, verdict


# The truths ------------------------------------------------------------------------------------------------------


def test_the_truths_of_gate_and_used_to_are_the_packages_surprise(close: Callable[..., None]) -> None:
    draws = torch.Generator().manual_seed(0)
    losses = 0.5 * torch.rand(60, 7, generator=draws, dtype=torch.float64) ** 3
    losses[9::13] += 3
    usual = since = torch.zeros(7, dtype=torch.float64)
    surprise, came = Surprise(usual), 0
    for loss in losses:
        a, now = exercise.find("12.A").truth(loss, usual, since), surprise.at(loss)
        assert torch.equal(a == 1, now)
        learned = torch.where(now, 0.7 * loss, loss)  # the loss that is learned from comes after the restart
        usual, since = exercise.find("12.B").truth(usual, since, learned, a)
        surprise.note(learned, now)
        close(usual, surprise.usual)
        close(since, surprise.since)
        came += int(a.sum())
    assert came >= 28


def test_the_truth_of_come_home_is_the_packages_slow_copy(close: Callable[..., None], draw: Any, like: Any) -> None:
    fast, slow = draw(3, 4, 5), draw(3, 4, 5, seed=1)
    a = torch.tensor([1.0, 0.0, 1.0], **like)
    copy = nl.nested.SlowCopy([slow.clone()])
    copy.fast = [fast.clone()]
    copy.consolidate(0.1, when=a == 1)
    copy.restart(when=a == 1)
    new, kept = exercise.find("12.C").truth(fast, slow, a[:, None, None], 0.1)
    close(new, copy.fast[0])
    close(kept, copy.slow[0])


def test_a_gate_between_is_the_decay_of_a_slow_copy(close: Callable[..., None], draw: Any, like: Any) -> None:
    """Anchored retention: without consolidation, coming home by a share is forgetting towards the start."""
    fast, slow = draw(2, 3, 3), draw(2, 3, 3, seed=1)
    copy = nl.nested.SlowCopy([slow.clone()])
    copy.fast = [fast.clone()]
    copy.decay(0.95)
    new, kept = exercise.find("12.C").truth(fast, slow, torch.full((2, 1, 1), 0.05, **like), 0.0)
    close(new, copy.fast[0])
    close(kept, slow)
    toward_nothing, _ = exercise.find("12.C").truth(fast, 0 * slow, torch.full((2, 1, 1), 0.05, **like), 0.0)
    close(toward_nothing, 0.95 * fast)


def test_the_truth_of_tick_is_the_packages_clock(close: Callable[..., None], draw: Any) -> None:
    w = draw(2, 3, 4).requires_grad_()
    mine, waiting = w.detach().clone(), torch.zeros_like(w)
    clock = nl.nested.MultiClock(torch.optim.SGD([w], lr=0.1), periods=[4], average=False)
    for step, slope in enumerate(6 * draw(10, 2, 3, 4, seed=1), 1):
        mine, waiting = exercise.find("12.D").truth(mine, waiting, slope, step, 4, 0.1)
        w.grad = slope.clamp(-5, 5)
        clock.step()
        close(mine, w.detach())


def test_the_truth_of_error_ratio_is_the_packages_measure_and_scipys_interval(close: Callable[..., None]) -> None:
    from scipy import stats

    ours, theirs, _ = exercise.find("12.E").cases(1)
    n = len(ours)
    t = float(stats.t.ppf(0.975, n - 1))
    mean, half = exercise.find("12.E").truth(ours, theirs, t)
    arrays = {"right": torch.stack([ours, theirs]).numpy(), "task": np.zeros(ours.shape, int)}
    trace = nl.Trace(arrays, {"right": ("method", "run", "step"), "task": ("run", "step")}, {"method": ["a", "b"]})
    ratios = nl.measure.error_ratio(trace, "a", "b")
    low, high = stats.t.interval(0.95, n - 1, loc=ratios.mean(), scale=stats.sem(ratios))
    assert [float(mean - half), float(mean + half)] == pytest.approx([low, high])
    assert (float(mean), float(half)) == pytest.approx(nl.measure.mean_interval(ratios), rel=1e-3)


def test_the_cases_hold_every_kind_of_run() -> None:
    for seed in (0, 1, 2):
        a = exercise.find("12.A").truth(*exercise.find("12.A").cases(seed))
        assert 3 <= int(a.sum()) <= 10
        _, since, _, home = exercise.find("12.B").cases(seed)
        assert int(home.sum()) == 3
        assert int((since == 0).sum()) == 2
        assert sorted(exercise.find("12.C").cases(seed)[2].flatten().tolist()) == [0.0, 0.3, 1.0, 1.0]
        assert (exercise.find("12.D").cases(seed)[2].abs() > 5).any()
    clocks = [exercise.find("12.D").cases(seed)[3:5] for seed in (0, 1, 2)]
    assert [step % period == 0 for step, period in clocks] == [True, False, True]


# The learner -----------------------------------------------------------------------------------------------------

PARTS = ("12.A", "12.B", "12.C", "12.D")


def class_cell() -> str:
    """The cell of the master that puts the parts together."""
    (path,) = (path for path in masters() if path.stem == "12_capstone")
    (cell,) = (cell for cell in re.split(r"(?m)^# %%.*$", path.read_text("utf8")) if "\nclass Mine" in cell)
    return cell


@cache
def mine() -> Any:
    """The class of the lesson, with the solutions for its parts."""
    space: dict[str, Any] = {"torch": torch, "nl": nl, "cross_entropy": torch.nn.functional.cross_entropy}
    for source in (*map(solution_cell, PARTS), class_cell()):
        exec(source, space)
    return space["Mine"]


@cache
def digits(dtype: torch.dtype) -> nl.tasks.Digits:
    return nl.tasks.digits(dtype=dtype)


def gated(seeds: list[int], dtype: torch.dtype) -> nl.learners.Gated:
    return nl.learners.Gated(nl.learners.Network(seeds, dtype=dtype), torch.full((len(seeds),), 0.4, dtype=dtype))


@pytest.mark.parametrize("runs", [1, 2, 3, 5, 10])
def test_the_lessons_learner_is_the_packages_on_the_same_seeds(runs: int) -> None:
    seeds, dtype = list(range(300, 300 + runs)), torch.float64
    stream = nl.tasks.home_and_away(digits(dtype), runs=runs, seed=300, steps=260)
    one, other = nl.lab.follow(mine()(seeds, dtype=dtype), stream), nl.lab.follow(gated(seeds, dtype), stream)
    np.testing.assert_allclose(one["surprise"], other["surprise"], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(one["right"], other["right"])
    np.testing.assert_array_equal(one["restarted"], other["restarted"])
    assert one["restarted"].sum() >= 4 * runs


def test_to_the_end_of_a_stream_and_in_single_precision_too() -> None:
    seeds = list(range(12000, 12004))
    stream = nl.tasks.home_and_away(digits(torch.float32), runs=4, seed=12000)
    one, other = nl.lab.follow(mine()(seeds), stream), nl.lab.follow(gated(seeds, torch.float32), stream)
    np.testing.assert_allclose(nl.measure.prequential(one), nl.measure.prequential(other), atol=0.002)
    assert nl.measure.prequential(one).min() > 0.88  # no seed is lost at this rate


def test_at_the_edge_of_rates_a_seed_is_lost() -> None:
    """What the lesson lets one find among the seeds 5000 to 5019: the one that falls, and its neighbour."""
    stream = nl.tasks.home_and_away(digits(torch.float32), runs=2, seed=5012)
    lost, well = nl.measure.prequential(nl.lab.follow(mine()([5012, 5013], rate=0.5), stream))
    assert lost < 0.6
    assert well > 0.88


def test_the_learner_is_written_in_eighty_lines() -> None:
    written = [ast.unparse(ast.parse(source)) for source in (*map(solution_cell, PARTS), class_cell())]
    lines = [line for source in (*map(solution_cell, PARTS), class_cell()) for line in source.split("\n")]
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    assert sum(len(source.split("\n")) for source in written) <= 80
    assert len(code) <= 90  # with signatures on lines of their own


# What is said ----------------------------------------------------------------------------------------------------


@cache
def table() -> nl.Trace:
    return nl.lab.kept("continual_table")


def kept(name: str, what: str) -> np.ndarray:
    return np.asarray(table().select(method=name)[what], float)


def test_what_the_questions_say_of_the_table_is_in_the_table() -> None:
    ours, twin = nl.learners.OURS, "elastic twin, periods 1, 4, 16"
    assert 0.05 < kept(ours, "forgotten")[:, 1].mean() < 0.15
    assert 0.4 < kept(twin, "forgotten")[:, 1].mean() < 0.6
    assert kept(twin, "forgotten")[:, 5].mean() < 0.1
    assert abs(kept(twin, "away").mean() - kept(ours, "away").mean()) < 0.05
    assert kept(twin, "away").mean() > kept("SGD", "away").mean() + 0.1
    for name in (ours, "SGD", twin, "gate, C = 1, own rate ratio .5"):
        assert 0.05 < kept(name, "around")[:, 8].mean() < 0.2  # the first batch at home
    assert kept("no reset", "accuracy").mean() < kept("SGD", "accuracy").mean()
    assert kept("levels, no reset (tuned)", "accuracy").mean() < kept("SGD", "accuracy").mean()
    assert table().select(method=ours)["writes"].tolist() == [1200, 300, 75]
    assert table().sizes["method"] == 18
    assert table().sizes["run"] == 20


def test_what_the_lesson_says_of_other_schedules_is_in_what_is_kept() -> None:
    worlds = nl.lab.kept("continual_schedules")
    ours, twin, here = nl.learners.OURS, "elastic twin, periods 1, 4, 16", "SGD, tuned on this stream"
    for schedule in ("home and away", "short segments", "long segments", "mixed segments"):
        one = worlds.select(world=schedule)
        right = {name: one.select(method=name)["accuracy"].astype(float) for name in (ours, twin, here)}
        mean, half = nl.measure.mean_interval((1 - right[ours]) / (1 - right[here]))
        assert mean + half < 0.85
        if schedule in ("long segments", "mixed segments"):
            lost = {name: one.select(method=name)["forgotten"][:, 1].mean() for name in (ours, twin)}
            assert abs((right[ours] - right[twin]).mean()) < 0.01
            assert 2 < lost[twin] / lost[ours] < 4


def test_what_the_lesson_says_of_tasks_in_a_row_is_in_what_is_kept() -> None:
    in_a_row = nl.lab.kept("continual_permuted")
    names = {"ours": nl.learners.OURS, "descent": "SGD", "told": "EWC, told", "replay": "replay 400"}
    exam = {say: nl.measure.average_accuracy(in_a_row.select(method=name)["exam"]) for say, name in names.items()}
    assert exam["replay"].mean() > 0.75
    assert exam["replay"].min() > max(exam[name].mean() for name in ("ours", "descent", "told"))
    mean, half = nl.measure.mean_interval(exam["told"] - exam["descent"])
    assert mean - half > 0
    assert (exam["ours"] - exam["descent"]).mean() < 0.02


def test_what_the_lesson_says_of_the_learned_gate_is_in_what_is_kept() -> None:
    evolved = nl.lab.kept("learned_gate")
    yours, decay = "surprise gate, share .1", "no feature: a fixed decay"
    for time in ("learned gate", "learned gate, second time"):
        bias, weight = evolved.select(strategy=time)["mean"][-1, :2].tolist()
        assert 3 < np.exp(-bias / weight) < 5  # where it is half open
        better = {}
        for place in ("home and away", "long segments", "short segments"):
            one = evolved.select(world=place)
            mean, half = nl.measure.mean_interval(
                (one.select(method=time)["accuracy"] - one.select(method=yours)["accuracy"]).astype(float)
            )
            better[place] = int(mean - half > 0) - int(mean + half < 0)
        assert better == {"home and away": 1, "long segments": 1, "short segments": -1}
        assert evolved.select(world="home and away", method=time)["forgotten"][:, 1].mean() < 0.08
    assert evolved.select(world="home and away", method=decay)["forgotten"][:, 1].mean() > 0.4
    short = {
        name: evolved.select(world="short segments", method=name)["accuracy"].mean()
        for name in (yours, nl.learners.OURS)
    }
    assert short[yours] > short[nl.learners.OURS]  # a tenth of the way, a fifth of the way
