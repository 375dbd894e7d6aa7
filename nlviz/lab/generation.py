"""What one more token costs, with a state that is carried along: seconds and bytes against the length of the text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..runtime import generator, provenance
from ..trace import Trace


def per_token(
    layers: Mapping[str, Callable[[int], nn.Module]],
    d_model: int = 128,
    length: int = 4096,
    every: int = 512,
    seed: int = 0,
    **about: Any,
) -> Trace:
    """Feed layers one token at a time, each with the state of the call before, and time stretches of them.

    Args:
        layers: name -> d_model to a layer, called as `layer(x, state)`.
        length: tokens, a multiple of every.
        every: tokens of a stretch.
        seed: of the tokens.
        about: further words for the Trace.

    Returns:
        A Trace with "cpu" and "wall", seconds per token in each stretch, and "state", bytes carried at its end, axes
        `(row, token)`. One thread computes, without gradients; layers take turns, stretch by stretch.

    Raises:
        ValueError: if `every` does not divide the length.

    >>> from nlviz.nested import MemoryLayer
    >>> trace = per_token({"Delta": MemoryLayer}, d_model=8, length=8, every=4)
    >>> trace["state"]                                    # 3 tokens of the convolution, a matrix of 8 x 8
    array([[352., 352.]])
    """
    if length < every or length % every:
        raise ValueError(f"per_token: stretches of {every} tokens for {length}; choose a length that it divides")
    made = {name: build(d_model) for name, build in layers.items()}
    tokens = torch.randn(length, 1, 1, d_model, generator=generator(seed))
    states: dict[str, Any] = dict.fromkeys(made)
    found = {name: np.empty((len(made), length // every)) for name in ("cpu", "wall", "state")}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            for layer in made.values():
                layer(tokens[0], layer(tokens[0])[1])  # what is set up once does not count
            for stretch, part in enumerate(tokens.split(every)):
                for row, (name, layer) in enumerate(made.items()):
                    cpu, wall = time.process_time(), time.perf_counter()
                    for x in part:
                        _, states[name] = layer(x, states[name])
                    found["cpu"][row, stretch] = (time.process_time() - cpu) / every
                    found["wall"][row, stretch] = (time.perf_counter() - wall) / every
                    found["state"][row, stretch] = sum(s.numel() * s.element_size() for s in _tensors(states[name]))
    finally:
        torch.set_num_threads(threads)
    labels: dict[str, Sequence[Any]] = {"row": list(made), "token": list(range(every, length + 1, every))}
    about = provenance(d_model=d_model, seed=seed, **about)
    return Trace(found, dict.fromkeys(found, ("row", "token")), labels, about)


def _tensors(state: Any) -> Iterable[Tensor]:
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, (dict, tuple, list)):
        for part in state.values() if isinstance(state, dict) else state:
            yield from _tensors(part)
