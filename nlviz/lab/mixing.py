"""You learned A for long and B for a day. Now nobody teaches you anything: what comes back? (Chapter 9.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..nested.clock import level_names
from ..runtime import provenance
from ..seeded import first_normals
from ..trace import Trace
from .additive import AdditiveLevels


class Level(NamedTuple):
    """One level of a spectrum: `period` steps from write to write, `rate` of a write, `keep` per step."""

    period: int
    rate: float
    keep: float = 1.0


FAST, SLOW = Level(1, 0.8, 0.95), Level(8, 0.15, 1.0)


def spectrum(
    levels: Sequence[Level | tuple[int, float, float]] = (FAST, SLOW),
    steps: tuple[int, int, int] = (400, 40, 120),
    average: bool = False,
    last_only: bool = False,
    streams: int = 4,
    seed: int = 0,
    d: int = 16,
) -> Trace:
    """Additive linear levels learn a map A, then B = −A, then hear nothing.

    Args:
        levels: each (period, rate, keep): steps from write to write, 1 or more; the step on the errors gathered since;
            the factor that stays per step, 0 to 1, applied when the level writes.
        steps: how long A, B and silence last.
        average: write the mean of a period's errors instead of their sum; the period then acts as a smaller rate.
        last_only: keep only the last error of a period (a control).
        streams: stream i is drawn from seed + i by `nlviz.seeded`, so that a browser draws the same: first A, row by
            row, then the keys, one by one, each scaled to norm 1.
        d: features of keys and values.

    Returns:
        A Trace. "overlap" `(stream, level, step)`, what a level says in favour of A, ⟨M, A⟩ / ‖A‖², and "total"
        `(stream, step)`, their sum: 1 is A, −1 is B. "surprise" `(stream, step)`, the norm of the error over that of a
        typical value of A. "tick" and "empty" `(level, step)` of 0 and 1: writes, and those with nothing in them.
        "writes", "empty writes" `(level,)`, and "lateness" `(level,)`, steps from the first of B to the first write
        that holds it (NaN: never). "recovery" `(stream,)`, the total at the end. Steps count from 1.

    Raises:
        ValueError: for a period below 1, or a keep outside 0 to 1.

    >>> trace = spectrum(streams=2)
    >>> trace["total"][:, [399, 439, 559]].mean(0).round(2)    # at the end of A, of B, and of the silence
    array([ 0.93, -0.34,  0.44])
    """
    desk = [Level(*level) for level in levels]
    for level in desk:
        if not (isinstance(level.period, int) and level.period >= 1 and 0 <= level.keep <= 1):
            raise ValueError(
                f"spectrum: a level has a period of 1 or more steps and keeps 0 to 1 of itself; got {level}"
            )
    learning = steps[0] + steps[1]
    maps, keys = _draw(streams, seed, d, learning)
    sign = torch.ones(learning, dtype=maps.dtype)
    sign[steps[0] :] = -1
    size = maps.square().sum((-2, -1))  # (stream,)
    memory = AdditiveLevels(
        [level.period for level in desk],
        torch.tensor([level.rate for level in desk], dtype=maps.dtype).expand(streams, -1),
        torch.tensor([level.keep for level in desk], dtype=maps.dtype).expand(streams, -1),
        d,
        d,
        average=average,
        last_only=last_only,
    )
    overlap, surprise = [], []
    for step in range(sum(steps)):
        if step < learning:
            key = keys[:, step]
            error = memory.write(sign[step] * (maps @ key[..., None])[..., 0], key)
            surprise.append(error.norm(dim=-1) / (size / d).sqrt())
        else:
            memory.tick(None)
            surprise.append(torch.zeros_like(size))
        overlap.append((torch.stack(memory.memories) * maps).sum((-2, -1)) / size)  # (level, stream)
    shares = torch.stack(overlap).permute(2, 1, 0).numpy()  # (stream, level, step)
    arrays = {"overlap": shares, "total": shares.sum(1), "surprise": torch.stack(surprise, dim=-1).numpy()}
    arrays |= {"recovery": arrays["total"][:, -1], **_clocks([level.period for level in desk], steps)}
    axes: dict[str, tuple[str, ...]] = {"overlap": ("stream", "level", "step"), "total": ("stream", "step")}
    axes |= {
        "surprise": ("stream", "step"),
        "recovery": ("stream",),
        "tick": ("level", "step"),
        "empty": ("level", "step"),
    }
    axes |= {name: ("level",) for name in ("writes", "empty writes", "lateness")}
    settings = dict(
        levels=[list(level) for level in desk], steps=list(steps), average=average, last_only=last_only, d=d
    )
    about = provenance(seed=seed, streams=streams, **settings)
    names = level_names([f"period {level.period}" for level in desk])
    return Trace(arrays, axes, {"step": list(range(1, sum(steps) + 1)), "level": names}, about)


def _draw(streams: int, seed: int, d: int, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The map A (stream, d, d) and unit keys (stream, step, d), the same numbers as in the browser."""
    drawn = [first_normals(seed + stream, d * d + steps * d) for stream in range(streams)]
    numbers = torch.tensor(np.array(drawn), dtype=torch.float64)
    keys = numbers[:, d * d :].reshape(streams, steps, d)
    return numbers[:, : d * d].reshape(streams, d, d), keys / keys.norm(dim=-1, keepdim=True)


def _clocks(periods: Sequence[int], steps: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """When each level writes, which writes hold nothing, and how late B arrives."""
    step = np.arange(1, sum(steps) + 1)
    period = np.array(periods)[:, None]
    tick = step % period == 0
    empty = tick & (step - period >= steps[0] + steps[1])  # the write before came after the last error
    first = (steps[0] // period[:, 0] + 1) * period[:, 0]  # the first tick after A
    late = np.where(first <= sum(steps), first - steps[0] - 1, np.nan)
    counts = {"writes": tick.sum(1), "empty writes": empty.sum(1), "lateness": late}
    return {"tick": tick.astype(np.uint8), "empty": empty.astype(np.uint8), **counts}
