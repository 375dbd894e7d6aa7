"""What the Frequency mixer computes: additive linear levels that learn A, then B = −A, then hear nothing.

    tile = error kᵀ                with error = ±A k − Σ M k; minus the gradient of ½ ‖error‖²
    every step                     waiting ← waiting + tile
    every `period` steps           M ← keep^period M + rate waiting;   waiting ← 0

frequency_mixer_model.js computes the same in the browser, and `nl.lab.spectrum` in torch. Nested Learning, eq. 74, with
linear levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from ..seeded import normals

WIDTH = 16  # features of keys and values
LIMIT = 100.0  # more than this many times A: it diverges

Rule = Callable[..., tuple[np.ndarray, np.ndarray]]


def level_step(
    M: np.ndarray, waiting: np.ndarray, tile: np.ndarray, step: int, period: int, rate: float, keep: float
) -> tuple[np.ndarray, np.ndarray]:
    """One step of one level: accumulate; write when the clock ticks; clear."""
    waiting = waiting + tile
    if step % period == 0:
        M = keep**period * M + rate * waiting
        waiting = np.zeros_like(waiting)
    return M, waiting


def playing(state: dict[str, Any]) -> list[int]:
    """The levels that take part: those with solo, else those that are not muted."""
    count = range(len(state["levels"]))
    return [i for i in count if (i in state["solo"] if state["solo"] else i not in state["muted"])]


def reach(state: dict[str, Any], level: Sequence[float]) -> float:
    """The rate on one error: the mean of a period counts each of its errors for less, unless the rate is held."""
    period, rate, _ = level
    return rate / period if state["average"] and not state["hold"] else rate


def late(period: float, steps: Sequence[int]) -> float:
    """How many steps of B pass before a level's first write that holds one (NaN: there is none)."""
    first = (steps[0] // period + 1) * period
    return first - steps[0] - 1 if first <= sum(steps) else np.nan


@lru_cache(maxsize=32)
def stream(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A, row by row, and then `count` keys of norm 1: the same numbers as in the browser."""
    draw = normals(seed)
    A = np.array(list(islice(draw, WIDTH * WIDTH))).reshape(WIDTH, WIDTH)
    keys = np.array(list(islice(draw, count * WIDTH))).reshape(count, WIDTH)
    return A, keys / np.linalg.norm(keys, axis=1, keepdims=True)


def mix(state: dict[str, Any]) -> np.ndarray:
    """What every level says for A, the mean over streams: (level, step), silent levels too; step 0 is before the first.

    From the step on at which a stream diverges, all is NaN.
    """
    drawn = [stream(state["seed"] + s, sum(state["steps"][:2])) for s in range(state["streams"])]
    A, keys = (np.stack(arrays) for arrays in zip(*drawn, strict=True))
    return _placed(state, _run(state, A, keys, level_step).mean(0))


def mix_with(rule: Rule, state: dict[str, Any]) -> np.ndarray:
    """The same with another rule for one level's step, one stream after the other."""
    drawn = [stream(state["seed"] + s, sum(state["steps"][:2])) for s in range(state["streams"])]
    return _placed(state, np.mean([_run(state, A, keys, rule) for A, keys in drawn], axis=0))


def _placed(state: dict[str, Any], shares: np.ndarray) -> np.ndarray:
    """(step, playing level) to (level, step)."""
    every = np.where(np.isnan(shares).any(axis=1), np.nan, np.zeros((len(state["levels"]), len(shares))))
    every[playing(state)] = shares.T
    return every


def _run(state: dict[str, Any], A: np.ndarray, keys: np.ndarray, rule: Rule) -> np.ndarray:
    """Shares (..., step, playing level) for A (..., d, d) and keys (..., step, d)."""
    desk = [(level[0], reach(state, level), level[2]) for level in (state["levels"][i] for i in playing(state))]
    learning, last = sum(state["steps"][:2]), sum(state["steps"])
    size = np.square(A).sum((-2, -1))
    memories, waiting = [np.zeros_like(A) for _ in desk], [np.zeros_like(A) for _ in desk]
    tile = np.zeros_like(A)
    shares = np.full((*A.shape[:-2], last + 1, len(desk)), np.nan)
    shares[..., 0, :] = 0
    for step in range(1, last + 1):
        if step <= learning:
            key = keys[..., step - 1, :]
            wanted = A if step <= state["steps"][0] else -A
            error = ((wanted - sum(memories)) @ key[..., None])[..., 0]
            tile = error[..., :, None] * key[..., None, :]
            if not (np.square(error).sum(-1) * WIDTH < LIMIT**2 * size).all():
                break
        elif step == learning + 1:
            tile = np.zeros_like(A)
        for i, (period, rate, keep) in enumerate(desk):
            memories[i], waiting[i] = rule(memories[i], waiting[i], tile, step, period, rate, keep)
        now = [np.einsum("...ij,...ij->...", M, A) / size for M in memories]
        if not (np.abs(now) < LIMIT).all():
            break
        if desk:
            shares[..., step, :] = np.stack(now, axis=-1)
    return shares
