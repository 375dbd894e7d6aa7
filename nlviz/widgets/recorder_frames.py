"""What the Flight recorder sends to the browser: Traces of several learners on one stream, in few bytes a number.

    right, task, wrote, restarted      one byte a number; a share of right answers in 240ths
    surprise, usual, size              half precision, three digits

recorder_frames.js reads them again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..trace import Trace

PARTS = 240  # of a share: it has many divisors, so that batches of 8, 10, 16 or 20 lose nothing
LEVELS = 5  # as many as there are colours
HOW = "nl.lab.follow(learner, stream, record=True)"


def percent(share: float) -> str:
    """A share in whole percent: "62 %"."""
    return f"{math.floor(100 * share + 0.5)} %"


class Level(NamedTuple):
    """One level: what it is called, in which steps it wrote `(step,)`, how far its weights moved `(run, step)`."""

    name: str
    wrote: np.ndarray
    size: np.ndarray


class Flight(NamedTuple):
    """One learner: what it had right, in 240ths `(run, step)`, and what else was recorded, `(run, step)` or None."""

    name: str
    right: np.ndarray
    surprise: np.ndarray | None
    usual: np.ndarray | None
    restarted: np.ndarray | None
    levels: tuple[Level, ...]


def flights(traces: Mapping[str, Trace], start: int, stop: int | None) -> tuple[list[Flight], np.ndarray]:
    """The learners by name, from batch `start` up to `stop`, and which task was on, `(run, step)`.

    Raises:
        ValueError: for a single learner, a Trace that is none of a pass along a stream, or several streams.
    """
    if not isinstance(traces, Mapping) or len(traces) < 2:
        raise ValueError(
            "flight_recorder compares two learners or more, by name: "
            'flight_recorder({"ours": trace, "SGD": other}), each ' + f"of {HOW}"
        )
    tasks = {name: _cut(name, trace, "task", start, stop) for name, trace in traces.items()}
    (first, task), *others = tasks.items()
    for name, other in others:
        if other.shape != task.shape or (other != task).any():
            raise ValueError(
                f"flight_recorder: {name!r} was not where {first!r} was, their tasks differ; "
                "let both follow one stream, with the same seeds"
            )
    if not 0 <= task.min() <= task.max() < 256:
        raise ValueError(f"flight_recorder: tasks count from 0 to 255; got {task.min()} to {task.max()}; take a stop=")
    return [_flight(name, trace, start, stop) for name, trace in traces.items()], task.astype(np.uint8)


def sent(learners: list[Flight], task: np.ndarray) -> dict[str, np.ndarray]:
    """Every array as it travels: "task", and of learner i "i right", "i surprise", ..., "i wrote 0", "i size 0"."""
    arrays: dict[str, np.ndarray | None] = {"task": task}
    for i, one in enumerate(learners):
        arrays |= {f"{i} {name}": getattr(one, name) for name in ("right", "surprise", "usual", "restarted")}
        for k, level in enumerate(one.levels):
            arrays[f"{i} wrote {k}"] = level.wrote
            arrays[f"{i} size {k}"] = level.size[:, level.wrote > 0]  # in between nothing moved
    return {name: _bytes(array) for name, array in arrays.items() if array is not None}


def limits(learners: list[Flight]) -> tuple[float, float]:
    """Between which values a surprise is drawn, on a logarithmic scale of four decades at most."""
    some = [
        one.surprise[np.isfinite(one.surprise) & (one.surprise > 0)] for one in learners if one.surprise is not None
    ]
    values = np.concatenate([*some, np.zeros(0)]).astype(float)
    if not len(values):
        return 0.1, 1.0
    high = float(values.max())
    return max(10.0 ** math.floor(math.log10(np.quantile(values, 0.05))), high * 1e-4), high


def _bytes(array: np.ndarray) -> np.ndarray:
    """One and two bytes a number, laid into a float32 array: the buffer that travels is one of these."""
    raw = array.astype("<f2" if array.dtype.kind == "f" else np.uint8).tobytes()
    return np.frombuffer(raw + bytes(-len(raw) % 4), "<f4")


def _flight(name: str, trace: Trace, start: int, stop: int | None) -> Flight:
    right = _cut(name, trace, "right", start, stop)
    if not ((right >= 0) & (right <= 1)).all():
        raise ValueError(f"flight_recorder: 'right' of {name!r} is a share, 0 to 1; got {right.min()} to {right.max()}")
    more = {one: _cut(name, trace, one, start, stop) for one in ("surprise", "usual", "restarted") if one in trace}
    halves = {one: _half(more[one]) if one in more else None for one in ("surprise", "usual")}
    restarted = (more["restarted"] > 0).astype(np.uint8) if "restarted" in more else None
    parts = np.round(PARTS * right).astype(np.uint8)
    return Flight(name, parts, halves["surprise"], halves["usual"], restarted, _levels(name, trace, start, stop))


def _levels(name: str, trace: Trace, start: int, stop: int | None) -> tuple[Level, ...]:
    if "wrote" not in trace or "size" not in trace:
        return ()
    wrote, size = trace["wrote"][:, start:stop] > 0, trace["size"][..., start:stop]
    if trace.axes["size"] != ("run", "level", "step"):
        raise ValueError(f"flight_recorder: 'size' of {name!r} has axes {trace.axes['size']}; it needs those of {HOW}")
    if len(wrote) > LEVELS:
        raise ValueError(f"flight_recorder shows up to {LEVELS} levels; {name!r} has {len(wrote)}")
    labels = map(str, trace.along("level"))
    return tuple(
        Level(label, w.astype(np.uint8), _half(np.where(w, s, 0)))
        for label, w, s in zip(labels, wrote, np.moveaxis(size, 1, 0), strict=True)
    )


def _half(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what is beyond 65,504 has diverged, and leaves a gap
        return array.astype(np.float16)


def _cut(name: str, trace: Trace, what: str, start: int, stop: int | None) -> np.ndarray:
    if what not in trace:
        raise ValueError(f"flight_recorder: the Trace of {name!r} has no {what!r}; make it with {HOW}")
    if trace.axes[what] != ("run", "step"):
        cure = "choose one: trace.select(method=...)" if "method" in trace.axes[what] else f"make it with {HOW}"
        axes = trace.axes[what]
        raise ValueError(f"flight_recorder: {what!r} of {name!r} has axes {axes}, not ('run', 'step'); {cure}")
    steps = trace.sizes["step"]
    until = steps if stop is None else stop
    if not 0 <= start < until <= steps:
        raise ValueError(f"flight_recorder: start and stop cut the {steps} steps of {name!r}; got {start} and {stop}")
    return trace[what][:, start:stop]
