"""Permanent facts, overridden for a while; then a gap in which nobody mentions them. Is the default back?

    at first      all facts, again and again
    episode       four of them with new values · a gap on the others · all facts with their defaults

Nobody says which value is for good. After the override the new values are asked for, after the gap the defaults, which
were not told in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..runtime import generator

ITEMS, CODES, D_VALUE, D_KEY = 16, 32, 32, 32
OVERRIDDEN, TIMES, GAP, AGAIN, HOME = 4, 16, 40, 48, 480  # items, and steps: with them, without them, after, at first


@dataclass(frozen=True)
class Overrides:
    """One fact a step, and questions now and then, for many runs side by side.

    Args:
        keys: `(run, item, d_key)`, of norm 1, one a fact.
        codes: `(run, code, d_value)`, of norm 1: the values there are.
        items: `(run, step)`, which fact is told.
        values: `(run, step)`, the code it is told with.
        asked: `(run, question, 4)`, the facts asked for, after the override and after the gap in turns.
        wanted: `(run, question, 4)`, the codes that are right.
        when: the steps before which the questions are asked; the same in all runs.
        about: seed and settings, for the provenance of a Trace.
    """

    keys: Tensor
    codes: Tensor
    items: Tensor
    values: Tensor
    asked: Tensor
    wanted: Tensor
    when: list[int]
    about: dict[str, Any]

    @property
    def chance(self) -> float:
        """Share of right answers of one who guesses."""
        return 1 / self.codes.shape[1]

    @property
    def oracle(self) -> float:
        """Share of right answers of one who keeps both values of a fact and knows which is for good: all."""
        return 1.0


def overridden_facts(runs: int = 20, seed: int = 0, episodes: int = 6, d_key: int = D_KEY) -> Overrides:
    """Sixteen facts of which four at a time are contradicted for 16 steps, then not mentioned for 40.

    Args:
        runs: seeds seed, seed + 1, ...; each its own facts, episodes and keys.
        episodes: how many, after 480 steps of the defaults; each ends with 48 steps of all of them.
        d_key: features of a key; facts and episodes are the same for any.

    >>> stream = overridden_facts(runs=3, episodes=2)
    >>> stream.items.shape, stream.when
    (torch.Size([3, 688]), [496, 536, 600, 640])
    """
    worlds = [_world(s, episodes, d_key) for s in range(seed, seed + runs)]
    parts = {name: torch.stack([world[name] for world in worlds]) for name in worlds[0]}
    when = [HOME + episode * (TIMES + GAP + AGAIN) + TIMES + late for episode in range(episodes) for late in (0, GAP)]
    return Overrides(**parts, when=when, about=dict(seed=seed, runs=runs, episodes=episodes, d_key=d_key))


def _world(seed: int, episodes: int, d_key: int) -> dict[str, Tensor]:
    draws = generator(seed)
    default = torch.randint(CODES, (ITEMS,), generator=draws)
    items = [torch.randint(ITEMS, (HOME,), generator=draws)]
    values = [default[items[0]]]
    asked, wanted = [], []
    for _ in range(episodes):
        order = torch.randperm(ITEMS, generator=draws)
        some, others = order[:OVERRIDDEN], order[OVERRIDDEN:]
        new = (default[some] + torch.randint(1, CODES, (OVERRIDDEN,), generator=draws)) % CODES
        more = torch.randint(OVERRIDDEN, (TIMES - OVERRIDDEN,), generator=draws)  # each at least once, some more often
        turns = torch.cat([torch.arange(OVERRIDDEN), more])[torch.randperm(TIMES, generator=draws)]
        gap = others[torch.randint(len(others), (GAP,), generator=draws)]
        again = torch.randint(ITEMS, (AGAIN,), generator=draws)
        asked += [some, some]
        wanted += [new, default[some]]
        items += [some[turns], gap, again]
        values += [new[turns], default[gap], default[again]]
    return {
        "keys": normalize(torch.randn(ITEMS, d_key, generator=draws), dim=-1),
        "codes": normalize(torch.randn(CODES, D_VALUE, generator=draws), dim=-1),
        "items": torch.cat(items),
        "values": torch.cat(values),
        "asked": torch.stack(asked),
        "wanted": torch.stack(wanted),
    }
