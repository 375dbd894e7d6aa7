"""Whole sequences through self-modifying memories, chunk by chunk: what they say, and what the main one recalls.

The memories of keys, values and rates need one another, the main memory needs them, they do not need it: so they go
first over the whole sequence (`speak`), and then the main memory (`remember`), each with a chunk of its own. All that
a chunk says and all its targets are read at the weights it found (Nested Learning, section 8.2 and eq. 90); only the
main memory can be asked at the weights of each token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import silu

from ...memory.chunks import pieces
from ...memory.network import Weights
from .self_memory import Step, add, masked
from .self_modifying_pace import Pace, paces
from .self_modifying_read import Gates, read_out
from .self_modifying_write import Written, write_chunk


class Said(NamedTuple):
    """What the memories said in one chunk of C tokens.

    Args:
        vectors: keys, values, queries, `(B, d, C)` each.
        lr, keep: `(B, C)`
        pace, left: what `paces` makes of them.
    """

    vectors: tuple[Tensor, ...]
    lr: Tensor
    keep: Tensor
    pace: Pace
    left: Tensor


class Memories(NamedTuple):
    """n memories of each of B sequences and heads, `(B, n, out, in)` a layer, second layers times the gain.

    Args:
        start: W₀, where retention leads back to; None: it leads to 0.
        written: what was learned, W − W₀; W where there is no start.
        found: the weights as the running chunk found them.
        age: tokens so far.
        gain: of the network.
    """

    start: Weights | None
    written: Weights
    found: Weights
    age: int
    gain: float


def packed(weights: Weights, gain: float) -> Weights:
    """`(batch, heads, n, out, in)` as `(B, n, out, in)`, second layers times the gain."""
    *first, last = (W.flatten(0, 1).contiguous() for W in weights)
    return *first, last * gain


def unpacked(weights: Weights, lead: Sequence[int], gain: float) -> Weights:
    """The other way; `lead` is (batch, heads)."""
    *first, last = (W.unflatten(0, lead) for W in weights)
    return *first, last / gain


def joined(one: Memories, other: Memories) -> Memories:
    """Memories of one age, side by side."""
    start = one.start and other.start and _beside(one.start, other.start)
    return one._replace(start=start, written=_beside(one.written, other.written), found=_beside(one.found, other.found))


def parted(both: Memories, n: int) -> tuple[Memories, Memories]:
    """The first n memories, and the others."""
    parts = [
        both._replace(
            start=None, written=tuple(W[:, at] for W in both.written), found=tuple(W[:, at] for W in both.found)
        )
        for at in (slice(None, n), slice(n, None))
    ]
    return parts[0], parts[1]


def _beside(one: Weights, other: Weights) -> Weights:
    return tuple(torch.cat(pair, 1) for pair in zip(one, other, strict=True))


class Asks(NamedTuple):
    """How the main memory is asked.

    Args:
        queries: `(B, T, d)`; None: what the third of the memories says.
        read_first: before each token is written, or after it.
        read_at_start: as the chunk found it.
    """

    queries: Tensor | None
    read_first: bool
    read_at_start: bool


def speak(
    memories: Memories,
    x: Tensor,
    gates: Gates,
    chunk: int,
    frozen: Sequence[bool],
    step: Step,
    asks: Asks | None = None,
) -> tuple[list[Said], list[Tensor], Memories]:
    """Keys, values, ..., lr and keep of a whole sequence, made by memories that learn from them chunk by chunk.

    Args:
        memories: their order is keys, values, any others, lr, keep, and the main one where it is asked at once.
        x: tokens `(B, T, d)`.
        frozen: for each memory whether it stays as it is.
        asks: the main memory is among them, and shares their chunks.

    Returns:
        What they said in each chunk, what the main one recalled, and the memories at the end.
    """
    heard, recalled = [], []
    lengths = _lengths(x.shape[1], chunk, memories.age)
    queries = [None] * len(lengths) if asks is None or asks.queries is None else asks.queries.split(lengths, 1)
    speaking, start = len(frozen) - (asks is not None), _last(memories.start)
    for part, q in zip(x.split(lengths, 1), queries, strict=True):
        *vectors, lr, keep = read_out(memories.found, part.mT.contiguous(), gates, speaking)
        vectors = vectors if q is None else [*vectors, q.mT.contiguous()]
        said = Said(tuple(vectors), lr, keep, *paces(lr, keep, step.implicit))
        after = _write(memories, said, step)
        heard.append(said)
        if asks is not None:
            recalled.append(_ask(memories, start, after, said, asks))
        memories = _next(memories, masked(frozen, memories.written, after.end), part.shape[1], chunk)
    return heard, recalled, memories


def remember(
    memory: Memories, heard: Sequence[Said], asks: Asks, chunk: int, frozen: bool, step: Step
) -> tuple[list[Tensor], Memories]:
    """What the main memory alone recalls while it learns, and the memory at the end.

    Args:
        heard: keys, values, queries and rates, as `speak` gives them for each chunk of its own.
    """
    recalled, start = [], _last(memory.start)
    for said in _recut(heard, asks.queries, chunk, memory.age, step):
        if frozen:
            pace, left = paces(torch.zeros_like(said.lr), torch.ones_like(said.keep), step.implicit)
            said = said._replace(pace=pace, left=left)
        after = _write(memory, said, step)
        recalled.append(_ask(memory, start, after, said, asks))
        memory = _next(memory, after.end, said.lr.shape[-1], chunk)
    return recalled, memory


def _recut(heard: Sequence[Said], queries: Tensor | None, chunk: int, age: int, step: Step) -> Iterator[Said]:
    """What was said in chunks of one size, in chunks of another."""
    every = [(*said.vectors, said.lr, said.keep) for said in heard]
    whole = [torch.cat(parts, -1) for parts in zip(*every, strict=True)]
    if queries is not None:
        whole.insert(2, queries.mT)
    lengths = _lengths(whole[0].shape[-1], chunk, age)
    for *vectors, lr, keep in zip(*(x.split(lengths, -1) for x in whole), strict=True):
        yield Said(tuple(vectors), lr, keep, *paces(lr, keep, step.implicit))


def _write(memories: Memories, said: Said, step: Step) -> Written:
    keys, values, *_ = said.vectors
    return write_chunk(memories.written, memories.found, keys, values, said.pace, memories.gain, step.stop_targets)


def _ask(memories: Memories, start: Weights | None, chunk: Written, said: Said, asks: Asks) -> Tensor:
    """What the last memory answers to the third vector, `(B, C, d)`."""
    q = answer = said.vectors[2]
    if asks.read_at_start:
        for i, W in enumerate(memories.found):
            answer = torch.bmm(W[:, -1], silu(answer) if i else q)
    else:  # at the weights of each token: W₀ + what is left of Δ + the writes of the chunk so far
        if asks.read_first:
            found, since = said.left[:, :-1, :1].mT, said.left[:, :-1, 1:]
        else:
            found, since = said.left[:, 1:, :1].mT, said.left[:, 1:, 1:]
        for i, (D, inputs, writes) in enumerate(zip(chunk.begun, chunk.inputs, chunk.writes, strict=True)):
            z = silu(answer) if i else q
            overlap = since * torch.bmm(z.mT, inputs)
            answer = torch.baddbmm(torch.bmm(writes, overlap.mT), D, found * z)
            if start is not None:
                answer = torch.baddbmm(answer, start[i], z)
    return (q + answer if len(memories.found) > 1 else answer).mT


def _last(start: Weights | None) -> Weights | None:
    """W₀ of the last memory, cut out once: autograd fills whatever is left of it with zeros."""
    return start and tuple(W[:, -1] for W in start)


def _lengths(T: int, chunk: int, age: int) -> list[int]:
    """Chunks begin at multiples of `chunk` in a memory's whole life."""
    return [size for steps, size in pieces(T, chunk, age) for _ in range(steps // size)]


def _next(memories: Memories, written: Weights, steps: int, chunk: int) -> Memories:
    age = memories.age + steps
    found = memories.found if age % chunk else add(memories.start, written)
    return memories._replace(written=written, found=found, age=age)
