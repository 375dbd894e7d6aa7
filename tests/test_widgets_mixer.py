"""The Frequency mixer without a browser: its numbers against the lab's, its words, and `fn=`."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.widgets.frequency_mixer import CLOCKS, FIVE, KEEPS, LENGTHS, PRESETS, RATES, FrequencyMixer, mixer, signed
from nlviz.widgets.frequency_mixer_model import LIMIT, late, level_step, mix, mix_with, playing

FAST, SLOW = (1, 0.8, 0.95), (8, 0.15, 1.0)
SHORT = {"steps": [100, 20, 40], "streams": 1}


def a_state(**some: Any) -> dict[str, Any]:
    return mixer(**some).state


def by_the_lab(state: dict[str, Any]) -> nl.Trace:
    """The same setting in torch. A held rate is one that grows with the clock."""
    levels = [tuple(state["levels"][i]) for i in playing(state)]
    if state["average"] and state["hold"]:
        levels = [(clock, rate * clock, keep) for clock, rate, keep in levels]
    return nl.lab.spectrum(
        levels, steps=state["steps"], average=state["average"], streams=state["streams"], seed=state["seed"]
    )


SETTINGS = [
    a_state(),
    a_state(**SHORT, average=True),
    a_state(**SHORT, average=True, hold=True),
    a_state(**SHORT, hold=True),
    a_state(**SHORT, muted=[0]),
    a_state(**SHORT, solo=[0, 2], levels=FIVE, muted=[0]),
    a_state(levels=FIVE, steps=[300, 60, 80], streams=4, seed=77),
    a_state(steps=[150, 5, 20], streams=10, levels=[(2, 1.0, 0.5), (1024, 0.3, 1.0), (16, 0.05, 0.999)]),
]


@pytest.mark.parametrize("state", SETTINGS, ids=range(len(SETTINGS)))
def test_the_numbers_are_those_of_the_lab(state: dict[str, Any]) -> None:
    ours, theirs = mix(state), by_the_lab(state)
    on = playing(state)
    np.testing.assert_allclose(ours[on, 1:], theirs["overlap"].mean(0), atol=1e-12)
    assert not ours[:, 0].any()
    assert not np.delete(ours, on, axis=0).any()  # who takes no part says nothing
    assert [late(state["levels"][i][0], state["steps"]) for i in on] == pytest.approx(theirs["lateness"], nan_ok=True)


def test_where_it_diverges_the_lab_is_beyond_the_limit_too() -> None:
    state = a_state(levels=[FAST, (64, 2.0, 1.0)])
    ours, theirs = mix(state), by_the_lab(state)
    end = int(np.isnan(ours).any(axis=0).argmax())
    assert 64 < end < 400
    assert np.isnan(ours[:, end:]).all()
    np.testing.assert_allclose(ours[:, 1:end], theirs["overlap"].mean(0)[:, : end - 1], rtol=1e-9, atol=1e-12)
    beyond = max(np.abs(theirs["overlap"][..., end - 1]).max(), theirs["surprise"][:, end - 1].max())
    assert beyond >= LIMIT
    assert f"It diverges at step {end} of 560 and has no answer" in mixer(levels=state["levels"]).summary()


STORY = {  # where A ends: widgets.md's numbers, measured on other streams
    "fast + slow": 0.45,
    "only fast": 0.00,
    "only slow": 0.33,
    "slower clock": 0.44,
    "slower clock, averaged": 0.05,
    "averaged, rate held": 0.44,
    "fast never forgets": -0.86,
    "five clocks": 0.30,
}


@pytest.mark.parametrize(("name", "patch"), PRESETS, ids=[name for name, _ in PRESETS])
def test_the_presets_tell_the_story(name: str, patch: dict[str, Any]) -> None:
    assert mix(a_state(**patch, streams=10)).sum(0)[-1] == pytest.approx(STORY[name], abs=0.03)


def test_a_held_rate_is_the_sum_again() -> None:
    held = mix(a_state(levels=[FAST, (32, 0.15, 1.0)], average=True, hold=True))
    np.testing.assert_array_equal(held, mix(a_state(levels=[FAST, (32, 0.15, 1.0)])))


def test_the_clock_does_next_to_nothing_and_retention_and_the_slow_rate_do() -> None:
    def ends(**some: Any) -> float:
        return float(mix(a_state(**some, streams=10)).sum(0)[-1])

    clocks = [ends(levels=[FAST, (clock, 0.15, 1.0)]) for clock in (1, 4, 8, 16, 32)]
    rates = [ends(levels=[FAST, (8, rate, 1.0)]) for rate in (0.03, 0.15, 0.8)]
    keeps = [ends(levels=[(1, 0.8, keep), SLOW]) for keep in (0.95, 0.99, 1.0)]
    assert max(clocks) - min(clocks) < 0.02
    assert max(rates) - min(rates) > 0.8
    assert max(keeps) - min(keeps) > 1.2


# ---- words


def test_the_summary_is_one_sentence_at_every_corner() -> None:
    seen = set()
    for clock, rate, keep, average, hold in itertools.product(
        (CLOCKS[0], CLOCKS[-1]), (RATES[0], RATES[-1]), (KEEPS[0], KEEPS[-1]), (False, True), (False, True)
    ):
        widget = mixer(levels=[(clock, rate, keep), SLOW], average=average, hold=hold, **SHORT)
        sentence = widget.summary()
        assert sentence.endswith(".")
        assert ". " not in sentence
        assert not re.search("nan|inf|e[+-]", sentence)
        seen.add(sentence)
    assert len(seen) == 16  # a held rate is the sum again


@pytest.mark.parametrize(
    ("some", "words"),
    [
        ({}, "−0.33 after 40 of B and +0.45 after 120 of silence: A comes back by itself; fast writes every step"),
        ({"solo": [0]}, "0.00 after 120 of silence: nothing is left of either; fast writes every step"),
        ({"muted": [0]}, "B never took hold; slow writes every 8 steps (0.15 an error, forgets nothing); 70 writes"),
        ({"muted": [0, 1]}, "nothing is left of either; no level takes part; 0 writes in all"),
        ({"levels": [(1, 0.8, 1.0), SLOW]}, "it still believes B; fast writes every step (0.8 an error, forgets"),
        ({"levels": [FAST, (256, 0.5, 1.0)]}, "it overshoots; "),
        ({"average": True}, "slow writes every 8 steps (0.15/8 an error, forgets nothing)"),
        ({"average": True, "hold": True}, "slow writes every 8 steps (0.15 an error, forgets nothing)"),
        ({"levels": FIVE}, "fastest writes every step (0.8 an error, ½ gone in 14), fast writes every 4 steps"),
    ],
)
def test_the_summary_says_what_became_of_a(some: dict[str, Any], words: str) -> None:
    assert words in mixer(**some).summary()


def test_a_zero_has_no_sign() -> None:
    assert [signed(value) for value in (0.004, -0.004, 0.436, -0.436)] == ["0.00", "0.00", "+0.44", "−0.44"]


# ---- the widget


def test_code_makes_the_widget_again() -> None:
    widget = mixer(levels=[FAST, (32, 0.15, 1)], muted=[0], average=True, steps=(600, 5, 20), stretched=False)
    again = eval(
        widget.code(), {"nl": type("nl", (), {"widgets": type("widgets", (), {"mixer": staticmethod(mixer)})})}
    )
    assert again.state == widget.state
    assert json.loads(json.dumps(widget.state)) == widget.state
    assert mixer().code() == "nl.widgets.mixer()"
    assert mixer(fn=level_step).code() == "nl.widgets.mixer(fn=level_step)"


def test_reset_goes_back_to_what_the_cell_made() -> None:
    widget = mixer(average=True)
    made = widget.state
    widget.state = {"levels": FIVE}
    assert widget.state != made
    widget.reset()
    assert widget.state == made


def test_the_playhead_begins_where_b_ends_and_stays_inside() -> None:
    assert mixer(steps=(200, 60, 80)).state["step"] == 260
    assert mixer(steps=(50, 5, 20), step=440).state["step"] == 75


BAD = {
    "a clock is one of 1, 2, 4.*got 3": {"levels": [FAST, (3, 0.15, 1.0)]},
    "a rate is one of 0.01.*got 0.37": {"levels": [FAST, (8, 0.37, 1.0)]},
    "a retention is one of 0.5.*got 0": {"levels": [FAST, (8, 0.15, 0)]},
    "levels are 2 to 5": {"levels": [FAST]},
    "levels are 2 to 5 of .clock, rate, retention.": {"levels": [FAST, (8, 0.15)]},
    "the steps of learn B is one of 5": {"steps": (400, 41, 120)},
    "steps are those of A, B and silence.*got .400, 40.": {"steps": (400, 40)},
    "muted lists levels, 0 to 1": {"muted": [2]},
    "streams is one of 1, 4, 10": {"streams": 5},
    "average is one of False, True": {"average": "mean"},
    "step is a whole number from 0 to 560": {"step": -1},
    "guess is one of '', 'clock'": {"guess": "keep"},
    "no setting 'periods'; it has levels, muted": {"periods": [1, 8]},
}


@pytest.mark.parametrize(("words", "state"), BAD.items())
def test_a_setting_out_of_range_is_a_sentence(words: str, state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words):
        mixer(**state)


@pytest.mark.parametrize("some", [{}, {"levels": FIVE}, {"levels": [FAST, (64, 2.0, 1.0)]}, {"muted": [0, 1]}])
def test_there_is_a_still_picture_with_the_sentence_where_no_script_runs(some: dict[str, Any]) -> None:
    widget = mixer(**some)
    page = widget.html()
    figure = page.split("<figure>")[1].split("</figure>")[0]
    assert figure.count(widget.summary()) == 2
    assert "nan" not in figure
    assert page.count("</script") == 1


# ---- a function of the learner's own


def of_tensors(
    M: torch.Tensor, waiting: torch.Tensor, tile: torch.Tensor, step: int, period: int, rate: float, keep: float
) -> tuple[torch.Tensor, torch.Tensor]:
    waiting = torch.add(waiting, tile)
    if step % period == 0:
        M, waiting = torch.add(keep**period * M, waiting, alpha=rate), torch.zeros_like(waiting)
    return M, waiting


def sent(widget: FrequencyMixer) -> dict[str, np.ndarray]:
    numbers = np.frombuffer(widget.packed, "<f4")
    return {name: numbers[at : at + int(np.prod(shape))].reshape(shape) for name, (at, *shape) in widget.index.items()}


@pytest.mark.parametrize("state", SETTINGS[:6], ids=range(6))
def test_a_right_function_draws_our_lines(state: dict[str, Any]) -> None:
    widget = mixer(fn=level_step, strict=True, **state)
    shares = mix(state)
    np.testing.assert_allclose(sent(widget)["yours"], [shares.sum(0), *shares], atol=1e-6)
    made = [state["seed"], state["streams"], *state["steps"]]
    assert sent(widget)["yours_at"][:5].tolist() == made
    assert len(sent(widget)["yours_at"]) == 5 + 4 * len(playing(state))


def test_a_function_hears_one_stream_unless_more_are_chosen() -> None:
    assert mixer().state["streams"] == 4
    assert mixer(fn=level_step).state["streams"] == 1
    assert mixer(fn=level_step, streams=4, steps=SHORT["steps"]).state["streams"] == 4


def test_a_function_is_given_one_level_of_one_stream() -> None:
    seen = []

    def spy(M: Any, waiting: Any, tile: Any, step: int, period: int, rate: float, keep: float) -> Any:
        seen.append((type(M), M.shape, tile.shape, step, period, rate, keep))
        return level_step(M, waiting, tile, step, period, rate, keep)

    mixer(fn=spy, strict=True, steps=(50, 5, 20), average=True)
    assert seen[:2] == [
        (np.ndarray, (16, 16), (16, 16), 1, 1, 0.8, 0.95),
        (np.ndarray, (16, 16), (16, 16), 1, 8, 0.15 / 8, 1.0),
    ]
    assert len(seen) == 2 * 75


def test_the_tile_is_minus_the_gradient_of_half_the_squared_error_by_every_level() -> None:
    """Autograd judges the sign and the size of what a learner's function is given."""
    A, keys = (torch.from_numpy(one) for one in np_stream())
    memories = [torch.zeros(16, 16, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    given = []

    def spy(M: Any, waiting: Any, tile: Any, step: int, *settings: Any) -> Any:
        given.append((M, tile))
        return level_step(M, waiting, tile, step, *settings)

    mix_with(spy, a_state(**SHORT))
    for t in (0, 57, 110):
        for memory, (M, _) in zip(memories, given[2 * t : 2 * t + 2], strict=True):
            memory.data = torch.from_numpy(M)
        wanted = (A if t < 100 else -A) @ keys[t]
        loss = 0.5 * (wanted - sum(M @ keys[t] for M in memories)).square().sum()
        for grad, (_, tile) in zip(torch.autograd.grad(loss, memories), given[2 * t : 2 * t + 2], strict=True):
            np.testing.assert_allclose(tile, -grad, atol=1e-12)
    assert not given[2 * 130][1].any()  # nobody teaches


def np_stream() -> tuple[np.ndarray, np.ndarray]:
    from nlviz.widgets.frequency_mixer_model import stream

    return stream(0, 120)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_function_of_tensors_gets_tensors_where_one_is_given(dtype: torch.dtype) -> None:
    widget = mixer(fn=of_tensors, like=torch.zeros(2, dtype=dtype), strict=True, **SHORT)
    np.testing.assert_allclose(sent(widget)["yours"][0], mix(widget.state).sum(0), atol=1e-4)
    assert "fn=of_tensors, like=" in widget.code()
    assert mixer(fn=of_tensors, **SHORT).error.startswith("of_tensors stopped with TypeError")


def test_the_function_runs_again_when_the_state_changes() -> None:
    widget = mixer(fn=level_step, strict=True, **SHORT)
    before = widget.packed
    widget.state = {**widget.state, "solo": [1]}
    assert widget.packed != before
    assert widget.driven


def last_tile(M: Any, waiting: Any, tile: Any, step: int, period: int, rate: float, keep: float) -> Any:
    return (keep**period * M + rate * tile, waiting) if step % period == 0 else (M, waiting)


def never_clears(M: Any, waiting: Any, tile: Any, step: int, period: int, rate: float, keep: float) -> Any:
    waiting = waiting + tile
    return (keep**period * M + rate * waiting, waiting) if step % period == 0 else (M, waiting)


def every_step(M: Any, waiting: Any, tile: Any, step: int, period: int, rate: float, keep: float) -> Any:
    return keep * M + rate * tile, waiting


def upwards(M: Any, waiting: Any, tile: Any, step: int, period: int, rate: float, keep: float) -> Any:
    return level_step(M, waiting, -tile, step, period, rate, keep)


def mean_of_them(M: Any, waiting: Any, tile: Any, step: int, period: int, rate: float, keep: float) -> Any:
    return level_step(M, waiting, tile, step, period, rate / period, keep)


MUTANTS = [last_tile, never_clears, every_step, upwards, mean_of_them]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("more", [{}, {"levels": [FAST, (64, 2.0, 1.0)]}], ids=("usual", "diverging"))
def test_a_wrong_function_draws_another_line_and_breaks_nothing(mutant: Any, more: dict[str, Any]) -> None:
    widget = mixer(fn=mutant, strict=True, **more)
    yours, ours = sent(widget)["yours"], mix(widget.state)
    assert not np.allclose(yours[0], ours.sum(0), atol=0.02, equal_nan=True)
    assert np.nanmax(np.abs(yours)) < 5 * LIMIT


def no_answer(M: Any, waiting: Any, tile: Any, *settings: Any) -> None:
    pass


def one_thing(M: Any, waiting: Any, tile: Any, *settings: Any) -> Any:
    return M


def one_row(M: Any, waiting: Any, tile: Any, *settings: Any) -> Any:
    return M[0], waiting


def not_numbers(M: Any, waiting: Any, tile: Any, *settings: Any) -> Any:
    return M * np.nan, waiting


def raises(M: Any, waiting: Any, tile: Any, *settings: Any) -> Any:
    raise NotImplementedError("write me")


WRONG = {
    no_answer: "end it with `return M, waiting`; yours gave nothing",
    one_thing: "end it with `return M, waiting`; yours gave ndarray",
    one_row: r"keep their shape \(16, 16\); yours gave \(16,\) and \(16, 16\)",
    not_numbers: "yours gave NaN or infinity",
    raises: "raises stopped with NotImplementedError: write me",
}


@pytest.mark.parametrize(("fn", "words"), WRONG.items(), ids=lambda one: getattr(one, "__name__", None))
def test_what_goes_wrong_in_it_is_a_sentence_and_ours_stays(fn: Any, words: str) -> None:
    widget = mixer(fn=fn, **SHORT)
    assert re.search(words, widget.error)
    assert widget.error.endswith("What you see is ours alone.")
    assert "yours" not in widget.index
    with pytest.raises((ValueError, NotImplementedError)):
        mixer(fn=fn, strict=True, **SHORT)


def test_it_cannot_change_our_numbers_in_place() -> None:
    def vandal(M: Any, waiting: Any, tile: Any, *settings: Any) -> Any:
        answer = level_step(M.copy(), waiting.copy(), tile.copy(), *settings)
        for array in (M, waiting, tile):
            array[:] = 99
        return answer

    assert mixer(fn=vandal, strict=True, **SHORT).packed == mixer(fn=level_step, strict=True, **SHORT).packed


def test_every_length_can_be_chosen() -> None:
    for k, lengths in enumerate(LENGTHS):
        for length in lengths:
            steps = [50, 5, 20]
            steps[k] = length
            assert mixer(steps=steps).state["steps"] == steps
