"""Sequences of tokens with questions in them, as a batch of one task or as a stream without end of fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

UNASKED = -100
"""The target where nothing is asked, as `torch.nn.functional.cross_entropy` has it."""
_FRESH = 1_000_000


@dataclass(frozen=True, eq=False)
class Sequences:
    """Tokens to read, and the answer expected right after some of them.

    Args:
        tokens: `(sequence, T)` of integers below `vocabulary`.
        targets: `(sequence, T)`: the answer after the token has been read, below `vocabulary`; -100 where none is
            asked. What a model says at a place may depend on the tokens up to it, itself included.
        vocabulary: how many tokens, or answers if they are more, there are.
        chance: share of right answers of one who knows the kind of task and not the sequence.
        name: what the task is called in a figure.
        about: seed and settings, for the provenance of a Trace.
    """

    tokens: Tensor
    targets: Tensor
    vocabulary: int
    chance: float
    name: str
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"Sequences: {self.name}, {len(self)} of {self.tokens.shape[1]} tokens, chance {self.chance:.3g}"

    def batches(self, batch: int = 64) -> list[tuple[Tensor, Tensor]]:
        """Tokens and targets in parts, `(batch, T)` each, for `nl.loops.right` and `nl.loops.asked`."""
        return list(zip(self.tokens.split(batch), self.targets.split(batch), strict=True))


@dataclass(frozen=True)
class Fresh:
    """A stream of batches to train on, each drawn anew and none twice: `(tokens, targets)` of each step.

    Args:
        draw: seed to sequences. It is asked for seeds from a million on, so that `draw(0)` to `draw(999_999)` are for
            testing.
        steps: how many batches.
        seed: of the stream, 0 to 4,000; others get other batches as long as a stream is below a million steps.

    Step i is the same whoever asks for it, so a run that was stopped goes on at any i.

    >>> import nlviz as nl
    >>> stream = Fresh(lambda seed: nl.tasks.mqar(pairs=4, sequences=8, seed=seed), steps=100)
    >>> tokens, targets = stream[99]
    >>> tokens.shape
    torch.Size([8, 12])
    """

    draw: Callable[[int], Sequences]
    steps: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.steps <= _FRESH and 0 <= self.seed <= 4_000):
            raise ValueError(
                f"Fresh: 1 to {_FRESH:,} steps and a seed of 0 to 4,000, or batches would come twice; got "
                f"{self.steps:,} and {self.seed}"
            )

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        if not 0 <= step < self.steps:
            raise IndexError(f"Fresh: step {step} of a stream of {self.steps}")
        drawn = self.draw(_FRESH * (self.seed + 1) + step)
        return drawn.tokens, drawn.targets

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self[step] for step in range(self.steps))


def permutations(sequences: int, n: int, draws: torch.Generator) -> Tensor:
    """0 to n - 1 in another order in each sequence: `(sequence, n)`."""
    return torch.rand(sequences, n, generator=draws, dtype=torch.float64).argsort(-1)


def positive(who: str, **counts: int) -> None:
    """Say so if a count is below 1."""
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{who}: {name} must be 1 or more; got {count}")
