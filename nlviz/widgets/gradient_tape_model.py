"""What the Gradient tape computes: momentum on a bowl that is steep across and flat along, whose minimum moves.

    g = curvature (w − minimum)          v ← momentum v + g          w ← w − lr v

gradient_tape_model.js computes the same in the browser. A direction swings where momentum > (1 − √(lr curvature))²
and diverges where lr curvature > 2 (1 + momentum); Goh 2017, "Why Momentum Really Works".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

STEPS = 150
CURVATURE = (1.0, 0.01)  # across, along
MINIMA = ((-0.05, 5.0), (0.05, -5.0))  # of task A and of task B: (across, along)


def window(momentum: float, share: float) -> int:
    """How many of the last gradients carry a share of all weight: the smallest n with 1 − momentumⁿ ≥ share."""
    return max(1, math.ceil(math.log1p(-share) / math.log(momentum) - 1e-9)) if momentum else 1


def step(w: Any, v: Any, g: Any, lr: float, momentum: float) -> tuple[Any, Any]:
    """One step of descent with momentum: the new weights and the new velocity."""
    v = momentum * v + g
    return w - lr * v, v


def outlook(lr: float, momentum: float, start: Sequence[float]) -> tuple[str, float]:
    """What kind of movement this is, and the loss after all steps of task A alone as a share of the first one."""
    room = 2 * (1 + momentum) - lr * CURVATURE[0]
    if room < -1e-9:
        return "diverges", math.inf
    far = np.array(start) - MINIMA[0]
    w, v = np.ones(2), np.zeros(2)
    for _ in range(STEPS):
        w, v = step(w, v, CURVATURE * w, lr, momentum)
    left = float(np.sum(CURVATURE * (w * far) ** 2) / np.sum(CURVATURE * far**2))
    if room < 1e-9:
        return "edge", left
    if momentum > (1 - math.sqrt(lr * CURVATURE[1])) ** 2 + 1e-9:
        return "swings", left
    return ("slow" if abs(w[1]) > 0.1 else "settles"), left


def descend(state: dict[str, Any], rule: Callable[..., Any] = step) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The path (step, direction) with its start, and the gradients and velocities (step, direction)."""
    w, v = np.array(state["start"]), np.zeros(2)
    change = STEPS if state["switch"] is None else state["switch"]
    path, gradients, velocities = [w], [], []
    for t in range(STEPS):
        g = CURVATURE * (w - MINIMA[t >= change])
        w, v = rule(w, v, g, state["lr"], state["momentum"])
        path.append(w)
        gradients.append(g)
        velocities.append(v)
    return np.array(path), np.array(gradients), np.array(velocities)


def old_ink(state: dict[str, Any], t: int) -> float:
    """The share of the ink in step t that is from before the switch: by size, whichever way it pushes."""
    _, gradients, velocities = descend(state)
    parts = np.abs(state["momentum"] ** np.arange(t - 1.0, -1, -1) * (gradients[:t] @ velocities[t - 1]))
    return float(parts[: state["switch"]].sum() / parts.sum()) if parts.sum() else 0.0


def drift(state: dict[str, Any]) -> int:
    """How many steps after the switch still go the old way along the valley."""
    _, gradients, velocities = descend(state)
    away = (gradients * velocities)[state["switch"] :, 1] < 0
    return int(np.cumprod(away).sum())
