"""One momentum remembers on one time scale: which factor is best depends on how long a direction lasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from ..runtime import generator, provenance
from ..trace import Trace
from .side_by_side import Watch, advance, begin

if TYPE_CHECKING:
    from ..optim.base import Rule


def one_time_scale(
    rules: Mapping[float, Rule],
    lasts: Sequence[int] = (1, 8, 64, 400),
    noises: Sequence[float] = (1.0, 2.0, 4.0),
    runs: int = 12,
    steps: int = 4000,
    d: int = 64,
    seed: int = 0,
    watch: Watch = iter,
) -> Trace:
    """Gradients are a direction, new every so many steps, and noise: how well does a memory of them point that way?

    Args:
        rules: factor of the memory that stays -> optimizer rule with that factor.
        lasts: how many steps a direction lasts.
        noises: norm of the noise over that of the direction.
        runs: seeds seed, seed + 1, ...; the same directions and noise for every factor, noise level and duration.
        steps: of which the first quarter is not counted.
        d: features of a gradient.
        watch: goes through the rules, `tqdm` say.

    Returns:
        A Trace with "cosine" `(noise, factor, lasts, run)`: of the step, turned round, with the direction of the
        moment, averaged over steps.

    Source: Nested Learning, section 4.3 (momentum covers the last few gradients only).

    >>> import nlviz as nl
    >>> rules = {b: nl.optim.MomentumEMA(momentum=b) for b in (0.0, 0.9)}
    >>> one_time_scale(rules, runs=2, steps=400, noises=[1.0])["cosine"].mean(-1).round(1)[0].T   # (lasts, factor)
    array([[0.7, 0.3],
           [0.7, 0.6],
           [0.7, 0.9],
           [0.7, 1. ]], dtype=float32)
    """
    draws = [generator(s) for s in range(seed, seed + runs)]
    fresh = normalize(torch.stack([torch.randn(steps, d, generator=g) for g in draws]), dim=-1)  # (run, step, d)
    static = torch.stack([torch.randn(steps, d, generator=g) for g in draws]) / d**0.5
    found = []
    for rule in watch(rules.values()):
        w = torch.zeros(len(noises) * len(lasts) * runs, d)
        state, total = begin(rule, w), torch.zeros(len(noises), len(lasts), runs)
        for t in range(steps):
            true = torch.stack([fresh[:, t // period] for period in lasts])  # (lasts, run, d)
            grad = true + torch.tensor(noises)[:, None, None, None] * static[:, t]
            step, state = advance(rule, grad.flatten(0, 2), state, w)
            if t >= steps // 4:
                total += cosine_similarity(-step.view_as(grad), true, dim=-1)
        found.append(total / (steps - steps // 4))
    cosine: Tensor = torch.stack(found, dim=1)
    return Trace(
        {"cosine": cosine.numpy()},
        {"cosine": ("noise", "factor", "lasts", "run")},
        {"noise": list(noises), "factor": list(rules), "lasts": list(lasts)},
        provenance(seed=seed, runs=runs, steps=steps, d=d, rules=[repr(rule) for rule in rules.values()]),
    )
