"""Facts told one after the other, and questions about what was told a while ago.

    step t      the world tells a fact: a name and one of a few values
                then it asks for the value of the name that was told `age` steps before

Names are new directions every time, so nothing can be known that was not told in this very stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..runtime import generator


@dataclass(frozen=True)
class Facts:
    """One fact and one question a step, for many sequences of many runs side by side.

    Args:
        names: `(run, sequence, step, d)`, each of norm 1.
        values: `(run, sequence, step)` of integers, from 0 to below `choices`.
        asked: `(run, sequence, step)`, in which step the fact was told that is asked for after this one.
        choices: how many values there are.
        about: seed and settings, for the provenance of a Trace.
    """

    names: Tensor
    values: Tensor
    asked: Tensor
    choices: int
    about: dict[str, Any]

    @property
    def ages(self) -> Tensor:
        """`(run, sequence, step)`: how many facts were told since the one that is asked for, 0 or more."""
        return torch.arange(self.asked.shape[-1]) - self.asked

    @property
    def answers(self) -> Tensor:
        """`(run, sequence, step)`: the right values."""
        return self.values.gather(-1, self.asked)

    @property
    def chance(self) -> float:
        """Share of right answers of one who guesses."""
        return 1 / self.choices

    @property
    def oracle(self) -> float:
        """Share of right answers of one who keeps everything: all."""
        return 1.0


def aging_facts(
    ages: Sequence[int],
    runs: int = 20,
    seed: int = 0,
    sequences: int = 4,
    steps: int = 1536,
    d: int = 128,
    choices: int = 16,
) -> Facts:
    """Facts of which each is told once, and asked for at some age.

    Args:
        ages: each equally likely at each step; early in a sequence the oldest there is, where none is so old.
        runs: seeds seed, seed + 1, ...; each its own names, values and questions.
        sequences: of a run, each with facts of its own.
        steps: facts of a sequence.
        d: features of a name.
        choices: values there are.

    >>> facts = aging_facts(ages=(0, 32), runs=2, sequences=1, steps=40)
    >>> facts.names.shape, facts.ages[0, 0, 32:].unique()
    (torch.Size([2, 1, 40, 128]), tensor([ 0, 32]))
    """
    if not ages or min(ages) < 0:
        raise ValueError(f"aging_facts: ages are numbers of facts told since, 0 or more; got {list(ages)}")
    told: dict[str, list[Tensor]] = {"names": [], "values": [], "asked": []}
    for s in range(seed, seed + runs):
        draws = generator(s)
        told["names"].append(normalize(torch.randn(sequences, steps, d, generator=draws), dim=-1))
        told["values"].append(torch.randint(choices, (sequences, steps), generator=draws))
        age = torch.tensor(ages)[torch.randint(len(ages), (sequences, steps), generator=draws)]
        told["asked"].append((torch.arange(steps) - age).clamp(min=0))
    about = dict(seed=seed, runs=runs, sequences=sequences, steps=steps, d=d, choices=choices)
    return Facts(**{name: torch.stack(parts) for name, parts in told.items()}, choices=choices, about=about)
