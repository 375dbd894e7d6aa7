"""The Flight recorder without a browser: what it sends, what it lays over each other, its bet, its words."""

from __future__ import annotations

import inspect
import itertools
import json
import random
import re
from typing import Any

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.learners import surprise as gate
from nlviz.widgets import flight_recorder
from nlviz.widgets.recorder import SPANS, WINDOWS
from nlviz.widgets.recorder_around import AFTER, BEFORE, back_at, known, laid_over
from nlviz.widgets.recorder_frames import PARTS, flights

AXES = {"wrote": ("level", "step"), "size": ("run", "level", "step")}


def flown(
    periods: tuple[int, ...] = (1, 4, 16), runs: int = 3, steps: int = 320, seed: int = 0, gated: bool = True
) -> nl.Trace:
    """A made-up pass along home and away in the shape of what `follow` records; one seed is one world."""
    world, draw = np.random.default_rng(seed), np.random.default_rng([seed, len(periods)])
    task = np.zeros((runs, steps), int)
    for row in task:
        t, excursion = 0, 0
        while t < steps:
            t += world.integers(20, 40)
            excursion += 1
            row[t : (t := t + world.integers(15, 25))] = excursion
    arrays: dict[str, np.ndarray] = {"right": draw.integers(0, 9, (runs, steps)) / 8, "task": task}
    arrays["surprise"] = np.exp(draw.normal(-1, 1.5, (runs, steps)))
    if gated:
        arrays["usual"] = np.r_[np.inf, np.exp(draw.normal(-1, 0.5, steps - 1))] * np.ones((runs, 1))
        arrays["restarted"] = draw.random((runs, steps)) < 0.05
    if periods:
        arrays["wrote"] = np.array([[(t + 1) % period == 0 for t in range(steps)] for period in periods], np.uint8)
        arrays["size"] = arrays["wrote"] * draw.random((runs, len(periods), steps))
        back = (task[:, 1:] == 0) & (task[:, :-1] != 0)
        arrays["size"][:, 0, 1:][back] *= 20  # the first level brings it home
    axes = {name: AXES.get(name, ("run", "step")) for name in arrays}
    labels = {"level": [f"level {i + 1}, period {p}" for i, p in enumerate(periods)]} if periods else {}
    return nl.Trace(arrays, axes, labels, {"seed": 10})


def changed(trace: nl.Trace, **arrays: Any) -> nl.Trace:
    """The same with other arrays; without those that are None."""
    kept = {name: array for name, array in {**trace.arrays, **arrays}.items() if array is not None}
    axes = {name: trace.axes.get(name, ("run", "step")) for name in kept}
    used = {axis for names in axes.values() for axis in names}
    return nl.Trace(kept, axes, {axis: names for axis, names in trace.labels.items() if axis in used}, trace.about)


traces = {"ours": flown(), "SGD": flown(periods=(1,), gated=False)}


def some_states(
    count: int, spans: tuple[int, ...] = (0, 120, 40), steps: int = 320, runs: int = 3
) -> list[dict[str, Any]]:
    draw = random.Random(0)
    return [
        {
            "a": draw.choice(("ours", "SGD")),
            "b": draw.choice(("ours", "SGD")),
            "run": draw.randrange(runs),
            "inside": draw.choice("ab"),
            "window": draw.choice(WINDOWS),
            "span": draw.choice(spans),
            "around": draw.choice(("home", "away")),
            "step": draw.randrange(steps),
            "guess": draw.choice(("", "0", "1", "2", "none")),
        }
        for _ in range(count)
    ]


# ---- what is sent


def sent(widget: Any) -> dict[str, np.ndarray]:
    numbers = np.frombuffer(widget.packed, "<f4")
    return {name: numbers[at : at + int(np.prod(shape))] for name, (at, *shape) in widget.index.items()}


