"""How the learning rate goes: a function of the step, and nothing to remember."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int], float]
"""From the step, counted from 0, to the factor its learning rate is multiplied by."""


def warmup_cosine(steps: int, warmup: int = 0, floor: float = 0.0) -> Schedule:
    """Rises in a line to 1, then falls along half a cosine.

    Args:
        steps: in all; after them it stays at the floor.
        warmup: of them to rise in; the last of these has factor 1.
        floor: where it falls to, 0 to 1.

    Raises:
        ValueError: if the rise takes all the steps, or more.

    Loshchilov & Hutter 2017, without restarts.

    >>> import nlviz as nl
    >>> factor = nl.loops.warmup_cosine(steps=8, warmup=2)
    >>> [round(factor(step), 2) for step in range(9)]
    [0.5, 1.0, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07, 0.0]
    """
    if not 0 <= warmup < steps:
        raise ValueError(f"warmup_cosine: warmup is below the {steps} steps, 0 or more; got {warmup}")

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        share = min((step - warmup) / (steps - warmup), 1.0)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share))

    return factor
