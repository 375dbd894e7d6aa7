"""Parameters and the memories of their optimizer, as rows of a table that point to each other.

Every parameter of the model is in exactly one row. Between weights and what is remembered for them knowledge passes
both ways: the network makes the gradients that an optimizer's memory compresses, and is written through that memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from .listing import Level
from .stepped import Stepped, inside, stepped

LOSS, BATCHES, NOTHING = "the training loss", "the training batches", "nothing any more"
PARAMETRIC, RAW, CONTEXT = "direct, parametric", "direct, non-parametric", "context generation"


@dataclass(eq=False)
class Row:
    """A level that may not have its last name yet.

    Args:
        level: with a name that other rows may have as well.
        group, label: what tells it from those.
        gives: other rows that it passes knowledge on to, each with the kind of transfer.
        needs: other rows whose state it needs at the same time.
    """

    level: Level
    group: str = ""
    label: str = ""
    gives: list[tuple[Row, str]] = field(default_factory=list)
    needs: list[Row] = field(default_factory=list)


def weight_rows(
    model: nn.Module, optimizer: torch.optim.Optimizer | None, reached: set[str] | None, tokens: int
) -> list[Row]:
    """Rows of all parameters and of what the optimizer remembers of them.

    Args:
        model: without wrappers.
        optimizer: that steps it; None: nothing does.
        reached: names of parameters with a gradient; None: not looked at.
        tokens: of a step.
    """
    names = parameter_names(model)
    held = [] if optimizer is None else stepped(optimizer)
    owner = {w: alike for alike in held for w in alike.params}
    frozen = [w for w in names if not w.requires_grad]
    rows = [_weights("frozen weights", frozen, names, math.inf, "they take no gradient", "none", NOTHING)] * bool(
        frozen
    )
    left = [w for w in names if w.requires_grad]
    if optimizer is None:
        note = "no optimizer was given: nothing writes them"
        return rows + [_weights("weights", left, names, math.inf, note, "none", NOTHING)] * bool(left)
    astray = [w for w in left if reached is not None and not set(names[w]) & reached]
    outside = [w for w in left if w not in owner and w not in set(astray)]
    strangers = [w for w in owner if w not in names]
    for base, params, why in (
        ("weights without gradient", astray, "the answer to the example does not depend on them; a loss still might"),
        ("weights in no group", outside, "this optimizer does not hold them; another may, or it was made for others"),
        ("tensors of the optimizer", strangers, "they are no parameters of this model: was it rebuilt since?"),
    ):
        rows += [_weights(base, params, names, None, why, "unknown", "unknown")] * bool(params)
    for alike in held:
        params = [w for w in alike.params if w in names and w.requires_grad and w not in set(astray)]
        if params:
            rows += _trained(replace(alike, params=params), names, inside(optimizer), tokens)
    return rows


def parameter_names(model: nn.Module) -> dict[Tensor, list[str]]:
    """Every parameter once, with all its names: a tied one has several.

    >>> embed, head = nn.Embedding(3, 2), nn.Linear(2, 3, bias=False)
    >>> head.weight = embed.weight
    >>> list(parameter_names(nn.Sequential(embed, head)).values())
    [['0.weight', '1.weight']]
    """
    found: dict[Tensor, list[str]] = {}
    for name, w in model.named_parameters(remove_duplicate=False):
        found.setdefault(w, []).append(name.replace("_orig_mod.", ""))
    return found


def _weights(
    base: str,
    params: Sequence[Tensor],
    names: dict[Tensor, list[str]],
    period: float | None,
    note: str,
    objective: str = LOSS,
    context: str = BATCHES,
) -> Row:
    of = tuple(" = ".join(names.get(w, [f"shape {tuple(w.shape)}"])) for w in params)
    tied = "; ".join(["tied: " + name for name in of if " = " in name] + [note] * bool(note))
    clock = "" if period is None else "step"
    size = sum(w.numel() for w in params)
    return Row(Level(base, period, clock, "weights", size, objective, context, of, tied, tensors=tuple(params)))


def _trained(
    alike: Stepped, names: dict[Tensor, list[str]], optimizer: torch.optim.Optimizer, tokens: int
) -> Iterator[Row]:
    """The rows of parameters that are treated alike: what is remembered for them, then they themselves."""
    often = None if alike.period is None else alike.period * tokens
    weights = _weights("weights", alike.params, names, often, alike.note)
    if alike.period is not None and 1 < alike.period < math.inf:
        weights.level = replace(weights.level, context=f"{BATCHES}, {alike.period} at a time")
    rows: dict[str, Row] = {}
    for name, period, objective, context, *_ in alike.memories if alike.writes != math.inf else ():
        tick = None if period is None or alike.writes is None else period * alike.writes * tokens
        kind, clock = ("nothing kept", "") if period == 0 else ("optimizer state", "" if tick is None else "step")
        size = 0 if period == 0 else _size(optimizer, alike.params, name)
        note = alike.note if tick is None else ""
        of, tensors = weights.level.of, weights.level.tensors
        level = Level(name, tick, clock, kind, size, objective, context, of, note, tensors=tensors, key=name)
        rows[name] = Row(level)
    for name, _, _, _, *reads in alike.memories if rows else ():
        for source in (rows[one] for one in (reads[0] if reads else ()) if one in rows):
            source.gives.append((rows[name], CONTEXT))
            rows[name].needs.append(source)
    for row in rows.values():
        if not row.needs:
            weights.gives.append((row, CONTEXT))
        if not row.gives:
            row.gives.append((weights, RAW if row.level.period == 0 else PARAMETRIC))
        weights.needs.append(row)
    for row in (*rows.values(), weights):
        row.group, row.label = alike.group, alike.rule
        yield row


def _size(optimizer: Any, params: Sequence[Tensor], name: str) -> int | None:
    """Numbers kept under a name for these parameters, as they are or, before the first step, as they will be."""
    total = 0
    for w in params:
        state = optimizer.state.get(w) or {}
        if name not in state and hasattr(optimizer, "rule_of"):
            state = optimizer.rule_of(w).init(torch.empty_like(w, device="meta"))
        kept = state.get(name, w if type(optimizer).__module__.startswith("torch.") else None)
        if not isinstance(kept, Tensor):
            return None
        total += kept.numel()
    return total