def test_what_is_sent_is_what_was_recorded() -> None:
    widget = flight_recorder(traces)
    arrays = sent(widget)
    for i, trace in enumerate(traces.values()):
        size = trace["right"].size
        right = np.frombuffer(arrays[f"{i} right"].tobytes(), np.uint8)[:size] / PARTS
        np.testing.assert_array_equal(right, trace["right"].ravel())  # shares of eight lose nothing
        surprise = np.frombuffer(arrays[f"{i} surprise"].tobytes(), "<f2")[:size]
        np.testing.assert_allclose(surprise, trace["surprise"].ravel(), rtol=5e-4, atol=1e-7)
        for k, wrote in enumerate(trace["wrote"]):
            moved = trace["size"][:, k, wrote > 0]
            there = np.frombuffer(arrays[f"{i} size {k}"].tobytes(), "<f2")[: moved.size]
            np.testing.assert_allclose(there, moved.ravel(), rtol=5e-4, atol=1e-7)
            np.testing.assert_array_equal(
                np.frombuffer(arrays[f"{i} wrote {k}"].tobytes(), np.uint8)[: len(wrote)], wrote
            )
    task = np.frombuffer(arrays["task"].tobytes(), np.uint8)[: traces["ours"]["task"].size]
    np.testing.assert_array_equal(task, traces["ours"]["task"].ravel())
    assert {"1 usual", "1 restarted"}.isdisjoint(arrays)


def test_four_learners_of_twenty_seeds_and_1200_batches_stay_under_a_megabyte() -> None:
    long = flown(runs=20, steps=1200)
    widget = flight_recorder({name: long for name in ("one", "two", "three", "four")})
    assert len(widget.packed) < 1_000_000
    with pytest.raises(ValueError, match=r"at most 1 MB .* these Traces are 1\.\d MB; give fewer .* stop=600"):
        flight_recorder({str(i): long for i in range(5)})


def test_values_that_are_no_numbers_are_gaps() -> None:
    surprise = traces["ours"]["surprise"].copy()
    surprise[0, :3] = np.nan, np.inf, 1e30  # a run that diverges
    odd = {**traces, "ours": changed(traces["ours"], surprise=surprise)}
    assert np.isfinite(flight_recorder(odd).facts["surprise"]).all()
    assert json.dumps(flight_recorder(odd).facts, allow_nan=False)
    silent = changed(traces["ours"], surprise=np.zeros_like(surprise))
    assert flight_recorder({"one": silent, "other": silent}).facts["surprise"] == (0.1, 1.0)


# ---- laid over each other


def by_hand(values: np.ndarray, task: np.ndarray, home: bool) -> np.ndarray:
    """The mean of each run around its crossings of the second half, one batch at a time."""
    means = []
    for row, tasks in zip(values, task, strict=True):
        found: dict[int, list[float]] = {k: [] for k in range(-BEFORE, AFTER)}
        for t in range(1, len(tasks)):
            here, before = (tasks[t] == 0) == home, tasks[t] != tasks[t - 1]
            if not (here and before and len(tasks) / 2 <= t <= len(tasks) - AFTER):
                continue
            for k, share in found.items():
                stays = tasks[t : t + k + 1] if k >= 0 else tasks[t + k : t]
                if len(set(stays.tolist())) == 1:
                    share.append(row[t + k])
        means.append([np.mean(share) for share in found.values()])
    return np.array(means)


@pytest.mark.parametrize("home", [True, False])
def test_every_crossing_is_laid_over_the_others(home: bool) -> None:
    trace = traces["ours"]
    ours = laid_over(trace["right"], trace["task"], home)
    np.testing.assert_allclose(ours, by_hand(trace["right"], trace["task"], home), atol=1e-12)
    kind = "home" if home else "away"
    rows = sent(flight_recorder(traces))[f"{kind} right"].reshape(2, 2, -1)
    for (mean, half), other in zip(rows, traces.values(), strict=True):
        hand = by_hand(other["right"], other["task"], home)
        np.testing.assert_allclose(mean, hand.mean(0), atol=1e-6)
        np.testing.assert_allclose(half, 4.303 * hand.std(0, ddof=1) / np.sqrt(3), atol=1e-6)


def test_the_lead_is_that_on_the_same_seeds() -> None:
    ahead = sent(flight_recorder(traces))["home ahead"].reshape(2, 2, 2, -1)
    one, other = (by_hand(trace["right"], trace["task"], True) for trace in traces.values())
    np.testing.assert_allclose(ahead[0, 1, 0], (one - other).mean(0), atol=1e-6)
    np.testing.assert_allclose(ahead[0, 1, 1], 4.303 * (one - other).std(0, ddof=1) / np.sqrt(3), atol=1e-6)
    np.testing.assert_allclose(ahead[1, 0, 0], -ahead[0, 1, 0])
    assert not ahead[0, 0].any()


