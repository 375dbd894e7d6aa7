"""What a network keeps beside its parameters: memories that say so themselves, and PyTorch's own states by their types.

A module says it in a plain tuple `levels`, (name, period in tokens, objective, context) each, a fifth entry naming
those of the same tuple that it reads; its `init(batch)` gives the state in which they are found by name. It then speaks
for its submodules too. A tensor about which nobody says anything is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from ..continuum import CMS

Tuples = tuple[tuple[Any, ...], ...]
FAST = "fast weights"
_OWN = set(vars(nn.Module()))


@dataclass
class Kept:
    """One level that a module keeps.

    Args:
        name, clock, kind, size, objective, context, note: as of a `Level`.
        period: in ticks of the clock; None: unknown.
        label: tells it from another of the same name.
        reads: names of levels of the same module that it reads.
        starts: whether it starts from parameters of the module.
        places: the names of the modules.
        modules, tensors: where its numbers lie.
    """

    name: str
    period: float | None
    clock: str
    kind: str
    size: int | None
    objective: str
    context: str
    label: str
    reads: tuple[str, ...] = ()
    starts: bool = False
    note: str = ""
    places: list[str] = field(default_factory=list)
    modules: list[nn.Module] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    key: str = ""


def kept(model: nn.Module) -> tuple[list[Kept], set[str]]:
    """Every level that modules keep, alike ones in one, and the names of the modules that somebody speaks for."""
    found: dict[Any, Kept] = {}
    spoken: set[str] = set()
    for name, module in model.named_modules():
        if any(name.startswith(f"{speaker}." if speaker else "") for speaker in spoken):
            spoken.add(name)
            continue
        said = declared(module)
        if said is not None and not isinstance(module, CMS):
            spoken.add(name)
        levels = (
            _states(module) if said is None else _fast(module) if isinstance(module, CMS) else _memories(module, said)
        )
        for one in levels:
            key = (one.name, one.label, one.period, one.objective, one.context, one.note, one.starts)
            same = found.setdefault(key, one)
            if same is not one and same.size is not None and one.size is not None:
                same.size += one.size
            same.places.append(name)
            same.modules.append(module)
            same.tensors += one.tensors if same is not one else []
    return list(found.values()), spoken


def declared(module: nn.Module) -> Tuples | None:
    """What a module says about itself; None where it says nothing.

    >>> declared(nn.Linear(2, 2)) is None
    True
    """
    said = getattr(module, "levels", None)
    whole = isinstance(said, tuple) and all(
        isinstance(one, tuple) and len(one) in (4, 5) and isinstance(one[0], str) for one in said
    )
    return said if whole else None


def part(state: Any, name: str) -> list[Tensor]:
    """The tensors of one level in a state: the innermost entry of that name.

    >>> part({"tail": torch.zeros(1), "memory": {"memory": (torch.ones(2),), "age": 3}}, "memory")
    [tensor([1., 1.])]
    """
    if isinstance(state, Tensor):
        return [state]
    if not isinstance(state, dict):
        return [one for piece in state for one in part(piece, name)] if isinstance(state, tuple | list) else []
    if name in state and not isinstance(state[name], dict):
        return part(state[name], name)
    for inner in state.values():
        if isinstance(inner, dict) and (found := part(inner, name)):
            return found
    return []


def _memories(module: Any, said: Tuples) -> Iterator[Kept]:
    """What a module declares."""
    rule = getattr(module, "rule", module)
    with torch.enable_grad():
        state = module.init(1) if hasattr(module, "init") else {}
    for name, period, objective, context, *reads in said:
        lies = part(state, name)
        size = 0 if period == 0 else sum(w.numel() for w in lies) or None
        kind, clock = ("nothing kept", "") if period == 0 else ("memory", "token" if period is not None else "")
        note = "" if period is not None else f"{type(module).__name__} does not know when {type(rule).__name__} writes"
        starts = period != 0 and any(w.requires_grad for w in lies)
        found = Kept(name, period, clock, kind, size, objective, context, type(rule).__name__, note=note, key=name)
        yield replace(found, reads=tuple(*reads), starts=starts)


def _fast(cms: CMS) -> Iterator[Kept]:
    """The fast weights that `learn` writes, and starts that slower levels keep for faster ones."""
    with torch.no_grad():
        state = cms.init()
        sizes = dict(zip(cms.names, (sum(w.numel() for w in level) for level in cms.weights(state)), strict=True))
    for name, period, objective, context, *_ in cms.levels:
        start = name not in sizes
        level = name.removeprefix("start of ")
        size = sizes.get(level)
        if not size:  # of period inf: read from the module
            continue
        reads = tuple(f"{FAST}, start of {level}" for one in cms.levels if one[0] == f"start of {level}" and not start)
        note = "" if start else "written by `learn` alone, where it is called"
        label = type(cms).__name__
        title = f"{FAST}, {name}" if start else f"{FAST} of {name}"
        found = Kept(title, period, "loss", FAST, size, objective, context, label, note=note, key=name)
        yield replace(found, reads=reads, starts=not reads)


def _states(module: nn.Module) -> Iterator[Kept]:
    """What the types of PyTorch keep, and what a module holds without a word."""
    label, called = type(module).__name__, f"{type(module).__name__} writes it when it likes"
    buffers = list(module.buffers(recurse=False))
    if isinstance(module, _NormBase) and module.running_mean is not None and module.running_var is not None:
        often = 1 if module.training and module.momentum != 0 else math.inf
        lies = [module.running_mean, module.running_var]
        size, context = sum(b.numel() for b in lies), "its inputs, batch by batch"
        name, note = "running statistics", "" if module.training else "in eval mode they stand still"
        yield Kept(name, often, "step", "buffers", size, "mean and variance", context, label, note=note, tensors=lies)
    elif isinstance(module, nn.RNNBase):
        ways = module.num_layers * (2 if module.bidirectional else 1)
        cells = module.hidden_size if isinstance(module, nn.LSTM) else 0
        size = ways * ((module.proj_size or module.hidden_size) + cells)
        said = "none: a learned map makes the next from the last"
        yield Kept("hidden state", 1, "token", "memory", size, said, "its inputs", label, key="")
    elif isinstance(module, nn.RNNCellBase):
        why = "one write a call; the caller knows how many tokens that is"
        yield Kept("hidden state", None, "", "memory", module.hidden_size, "unknown", "its inputs", label, note=why)
    elif buffers:
        yield _unsaid("buffers", "buffers", label, called, buffers)
    loose = [w for name, value in vars(module).items() if name not in _OWN for w in _tensors(value)]
    if loose:
        yield _unsaid("loose tensors", "buffers", label, f"an attribute that is no buffer: {called}", loose)


def _tensors(value: Any) -> Iterator[Tensor]:
    """Tensors in an attribute; PyTorch's recurrent layers hold their parameters in lists too."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else [value]
    yield from (w for w in inside if isinstance(w, Tensor) and not isinstance(w, nn.Parameter))


def _unsaid(name: str, kind: str, label: str, why: str, tensors: list[Tensor]) -> Kept:
    size = sum(b.numel() for b in tensors)
    return Kept(name, None, "", kind, size, "unknown", "unknown", label, note=why, tensors=tensors)
