"""Periods read off a log of writes: what a level does, beside what it is said to do.

A level has period C if C ticks lie between every two of its writes, C at most before the first and fewer than C after
the last. A log that shows anything else has no period, and a short one does not show which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...trace import Trace

RASTERS = {"step": "wrote", "token": "wrote in context", "loss": "wrote by learn"}
"""What a level's writer counts, and the array of a log in which those ticks are."""

ENOUGH = 3
"""Writes without which no period is given: two gaps at least that can differ."""


@dataclass(frozen=True)
class Recovered:
    """What a log says about one level.

    Args:
        period: from write to write; `math.inf`: not within these ticks, and later for all they say; None: no period,
            `why` says so.
        writes: how many the log has.
        mean: time per write, `math.inf` without any; of an irregular level too.
        why: "" or the reason for None.
    """

    period: float | None
    writes: int
    mean: float
    why: str = ""


def recover_period(wrote: Any, tick: float = 1) -> Recovered:
    """The period of one level.

    Args:
        wrote: `(ticks,)`, true where the level was written.
        tick: time from one entry to the next.

    Returns:
        The period in the time of `tick`. None where gaps differ, for 1 or 2 writes, and for a log without a tick.

    >>> recover_period([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]).period
    4
    >>> recover_period([0, 1, 0, 0, 1, 1, 0, 0]).why
    'irregular: 1 to 3 from write to write'
    """
    wrote = np.asarray(wrote).astype(bool)
    times = np.flatnonzero(wrote) + 1
    count = len(times)
    if not len(wrote):
        return Recovered(None, 0, math.inf, "no tick in the log")
    if not count:
        return Recovered(math.inf, 0, math.inf)
    mean = len(wrote) * tick / count
    gaps = np.diff(times)
    before, after = times[0], len(wrote) - times[-1]
    shortest, longest = gaps.min(initial=len(wrote)), max(gaps.max(initial=0), before, after + 1)
    if count > 1 and (gaps.min() != gaps.max() or longest > shortest):
        low, high = shortest * tick, longest * tick
        return Recovered(None, count, mean, f"irregular: {low:g} to {high:g} from write to write")
    if count < ENOUGH:
        return Recovered(
            None, count, mean, f"only {count} {'write' if count == 1 else 'writes'}: a longer log would tell"
        )
    period = gaps[0].item() * tick
    return Recovered(period, count, mean)


def recover_periods(trace: Trace) -> dict[str, Recovered]:
    """The period of every level that a log has seen, in tokens.

    Args:
        trace: of `watch`. Steps and losses count `tokens_per_step` tokens each, as its `about` has them.

    Returns:
        Name -> what the log says, for each level whose clock the log has and which it could see (`about["not seen"]`
        has the others). What keeps nothing, as attention, writes nothing, and is not in it.

    >>> import numpy as np
    >>> log = Trace(
    ...     {"wrote": np.tile([0, 1], (1, 4)), "clock": np.array(["step"])},
    ...     {"wrote": ("level", "step"), "clock": ("level",)},
    ...     {"level": ["weights"]},
    ...     {"tokens_per_step": 16},
    ... )
    >>> recover_periods(log)["weights"].period
    32
    """
    found = {}
    for name in trace.along("level"):
        one = trace.select(level=name)
        raster = RASTERS.get(str(one["clock"]), "")
        if raster in trace and name not in trace.about.get("not seen", {}):
            tick = 1 if raster == "wrote in context" else trace.about["tokens_per_step"]
            found[name] = recover_period(one[raster], tick)
    return found