def test_what_is_gone_at_a_return_is_what_measure_says_is_forgotten() -> None:
    for trace in traces.values():
        gone = nl.measure.forgotten(trace, batches=AFTER)
        (flight, _), task = flights({"one": trace, "other": trace}, 0, None)
        again = laid_over(flight.right / PARTS, task, home=True)[:, BEFORE:]
        np.testing.assert_allclose(known(flight, task) - again.mean(0), gone.mean(0), atol=1e-6)


def test_a_single_seed_has_no_interval_and_one_that_never_returns_does_not_count() -> None:
    one = {
        name: changed(trace, **{n: a[:1] for n, a in trace.arrays.items() if trace.axes[n][0] == "run"})
        for name, trace in traces.items()
    }
    widget = flight_recorder(one)
    mean, half = sent(widget)["home right"].reshape(2, 2, -1)[0]
    assert np.isfinite(mean).all()
    assert np.isnan(half).all()
    task = traces["ours"]["task"].copy()
    task[2] = 0
    stays = {name: changed(trace, task=task) for name, trace in traces.items()}
    crossings, seeds = flight_recorder(stays).facts["counts"]["home"]
    assert seeds == 2
    assert crossings < flight_recorder(traces).facts["counts"]["home"][0]


# ---- the bet


def test_a_move_is_measured_by_what_the_level_moves_in_a_batch() -> None:
    trace = traces["ours"]
    moved = sent(flight_recorder(traces))["0 home moved"].reshape(3, -1)
    for k, sizes in enumerate(np.moveaxis(trace["size"], 1, 0)):
        hand = by_hand(sizes, trace["task"], home=True).mean(0) / sizes.mean()
        np.testing.assert_allclose(moved[k], hand, rtol=2e-3, atol=1e-3)
    assert re.search(f"move {moved[0, BEFORE]:.2g} times", flight_recorder(traces).facts["bet"]["reveal"]["0"])


def test_the_answer_is_the_level_that_moves_farthest_for_what_it_usually_does() -> None:
    assert flight_recorder(traces).facts["bet"]["right"] == "0"
    trace = traces["ours"]
    size = trace["size"].copy()
    size[:, 0] = trace["wrote"][0]  # even now
    assert flight_recorder({**traces, "ours": changed(trace, size=size)}).facts["bet"]["right"] in ("1", "2", "none")
    back = (trace["task"][:, 1:] == 0) & (trace["task"][:, :-1] != 0)
    every = np.ones_like(trace["wrote"])
    even = np.ones_like(size)
    still = changed(trace, size=even, wrote=every)
    bet = flight_recorder({**traces, "ours": still}).facts["bet"]
    assert bet["right"] == "none"
    assert bet["reveal"]["none"].startswith("Yes, none")
    even[:, 2, 1:][back] = 9
    bet = flight_recorder({**traces, "ours": changed(trace, size=even, wrote=every)}).facts["bet"]
    assert bet["right"] == "2"
    assert bet["reveal"]["0"].startswith("Not so: level 3, period 16.")
    assert re.search(r"level 3, period 16 of ours moves \d.* times as far", bet["told"])


def test_it_is_asked_of_the_first_learner_with_several_levels() -> None:
    turned = {"SGD": traces["SGD"], "ours": traces["ours"]}
    widget = flight_recorder(turned)
    assert widget.facts["bet"]["ask"].startswith("ours comes home")
    assert widget.state["inside"] == "b"
    assert "90 %" not in widget.summary()


def test_nothing_is_asked_where_nobody_comes_home_or_nobody_has_levels() -> None:
    alone = {name: changed(trace, task=np.zeros_like(trace["task"])) for name, trace in traces.items()}
    assert flight_recorder(alone).facts["bet"] is None
    assert flight_recorder(alone).facts["counts"] == {}
    bare = changed(traces["SGD"], wrote=None, size=None, surprise=None)
    widget = flight_recorder({"outside": bare, "SGD": traces["SGD"]})
    assert widget.facts["bet"] is None
    assert re.fullmatch(r"Seed 10, batch 320 of 320, [^;]*\.", widget.summary())  # nothing is known from inside
    assert [one["levels"] for one in widget.facts["learners"]] == [[], ["level 1, period 1"]]


