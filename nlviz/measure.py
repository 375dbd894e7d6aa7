"""From a Trace to numbers: how well a memory answers, and what later writes cost earlier ones.

Plain numpy. Every function takes a Trace of `nl.run` (with or without an axis "run" or "method" in front)
or plain arrays, and gives plain arrays.
"""

from __future__ import annotations

import numpy as np

from .trace import Trace


def squared_error(trace: Trace) -> np.ndarray:
    """Squared error of every answer over the target's squared norm: `(..., query)`.

    >>> import nlviz as nl
    >>> trace = nl.run(nl.Delta(), nl.tasks.recall(pairs=1, d_key=8, d_value=8))
    >>> squared_error(trace).round(3)
    array([0.], dtype=float32)
    """
    missed = np.square(trace["target"] - trace["answer"]).sum(-1)
    return missed / np.square(trace["target"]).sum(-1)


def top1(trace: Trace, candidates: np.ndarray | None = None) -> np.ndarray:
    """Which answers point most to their own target among all candidates: `(..., query)` of 0 and 1.

    Args:
        trace: of `nl.run`.
        candidates: `(..., candidate, d_value)` with the targets first, in order; default: the targets themselves.
    """
    candidates = trace["target"] if candidates is None else candidates
    scores = trace["answer"] @ np.swapaxes(candidates, -1, -2)  # (..., query, candidate)
    return (scores.argmax(-1) == np.arange(scores.shape[-2])).astype(float)


def interference(trace: Trace) -> np.ndarray:
    """How much worse each answer is at the end than when it was best: `(..., query)`, 0 or more."""
    error = trace["error"]
    return error[..., -1, :] - error.min(-2)


def mean_interval(samples: np.ndarray, axis: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mean and half-width of its 95 % interval (Student's t) along an axis of independent seeds.

    Raises:
        ValueError: for fewer than two samples.

    >>> mean, half = mean_interval(np.array([1.0, 2.0, 3.0]))
    >>> float(mean), round(float(half), 2)
    (2.0, 2.48)
    """
    n = samples.shape[axis]
    if n < 2:
        raise ValueError(f"an interval needs at least two seeds; got {n}")
    return samples.mean(axis), _t975(n - 1) * samples.std(axis, ddof=1) / np.sqrt(n)


def _t975(freedom: int) -> float:
    """Student's t at 97.5 % by the Cornish-Fisher series about the normal; exact values where it is coarse."""
    exact = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
    z = 1.959964
    series = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return exact.get(freedom, series)


def average(trace: Trace, axis: str) -> Trace:
    """The mean over one axis of every array that has it; that axis is gone.

    >>> one = Trace({"error": np.arange(6.0).reshape(2, 3)}, {"error": ("run", "step")})
    >>> average(one, axis="run")["error"]
    array([1.5, 2.5, 3.5])
    """
    trace.along(axis)  # a wrong name is an error with a sentence
    arrays = {
        name: array.mean(trace.axes[name].index(axis)) if axis in trace.axes[name] else array
        for name, array in trace.arrays.items()
    }
    axes = {name: tuple(a for a in names if a != axis) for name, names in trace.axes.items()}
    labels = {a: values for a, values in trace.labels.items() if a != axis}
    return Trace(arrays, axes, labels, {**trace.about, "averaged over": axis})
