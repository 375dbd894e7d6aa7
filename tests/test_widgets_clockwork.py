"""The Clockwork without a browser: what it reads off a log, its words, its settings, and `fn=`."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.widgets.clockwork_log import parts_of
from nlviz.widgets.level_clockwork import SPEEDS, Clockwork, clockwork

STEPS, TOKENS = 48, 8
NAMES = ("attention", "memory", "mean", "square", "weights", "slow", "jittered", "frozen", "strange")
JITTERED = (2, 9, 11, 20, 21, 33, 40, 44)


def a_log() -> nl.Trace:
    """A log with one part of every kind there is: 48 steps of 8 tokens."""
    periods = [0, 1, TOKENS, TOKENS, TOKENS, 16 * TOKENS, math.nan, math.inf, math.nan]
    clocks = ["", "token", "step", "step", "step", "step", "step", "step", ""]
    wrote = np.zeros((len(NAMES), STEPS), np.uint8)
    wrote[2:5], wrote[5, 15::16], wrote[6, np.array(JITTERED) - 1] = 1, 1, 1
    context = np.zeros((len(NAMES), TOKENS), np.uint8)
    context[1] = 1
    kinds = ("nothing kept", "memory", "optimizer state", "optimizer state", *["weights"] * 5)
    about = {
        "tokens_per_step": TOKENS,
        "kind": dict(zip(NAMES, kinds, strict=True)),
        "objective": dict.fromkeys(NAMES, "the training loss"),
        "context": dict.fromkeys(NAMES, "the training batches"),
        "note": {"strange": "nobody knows its writer"},
        "transfers": [["weights", "mean", "context generation"], ["mean", "weights", "direct, parametric"]],
    }
    arrays = {
        "period": np.array(periods),
        "size": np.array([0, 64, 500, 500, 500, 200, 1, 90, math.nan]),
        "place": np.array([0, 1, 2, 2, 3, 4, -1, 5, -1]),
        "clock": np.array(clocks),
        "wrote": wrote,
        "wrote in context": context,
    }
    axes = {name: ("level",) for name in arrays}
    axes |= {"wrote": ("level", "step"), "wrote in context": ("level", "token")}
    return nl.Trace(arrays, axes, {"level": list(NAMES)}, about)


LOG = a_log()


def made(**state: Any) -> Clockwork:
    return clockwork(LOG, **state)


# ---- what is read off the log


def test_a_part_tells_its_period_and_what_the_log_shows() -> None:
    told = {part.name: (part.often(), part.found()) for part in parts_of(LOG)}
    assert told == {
        "attention": ("at every read", ""),
        "memory": ("every token", "every token"),
        "mean": ("every 8 tokens", "every 8 tokens"),
        "square": ("every 8 tokens", "every 8 tokens"),
        "weights": ("every 8 tokens", "every 8 tokens"),
        "slow": ("every 128 tokens", "every 128 tokens"),
        "jittered": ("unknown", "irregular, waits of 8 to 96 tokens"),
        "frozen": ("never", "no write"),
        "strange": ("unknown", ""),
    }


@pytest.mark.parametrize("token", [0, 1, 7, 8, 9, 127, 128, 129, STEPS * TOKENS])
def test_the_writes_up_to_a_token_are_those_of_a_replay(token: int) -> None:
    for part in parts_of(LOG):
        if part.clock == "token":
            times = range(1, token + 1)
        else:
            times = [step * TOKENS for step in part.wrote if step * TOKENS <= token]
        assert part.until(token, TOKENS) == (len(times), times[-1] if times else None), part.name


def test_a_memory_is_empty_where_its_sequence_has_written_nothing() -> None:
    wrote = np.array(LOG["wrote in context"])
    wrote[1] = [0, 0, 1, 0, 0, 1, 0, 0]
    log = nl.Trace({**LOG.arrays, "wrote in context": wrote}, LOG.axes, LOG.labels, LOG.about)
    memory = parts_of(log)[1]
    assert [memory.until(token, TOKENS) for token in (2, 3, 8, 9, 11)] == [
        (0, None),
        (1, 3),
        (2, 6),
        (2, None),
        (3, 11),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_period_of_a_log_is_the_one_that_the_package_recovers(seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = np.stack([draw.random(40) < share for share in (0.0, 0.05, 0.5, 1.0)])
    period, phase = draw.integers(1, 14, 2)
    rows = np.concatenate([rows, [np.arange(40) % period == phase % period], [np.arange(40) % 5 == 4]])
    rows[-1, -4 * (seed % 3) :] = 0
    arrays = {
        "period": np.full(6, 8.0),
        "size": np.ones(6),
        "place": np.zeros(6, int),
        "clock": np.array(["step"] * 6),
        "wrote": rows,
    }
    axes = {name: ("level",) for name in arrays} | {"wrote": ("level", "step")}
    log = nl.Trace(arrays, axes, {"level": list("abcdef")}, {"tokens_per_step": 8})
    for part, found in zip(parts_of(log), nl.nested.recover_periods(log).values(), strict=True):
        if found.period == math.inf:
            assert part.found() == "no write"
        elif found.period is None:
            assert part.found().startswith(("irregular", "only"))
        else:
            assert part.found() == f"every {found.period:g} tokens"


def test_of_what_the_log_could_not_see_it_tells_the_reason() -> None:
    about = {**LOG.about, "not seen": {"memory": "torch.compile runs it"}}
    memory = parts_of(nl.Trace(LOG.arrays, LOG.axes, LOG.labels, about))[1]
    assert (memory.clock, memory.found(), memory.about["note"]) == ("", "", "torch.compile runs it")


# ---- words


def test_it_begins_with_the_obvious_answer_and_tells_more_as_parts_are_switched_on() -> None:
    assert made().state["parts"] == ["weights", "slow", "jittered", "frozen", "strange"]
    alone = made(parts=["weights"], level="weights", token=20)
    assert alone.summary() == (
        "At token 20 of 384: 1 thing learns on 1 level, inner first weights (every 8 tokens); weights has been written "
        "2 times, last 4 tokens ago."
    )
    assert "4 things learn on 3 levels, inner first attention (at every read), then mean beside square (every 8" in (
        made(parts=["attention", "mean", "square", "weights"]).summary()
    )


def test_the_summary_is_one_sentence_for_every_part_at_every_corner() -> None:
    for name in NAMES:
        for token in (0, 1, TOKENS, STEPS * TOKENS):
            for parts in ([], [name], list(NAMES)):
                sentence = made(parts=parts, level=name, token=token).summary()
                assert sentence.endswith(".")
                assert ". " not in sentence
                assert not re.search("nan|inf(?!er|o)|None", sentence.replace("inner", ""))


def test_parts_stand_in_the_order_of_the_log_however_they_are_named() -> None:
    assert made(parts=["weights", "attention", "mean"]).state["parts"] == ["attention", "mean", "weights"]


def test_the_usual_bet_has_its_answer_from_the_log() -> None:
    options = made().facts["bet"]["options"]
    assert options["all"] == "6, and the fastest: attention"
    assert options["one"] == "one: the weights"


# ---- the widget


def test_code_makes_the_widget_again() -> None:
    widget = clockwork(LOG, title="Mine", presets={"two": ["mean", "weights"]}, token=3, level="slow", speed=8)
    again = eval(widget.code(), {"nl": nl, "log": LOG})
    assert again.state == widget.state
    assert again.facts == widget.facts
    assert json.loads(json.dumps(widget.state)) == widget.state
    assert made().code() == "nl.widgets.clockwork(log)"


def test_reset_goes_back_to_what_the_cell_made() -> None:
    widget = made(token=5)
    first = widget.state
    widget.state = {"token": 9, "parts": ["mean"]}
    assert widget.state != first
    widget.reset()
    assert widget.state == first


BAD = {
    "parts names 'momentum'; this log has attention, memory": {"parts": ["momentum"]},
    "level names 'momentum'": {"level": "momentum"},
    "token is a whole number from 0 to 384; got 385": {"token": 385},
    "speed is one of 1, 8, 64, 512; got 2": {"speed": 2},
    "guess is one of one, weights": {"guess": "seven"},
    "no setting 'pace'; it has parts, level": {"pace": 1},
    "the preset 'mine' names 'momentum'": {"presets": {"mine": ["momentum"]}},
}


@pytest.mark.parametrize(("words", "state"), BAD.items())
def test_a_setting_out_of_range_is_a_sentence(words: str, state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words):
        made(**state)


def test_what_is_no_log_is_told_how_to_make_one() -> None:
    with pytest.raises(ValueError, match=r"nl.nested.watch\(model, optimizer\) as log"):
        clockwork(nl.Trace({"error": np.zeros(3)}, {"error": ("step",)}))


def test_a_log_that_is_too_long_for_a_browser_is_told_so() -> None:
    wrote = np.zeros((len(NAMES), 120_000), np.uint8)
    with pytest.raises(ValueError, match=r"this log is 4\.3 MB; watch fewer steps"):
        clockwork(nl.Trace({**LOG.arrays, "wrote": wrote}, LOG.axes, LOG.labels, LOG.about))


def test_there_is_a_still_picture_with_the_sentence_where_no_script_runs() -> None:
    for parts in ([], list(NAMES)):
        widget = made(parts=parts)
        assert widget.summary() in widget.picture()
        assert "NaN" not in widget.html().split("<figure>")[1].split("</figure>")[0]
        assert widget.html().count("</script") == 1


def test_every_speed_can_be_chosen() -> None:
    assert [made(speed=speed).state["speed"] for speed in SPEEDS] == [1, 8, 64, 512]


# ---- a function of the learner's own


def frequency(wrote: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    often, regular = wrote.mean(1), torch.zeros_like(wrote[:, 0])
    for level, row in enumerate(wrote):
        waits = torch.tensor([-1, *row.nonzero().flatten().tolist(), len(row)]).diff()
        if len(waits) > 3 and (waits[1:-1] == waits.max()).all():
            often[level], regular[level] = 1 / waits.max(), 1
    return often, regular


def sent(widget: Clockwork) -> np.ndarray:
    at, *shape = widget.index["yours"]
    return np.frombuffer(widget.packed, "<f4")[at : at + int(np.prod(shape))].reshape(shape)


def test_a_right_function_reads_the_described_periods_off_the_log() -> None:
    widget = clockwork(LOG, fn=frequency, like=torch.zeros(1, dtype=torch.float64), strict=True)
    yours = dict(zip(NAMES, sent(widget), strict=True))
    assert yours["attention"].tolist() == yours["strange"].tolist() == [-1, -1]  # no log to ask it about
    for name, period in {"memory": 1, "mean": 8, "weights": 8, "slow": 128}.items():
        np.testing.assert_allclose(yours[name], [1 / period, 1], rtol=1e-6)
    np.testing.assert_allclose(yours["jittered"], [len(JITTERED) / STEPS / TOKENS, 0], rtol=1e-6)
    assert yours["frozen"].tolist() == [0, 0]
    assert widget.driven


def nothing(wrote: Any) -> None:
    wrote.mean(1)


def wrong_axis(wrote: Any) -> Any:
    return wrote.mean(0), wrote.mean(0)


def not_numbers(wrote: Any) -> Any:
    return wrote.mean(1) / 0, wrote.mean(1)


def raises(wrote: Any) -> Any:
    raise NotImplementedError("write me")


WRONG = {
    nothing: "end it with `return often, regular`; yours gave NoneType",
    wrong_axis: r"one number a level is asked for, \(6,\); got \(48,\)",
    not_numbers: "yours gave NaN or infinity",
    raises: "raises stopped with NotImplementedError: write me",
}


@pytest.mark.parametrize(("fn", "words"), WRONG.items(), ids=lambda one: getattr(one, "__name__", None))
def test_what_goes_wrong_in_it_is_a_sentence_and_ours_stays(fn: Any, words: str) -> None:
    like = torch.zeros(1)
    widget = clockwork(LOG, fn=fn, like=like)
    assert re.search(words, widget.error)
    assert "yours" not in widget.index
    with pytest.raises((ValueError, NotImplementedError)):
        clockwork(LOG, fn=fn, like=like, strict=True)
