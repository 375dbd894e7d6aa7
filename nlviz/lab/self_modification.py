"""What memories that modify themselves do in context: their keys part, their weights move, and each of them matters."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..runtime import generator, provenance
from ..trace import Trace

if TYPE_CHECKING:
    from ..nested import SelfModifyingTitans
    from ..nested.layers.self_modifying import State


def self_changes(
    layer: SelfModifyingTitans, length: int = 512, words: int = 16, every: int = 16, seed: int = 0
) -> Trace:
    """Let a layer read two contexts that share no word, and ask it about one further token all along.

    A word is a random vector; a context draws its own `words` of them, evenly, `length` times. The token asked about
    occurs in neither, and asking writes nothing.

    Args:
        layer: trained or not. With `chunk=every` its keys are new at every look.
        length: tokens of a context, a multiple of every.
        words: in each vocabulary.
        every: tokens from look to look.
        seed: of words and contexts.

    Returns:
        A Trace along "token", how many were read:

        * "parted" `(token)`: degrees between the token's keys in the two contexts, the mean over heads;
        * "turned" `(context, token)`: degrees between its key and what that was before the first token;
        * "moved" `(context, memory, layer, token)`: ‖W − W₀‖ / ‖W₀‖ of each memory, the mean over heads;
        * "change" `(context, memory, token)`: ‖y of a layer with this memory frozen − y‖ / ‖y‖ over the last stretch.

    Raises:
        ValueError: if `every` does not divide the length.

    >>> from nlviz.nested import SelfModifyingTitans
    >>> trace = self_changes(SelfModifyingTitans(16, chunk=8), length=64, every=8)
    >>> bool(trace["parted"][-1] > 5)               # degrees
    True
    >>> trace.along("memory")
    ['keys', 'values', 'lr', 'keep', 'main']
    """
    if length < every or length % every:
        raise ValueError(f"self_changes: looks every {every} tokens at {length}; choose a length that it divides")
    like, draws = layer.out.weight, generator(seed)
    vocabulary = torch.randn(2, words, like.shape[1], generator=draws)
    said = torch.randint(words, (2, length), generator=draws)
    contexts = torch.stack([own[now] for own, now in zip(vocabulary, said, strict=True)]).to(like)
    token = torch.randn(1, 1, like.shape[1], generator=draws).to(like).expand(2, -1, -1)
    found = defaultdict(list)
    before = layer.frozen
    with torch.no_grad():
        try:
            answers, first = [], None
            for y, state in _read(layer, contexts, every):
                keys = layer.project(token, state)["keys"].squeeze(2)  # (context, head, feature)
                first = layer.project(token, layer.init(2))["keys"].squeeze(2) if first is None else first
                found["parted"].append(_degrees(keys[0], keys[1]).mean())
                found["turned"].append(_degrees(keys, first).mean(-1))
                found["moved"].append(layer.moved(state).mean(1))
                answers.append(y)
            for name in layer.memories:
                layer.frozen = (*before, name)
                found["change"] += [
                    (frozen - y).flatten(1).norm(dim=1) / y.flatten(1).norm(dim=1)
                    for (frozen, _), y in zip(_read(layer, contexts, every), answers, strict=True)
                ]
        finally:
            layer.frozen = before
    looks = length // every
    change = torch.stack(found["change"], -1).unflatten(-1, (-1, looks))
    arrays = {name: torch.stack(found[name], -1) for name in ("parted", "turned", "moved")} | {"change": change}
    axes = {
        "parted": ("token",),
        "turned": ("context", "token"),
        "moved": ("context", "memory", "layer", "token"),
        "change": ("context", "memory", "token"),
    }
    labels: dict[str, list[int] | list[str]] = {
        "token": list(range(every, length + 1, every)),
        "memory": list(layer.memories),
    }
    about = provenance(seed=seed, words=words, chunk=layer.chunk, main_chunk=layer.main_chunk, d_model=like.shape[1])
    return Trace({name: _numbers(x) for name, x in arrays.items()}, axes, labels, about)


def _read(layer: SelfModifyingTitans, contexts: Tensor, every: int) -> Iterator[tuple[Tensor, State]]:
    state: State | None = None
    for part in contexts.split(every, 1):
        y, state = layer(part, state)
        yield y, state


def _degrees(a: Tensor, b: Tensor) -> Tensor:
    """The angle between unit vectors, exact also where it is small."""
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)) * (180 / math.pi)


def _numbers(x: Tensor) -> np.ndarray:
    return x.float().cpu().numpy()
