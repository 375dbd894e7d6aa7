"""A whole sequence through a memory: the loop one reads, and the parallel form that equals it.

The loop says what is meant: write, then read (or read, then write), one pair after the other. The chunk form does the
same with a few large products. For matrix memories (Hebb, Delta, DGD) every chunk size gives the loop's numbers; for
Attention too. For Deep, Titans and Omega the chunk size is part of the rule: gradients are taken at the chunk's start.
Nested Learning, section 8.2 (chunks as the context of a level) and eqs. 90, 93.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from .base import Rule
from .chunks import Steps


def scan(
    rule: Rule,
    keys: Tensor,
    values: Tensor,
    queries: Tensor,
    state: Any = None,
    chunk: int | None = 64,
    read_first: bool = False,
    lr: Steps | None = None,
    keep: Steps | None = None,
    momentum: Steps | None = None,
) -> tuple[Tensor, Any]:
    """Write a sequence of pairs into a memory and ask it one question at each step.

    Nothing sees the future, each member of the batch has a memory of its own, and everything is differentiable: what is
    recalled and the final state with respect to keys, values, queries, rates and the state given (once: of the chunk
    form there is no second derivative). Half-precision inputs are computed in float32; the state is kept in float32.

    Args:
        rule: a memory rule.
        keys, queries: `(..., T, d_key)`
        values: `(..., T, d_value)`, the same batch in front.
        state: to go on from, as `rule.init` or an earlier scan gave it; None: `rule.init`. It is not changed.
        chunk: steps computed at once, 1 or more; T need not be a multiple. None: the loop.
        read_first: whether query t is asked before pair t is written.
        lr, keep, momentum: rates in place of the rule's own: numbers, or one for each step, `(..., T)`, broadcast
            over the batch. `keep` and `momentum` from 0 to 1.

    Returns:
        What was recalled, `(..., T, d_value)`, and the state after the last pair.

    Raises:
        ValueError: for shapes that do not fit, a rate that the rule does not have, a chunk below 1, or a chunk form
            that the rule does not have.

    >>> import torch, nlviz as nl
    >>> task = nl.tasks.recall(pairs=100, d_key=16, d_value=16)
    >>> slow, _ = scan(nl.Delta(), task.keys, task.values, task.keys, chunk=None)
    >>> fast, _ = scan(nl.Delta(), task.keys, task.values, task.keys, chunk=32)
    >>> torch.allclose(slow, fast, atol=1e-5)
    True
    """
    _check(keys, values, queries, chunk)
    batch, dtype = keys.shape[:-2], keys.dtype
    work = torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype
    keys, values, queries = keys.to(work), values.to(work), queries.to(work)
    rates = _rates(rule, keys, {"lr": lr, "keep": keep, "momentum": momentum})
    if state is None:
        state = rule.init(keys.shape[-1], values.shape[-1], batch=batch, dtype=work, device=keys.device)
    state = _each(state, lambda x: x.to(work))
    with torch.autocast(keys.device.type, enabled=False):
        if chunk is None:
            recalled, state = _loop(rule, state, keys, values, queries, read_first, rates)
        elif hasattr(rule, "chunks"):
            count = batch.numel()
            one = [x.reshape(count, *x.shape[-2:]) for x in (keys, values, queries)]
            state = _each(state, lambda x: x.expand(*batch, *x.shape[-2:]).reshape(count, *x.shape[-2:]))
            recalled, state = rule.chunks(state, *one, chunk, read_first, rates)
            recalled, state = _each((recalled, state), lambda x: x.reshape(*batch, *x.shape[-2:]))
        else:
            raise ValueError(f"{type(rule).__name__} has no chunk form; call scan(..., chunk=None) for the loop")
    return recalled.to(dtype), state


def _loop(
    rule: Rule,
    state: Any,
    keys: Tensor,
    values: Tensor,
    queries: Tensor,
    read_first: bool,
    rates: Mapping[str, Steps],
) -> tuple[Tensor, Any]:
    """One pair after the other. The sequences are unbound once: indexing them at each step makes backward quadratic."""
    recalled = []
    T, batch = keys.shape[-2], keys.shape[:-2]
    now = [r.reshape(*batch, T).unbind(-1) if isinstance(r, Tensor) else [r] * T for r in rates.values()]
    for key, value, query, *of_step in zip(keys.unbind(-2), values.unbind(-2), queries.unbind(-2), *now, strict=True):
        if read_first:
            recalled.append(rule.read(state, query))
        state, _ = rule.write(state, key, value, **dict(zip(rates, of_step, strict=True)))
        if not read_first:
            recalled.append(rule.read(state, query))
    return torch.stack(recalled, -2) if recalled else torch.zeros_like(values), state


def _rates(rule: Rule, keys: Tensor, given: Mapping[str, Steps | None]) -> dict[str, Steps]:
    """The rates a rule has: the caller's where given, else its own; tensors as one row a memory, `(B, T)`."""
    rates = {}
    for name, rate in given.items():
        if not hasattr(rule, name):
            if rate is not None:
                has = ", ".join(known for known in given if hasattr(rule, known)) or "no rates"
                raise ValueError(f"{type(rule).__name__} has no {name}, it has {has}; leave {name} out of this call")
            continue
        if isinstance(rate, Tensor):
            try:
                rate = rate.to(keys).expand(keys.shape[:-1])
            except RuntimeError:
                raise ValueError(
                    f"{name} has shape {tuple(rate.shape)}; a rate is a number or one for each step, "
                    f"{tuple(keys.shape[:-1])} here"
                ) from None
            rate = rate.reshape(keys.shape[:-2].numel(), keys.shape[-2])
        rates[name] = getattr(rule, name) if rate is None else rate
    return rates


def _check(keys: Tensor, values: Tensor, queries: Tensor, chunk: int | None) -> None:
    if not keys.shape[:-1] == values.shape[:-1] == queries.shape[:-1] or keys.ndim < 2:
        raise ValueError(
            f"scan: keys, values and queries are (..., T, features) with the same batch and T; got "
            f"{tuple(keys.shape)}, {tuple(values.shape)} and {tuple(queries.shape)}"
        )
    if chunk is not None and chunk < 1:
        raise ValueError(
            f"scan: chunk is how many steps are computed at once, 1 or more, or None for the loop; got {chunk}"
        )


def _each(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A state with every tensor in it changed."""
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, dict):
        return {name: _each(part, change) for name, part in state.items()}
    return tuple(_each(part, change) for part in state) if isinstance(state, tuple) else state
