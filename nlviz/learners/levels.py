"""A network whose layers are levels with clocks and rates of their own: the plain Continuum Memory System of a stream.

    every step      waiting ← waiting + gradient, each entry clipped to ± 5
    every C steps   level ← level + rate · step of the rule with `waiting`;  waiting ← 0

Nested Learning, section 7, eq. 71, read as a schedule over training steps; all levels stand in one gradient flow. With
one level of period 1 it is the ordinary single-rate network, and the baseline. Surprise is the local error signal: the
loss of the batch, and with it the gradient at the answer (eqs. 7-9).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..nested import MultiClock
from ..optim import SGD
from .network import Network
from .rates import RunRates

if TYPE_CHECKING:
    from ..optim.base import Rule

CLIP = 5.0
NO_ANSWER = -1

Info = dict[str, Tensor]
"""What happened in a step, each `(runs,)`."""


class Levels:
    """Learns from every batch, each level on its own clock.

    Args:
        network: one a run.
        lr: `(runs,)`, the rate of the fastest level.
        periods: of each level, steps from write to write; inner, fast levels first.
        ratio: each level takes this times the rate of the one before; a number or `(runs,)`. Gradients are summed, so a
            level of period C bears between 1/C and 1/√C of the rate of period 1.
        rule: of the optimizer; its lr is not used.
        last_only: throw away all gradients of a period but the last: a control.

    Layers go to the levels from the head inwards: two to the first (block 3 and head), one to each of the next, and the
    last takes the rest. What changes first in these streams is what a thing is called, and names live at the head.

    >>> learner = Levels(Network(seeds=[0, 1]), lr=torch.tensor([0.1, 0.2]), periods=(1, 4, 16), ratio=0.25)
    >>> x, y = torch.zeros(2, 8, 64), torch.zeros(2, 8, dtype=torch.long)
    >>> learner.learn(x, y)["surprise"].shape
    torch.Size([2])
    >>> learner.predict(x)[:, 0]
    tensor([0, 0])
    """

    def __init__(
        self,
        network: Network,
        lr: Tensor,
        periods: Sequence[int] = (1,),
        ratio: float | Tensor = 1.0,
        rule: Rule | None = None,
        last_only: bool = False,
    ) -> None:
        if lr.shape != (network.runs,):
            raise ValueError(
                f"Levels: one rate a run, lr of shape ({network.runs},); got {tuple(lr.shape)}; "
                f"for one rate in all take torch.full(({network.runs},), rate)"
            )
        self.network = network
        self.last_only = last_only
        groups = [
            {"params": weights, "lr": lr * ratio**i, "name": f"level {i + 1}"}
            for i, weights in enumerate(deal_inwards(network, len(periods)))
        ]
        self.clock = MultiClock(RunRates(groups, rule or SGD()), periods, average=False)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """The answers: x `(runs, batch, d)` to labels `(runs, batch)`; -1 where a run has diverged."""
        scores = self.network(x)
        return torch.where(torch.isfinite(scores).all(-1), scores.argmax(-1), NO_ANSWER)

    def learn(self, x: Tensor, y: Tensor) -> Info:
        """Learn a batch, x `(runs, batch, d)` and y `(runs, batch)`; gives the "surprise" of each run."""
        surprise = self.backward(x, y)
        self.tick()
        return {"surprise": surprise}

    def backward(self, x: Tensor, y: Tensor) -> Tensor:
        """Put the gradients of the batch at the weights; give the loss of each run.

        A run whose loss is no number any more gets no gradient: it stays dead, says so in `predict`, and holds up no
        other.
        """
        scores = self.network(x)
        loss = cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="none").view(y.shape).mean(-1)
        weights = list(self.network.parameters())
        for w, slope in zip(weights, torch.autograd.grad(loss.sum(), weights), strict=True):
            w.grad = torch.nan_to_num_(slope, nan=0.0).clamp_(-CLIP, CLIP)
        return loss.detach()

    def tick(self) -> None:
        """One step of the clock with the gradients that lie there."""
        if self.last_only:
            coming = self.clock.steps + 1
            for level, period in zip(self.clock.weights, self.clock.periods, strict=True):
                for w in level if coming % period else ():
                    w.grad = None
        self.clock.step()


def deal_inwards(network: Network, levels: int) -> list[list[Tensor]]:
    """The weights of each level: block 3 and head, then block by block inwards, the rest in the last.

    >>> [len(weights) for weights in deal_inwards(Network(seeds=[0]), 3)]
    [6, 4, 6]
    """
    last, head, *inner = [*list(network.layers.values())[-2:], *list(network.layers.values())[-3::-1]]
    if not 1 <= levels <= len(inner) + 1:
        raise ValueError(f"this network fills 1 to {len(inner) + 1} levels; got {levels} periods")
    parts = [[*last, *head], *inner]
    return [*parts[: levels - 1], [w for part in parts[levels - 1 :] for w in part]]
