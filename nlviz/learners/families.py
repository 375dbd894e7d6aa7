"""Families of learners: how to build one for many runs at once, and eight settings to choose from.

Every family is tuned over the same number of settings; a control that asks what one part is good for takes the setting
of the learner it is a control of, and changes that part alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

from torch import Tensor

from ..optim import Adam, Momentum
from .elastic import Elastic
from .ewc import EWC
from .gated import Gated
from .levels import Levels
from .network import Network
from .replay import Replay

Setting = tuple[float, ...]


class Family(NamedTuple):
    """One way to learn.

    Args:
        make: called as `make(seeds, *columns)`: seeds of the first weights, one a run, and for each number in a setting
            a tensor `(runs,)`; gives a learner with `predict(x)` and `learn(x, y)`.
        settings: to choose from on other seeds, the cautious ones first.
        setting_of: instead, the family whose chosen setting is taken.

    >>> import torch
    >>> family = Family(lambda seeds, lr: Levels(Network(seeds), lr), settings=[(0.1,), (0.2,)])
    >>> family.make([0, 1], torch.tensor([0.1, 0.2])).clock.periods
    [1]
    """

    make: Callable[..., Any]
    settings: Sequence[Setting] = ()
    setting_of: str | None = None


OURS = "surprise gate, periods 1, 4, 16"

RATES: list[Setting] = [(lr,) for lr in (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)]
SMALL_RATES: list[Setting] = [(lr,) for lr in (0.0001, 0.0003, 0.0006, 0.001, 0.002, 0.004, 0.006, 0.01)]


def single_rates() -> dict[str, Family]:
    """The single-rate baselines: descent, with momentum, Adam, and Adam without momentum (RMSProp).

    >>> list(single_rates())
    ['SGD', 'momentum .5', 'momentum .9', 'Adam', 'Adam, no momentum']
    """
    return {
        "SGD": Family(_levels, RATES),
        "momentum .5": Family(lambda s, lr: Levels(Network(s), lr, rule=Momentum(momentum=0.5)), _scaled(RATES, 0.5)),
        "momentum .9": Family(lambda s, lr: Levels(Network(s), lr, rule=Momentum(momentum=0.9)), _scaled(RATES, 0.04)),
        "Adam": Family(lambda s, lr: Levels(Network(s), lr, rule=Adam()), SMALL_RATES),
        "Adam, no momentum": Family(
            lambda s, lr: Levels(Network(s), lr, rule=Adam(momentum=0.0, square_keep=0.99)), SMALL_RATES
        ),
    }


def references() -> dict[str, Family]:
    """What else is tried against forgetting: replay of 400 examples, EWC, and levels with clocks alone.

    >>> list(references())
    ['replay 400', 'EWC', 'levels, no reset (tuned)']
    """
    strengths = list(product((0.05, 0.2), (3.0, 10.0, 30.0, 100.0)))
    return {
        "replay 400": Family(lambda s, lr: Replay(Network(s), lr), RATES),
        "EWC": Family(lambda s, lr, strength: EWC(Network(s), lr, strength), strengths),
        "levels, no reset (tuned)": Family(lambda s, lr: Levels(Network(s), lr, (1, 4, 16), 0.25), _scaled(RATES, 2.0)),
    }


def home_and_away_table() -> dict[str, Family]:
    """All rows of the table of the lesson on home and away: baselines, references, the learner, and its controls.

    >>> table = home_and_away_table()
    >>> {len(family.settings) for family in table.values() if not family.setting_of}
    {8}
    """
    gate = list(product((0.25, 0.3, 0.35, 0.4), (0.1, 0.2)))  # at .6 five runs of 60 break down, at .4 none
    spring = list(product((0.3, 0.4), (1 / 16, 1 / 24), (0.06, 0.12)))  # at .6 it breaks down on longer stays
    own_ratio = list(product((0.2, 0.3, 0.4, 0.5), (0.1, 0.2)))
    everything = list(product((0.4, 0.6), (0.2, 0.35, 0.5, 0.7)))
    return {
        **single_rates(),
        **references(),
        "restart of all levels": Family(lambda s, lr, eps: Gated(Network(s), lr, share=eps, restarts=3), everything),
        "restart of all, one rate": Family(
            lambda s, lr, eps: Gated(Network(s), lr, (1,), share=eps), list(product((0.2, 0.3), (0.2, 0.35, 0.5, 0.7)))
        ),
        "elastic twin, C = 1": Family(
            lambda s, lr, pull, share: Elastic(Network(s), lr, pull, share, (1, 1, 1)), spring
        ),
        "elastic twin, periods 1, 4, 16": Family(
            lambda s, lr, pull, share: Elastic(Network(s), lr, pull, share), spring
        ),
        OURS: Family(lambda s, lr, eps: Gated(Network(s), lr, share=eps), gate),
        "gate, C = 1, own rate ratio .5": Family(
            lambda s, lr, eps: Gated(Network(s), lr, (1, 1, 1), ratio=0.5, share=eps), own_ratio
        ),
        "gate, C = 1, same rates": Family(
            lambda s, lr, eps: Gated(Network(s), lr, (1, 1, 1), share=eps), setting_of=OURS
        ),
        "no reset": Family(lambda s, lr, eps: Levels(Network(s), lr, (1, 4, 16), 0.25), setting_of=OURS),
        "last gradient": Family(lambda s, lr, eps: Gated(Network(s), lr, share=eps, last_only=True), setting_of=OURS),
        "no consolidation": Family(lambda s, lr, eps: Gated(Network(s), lr, share=0.0), setting_of=OURS),
    }


def _levels(seeds: Sequence[int], lr: Tensor) -> Levels:
    return Levels(Network(seeds), lr)


def _scaled(settings: Sequence[Setting], factor: float) -> list[Setting]:
    return [tuple(factor * number for number in setting) for setting in settings]
