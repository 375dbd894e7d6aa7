"""Six systems of lesson 08, described by hand: what is in them, how often each part is written, and who needs whom.

The unit of time is one token; a training step reads four. A part's level is the number of the longest chain of faster
parts before it, by Definition 2 of Nested Learning; 0 is the innermost. Attention keeps no state and has no finite
frequency: its answer is made anew at every read, so its period is 0 and it leaves nothing in a log of writes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

STEP = 4  # tokens


@dataclass(frozen=True)
class System:
    """One described system.

    Args:
        name: what it is.
        parts: what is written in it.
        periods: tokens from one write of a part to the next; 0 where it is made anew at every read.
        needs: (part, other): the part's state of a moment is computed from the other's state of the same moment.
        levels: derived by hand, one a part.
    """

    name: str
    parts: tuple[str, ...]
    periods: tuple[int, ...]
    needs: tuple[tuple[str, str], ...]
    levels: tuple[int, ...]

    @property
    def logged(self) -> list[int]:
        """The places of those parts that leave writes in a log."""
        return [place for place, period in enumerate(self.periods) if period]

    def log(self, tokens: int) -> Tensor:
        """Which part was written at which token: (part, token), 1 or 0, without those that leave no writes."""
        now = torch.arange(1, tokens + 1, dtype=torch.float64)
        return torch.stack([(now % self.periods[place] == 0).double() for place in self.logged])

    def frequency(self) -> Tensor:
        """Updates per token of every part, (part,), infinite for what is made anew at every read."""
        return 1 / torch.tensor(self.periods, dtype=torch.float64)

    def table(self) -> Tensor:
        """Who needs whom, (part, part): 1 in row i, column j where part i needs part j."""
        table = torch.zeros(len(self.parts), len(self.parts), dtype=torch.float64)
        for part, other in self.needs:
            table[self.parts.index(part), self.parts.index(other)] = 1
        return table


_ADAM = (("weights", "first moment"), ("weights", "second moment"))

SYSTEMS = (
    System("MLP and SGD", ("weights",), (STEP,), (), (0,)),
    System("MLP and Adam", ("weights", "first moment", "second moment"), (STEP,) * 3, _ADAM, (1, 0, 0)),
    System(
        "linear attention and momentum",
        ("weights", "velocity", "memory"),
        (STEP, STEP, 1),
        (("weights", "velocity"), ("memory", "weights")),
        (2, 1, 0),
    ),
    System(
        "Titans and Adam",
        ("memory", "past surprise", "weights", "first moment", "second moment"),
        (1, 1, STEP, STEP, STEP),
        (("memory", "past surprise"), ("past surprise", "weights"), *_ADAM),
        (1, 0, 3, 2, 2),
    ),
    System(
        "three clocks and SGD",
        ("weights of period 1", "weights of period 4", "weights of period 16"),
        (STEP, 4 * STEP, 16 * STEP),
        (("weights of period 1", "weights of period 16"),),
        (0, 1, 2),
    ),
    System(
        "Transformer and Adam",
        ("weights", "first moment", "second moment", "attention"),
        (STEP, STEP, STEP, 0),
        (*_ADAM, ("attention", "weights")),
        (2, 1, 1, 0),
    ),
)
