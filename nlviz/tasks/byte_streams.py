"""Bytes in time: batches of windows out of one text, or out of several, one domain after the other.

Where a window begins is drawn from the seed for all steps beforehand, so that step i is the same whoever asks for it,
and a run that was stopped goes on at any i. A learner gets bytes and nothing else; which domain they are from is
written in the stream, for measuring.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..runtime import generator
from .text import CHANCE, Text, demand


@dataclass(frozen=True, eq=False)
class ByteStream:
    """Windows of bytes, `(batch, length + 1)` of integers a step: T to see and the T that come next.

    Args:
        texts: one a domain.
        domain: `(step, batch)`, which text a window is from. A learner never sees this.
        phase: `(step,)`, which phase is on, counted from 0. Nor this.
        start: `(step, batch)`, where in the part of it to learn from.
        length: T.
        name: what the stream is called in a figure.
        about: seed and settings, for the provenance of a Trace.
    """

    texts: tuple[Text, ...]
    domain: Tensor
    phase: Tensor
    start: Tensor
    length: int
    name: str
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, step: int) -> Tensor:
        windows = [
            self.texts[domain].train[start : start + self.length + 1]
            for domain, start in zip(self.domain[step].tolist(), self.start[step].tolist(), strict=True)
        ]
        return torch.stack(windows).long()

    def __iter__(self) -> Iterator[Tensor]:
        return (self[step] for step in range(len(self)))

    def __repr__(self) -> str:
        return f"ByteStream: {self.name}, {len(self):,} steps of {self.start.shape[1]} x {self.length} bytes"

    @property
    def domains(self) -> list[str]:
        """What the texts are called."""
        return [text.name for text in self.texts]

    @property
    def ends(self) -> Tensor:
        """`(step,)` of bool: whether another phase ended just before this step."""
        return torch.cat([torch.zeros(1, dtype=torch.bool), self.phase[1:] != self.phase[:-1]])

    @property
    def chance(self) -> float:
        """Bits per byte of one who knows nothing, 8."""
        return CHANCE

    def exam(self, domain: int, batch: int = 32) -> list[Tensor]:
        """What is kept apart of a domain, in windows; see `Text.exam`."""
        return self.texts[domain].exam(self.length, batch)


def byte_stream(text: Text, steps: int, batch: int = 16, length: int = 256, seed: int = 0) -> ByteStream:
    """Windows of one text, each drawn from anywhere in the part to learn from.

    Args:
        text: of `nl.tasks.english` and its like.
        steps: batches in all; `steps * batch * length` bytes are foretold.
        batch: windows a step.
        length: bytes foretold in a window.
        seed: of the draws.

    Raises:
        ValueError: if a window does not fit into the text.

    >>> import nlviz as nl
    >>> stream = byte_stream(nl.tasks.english(), steps=100, batch=4, length=64)
    >>> stream[99].shape, stream.chance
    (torch.Size([4, 65]), 8.0)
    """
    return _stream([(text,)], steps, batch, length, seed, text.name)


def changing_domains(
    phases: Sequence[Sequence[Text]], each: int, batch: int = 16, length: int = 256, seed: int = 0
) -> ByteStream:
    """Some domains side by side for a while, then others, and nobody says when.

    Args:
        phases: the texts of each phase, of which every window is drawn at even odds.
        each: steps of a phase.
        batch, length, seed: as for `byte_stream`.

    Raises:
        ValueError: if a window does not fit into a text, or there is no text.

    >>> import nlviz as nl
    >>> first, then = [nl.tasks.english()], [nl.tasks.cpp_headers(most=200_000)]     # or two languages in each
    >>> stream = changing_domains([first, then], each=30, batch=4, length=64)
    >>> stream
    ByteStream: English, then C++, 60 steps of 4 x 64 bytes
    >>> stream.domain[0].tolist(), stream.domain[-1].tolist(), stream.ends.nonzero().flatten().tolist()
    ([0, 0, 0, 0], [1, 1, 1, 1], [30])
    """
    name = ", then ".join(" and ".join(text.name for text in phase) for phase in phases)
    return _stream(phases, each, batch, length, seed, name)


def _stream(phases: Sequence[Sequence[Text]], each: int, batch: int, length: int, seed: int, name: str) -> ByteStream:
    for count in (each, batch, len(phases), *map(len, phases)):
        if count < 1:
            raise ValueError(f"{name}: steps, windows a step, phases and texts of a phase are 1 or more; got {count}")
    texts = tuple(dict.fromkeys(text for phase in phases for text in phase))
    for text in texts:
        demand(text.train, length, f"the part of {text.name!r} to learn from")
    draws = generator(seed)
    drawn = []
    for phase in phases:
        here = torch.tensor([texts.index(text) for text in phase])
        drawn.append(here[torch.randint(len(phase), (each, batch), generator=draws)])
    domain, which = torch.cat(drawn), torch.arange(len(phases)).repeat_interleave(each)
    room = torch.tensor([len(text.train) - length for text in texts])[domain]
    start = (torch.rand(domain.shape, generator=draws, dtype=torch.float64) * room).long()
    about = dict(
        stream=name, seed=seed, steps=len(start), batch=batch, length=length, texts=[text.about for text in texts]
    )
    return ByteStream(texts, domain, which, start, length, name, about)
