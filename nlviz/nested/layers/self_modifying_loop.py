"""Self-modifying memories token by token: the form one reads. Every chunk form is this one with longer chunks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...memory.network import Weights
from .layer import unit
from .self_memory import Step, add, masked, say, write


def loop(
    tokens: Tensor,
    queries: Tensor | None,
    starts: tuple[Weights | None, Weights | None],
    written: tuple[Weights, Weights],
    gates: tuple[Tensor, Tensor, float],
    read_first: bool,
    frozen: Sequence[bool],
    step: Step,
) -> tuple[Tensor, Weights, Weights]:
    """Everything is read at the weights of the moment.

    Args:
        tokens, queries: `(batch, heads, T, d)`; without queries the third memory makes them.
        starts, written: W₀ and Δ of the memories that speak and of the main one, `(batch, heads, n, out, in)` a layer;
            see `self_memory`.
        gates: w `(heads, 2, d)`, bias `(heads, 2)` and the most that lr may be.
        frozen: for each memory, the main one last, whether it stays as it is.

    Returns:
        What was recalled `(batch, heads, T, d)`, and Δ of both at the end.
    """
    (start, main_start), (projections, main), (w, bias, most) = starts, written, gates
    recalled = []
    for t, x in enumerate(tokens.unbind(2)):
        found, main_found = add(start, projections), add(main_start, main)
        said = say(found, x)  # (batch, heads, n, d)
        key, value, *query = unit(said[..., :-2, :]).unbind(-2)
        lr, keep = ((w * said[..., -2:, :]).sum(-1) + bias).sigmoid().unbind(-1)
        (question,) = query if queries is None else (queries[:, :, t],)
        if read_first:
            recalled.append(say(main_found, question))
        after = write(projections, found, key, value, most * lr, keep, step)
        main_after = write(main, main_found, key, value, most * lr, keep, step)
        projections, main = masked(frozen[:-1], projections, after), masked(frozen[-1:], main, main_after)
        if not read_first:
            recalled.append(say(add(main_start, main), question))
    return torch.cat(recalled, 2), projections, main