def test_from_which_batch_it_is_back() -> None:
    trace = traces["ours"]
    right = np.ones_like(trace["right"])
    for row, tasks in zip(right, trace["task"], strict=True):
        for t in range(1, len(tasks)):
            if tasks[t] == 0 and tasks[t - 1] != 0:
                row[t : t + 4] = 0
    (flight, _), task = flights({"one": changed(trace, right=right), "other": trace}, 0, None)
    assert back_at(flight, task) == 5
    right[:] = 0.5 * (task == 0)
    back = (task[:, 1:] == 0) & (task[:, :-1] != 0)
    assert flight_recorder({**traces, "ours": changed(trace, right=right)}).facts["learners"][0]["back"] == 1
    for run, t in zip(*np.nonzero(back), strict=True):
        right[run, t + 1 : t + 17] = 0  # more than is looked at
    assert flight_recorder({**traces, "ours": changed(trace, right=right)}).facts["learners"][0]["back"] == 0


# ---- the gate of our learner


@pytest.fixture(scope="module")
def real() -> dict[str, nl.Trace]:
    stream = nl.tasks.home_and_away(nl.tasks.digits(), runs=2, steps=160)
    learner = nl.learners.Gated(nl.learners.Network([0, 1]), lr=torch.full((2,), 0.4))
    trace = nl.lab.follow(learner, stream, record=True)
    return {"ours": trace, "bare": changed(trace, wrote=None, size=None)}


def test_the_gate_fires_above_the_dashed_line_and_nowhere_below(real: dict[str, nl.Trace]) -> None:
    usual = inspect.signature(flight_recorder).parameters
    assert (usual["jump"].default, usual["floor"].default) == (gate.JUMP, gate.FLOOR)
    trace = real["ours"]
    above = trace["surprise"] > 2 * np.maximum(trace["usual"], 0.25)
    assert trace["restarted"].any()
    assert not (trace["restarted"] & ~above).any()
    for fired, over in zip(trace["restarted"], above, strict=True):
        assert all(fired[max(0, t - gate.PAUSE) : t + 1].any() for t in np.flatnonzero(over)[1:])


def test_a_recorded_pass_is_shown_with_its_seeds(real: dict[str, nl.Trace]) -> None:
    widget = flight_recorder(real, run=1)
    assert widget.facts["seeds"] == [0, 1]
    levels = ["level 1, period 1", "level 2, period 4", "level 3, period 16"]
    assert [(one["name"], one["levels"]) for one in widget.facts["learners"]] == [("ours", levels), ("bare", [])]
    assert widget.facts["bet"]["right"] in ("0", "1", "2", "none")
    assert "ours wrote 160 times (level 1, period 1), 40 times" in widget.summary()


# ---- words and states


def test_the_summary_counts_what_was_right_so_far() -> None:
    widget = flight_recorder(traces, run=2, step=99)
    right, away = traces["ours"]["right"][2, :100], traces["ours"]["task"][2, :100] > 0
    shares = [int(np.floor(100 * share + 0.5)) for share in (right.mean(), right[~away].mean(), right[away].mean())]
    expected = "Seed 12, batch 100 of 320, .*: ours has {} % right so far \\({} % at home, {} % away\\), SGD has? ?"
    assert re.match(expected.format(*shares).replace("SGD has? ?", "SGD "), widget.summary())
    assert "ours wrote 100 times (level 1, period 1), 25 times (level 2, period 4), 6 times" in widget.summary()
    fired = int(traces["ours"]["restarted"][2, :100].sum())
    assert f"the gate of ours fired {fired} times" in widget.summary()
    assert "moves" not in widget.summary()  # before the bet
    assert "level 1, period 1 of ours moves" in flight_recorder(traces, guess="2").summary()


def test_every_corner_and_twenty_states_have_their_sentence() -> None:
    ends = {
        "a": ("ours", "SGD"),
        "b": ("ours", "SGD"),
        "run": (0, 2),
        "inside": ("a", "b"),
        "window": (1, 32),
        "span": (0, 40),
        "step": (0, 319),
        "guess": ("", "none"),
    }
    widget = flight_recorder(traces)
    corners = [dict(zip(ends, values, strict=True)) for values in itertools.product(*ends.values())]
    seen = set()
    for state in corners + some_states(20):
        widget.state = state
        sentence = widget.summary()
        assert sentence.endswith(".")
        assert ". " not in sentence
        assert not re.search("nan|inf|None", sentence)
        seen.add(sentence)
    assert len(seen) > 60


