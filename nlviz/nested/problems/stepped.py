"""What an optimizer does with each parameter: how often it writes it, and what it remembers for that.

A rule of `nl.optim` says so itself, in `levels`; PyTorch's own optimizers are known by their types; a `MultiClock`
adds the periods of its groups. Any other optimizer is unknown: it may step a weight when it likes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..clock import MultiClock, Period
from .torch_memories import KNOWN, Tuples, remembered


@dataclass
class Stepped:
    """Parameters that an optimizer treats alike.

    Args:
        group: the "name" of their group, which a `MultiClock` always has, or "".
        rule: what steps them.
        period: steps from write to write; `math.inf`: never; None: unknown.
        writes: the same of what is remembered for them, which goes on where the rate is 0.
        memories: what is remembered for them, as (name, period in writes, objective, context[, names it reads]).
        note: a condition, or why something is unknown.
        params: the parameters.
    """

    group: str
    rule: str
    period: Period | None
    writes: Period | None
    memories: Tuples
    note: str
    params: list[Tensor]


def stepped(optimizer: torch.optim.Optimizer) -> list[Stepped]:
    """All parameters of an optimizer, those of one group, rule and period together.

    >>> w = torch.zeros(2, requires_grad=True)
    >>> [alike] = stepped(torch.optim.SGD([w], momentum=0.9))
    >>> alike.rule, alike.period, [name for name, *_ in alike.memories]
    ('SGD', 1, ['momentum_buffer'])
    """
    found: dict[Any, Stepped] = {}
    for name, group, period in groups(optimizer):
        for w in group["params"]:
            rule, memories, why = _rule(inside(optimizer), group, w)
            writes = None if memories is None else period
            still = writes is not None and float(group.get("lr", 1.0)) == 0
            often, note = (math.inf, "its lr is 0: a step leaves it as it is") if still else (writes, why)
            key = (name, rule, often, writes, memories, note)
            alike = found.setdefault(key, Stepped(name, rule, often, writes, memories or (), note, []))
            alike.params.append(w)
    return list(found.values())


def inside(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The optimizer itself, or the one in a MultiClock."""
    return optimizer.optimizer if isinstance(optimizer, MultiClock) else optimizer


def groups(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, dict[str, Any], Period]]:
    """Of each parameter group its name, itself, and how many calls of `step` lie between two that step it."""
    if isinstance(optimizer, MultiClock):
        yield from zip(optimizer.names, optimizer.param_groups, optimizer.periods, strict=True)
        return
    for group in optimizer.param_groups:
        yield str(group.get("name", "")), group, 1


def _rule(optimizer: torch.optim.Optimizer, group: dict[str, Any], w: Tensor) -> tuple[str, Tuples | None, str]:
    """What the parameter is stepped by, what that remembers (None: unknown), and why something is unknown."""
    if not hasattr(optimizer, "rule_of"):
        name = type(optimizer).__name__
        memories = remembered(optimizer, group)
        known = ", ".join(sorted(one.__name__ for one in KNOWN))
        why = f"{type(optimizer).__module__}.{name} is not known here; known are {known}, and those of nl.optim"
        return name, memories, "" if memories is not None else why
    rule = optimizer.rule_of(w)
    name, memories = type(rule).__name__, tuple(getattr(rule, "levels", ()))
    kept = [] if memories else [key for key, part in rule.init(w).items() if isinstance(part, Tensor)]
    if not kept:
        return name, memories, ""
    unsaid = tuple((key, None, "unknown", "unknown") for key in kept)
    return (
        name,
        unsaid,
        f"the rule {name} keeps {', '.join(kept)} and does not say when it writes them; give it `levels`",
    )
