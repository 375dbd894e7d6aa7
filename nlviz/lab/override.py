"""Permanent facts, overridden for a while, then a gap in which nobody mentions them: is the default back?

Experiment C4 of chapter 9: one level, two that keep everything, two of which the fast one forgets, and the controls
that could explain it away. Every method is tuned over 24 settings on other seeds and holds 2,048 weights.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..runtime import generator, provenance
from ..trace import Trace
from .additive import Method, Setting
from .side_by_side import Watch

ITEMS, CODES, D_VALUE, D_KEY = 16, 32, 32, 32
OVERRIDDEN, TIMES, GAP, AGAIN, HOME = 4, 16, 40, 48, 480  # items, and steps: with them, without them, after, at first


_SLOW = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8)
_ONE: list[Setting] = [
    ((r,), (k,)) for r, k in product((0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0), (1.0, 0.99))
]
_ALL: list[Setting] = [((fast, slow), (1.0, 1.0)) for fast, slow in product((0.1, 0.2, 0.4, 0.8), _SLOW)]
_LEAKY: list[Setting] = [((fast, slow), (keep, 1.0)) for fast, slow, keep in product((0.5, 0.9), _SLOW, (0.9, 0.95))]
METHODS = {
    "one level": Method((1,), _ONE),
    "periods 1, 1, no decay": Method((1, 1), _ALL),
    "periods 1, 32, no decay": Method((1, 32), _ALL),
    "periods 1, 32, fast decays": Method((1, 32), _LEAKY),
    "periods 1, 1, fast decays": Method((1, 1), _LEAKY),
    "periods 1, 32, last gradient": Method((1, 32), _LEAKY, last_only=True),
}


def overriding(runs: int = 16, seed: int = 0, tuning_runs: int = 6, episodes: int = 6, watch: Watch = iter) -> Trace:
    """Linear levels learn 16 facts; again and again four of them are contradicted for a while.

    Args:
        runs: seeds seed, seed + 1, ...; tuning takes others.
        tuning_runs: seeds for choosing among a method's 24 settings.
        episodes: of 16 steps that override four facts, each at least once; a gap of 40 steps on the other facts; and 48
            steps on all.

    Returns:
        A Trace with "adopted" `(method, run, episode)`, the share of new values said right after the override, "back",
        the share of defaults said after the gap, and "score" `(method, run)`, the mean of both. The settings chosen are
        in `about`. One level has keys twice as wide, so that all hold the same number of weights.

    >>> overriding(runs=2, tuning_runs=1, episodes=1)["score"].shape
    (6, 2)
    """
    found, chosen = [], {}
    for name, method in watch(METHODS.items()):
        tried = _play(method, range(seed + 100_000, seed + 100_000 + tuning_runs), episodes)
        best = method.only(int(tried.mean((1, 2, 3)).argmax()))
        chosen[name] = dict(zip(("rates", "keeps"), map(list, best.settings[0]), strict=True))
        found.append(_play(best, range(seed, seed + runs), episodes)[0])
    right = torch.stack(found)  # (method, run, episode, adopted or back)
    arrays = {"adopted": right[..., 0], "back": right[..., 1], "score": right.mean((-2, -1))}
    axes = {name: ("method", "run", "episode")[: array.ndim] for name, array in arrays.items()}
    about: dict[str, Any] = dict(seed=seed, runs=runs, tuning_runs=tuning_runs, chosen=chosen)
    return Trace({n: a.numpy() for n, a in arrays.items()}, axes, {"method": list(METHODS)}, provenance(**about))


class _Stream(NamedTuple):
    keys: Tensor  # (items, d_key)
    codes: Tensor  # (codes, d_value)
    items: Tensor  # (step,)
    values: Tensor  # (step,) a code each
    asked: Tensor  # (question, 4) items, asked after the override and after the gap in turns
    wanted: Tensor  # (question, 4) codes
    when: list[int]  # (question,) asked before this step


def _stream(seed: int, d_key: int, episodes: int) -> _Stream:
    draws = generator(seed)
    default = torch.randint(CODES, (ITEMS,), generator=draws)
    items = [torch.randint(ITEMS, (HOME,), generator=draws)]
    values = [default[items[0]]]
    asked, wanted, when = [], [], []
    for _ in range(episodes):
        order = torch.randperm(ITEMS, generator=draws)
        some, others = order[:OVERRIDDEN], order[OVERRIDDEN:]
        new = (default[some] + torch.randint(1, CODES, (OVERRIDDEN,), generator=draws)) % CODES
        more = torch.randint(OVERRIDDEN, (TIMES - OVERRIDDEN,), generator=draws)  # each at least once, some more often
        turns = torch.cat([torch.arange(OVERRIDDEN), more])[torch.randperm(TIMES, generator=draws)]
        gap = others[torch.randint(len(others), (GAP,), generator=draws)]
        again = torch.randint(ITEMS, (AGAIN,), generator=draws)
        start = sum(map(len, items))
        when += [start + len(turns), start + len(turns) + GAP]
        asked += [some, some]
        wanted += [new, default[some]]
        items += [some[turns], gap, again]
        values += [new[turns], default[gap], default[again]]
    keys = normalize(torch.randn(ITEMS, d_key, generator=draws), dim=-1)
    codes = normalize(torch.randn(CODES, D_VALUE, generator=draws), dim=-1)
    return _Stream(keys, codes, torch.cat(items), torch.cat(values), torch.stack(asked), torch.stack(wanted), when)


def _play(method: Method, seeds: range, episodes: int) -> Tensor:
    """Share of right answers, (setting, run, episode, adopted or back); all settings and seeds at once."""
    d_key = D_KEY * (2 if len(method.periods) == 1 else 1)
    streams = [_stream(seed, d_key, episodes) for seed in seeds]
    keys, codes, items, values, asked, wanted = (torch.stack(parts) for parts in list(zip(*streams, strict=True))[:6])
    memory = method.levels(len(seeds), D_VALUE, d_key)
    run, right = torch.arange(len(seeds)), []
    for step in range(items.shape[1]):
        if step in streams[0].when:
            question = streams[0].when.index(step)
            query = keys[run[:, None], asked[:, question]]  # (run, 4, d_key)
            answer = memory.total @ query.mT  # (setting, run, d_value, 4)
            right.append(((codes @ answer).argmax(-2) == wanted[:, question]).float().mean(-1))
        memory.write(codes[run, values[:, step]], keys[run, items[:, step]])
    return torch.stack(right, dim=-1).unflatten(-1, (episodes, 2))
