"""Permanent facts, overridden for a while, then a gap in which nobody mentions them: is the default back?

Experiment C4 of chapter 9: one level, two that keep everything, two of which the fast one forgets, and the controls
that could explain it away. Every method is tuned over 24 settings on other seeds and holds 2,048 weights.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor

from ..runtime import provenance
from ..tasks.stream_overrides import D_KEY, D_VALUE, overridden_facts
from ..trace import Trace
from .additive import Method, Setting
from .side_by_side import Watch

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
        tried = _play(method, tuning_runs, seed + 100_000, episodes)
        best = method.only(int(tried.mean((1, 2, 3)).argmax()))
        chosen[name] = dict(zip(("rates", "keeps"), map(list, best.settings[0]), strict=True))
        found.append(_play(best, runs, seed, episodes)[0])
    right = torch.stack(found)  # (method, run, episode, adopted or back)
    arrays = {"adopted": right[..., 0], "back": right[..., 1], "score": right.mean((-2, -1))}
    axes = {name: ("method", "run", "episode")[: array.ndim] for name, array in arrays.items()}
    about: dict[str, Any] = dict(seed=seed, runs=runs, tuning_runs=tuning_runs, chosen=chosen)
    return Trace({n: a.numpy() for n, a in arrays.items()}, axes, {"method": list(METHODS)}, provenance(**about))


def _play(method: Method, runs: int, seed: int, episodes: int) -> Tensor:
    """Share of right answers, (setting, run, episode, adopted or back); all settings and seeds at once."""
    stream = overridden_facts(runs, seed, episodes, d_key=D_KEY * (2 if len(method.periods) == 1 else 1))
    memory = method.levels(runs, D_VALUE, stream.keys.shape[-1])
    run, right = torch.arange(runs), []
    for step, (items, values) in enumerate(zip(stream.items.T, stream.values.T, strict=True)):
        if step in stream.when:
            question = stream.when.index(step)
            query = stream.keys[run[:, None], stream.asked[:, question]]  # (run, 4, d_key)
            answer = memory.total @ query.mT  # (setting, run, d_value, 4)
            right.append(((stream.codes @ answer).argmax(-2) == stream.wanted[:, question]).float().mean(-1))
        memory.write(stream.codes[run, values], stream.keys[run, items])
    return torch.stack(right, dim=-1).unflatten(-1, (episodes, 2))
