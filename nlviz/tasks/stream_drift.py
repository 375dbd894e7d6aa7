"""A regression whose weights drift on several time scales at once.

    weights = Σ of parts, one a scale        each part fades by exp(−1 / scale) a step and is pushed by as much noise
    heard = weights · input + noise

A learner hears inputs and noisy values and says the next value before it hears it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..runtime import generator


@dataclass(frozen=True)
class Drift:
    """Inputs in time and what is to be said of each, for many runs side by side.

    Args:
        inputs: `(step, run, d)`.
        wanted: `(step, run)`, the value without noise.
        heard: `(step, run)`, the value a learner hears.
        scales: in how many steps each part of the weights is renewed.
        noise: its standard deviation; that of a wanted value is 1.
        about: seed and settings, for the provenance of a Trace.
    """

    inputs: Tensor
    wanted: Tensor
    heard: Tensor
    scales: tuple[float, ...]
    noise: float
    about: dict[str, Any]

    @property
    def chance(self) -> float:
        """Error of one who says 0: 1, the variance of what is to be said."""
        return 1.0

    @cached_property
    def said(self) -> Tensor:
        """`(step, run)`: what the best of all learners says, one that is told the scales and the noise.

        The Kalman filter (Kalman 1960) over all parts of the weights: no other answer from what was heard has less
        squared error on average.
        """
        _, runs, d = self.inputs.shape
        parts = len(self.scales)
        keep = torch.tensor([math.exp(-1 / scale) for scale in self.scales]).repeat_interleave(d)
        spread = torch.full((parts * d,), 1 / (parts * d))  # of each weight, at all times
        mean = torch.zeros(runs, parts * d)
        covariance = torch.diag(spread).expand(runs, -1, -1)
        said = []
        for x, heard in zip(self.inputs.repeat(1, 1, parts), self.heard, strict=True):
            said.append((mean * x).sum(-1))
            seen = (covariance @ x[..., None])[..., 0]  # (run, weight)
            gain = seen / ((seen * x).sum(-1) + self.noise**2)[:, None]
            mean = keep * (mean + gain * (heard - said[-1])[:, None])
            covariance = covariance - gain[..., None] * seen[:, None]
            covariance = keep[:, None] * covariance * keep + torch.diag((1 - keep**2) * spread)
        return torch.stack(said)

    @property
    def oracle(self) -> Tensor:
        """`(run,)`: the error of the best of all learners."""
        return self.error(self.said)

    def error(self, said: Tensor, since: float = 0.25) -> Tensor:
        """Mean squared error over the variance of what is to be said: `(step, run)` to `(run,)`, 0 is perfect.

        Args:
            said: before each value was heard.
            since: the share of the stream that is not counted.
        """
        first = int(since * len(said))
        return (said - self.wanted)[first:].square().sum(0) / self.wanted[first:].square().sum(0)


def drifting_regression(
    runs: int = 20,
    seed: int = 0,
    steps: int = 4000,
    d: int = 8,
    scales: Sequence[float] = (10, 2000),
    noise: float = 0.5,
) -> Drift:
    """Weights that are a sum of independent parts, each with a time scale of its own.

    Args:
        runs: seeds seed, seed + 1, ...; each its own weights, inputs and noise.
        steps: values in all.
        d: features of an input, each normal.
        scales: in steps, above 0.
        noise: standard deviation of what is added to a value; 0 or more.

    >>> stream = drifting_regression(runs=3, steps=400)
    >>> bool((stream.oracle < stream.chance).all())
    True
    """
    if not scales or min(scales) <= 0:
        raise ValueError(f"drifting_regression: scales are steps, above 0; got {list(scales)}")
    draws = [generator(s) for s in range(seed, seed + runs)]

    def draw(*shape: int) -> Tensor:
        return torch.stack([torch.randn(steps, *shape, generator=g) for g in draws], dim=1)

    weights = torch.zeros(steps, runs, d)
    for scale in scales:
        keep = math.exp(-1 / scale)
        pushes = draw(d) / (len(scales) * d) ** 0.5
        pushes[1:] *= (1 - keep**2) ** 0.5  # so that each part has the same variance at all times
        part = torch.zeros_like(pushes[0])
        for step, push in enumerate(pushes):
            part = keep * part + push
            weights[step] += part
    inputs = draw(d)
    wanted = (weights * inputs).sum(-1)
    about = dict(seed=seed, runs=runs, steps=steps, d=d, scales=list(scales), noise=noise)
    return Drift(inputs, wanted, wanted + noise * draw(), tuple(scales), noise, about)
