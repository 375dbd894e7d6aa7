"""Evolution strategies: numbers that no gradient reaches are learned from what whole lives with them are worth.

    for each generation     candidates = mean ± spread · noise
                            mean ← Σ weight of its rank · candidate, over the better half
                            spread ← shrink · spread

Recombination weighted by rank, as in (μ/μ_w, λ)-ES and CMA-ES (Hansen 2016), with mirrored candidates (Brockhoff et al.
2010) and a spread that shrinks on its own. Several strategies run side by side, a spread of zero holds a number fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..runtime import generator, provenance
from ..trace import Trace
from .side_by_side import Watch

Score = Callable[[Tensor, int], Tensor]
"""Candidates `(strategy, candidate, number)` and the generation to what they are worth `(strategy, candidate)`."""


def evolve(
    score: Score,
    start: Tensor,
    spread: Tensor,
    generations: int = 20,
    pairs: int = 8,
    shrink: float = 0.93,
    seed: int = 0,
    watch: Watch = iter,
    **about: Any,
) -> Trace:
    """Numbers that score high, by evolution strategies.

    Args:
        score: called once a generation with all candidates of all strategies; higher is better, NaN the worst. Its
            second argument is the generation, for fresh worlds that all candidates share.
        start: `(strategy, number)`, the first means.
        spread: `(strategy, number)`, the first standard deviations of candidates about them; 0 holds a number fast.
        generations: how many.
        pairs: of mirrored candidates, two or more: a generation scores twice as many.
        shrink: the factor of the spread from generation to generation, above 0 to 1.
        seed: of the noise, which differs from strategy to strategy.
        watch: goes through the generations, `tqdm` say.
        about: for the provenance.

    Returns:
        A Trace with "mean" `(strategy, after, number)`, where after = 0 is the start; and "score"
        `(strategy, generation, candidate)`.

    >>> bowl = lambda candidates, generation: -(candidates - torch.tensor([3.0, 7.0])).square().sum(-1)
    >>> trace = evolve(bowl, start=torch.zeros(1, 2), spread=torch.tensor([[2.0, 0.0]]))
    >>> trace["mean"][0, -1].round(1)              # the second number is held fast
    array([3., 0.], dtype=float32)
    """
    draws = generator(seed)
    by_rank = torch.log((pairs + 0.5) / torch.arange(1, pairs + 1))  # Hansen 2016, eq. 49
    by_rank = (by_rank / by_rank.sum()).to(start)[:, None]
    mean, means, scores = start, [start], []
    for generation in watch(range(generations)):
        noise = torch.randn(len(start), pairs, start.shape[1], generator=draws).to(start)
        candidates = mean[:, None] + shrink**generation * spread[:, None] * torch.cat([noise, -noise], dim=1)
        worth = score(candidates, generation).nan_to_num(nan=-torch.inf)
        best = worth.argsort(dim=1, descending=True, stable=True)[:, :pairs]
        chosen = candidates.gather(1, best[..., None].expand(-1, -1, start.shape[1]))
        mean = (by_rank * chosen).sum(1)
        means.append(mean)
        scores.append(worth)
    return Trace(
        {"mean": torch.stack(means, dim=1).cpu().numpy(), "score": torch.stack(scores, dim=1).cpu().numpy()},
        {"mean": ("strategy", "after", "number"), "score": ("strategy", "generation", "candidate")},
        about=provenance(seed=seed, pairs=pairs, shrink=shrink, **about),
    )
