"""What Rebind computes: names whose values change every week, in a memory that adds and in one that corrects.

    Hebb: M ← keep M + lr v kᵀ          Delta: M ← M + lr (v − M k) kᵀ

The stream is that of `nl.tasks.rebinding`, drawn by seeded.py, so that the browser has the same one; the rules and both
measures are the package's. Names that are quiet hold their first value for good, and nobody writes it again.
rebind_model.js computes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..seeded import first_normals

WIDTH = 32  # features of a key and of a value
RUNS = 20
_STREAMS = 100  # of random numbers, for each run: its keys, what they share, then one a week

Write = Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]


def hebb(M: np.ndarray, key: np.ndarray, value: np.ndarray, lr: float, keep: float = 1.0) -> np.ndarray:
    """Keep a part, and add the pair: (..., d_value, d_key)."""
    return keep * M + lr * value[..., :, None] * key[..., None, :]


def delta(M: np.ndarray, key: np.ndarray, value: np.ndarray, lr: float) -> np.ndarray:
    """Write what is missing: (..., d_value, d_key)."""
    return hebb(M, key, value - (M @ key[..., None])[..., 0], lr)


def _units(stream: int, count: int) -> np.ndarray:
    """Directions drawn evenly, (count, WIDTH); a longer draw begins with the shorter one."""
    rows = np.array(first_normals(stream, count * WIDTH)).reshape(count, WIDTH)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def pairs(state: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Keys (run, name, WIDTH) and what they hold, (run, week, name, WIDTH)."""
    names, weeks, shared = state["names"], state["weeks"], state["similarity"]
    streams = [_STREAMS * run for run in range(RUNS)]
    own = np.stack([_units(stream, names) for stream in streams])
    common = np.stack([_units(stream + 1, 1) for stream in streams])
    keys = (1 - shared) ** 0.5 * own + shared**0.5 * common
    values = np.array([[_units(stream + 2 + week, names) for week in range(weeks)] for stream in streams])
    return keys / np.linalg.norm(keys, axis=-1, keepdims=True), values


def written(state: dict[str, Any]) -> np.ndarray:
    """Which names get a value in which week: (week, name)."""
    busy = np.ones((state["weeks"], state["names"]), dtype=bool)
    if state["quiet"]:
        busy[1:, :: round(1 / state["quiet"])] = False
    return busy


def answers(
    state: dict[str, Any], write: Write, keys: np.ndarray, values: np.ndarray, same: Callable[..., Any] = np.array
) -> np.ndarray:
    """What the memory says to every name at the end of every week: (..., week, name, WIDTH), for any runs in front.

    `same` makes what `write` is given: an array, or a tensor.
    """
    M = same(np.zeros((*keys.shape[:-2], WIDTH, WIDTH)))
    given, said = (same(keys), same(values)), np.empty_like(values)
    for week, busy in enumerate(written(state)):
        for name in busy.nonzero()[0]:
            key = given[0][..., name, :] + 0  # a copy, should it be changed: it comes again
            M = write(M, key, given[1][..., week, name, :], state["lr"])
        said[..., week, :, :] = keys @ np.swapaxes(np.asarray(M, dtype=float), -1, -2)
    return said


def measured(state: dict[str, Any], said: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many names point first to their latest value, and the mean squared error: (run, week) each.

    First among all values that were written until then, those of the other names too.
    """
    busy, names = written(state), np.arange(state["names"])
    right, error = np.empty(said.shape[:2]), np.empty(said.shape[:2])
    for week in range(state["weeks"]):
        latest = np.where(busy[week], week, 0)
        right_ones = values[:, latest, names]
        error[:, week] = np.square(said[:, week] - right_ones).sum(-1).mean(-1)
        scores = said[:, week] @ np.swapaxes(values[:, : week + 1][:, busy[: week + 1]], -1, -2)
        best = scores.max(-1) - np.einsum("rnd,rnd->rn", said[:, week], right_ones)
        right[:, week] = (best < 1e-12).sum(-1)
    return right, error


def loudness(
    state: dict[str, Any], said: np.ndarray, values: np.ndarray, name: int
) -> tuple[np.ndarray, tuple[float, int, int]]:
    """How loud each week's value is in the last answer to a name, in one run: (week,), NaN where it got none.

    And the loudest value of the other names: how loud, whose, of which week.
    """
    scores = np.where(written(state), values @ said[-1, name], np.nan)  # (week, name)
    own, others = scores[:, name].copy(), scores
    others[:, name] = np.nan
    week, other = np.unravel_index(np.nanargmax(others), others.shape)
    return own, (float(others[week, other]), int(other), int(week))
