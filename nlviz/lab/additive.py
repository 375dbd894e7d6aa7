"""Linear memories side by side whose answers add up and which all learn from one shared error.

    answer      Σ M_l k                    error     value − answer
    every step  waiting_l ← waiting_l + error kᵀ
    every C_l   M_l ← keep_l^C_l M_l + rate_l waiting_l;  waiting_l ← 0

The smallest Continuum Memory System with independent levels (Nested Learning, eq. 74, with linear levels); one fast and
leaky, one slow are the two states of motor learning (Smith, Ghazizadeh & Shadmehr 2006). `keep` counts per step, so
that a clock changes no half-life. Without decay, levels of one period are a single one with the summed rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..memory import apply, outer


class AdditiveLevels:
    """Several levels `(..., d_value, d_key)` on one key, begun at zero.

    Args:
        periods: of each level, steps from write to write.
        rates: `(..., level)`, the step on a sum of errors.
        keeps: `(..., level)`, the factor that stays per step.
        d_value, d_key: features.
        average: write the mean of a period's errors instead of their sum.
        last_only: keep only the last error of a period: the control in which a slow level looks away between its ticks.

    >>> levels = AdditiveLevels((1, 2), torch.tensor([0.5, 0.25]), torch.tensor([1.0, 1.0]), d_value=1, d_key=1)
    >>> for _ in range(2):
    ...     error = levels.write(torch.ones(1), torch.ones(1))
    >>> [M.item() for M in levels.memories]        # 0.5 + 0.25, and 0.25 times both errors
    [0.75, 0.375]
    """

    def __init__(
        self,
        periods: Sequence[int],
        rates: Tensor,
        keeps: Tensor,
        d_value: int,
        d_key: int,
        average: bool = False,
        last_only: bool = False,
    ) -> None:
        self.periods = tuple(periods)
        steps = [rate / (period if average else 1) for rate, period in zip(rates.unbind(-1), self.periods, strict=True)]
        kept = [keep**period for keep, period in zip(keeps.unbind(-1), self.periods, strict=True)]
        self.steps = [step[..., None, None] for step in steps]
        self.kept = [keep[..., None, None] for keep in kept]
        self.last_only = last_only
        shape = (*rates.shape[:-1], d_value, d_key)
        self.memories = [torch.zeros(shape, dtype=rates.dtype, device=rates.device) for _ in self.periods]
        self.waiting = [torch.zeros_like(M) for M in self.memories]
        self.age = 0

    def read(self, key: Tensor) -> Tensor:
        """What all levels answer together: `(..., d_key)` to `(..., d_value)`."""
        return apply(self.total, key)

    @property
    def total(self) -> Tensor:
        """The sum of the levels, `(..., d_value, d_key)`."""
        first, *others = self.memories
        for M in others:
            first = first + M
        return first

    def write(self, value: Tensor, key: Tensor) -> Tensor:
        """Learn one pair; gives the error before."""
        error = value - self.read(key)
        self.tick(outer(error, key))
        return error

    def tick(self, tile: Tensor | None) -> None:
        """One step of all clocks, with an error times its key, `(..., d_value, d_key)`, or None in silence."""
        self.age += 1
        for period, step, keep, M, waiting in zip(
            self.periods, self.steps, self.kept, self.memories, self.waiting, strict=True
        ):
            if period == 1:  # nothing waits
                M.mul_(keep)
                if tile is not None:
                    M.addcmul_(step, tile)
                continue
            if tile is not None:
                if self.last_only:
                    waiting.zero_()
                waiting.add_(tile)
            if self.age % period == 0:
                M.mul_(keep).addcmul_(step, waiting)
                waiting.zero_()


Setting = tuple[tuple[float, ...], tuple[float, ...]]
"""A rate a level, and a keep a level."""


class Method(NamedTuple):
    """Clocks, and the settings to choose from when an experiment tunes them.

    >>> Method((1,), [((0.5,), (1.0,)), ((0.7,), (1.0,))]).levels(runs=3, d_value=1, d_key=2).total.shape
    torch.Size([2, 3, 1, 2])
    """

    periods: tuple[int, ...]
    settings: Sequence[Setting]
    last_only: bool = False

    def levels(self, runs: int, d_value: int, d_key: int) -> AdditiveLevels:
        """Empty levels for all settings and runs at once, `(setting, run, d_value, d_key)`."""
        shape = (len(self.settings), runs, len(self.periods))
        rates, keeps = (torch.tensor([setting[i] for setting in self.settings])[:, None].expand(shape) for i in (0, 1))
        return AdditiveLevels(self.periods, rates, keeps, d_value, d_key, last_only=self.last_only)

    def only(self, setting: int) -> Method:
        """The same with one of its settings."""
        return self._replace(settings=[self.settings[setting]])
