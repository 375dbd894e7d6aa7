"""What is wrong with what a function left behind: one sentence, with the learner's own numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from .attempt import Outcome
from .exercise import Exercise

CLOSE = 1e-8  # absolute and relative: another order of summation passes, single precision does not


def symptom(exercise: Exercise, seed: int, outcome: Outcome, expected: Tensor | tuple[Tensor, ...]) -> str:
    """The first thing that is wrong with an outcome, or ""."""
    value = outcome.value
    if outcome.stopped:
        return f"your function was stopped: {outcome.trouble}; does every loop in it end?"
    if outcome.trouble:
        return f"at seed {seed} your function raised {outcome.trouble}"
    if value is None:
        return "your function returns None: is there a return?"
    if exercise.gives and (trouble := _not_the_results(value, exercise.gives)):
        return trouble

    names = exercise.gives or ("",)
    yours, right = (value, expected) if isinstance(expected, tuple) else ((value,), (expected,))
    results = list(zip(names, yours, right, strict=True))
    if trouble := next(filter(None, (_another_kind(seed, *result) for result in results)), ""):
        return trouble
    if outcome.changed:
        many = "s" if len(outcome.changed) > 1 else ""
        changed = f"its argument{many} {' and '.join(outcome.changed)}"
        return f"your function changed {changed} in place: work on a new tensor and return that"
    if trouble := next(filter(None, (_not_finite(seed, name, one) for name, one, _ in results)), ""):
        return trouble
    found = {name: _difference(seed, name, one, wanted) for name, one, wanted in results}
    first = next((name for name in names if found[name]), None)
    if first is None:
        return ""
    elsewhere = [f"{'others' if found[name] else 'none'} in {name}" for name in names if name != first]
    return "; ".join([found[first], *elsewhere])


def kind(value: object) -> str:
    """A thing and its type, in words."""
    if value is ...:
        return "`...`, the dots of the stub"
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _not_the_results(value: object, names: tuple[str, ...]) -> str:
    """Why this is not one result for every name."""
    if isinstance(value, tuple) and len(value) == len(names):
        return ""
    letters = ", ".join("abcdefgh"[: len(names)])
    came = f"a tuple of {len(value)}" if isinstance(value, tuple) else kind(value)
    asked = f"{len(names)} results are asked for, as in `return {letters}`: {', then '.join(names)}"
    return f"your function returns {came}; {asked}"


def _of(name: str) -> str:
    return f"for {name} " if name else ""


def _another_kind(seed: int, name: str, value: object, expected: Tensor) -> str:
    """No tensor, another shape, another precision."""
    if not isinstance(value, Tensor):
        return f"{_of(name)}your function returns {kind(value)}; a tensor of shape {tuple(expected.shape)} is asked for"
    if value.shape != expected.shape:
        shapes = f"shape {tuple(value.shape)} where {tuple(expected.shape)} is asked for"
        return f"at seed {seed} {_of(name)}yours has {shapes}"
    if value.dtype != expected.dtype:
        precision = f"{value.dtype} where {expected.dtype} is asked for"
        return f"{_of(name)}yours is {precision}: keep the dtype of the tensors you are given"
    return ""


def _not_finite(seed: int, name: str, value: Tensor) -> str:
    bad = int((~value.isfinite()).sum())
    many = f"{bad} of your {value.numel()} numbers"
    return f"at seed {seed} {_of(name)}{many} are NaN or infinite: look for 0/0, log(0) or a large exp" if bad else ""


def _difference(seed: int, name: str, value: Tensor, expected: Tensor) -> str:
    """The largest difference, where it is, and how many there are."""
    wrong = ~torch.isclose(value, expected, rtol=CLOSE, atol=CLOSE)
    if not wrong.any():
        return ""
    gap = (value - expected).abs().flatten()
    worst, many = int(gap.argmax()), int(wrong.sum())
    place = ", ".join(str(int(i)) for i in torch.unravel_index(torch.tensor(worst), expected.shape))
    yours, right = _two(float(value.flatten()[worst]), float(expected.flatten()[worst]))
    rank = "the only difference" if many == 1 else f"the largest of {many} differences"
    entry = f" at [{place}]" if place else ""
    near = "; this close, a step in float32 is likely" if gap.max() < 1e-6 * expected.abs().max() else ""
    return f"at seed {seed} {_of(name)}yours gives {yours}{entry} where {right} is right ({rank}{near})"


def _two(a: float, b: float) -> tuple[str, str]:
    """Two different numbers in as few digits as tell them apart."""
    for digits in range(3, 17):
        if (short := f"{a:.{digits}g}") != (other := f"{b:.{digits}g}"):
            break
    return short, other
