"""The check of an exercise: one line that says what holds, or what does not and why.

In this order: is it a function, written, of the right arguments; does it return a tensor of the right shape and
precision, or as many of them as are asked for; does it leave its arguments alone; are the numbers right on three
seeded cases; do the properties hold.
What fails first is the symptom; if a usual mistake gives just these answers, its hint follows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from . import records
from .answers import Verdict
from .attempt import Outcome, TimeUpError, attempt, copied, detached, sentence, unwritten, within
from .exercise import Exercise, find
from .symptoms import CLOSE, kind, symptom

SEEDS = (0, 1, 2)
OURS = "nlviz.course.solution"  # the __module__ of functions that `carry_on` lends


def check(exercise_id: str, fn: Callable[..., Any], seconds: float = 5.0) -> Verdict:
    """Judge a learner's function, answer in one line, and keep the result for `nl.progress()`.

    Nothing the function does ends in a stack trace: an exception, a wrong shape or an endless loop is explained.

    Args:
        exercise_id: "01.A" for the first exercise of lesson 01.
        fn: the function itself, without brackets.
        seconds: how long one call of it may take.

    Returns:
        A Verdict; `.passed` tells whether the exercise is done.

    >>> import nlviz as nl
    >>> def surprise(W, x, y):
    ...     ...
    >>> nl.check("01.A", surprise)
    ○ not written yet 01.A: write `surprise(W, x, y)`, run its cell, then check again; `nl.hint("01.A")` helps
    """
    try:
        exercise = find(exercise_id)
    except LookupError as unknown:
        return Verdict(str(exercise_id), "not yet", str(unknown))
    verdict = judge(exercise, fn, seconds)
    if verdict.status == "not written yet":
        return verdict
    return Verdict(verdict.exercise, verdict.status, verdict.message, records.note(exercise.id, verdict.passed))


@torch.enable_grad()
def judge(exercise: Exercise, fn: Callable[..., Any], seconds: float = 5.0) -> Verdict:
    """The verdict on a function; nothing is kept."""
    call = f"{exercise.name}({', '.join(exercise.arguments)})"
    if trouble := _not_the_function(exercise, fn):
        return Verdict(exercise.id, "not yet", trouble)
    if getattr(fn, "__module__", None) == OURS:
        lent = f"this is the course's own {exercise.name}, lent by nl.carry_on; run the cell with yours, then check"
        return Verdict(exercise.id, "not written yet", lent)
    if unwritten(fn):
        todo = f'write `{call}`, run its cell, then check again; `nl.hint("{exercise.id}")` helps'
        return Verdict(exercise.id, "not written yet", todo)

    cases = [dict(zip(exercise.arguments, exercise.cases(seed), strict=True)) for seed in SEEDS]
    outcomes: list[Outcome] = []
    for case in cases:
        outcomes.append(attempt(fn, case, seconds))
        if outcomes[-1].stopped:
            break
    symptoms = [
        symptom(exercise, seed, outcome, exercise.truth(*map(copied, case.values())))
        for seed, case, outcome in zip(SEEDS, cases, outcomes, strict=False)
    ]
    trouble = next(filter(None, symptoms), "") or _broken_property(exercise, fn, seconds)
    if trouble:
        hint = _mistake(exercise, cases, outcomes)
        return Verdict(exercise.id, "not yet", f"{trouble}. {hint}" if hint else trouble)
    held = [f"right on {len(SEEDS)} seeded cases", *(words for words, _ in exercise.properties)]
    return Verdict(exercise.id, "pass", "; ".join(held))


def _not_the_function(exercise: Exercise, fn: object) -> str:
    """Why this cannot be the function that was asked for."""
    asked = f'nl.check("{exercise.id}", {exercise.name})'
    if not callable(fn):
        return f"give the function itself, without brackets: `{asked}`; this is {kind(fn)}"
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # something built in: the call will show
        return ""
    try:
        signature.bind(*exercise.arguments)
    except TypeError:
        names = ", ".join(exercise.arguments)
        return (
            f"`{exercise.name}` is called with {len(exercise.arguments)} arguments, ({names}); yours takes {signature}"
        )
    return ""


def _broken_property(exercise: Exercise, fn: Callable[..., Any], seconds: float) -> str:
    """The first property that does not hold, as a sentence, or ""."""

    def careful(*arguments: Any) -> Any:
        value = fn(*map(copied, arguments))
        slope_asked = any(isinstance(one, torch.Tensor) and one.requires_grad for one in arguments)
        return value if slope_asked else detached(value)

    for words, holds in exercise.properties:
        try:
            seen = within(seconds, lambda holds=holds: holds(careful))  # type: ignore[misc]
        except TimeUpError:
            return f"stopped after {seconds:g} seconds while asking whether {words}"
        except (Exception, SystemExit) as error:
            return f"asked whether {words}, your function raised {sentence(error, fn)}"
        if seen is not True:
            return f"it should hold that {words}, but {seen or 'for yours it does not'}"
    return ""


def _mistake(exercise: Exercise, cases: list[dict[str, Any]], outcomes: list[Outcome]) -> str:
    """The hint of the first usual mistake that answers just as the learner's function did."""
    if any(outcome.stopped for outcome in outcomes):
        return ""
    for mutant in exercise.mutants:
        if all(
            _alike(outcome, attempt(mutant.fn, case, seconds=60.0))
            for case, outcome in zip(cases, outcomes, strict=True)
        ):
            return mutant.hint
    return ""


def _alike(one: Outcome, other: Outcome) -> bool:
    """The same numbers and the same arguments changed; or the same error from torch."""
    if one.changed != other.changed or bool(one.trouble) != bool(other.trouble):
        return False
    if one.trouble:
        return one.trouble.split(" in line ")[0] == other.trouble.split(" in line ")[0]
    return _equal(one.value, other.value)


def _equal(a: object, b: object) -> bool:
    """Tensors of the same numbers, or tuples of such."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if not (isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)) or a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.allclose(a, b, rtol=CLOSE, atol=CLOSE, equal_nan=True)  # a slip may well divide by zero
