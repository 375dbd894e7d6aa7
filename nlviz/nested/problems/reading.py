"""Which nested problems are in a network and its optimizer, and how often is each of them written?

Nested Learning, section 3: a model and its optimizer are one system of nested problems, ordered by how often each is
updated (Definition 2). What is read here is what they say of themselves, what PyTorch's types are known to do, and what
one forward pass shows. What none of the three tells is listed as unknown, with the reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from ..clock import MultiClock, level_names
from .kept import FAST, Kept, kept
from .listing import Level, Levels, Transfer
from .looking import Looked, look, plain
from .ordering import order_levels
from .rows import CONTEXT, PARAMETRIC, RAW, Row, weight_rows

ATTENTION = ("attention", "Σ similarity ‖answer − value‖²", "all tokens that it may see")


def levels(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    example: Any = None,
    tokens_per_step: int = 1,
) -> Levels:
    """Read the nested problems of a model and the optimizer that trains it.

    A memory is written token by token, weights step by step: `tokens_per_step` makes one time of the two. A sum of
    gradients that waits for its step (of a `MultiClock`, of M3) is the context of the level it waits for, no level.

    Args:
        model: any module; `torch.compile`, `DataParallel` and `DistributedDataParallel` are looked through.
        optimizer: of `torch.optim` or `nl.optim`, or a `MultiClock`; None: nothing trains the model.
        example: what the model is called with: a tensor, a tuple of arguments or a dict of named ones. A copy is called
            once, which shows attention, and the parameters that no gradient reaches. None: neither is looked for.
        tokens_per_step: how many tokens each sequence goes on by from one training step to the next, 1 or more.

    Returns:
        The levels, inner (fast) to outer (slow), in the order of Definition 2; what is unknown comes last.

    Raises:
        ValueError: for an example that the model does not take, or tokens_per_step below 1.

    A memory counts as written every token also where a chunk of tokens is computed at once: each token's read sees it.
    `CMS` has two readings. Where a `MultiClock` steps its parameters, these are its levels; otherwise its fast weights
    are listed too, which `learn` alone writes, once in so many losses of `tokens_per_step` tokens.

    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> found = levels(model, torch.optim.Adam(model.parameters()))
    >>> found.order
    [['exp_avg', 'exp_avg_sq'], ['weights']]
    >>> found["weights"].size, found.reads("weights")
    (58, ['exp_avg', 'exp_avg_sq'])
    """
    if tokens_per_step < 1:
        raise ValueError(f"levels: a step is of 1 token or more; got tokens_per_step={tokens_per_step}")
    model = plain(model)
    looked = None if example is None else look(model, example)
    weights = weight_rows(model, optimizer, None if looked is None else looked.reached, tokens_per_step)
    states, spoken = kept(model)
    states += _called(model, looked, spoken)
    rows = [*_memory_rows(states, weights, optimizer, tokens_per_step), *weights]
    _gradient_flow([row for row in weights if row.level.kind == "weights"])
    notes = () if looked is not None else ("without an example, attention is not looked for",)
    return _named(rows, tokens_per_step, notes)


def _called(model: nn.Module, looked: Looked | None, spoken: set[str]) -> list[Kept]:
    """Attention that a forward pass has shown, and what looks like it."""
    name, objective, context = ATTENTION
    modules = dict(model.named_modules())
    if looked is None:
        places = [place for place, one in modules.items() if isinstance(one, nn.MultiheadAttention)]
        why = "no example was given, so nobody knows whether the model calls it"
        unsure = Kept(name, None, "", "nothing kept", 0, objective, context, "", note=why, places=places)
        unsure.modules = [modules[place] for place in places]
        return [unsure] * bool(set(places) - spoken)
    found = []
    places = [place for place in looked.attention if place not in spoken]
    if places:
        found.append(Kept(name, 0, "", "nothing kept", 0, objective, context, "", places=places))
    places = [place for place in looked.softmax if place not in spoken]
    if places:
        why = "attention written out by hand, or a choice of another kind: its code alone tells"
        found.append(Kept("softmax", None, "", "nothing kept", 0, "unknown", "unknown", "", note=why, places=places))
    for one in found:
        one.modules = [modules[place] for place in one.places]
    return found


def _memory_rows(
    states: Sequence[Kept], weights: list[Row], optimizer: torch.optim.Optimizer | None, tokens: int
) -> list[Row]:
    """Rows of what modules keep, with arrows to and from the weights inside them."""
    made: list[tuple[Kept, Row]] = []
    for one in states:
        owners = _owners(one, weights)
        if one.kind == FAST and isinstance(optimizer, MultiClock) and any(row.level.clock for row in owners):
            continue  # read as a schedule: the weights themselves are its levels
        period = one.period if one.period is None or one.clock not in ("step", "loss") else one.period * tokens
        tensors = tuple(one.tensors)
        level = Level(
            *(one.name, period, one.clock, one.kind, one.size, one.objective, one.context, tuple(one.places), one.note),
            tensors=tensors,
            modules=tuple(one.modules),
            key=one.key,
        )
        row = Row(level, label=one.label)
        made.append((one, row))
        helps = any(one.name in other.reads and one.places == other.places for other in states)
        for owner in owners:
            if one.starts:
                owner.gives.append((row, "initialisation"))
            if one.kind != FAST and (one.starts or not helps):
                owner.gives.append((row, CONTEXT))
            if not helps:
                row.gives.append((owner, RAW if one.period == 0 else PARAMETRIC))
            owner.needs.append(row)
    for one, row in made:
        for other, source in made:
            if other.name in one.reads and other.places == one.places:
                source.gives.append((row, "initialisation" if one.kind == FAST else PARAMETRIC))
                row.needs.append(source)
                if one.kind != FAST and not other.starts:  # it compresses what the level that reads it makes
                    row.gives.append((source, CONTEXT))
    _gradient_flow([row for one, row in made if one.kind == FAST and one.key in _names(one.modules[0])])
    return [row for _, row in made]


def _names(cms: Any) -> list[str]:
    return cms.names


def _owners(one: Kept, weights: list[Row]) -> list[Row]:
    """The rows of the parameters in these modules; where they have none, all that are written."""
    inside: set[Any] = set()
    for module in one.modules:
        inside.update(module.parameters())
    rows = [row for row in weights if row.level.kind == "weights"]
    return [row for row in rows if set(row.level.tensors) & inside] or ([] if inside else rows)


def _gradient_flow(rows: list[Row]) -> None:
    """One error signal reaches them all; drawn as it goes in a CMS, whose slow levels stand at the output."""
    of = {row: row.level.period for row in rows if row.level.period is not None and row.level.period < math.inf}
    for fast, slow in pairwise(sorted(set(of.values()))):
        for source in (row for row in of if of[row] == slow):
            source.gives += [(row, "backprop") for row in of if of[row] == fast]


def _named(rows: list[Row], tokens: int, notes: tuple[str, ...]) -> Levels:
    """Rows get names that tell them apart, places by Definition 2, and arrows by name."""
    names = [f"{row.level.name} of {row.group}" if row.group else row.level.name for row in rows]
    count = Counter(names)
    names = [f"{n} ({row.label})" if count[n] > 1 and row.label else n for n, row in zip(names, rows, strict=True)]
    name = dict(zip(rows, level_names(names), strict=True))
    needs = {name[row]: frozenset(name[source] for source in row.needs if source in name) for row in rows}
    order = order_levels({name[row]: row.level.period for row in rows}, needs)
    place = {one: i for i, group in enumerate(order) for one in group}
    found = [replace(row.level, name=name[row], place=place.get(name[row])) for row in rows]
    found.sort(key=lambda level: math.inf if level.place is None else level.place)
    transfers = [Transfer(name[row], name[to], kind) for row in rows for to, kind in row.gives if to in name]
    return Levels(tuple(found), tuple(dict.fromkeys(transfers)), tokens, needs, notes)