def test_code_makes_the_widget_again_and_reset_goes_back() -> None:
    widget = flight_recorder(traces, start=20, stop=300, jump=3.0, run=1, span=40, guess="2", window=2)
    assert eval(widget.code(), {"nl": nl, "traces": traces}).state == widget.state
    assert widget.code().startswith("nl.widgets.flight_recorder(traces, start=20, stop=300, jump=3.0, run=1")
    assert json.loads(json.dumps(widget.state)) == widget.state
    made = widget.state
    widget.state = {"step": 3}
    assert widget.state != made
    widget.reset()
    assert widget.state == made
    assert flight_recorder(traces).code() == "nl.widgets.flight_recorder(traces)"


def test_start_and_stop_cut_and_batches_keep_their_number() -> None:
    widget = flight_recorder(traces, start=20, stop=120, step=9)
    assert widget.facts["steps"] == 100
    assert ", batch 30 of 120, " in widget.summary()
    assert "ours wrote 10 times (level 1, period 1), 2 times (level 2, period 4), 0 times" in widget.summary()
    assert widget.facts["spans"] == [0, 40]
    assert [span for span in SPANS if span < 320] == flight_recorder(traces).facts["spans"]


def test_there_is_a_still_picture_with_the_sentence_where_no_script_runs() -> None:
    widget = flight_recorder(traces)
    page = widget.html()
    still = page.split("<figure>")[1].split("</figure>")[0]
    assert still.count(widget.summary()) == 2  # as its name, and below it
    assert page.count("</script") == 1


# ---- sentences for what does not fit

TRACE = traces["ours"]
BAD_TRACES = {
    r"compares two learners or more, by name: flight_recorder\({.*record=True": {"ours": TRACE},
    "'odd' has no 'right'; make it with nl.lab.follow": {"ours": TRACE, "odd": changed(TRACE, right=None)},
    "'odd' was not where 'ours' was, their tasks differ": {"ours": TRACE, "odd": flown(seed=1)},
    "'odd' was not where": {"ours": TRACE, "odd": flown(runs=2)},
    "'right' of 'odd' is a share, 0 to 1; got 0.0 to 8.0": {
        "ours": TRACE,
        "odd": changed(TRACE, right=8 * TRACE["right"]),
    },
    "shows up to 5 levels; 'odd' has 6": {"ours": TRACE, "odd": flown(periods=(1, 2, 3, 4, 5, 6))},
}


@pytest.mark.parametrize(("words", "given"), BAD_TRACES.items())
def test_traces_that_do_not_fit_are_a_sentence(words: str, given: Any) -> None:
    with pytest.raises(ValueError, match=words):
        flight_recorder(given)


def test_a_table_of_methods_is_no_flight() -> None:
    joined = nl.Trace.join({"ours": TRACE, "other": TRACE}, axis="method")
    with pytest.raises(ValueError, match=r"choose one: trace.select\(method=...\)"):
        flight_recorder({"ours": joined, "other": joined})
    assert flight_recorder({"ours": joined.select(method="ours"), "other": TRACE}).facts["steps"] == 320


BAD = {
    "a is one of 'ours', 'SGD'; got 'Adam'": {"a": "Adam"},
    "run is one of 0, 1, 2; got 12": {"run": 12},
    "window is one of 1, 2, 4": {"window": 3},
    "span is one of 0, 120, 40; got 400": {"span": 400},
    "inside is one of 'a', 'b'": {"inside": "ours"},
    "guess is one of '', '0', '1', '2', 'none'": {"guess": "level 1"},
    "step counts the batches shown, 0 to 319; got 320": {"step": 320},
    "start and stop cut the 320 steps of 'ours'; got 300 and 900": {"start": 300, "stop": 900},
    "no setting 'seed'; it has a, b, run": {"seed": 1},
}


@pytest.mark.parametrize(("words", "state"), BAD.items())
def test_a_setting_out_of_range_is_a_sentence(words: str, state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words):
        flight_recorder(traces, **state)


def test_a_learner_that_diverged_is_not_bet_on() -> None:
    lost = changed(TRACE, size=np.where(np.arange(320) < 200, TRACE["size"], np.inf))
    widget = flight_recorder({"lost": lost, "ours": TRACE})
    assert widget.facts["bet"]["flight"] == 1
    assert flight_recorder({"lost": lost, "SGD": traces["SGD"]}).facts["bet"] is None
