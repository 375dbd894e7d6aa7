"""Run a task into a memory, one pair at a time, and keep what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ..memory.base import Rule
from ..runtime import provenance
from ..trace import Trace
from .arrays import as_array

if TYPE_CHECKING:
    from ..tasks.base import Task

_RECORDS = {
    "surprise": "norm of value − read(key) just before the pair is written",
    "error": "squared error of every answer after each write, over the target's squared norm",
    "memory": "the memory after each write (a matrix memory)",
}


def run(rule: Rule, task: Task, record: Sequence[str] = ("surprise", "error")) -> Trace:
    """Write a task's pairs into a fresh memory and ask its questions after every write.

    Args:
        rule: a memory rule, `nl.Delta(lr=1.0)` say.
        task: keys `(T, d_key)` or, with several runs, `(runs, T, d_key)`.
        record: what to keep: "surprise" `(step,)`, "error" `(step, query)`, "memory" `(step, d_value, d_key)`;
            with several runs each has a first axis `run`. "answer" `(query, d_value)` and "target" are always kept.

    Returns:
        A Trace. Its steps count pairs written, from 1.

    Raises:
        ValueError: for a record that does not exist, or "memory" of a rule whose memory is not a matrix.

    >>> import nlviz as nl
    >>> trace = run(nl.Delta(), nl.tasks.recall(pairs=4, d_key=8, d_value=8), record=("error", "memory"))
    >>> trace["memory"].shape
    (4, 8, 8)
    """
    if unknown := set(record) - set(_RECORDS):
        choices = "; ".join(f"{name!r}: {meaning}" for name, meaning in _RECORDS.items())
        raise ValueError(f"run cannot record {', '.join(sorted(unknown))}. It can record {choices}")
    batch = task.keys.shape[:-2]
    state = rule.init(
        task.keys.shape[-1],
        task.values.shape[-1],
        batch=batch,
        dtype=task.keys.dtype,
        device=task.keys.device,
    )
    if "memory" in record and not isinstance(state, torch.Tensor):
        raise ValueError(f"{type(rule).__name__} does not keep a matrix; leave 'memory' out of record")
    kept: dict[str, list[torch.Tensor]] = {name: [] for name in record}
    size = task.targets.square().sum(-1)
    with torch.no_grad():
        for key, value in zip(task.keys.unbind(-2), task.values.unbind(-2), strict=True):
            state, info = rule.write(state, key, value)
            if "surprise" in kept:
                kept["surprise"].append(info["error"].norm(dim=-1))
            if "error" in kept:
                missed = task.targets - _ask(rule, state, task.queries)
                kept["error"].append(missed.square().sum(-1) / size)
            if "memory" in kept:
                kept["memory"].append(state)
        answer = _ask(rule, state, task.queries)

    lead = ("run",) * len(batch)
    arrays = {name: as_array(torch.stack(steps, dim=len(batch))) for name, steps in kept.items()}
    arrays |= {"answer": as_array(answer), "target": as_array(task.targets)}
    named = {
        "surprise": ("step",),
        "error": ("step", "query"),
        "memory": ("step", "value feature", "key feature"),
    }
    named |= {"answer": ("query", "value feature"), "target": ("query", "value feature")}
    axes = {name: (*lead, *named[name]) for name in arrays}
    about = provenance(rule=repr(rule), task=task.name, **task.about)
    return Trace(arrays, axes, {"step": list(range(1, task.keys.shape[-2] + 1))}, about)


def _ask(rule: Rule, state: object, queries: torch.Tensor) -> torch.Tensor:
    """All questions to one memory: (..., Q, d_key) -> (..., Q, d_value)."""
    return torch.stack([rule.read(state, query) for query in queries.unbind(-2)], dim=-2)
