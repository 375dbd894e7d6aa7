"""A report card: what was claimed, the number it stands on with its interval, and whether it passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..measure import mean_interval


@dataclass(frozen=True)
class Claim:
    """A sentence, and where the mean over independent seeds should lie for it to hold.

    Args:
        words: what is claimed, as short as it can be said.
        samples: one number a seed, two or more; differences and ratios are best taken seed by seed.
        above, below: the whole 95 % interval of the mean is asked to lie between them.

    >>> Claim("fewer errors than the baseline, a ratio", [0.5, 0.6, 0.55], below=1.0)
    pass     fewer errors than the baseline, a ratio: 0.550 ± 0.124, asked is below 1
    """

    words: str
    samples: Sequence[float] | np.ndarray
    above: float = -math.inf
    below: float = math.inf

    @property
    def passed(self) -> bool:
        """Whether the whole interval lies where it was claimed; never where a number is no number."""
        mean, half = mean_interval(np.asarray(self.samples, dtype=float))
        return bool(self.above < mean - half and mean + half < self.below)

    def __repr__(self) -> str:
        mean, half = mean_interval(np.asarray(self.samples, dtype=float))
        ends = {"above": self.above, "below": self.below}
        asked = " and ".join(f"{side} {end:g}" for side, end in ends.items() if math.isfinite(end))
        return f"{'pass' if self.passed else 'not yet':9}{self.words}: {mean:.3f} ± {half:.3f}, asked is {asked}"


@dataclass(frozen=True)
class ReportCard:
    """Claims, one a line, and how many of them pass.

    >>> ReportCard([Claim("a gain", [0.1, 0.2, 0.3], above=0), Claim("a large gain", [0.1, 0.2, 0.3], above=0.5)])
    not yet  a gain: 0.200 ± 0.248, asked is above 0
    not yet  a large gain: 0.200 ± 0.248, asked is above 0.5
    0 of 2 claims pass, each with its whole 95 % interval over 3 seeds
    """

    claims: Sequence[Claim]

    @property
    def passed(self) -> int:
        """How many pass."""
        return sum(claim.passed for claim in self.claims)

    def __repr__(self) -> str:
        seeds = sorted({len(claim.samples) for claim in self.claims})
        over = f"over {' or '.join(map(str, seeds))} seeds"
        end = f"{self.passed} of {len(self.claims)} claims pass, each with its whole 95 % interval {over}"
        return "\n".join([*map(repr, self.claims), end])
