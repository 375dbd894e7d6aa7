"""Rebind without a browser: its numbers against the package's rules and measures, its words, and `fn=`."""

from __future__ import annotations

import itertools
import json
import random
import re
from typing import Any

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.measure import squared_error, top1
from nlviz.widgets.rebind_model import RUNS, WIDTH, answers, delta, loudness, pairs, written
from nlviz.widgets.rebinding import (
    KEEPS,
    NAMES,
    PEOPLE,
    QUIET,
    RATES,
    SIMILARITIES,
    WEEKS,
    Rebind,
    percent,
    rebind,
    sized,
)

RULES = {"Hebb": nl.Hebb, "Delta": nl.Delta}


def by_the_package(state: dict[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Right answers, squared errors and answers of the last week: nl.run on a task of the same draws."""
    keys, values = pairs(state)
    order = [(week, name) for week, busy in enumerate(written(state)) for name in busy.nonzero()[0]]
    latest = {name: week for week, name in order}
    names = list(range(state["names"]))
    targets = np.stack([values[:, latest[name], name] for name in names], axis=1)
    stream = np.stack([values[:, week, name] for week, name in order], axis=1)
    task = nl.tasks.Task(
        *(
            torch.from_numpy(array)
            for array in (np.stack([keys[:, name] for _, name in order], axis=1), stream, keys, targets)
        ),
        name="rebinding",
        about={},
    )
    older = (
        np.stack([values[:, w, n] for w, n in order if w < latest[n]], axis=1) if state["weeks"] > 1 else targets[:, :0]
    )
    found = {}
    for name, rule in RULES.items():
        trace = nl.run(rule(lr=state["lr"], **({"keep": state["keep"]} if name == "Hebb" else {})), task, record=())
        found[name] = (
            top1(trace, np.concatenate([targets, older], axis=1)).sum(-1),
            squared_error(trace).mean(-1),
            trace["answer"],
        )
    return found


def a_state(**some: Any) -> dict[str, Any]:
    return {**{key: value for key, value in rebind().state.items() if key != "guess"}, **some}


CORNERS = [
    a_state(weeks=weeks, names=names, similarity=similarity, lr=lr, keep=keep, quiet=quiet)
    for (weeks, names), similarity, lr, keep, quiet in itertools.product(
        ((1, 8), (16, 8)), (0.0, 0.9), (0.1, 1.5), (0.5, 1.0), (0.0, 0.5)
    )
] + [a_state(weeks=weeks, names=64, keep=0.995, quiet=quiet) for weeks, quiet in ((1, 0.0), (1, 0.5), (16, 0.25))]


def some_states(count: int, seed: int = 0) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    choices = dict(
        zip(
            ("weeks", "names", "similarity", "lr", "keep", "quiet"),
            (WEEKS, NAMES[:6], SIMILARITIES, RATES, KEEPS, QUIET),
            strict=True,
        )
    )
    return [a_state(**{key: draw.choice(values) for key, values in choices.items()}) for _ in range(count)]


@pytest.fixture(scope="module")
def everywhere() -> list[Rebind]:
    """A widget at every corner, and twenty in random states."""
    return [rebind(**state, guess="all") for state in CORNERS + some_states(20)]


def test_it_computes_what_the_package_computes_at_every_corner_and_in_random_states(everywhere: list[Rebind]) -> None:
    for widget in everywhere:
        theirs = by_the_package(widget.state)
        for rule, (right, error, said) in widget.played().items():
            np.testing.assert_array_equal(right[:, -1], theirs[rule][0], err_msg=f"{rule} {widget.state}")
            np.testing.assert_allclose(error[:, -1], theirs[rule][1], rtol=1e-9, err_msg=f"{rule} {widget.state}")
            np.testing.assert_allclose(said[-1], theirs[rule][2][0], rtol=1e-8, atol=1e-10)


def test_every_week_before_the_last_is_the_end_of_a_shorter_stream() -> None:
    long, short = rebind(weeks=6, keep=0.97, quiet=0.25), rebind(weeks=4, keep=0.97, quiet=0.25)
    for rule, (right, error, said) in long.played().items():
        again = short.played()[rule]
        np.testing.assert_array_equal(right[:, :4], again[0])
        np.testing.assert_allclose(error[:, :4], again[1], rtol=1e-12)
        np.testing.assert_allclose(said[:4], again[2], rtol=1e-12)


def test_the_draws_are_those_of_rebinding_in_kind() -> None:
    for similarity in (0.0, 0.3):
        ours, _ = pairs(a_state(names=64, similarity=similarity, weeks=1))
        theirs = nl.tasks.rebinding(pairs=64, times=1, similarity=similarity, runs=RUNS).keys.numpy()
        off = ~np.eye(64, dtype=bool)
        mean, again = ((keys @ np.swapaxes(keys, -1, -2))[:, off].mean() for keys in (ours, theirs))
        assert mean == pytest.approx(again, abs=0.02)
        np.testing.assert_allclose(np.linalg.norm(ours, axis=-1), 1)


def test_the_twenty_draws_that_are_shown_come_out_like_two_hundred_others() -> None:
    task = nl.tasks.rebinding(times=8, runs=200)
    curve = nl.lab.recall_curve({"Hebb": nl.Hebb(), "Delta": nl.Delta()}, {8: task})
    for rule, many in zip(RULES, curve["top-1"][:, 0].mean(-1), strict=True):
        right, _, _ = rebind().played()[rule]
        mean, half = nl.measure.mean_interval(right[:, -1] / 16)
        assert mean == pytest.approx(many, abs=1.2 * half)


def test_loudness_is_the_dot_product_of_the_answer_with_what_was_written() -> None:
    state = a_state(weeks=3, names=8, quiet=0.5)
    _, values = pairs(state)
    said = rebind(**state).played()["Delta"][2]
    for name in range(8):
        own, (loud, other, week) = loudness(state, said, values[0], name)
        scores = {
            (w, n): said[-1, name] @ values[0, w, n]
            for w, n in itertools.product(range(3), range(8))
            if w == 0 or n % 2
        }
        assert np.isnan(own).sum() == (2 if name % 2 == 0 else 0)
        np.testing.assert_allclose(own[np.isfinite(own)], [scores[w, name] for w in range(3) if (w, name) in scores])
        best = max((key for key in scores if key[1] != name), key=scores.__getitem__)
        assert (week, other) == best
        assert loud == pytest.approx(scores[best])


# ---- the story the presets tell


def shares(**some: Any) -> list[float]:
    return [right[:, -1].mean() / a_state(**some)["names"] for right, _, _ in rebind(**some).played().values()]


def errors(**some: Any) -> list[float]:
    return [error[:, -1].mean() for _, error, _ in rebind(**some).played().values()]


def test_after_eight_weeks_hebb_is_no_better_than_picking_a_week_and_delta_knows() -> None:
    hebb, delta = shares()
    assert [percent(hebb), percent(delta)] == ["7 %", "94 %"]  # said in the bet
    assert hebb < 1 / 8
    assert shares(weeks=1)[0] >= shares(weeks=1)[1] > 0.95


def test_with_too_many_names_the_two_measures_disagree() -> None:
    (hebb, delta), (far, near) = shares(weeks=1, names=64), errors(weeks=1, names=64)
    assert hebb > delta + 0.25
    assert far > near + 0.5


def test_similar_names_spoil_delta_too() -> None:
    assert shares(similarity=0.3)[1] < shares()[1] - 0.1


def test_hebb_that_forgets_is_as_good_as_delta_until_some_names_fall_silent() -> None:
    assert shares(keep=0.95)[0] > shares()[1]
    assert shares(keep=0.95, quiet=0.25)[0] < 0.76  # the quiet quarter is gone
    assert max(shares(keep=keep, quiet=0.25)[0] for keep in KEEPS) < shares(quiet=0.25)[1] - 0.1


def test_quiet_names_are_gone_in_a_hebb_that_forgets_and_mostly_there_in_delta() -> None:
    keys, values = pairs(rebind(quiet=0.25, keep=0.95).state)
    state, quiet = rebind(quiet=0.25, keep=0.95).state, np.arange(16) % 4 == 0
    said = answers(state, delta, keys, values)[:, -1]  # (run, name, WIDTH)
    latest = np.where(quiet, 0, 7)
    own = np.einsum("rnd,rnd->rn", said, values[:, latest, np.arange(16)])
    written_ones = values.transpose(0, 2, 1, 3).reshape(len(keys), -1, 32)[
        :, np.repeat(~quiet, 8) | (np.arange(128) % 8 == 0)
    ]
    first = own >= (said @ written_ones.swapaxes(-1, -2)).max(-1) - 1e-12
    assert [percent(first[:, ~quiet].mean()), percent(first[:, quiet].mean())] == ["97 %", "84 %"]


def test_write_strength_changes_no_order_in_hebb() -> None:
    assert shares(lr=0.1)[0] == shares(lr=1.5)[0]


# ---- words


def test_the_answer_is_not_told_before_the_bet() -> None:
    assert (
        rebind().summary()
        == "16 names get a new value every week for 8 weeks; place your bet, then see what two memories say."
    )
    assert "7 % of them in Hebb and 94 % in Delta" in rebind(guess="half").summary()
    assert "polyline" in rebind().picture() or "svg" in rebind().picture()
    assert rebind().picture() != rebind(guess="half").picture()


def test_the_summary_is_one_sentence_everywhere(everywhere: list[Rebind]) -> None:
    seen = set()
    for widget in everywhere:
        for asked in (0, 63):
            widget.state = {**widget.state, "asked": asked}
            sentence = widget.summary()
            assert sentence.endswith(".")
            assert ". " not in sentence
            assert not re.search("nan|inf|e[+-]", sentence)
            seen.add(sentence)
    assert len(seen) > 80


@pytest.mark.parametrize(
    ("error", "words"), [(0.4151, "0.42"), (9.994, "9.99"), (10.55, "10.6"), (133.4, "133"), (1e9, "huge")]
)
def test_an_error_has_about_three_digits(error: float, words: str) -> None:
    assert sized(error) == words


def test_every_name_is_another() -> None:
    assert len(set(PEOPLE)) == len(PEOPLE) == NAMES[-1]


# ---- the widget


def test_code_makes_the_widget_again() -> None:
    widget = rebind(
        weeks=3, names=64, similarity=0.3, lr=0.5, keep=0.95, quiet=0.25, metric="error", asked=8, guess="all"
    )
    again = eval(widget.code(), {"nl": nl})
    assert again.state == widget.state
    assert json.loads(json.dumps(widget.state)) == widget.state
    assert rebind().code() == "nl.widgets.rebind()"


def test_reset_goes_back_to_what_the_cell_made() -> None:
    widget = rebind(weeks=3)
    made = widget.state
    widget.state = {"weeks": 5, "keep": 0.9}
    assert widget.state != made
    widget.reset()
    assert widget.state == made


BAD = {
    "weeks is one of 1, 2": {"weeks": 17},
    "names is one of 8, 12": {"names": 9},
    "similarity is one of 0.0, 0.1": {"similarity": 1.0},
    "lr is one of 0.1": {"lr": 2},
    "keep is one of 0.5": {"keep": 0.1},
    "quiet is one of 0.0, 0.25, 0.5": {"quiet": 0.75},
    "metric is one of 'right', 'error'": {"metric": "top1"},
    "asked is a whole number from 0 to 63": {"asked": 64},
    "no setting 'beta'; it has weeks, names": {"beta": 0.9},
}


@pytest.mark.parametrize(("words", "state"), BAD.items())
def test_a_setting_out_of_range_is_a_sentence(words: str, state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words):
        rebind(**state)


@pytest.mark.parametrize("metric", ["right", "error"])
def test_there_is_a_still_picture_with_the_sentence_where_no_script_runs(metric: str) -> None:
    widget = rebind(guess="tenth", metric=metric)
    assert widget.summary() in widget.picture()
    figure = widget.html().split("<figure>")[1].split("</figure>")[0]
    assert "NaN" not in figure
    assert figure.count(widget.summary()) == 2
    assert widget.html().count("</script") == 1


# ---- a function of the learner's own


def delta_write(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M + lr * (value - M @ key)[:, None] * key[None, :]


def of_tensors(M: torch.Tensor, key: torch.Tensor, value: torch.Tensor, lr: float) -> torch.Tensor:
    return torch.addmm(M, lr * (value - M @ key).unsqueeze(1), key.unsqueeze(0))


def sent(widget: Rebind) -> dict[str, np.ndarray]:
    numbers = np.frombuffer(widget.packed, "<f4")
    return {name: numbers[at : at + int(np.prod(shape))].reshape(shape) for name, (at, *shape) in widget.index.items()}


SMALL = {"weeks": 3, "names": 8}


def test_a_right_function_is_drawn_over_delta() -> None:
    for state in ({**SMALL, "keep": 0.9}, {**SMALL, "similarity": 0.5, "lr": 0.5, "quiet": 0.5}, {}):
        widget = rebind(fn=delta_write, strict=True, **state)
        names, weeks = widget.state["names"], widget.state["weeks"]
        (right, error, said), yours = widget.played()["Delta"], sent(widget)
        np.testing.assert_allclose(yours["yours_right"], right.mean(0) / names, rtol=1e-6)
        np.testing.assert_allclose(yours["yours_error"], error.mean(0), rtol=1e-6)
        values = pairs(widget.state)[1][0]
        for name in range(names):
            own, other = loudness(widget.state, said, values, name)
            np.testing.assert_allclose(yours["yours_own"][name], own, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(yours["yours_other"][name], other, rtol=1e-5)
        settings = [widget.state[key] for key in ("names", "weeks", "lr", "similarity", "quiet")]
        np.testing.assert_allclose(yours["yours_at"], settings, rtol=1e-6)
        assert yours["yours_own"].shape == (names, weeks)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_function_of_tensors_gets_tensors_where_one_is_given(dtype: torch.dtype) -> None:
    widget = rebind(fn=of_tensors, like=torch.zeros(1, dtype=dtype), strict=True, **SMALL)
    _, error, _ = widget.played()["Delta"]
    np.testing.assert_allclose(sent(widget)["yours_error"], error.mean(0), rtol=1e-4)
    assert "fn=of_tensors, like=" in widget.code()
    assert rebind(fn=of_tensors, **SMALL).error.startswith("of_tensors stopped with AttributeError")


def test_the_function_runs_again_when_the_state_changes() -> None:
    widget = rebind(fn=delta_write, strict=True, **SMALL)
    before = widget.packed
    widget.state = {**widget.state, "lr": 0.5}
    assert widget.packed != before
    assert widget.driven
    assert widget.code() == "nl.widgets.rebind(fn=delta_write, weeks=3, names=8, lr=0.5)"


def adds(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M + lr * np.outer(value, key)


def turned(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M + lr * np.outer(key, value - M @ key)


def upward(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M - lr * np.outer(value - M @ key, key)


def overwrites(M: Any, key: Any, value: Any, lr: float) -> Any:
    return lr * np.outer(value, key)


def full_strength(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M + np.outer(value - M @ key, key)


def reads_backwards(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M + lr * np.outer(value - M.T @ key, key)


@pytest.mark.parametrize(
    "mutant", [adds, turned, upward, overwrites, full_strength, reads_backwards], ids=lambda one: one.__name__
)
def test_a_wrong_function_comes_out_elsewhere_and_breaks_nothing(mutant: Any) -> None:
    widget = rebind(fn=mutant, strict=True, lr=0.5, **SMALL)
    _, error, _ = widget.played()["Delta"]
    yours = sent(widget)
    assert all(np.isfinite(array).all() for array in yours.values())
    assert np.abs(yours["yours_error"] - error.mean(0)).max() > 0.02


def no_answer(M: Any, key: Any, value: Any, lr: float) -> None:
    M = M + lr * np.outer(value - M @ key, key)


def a_row(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M @ key


def two_things(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M, value


def not_numbers(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M * np.nan


def raises(M: Any, key: Any, value: Any, lr: float) -> Any:
    raise NotImplementedError("write me")


WRONG = {
    no_answer: "end it with `return M`; yours gave nothing",
    a_row: r"\(32, 32\): end it with `return M`; yours gave ndarray \(32,\)",
    two_things: "end it with `return M`; yours gave tuple",
    not_numbers: "yours gave NaN or infinity",
    raises: "raises stopped with NotImplementedError: write me",
}


@pytest.mark.parametrize(("fn", "words"), WRONG.items(), ids=lambda one: getattr(one, "__name__", None))
def test_what_goes_wrong_in_it_is_a_sentence_and_ours_stays(fn: Any, words: str) -> None:
    widget = rebind(fn=fn, **SMALL)
    assert re.search(words, widget.error)
    assert widget.error.endswith("What you see is ours alone.")
    assert "yours_right" not in widget.index
    with pytest.raises((ValueError, NotImplementedError)):
        rebind(fn=fn, strict=True, **SMALL)


def test_it_cannot_change_our_numbers_in_place() -> None:
    def vandal(M: Any, key: Any, value: Any, lr: float) -> Any:
        M += lr * np.outer(value - M @ key, key)
        key[:], value[:] = 99, 99
        return M

    honest = sent(rebind(fn=delta_write, strict=True, **SMALL))
    for name, array in sent(rebind(fn=vandal, strict=True, **SMALL)).items():
        np.testing.assert_allclose(array, honest[name], rtol=1e-5, atol=1e-6)


def test_the_memory_is_as_wide_as_the_exercise_says() -> None:
    seen = []

    def look(M: Any, key: Any, value: Any, lr: float) -> Any:
        seen.append((M.shape, key.shape, value.shape, lr))
        return M

    rebind(fn=look, strict=True, weeks=1, names=8)
    assert set(seen) == {((WIDTH, WIDTH), (WIDTH,), (WIDTH,), 1.0)}
    assert len(seen) == 8 * RUNS
