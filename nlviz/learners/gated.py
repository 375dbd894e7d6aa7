"""The trained continual learner: levels whose fast end starts again from its slow copy when the stream surprises.

    surprised     loss of the batch > 2 · its running mean
    then          slow ← slow + share (fast − slow);  fast ← slow;  and the gradient is taken at the restarted weights

The nested variant of the Continuum Memory System (Nested Learning, section 7, eq. 72): the state in which a fast level
begins belongs to a slower one, which learns from where the fast one ends. The paper restarts it by the clock; here
surprise does: a retention gate that keeps everything until the world contradicts what was learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..nested import SlowCopy
from .levels import Info, Levels
from .network import Network
from .surprise import Surprise

if TYPE_CHECKING:
    from ..optim.base import Rule


class Gated(Levels):
    """Levels, of which the fast ones start again from their slow copy on surprise.

    Args:
        network, lr, periods, ratio, rule, last_only: as for `Levels`.
        share: of the way the slow copy goes towards the fast weights at a surprise, 0 to 1; a number or `(runs,)`.
        restarts: how many of the levels have a slow copy and restart, the fast ones first; all of them is the control
            that remembers Lookahead (Zhang et al. 2019).

    What waits at the slow levels stays there at a restart.

    >>> learner = Gated(Network(seeds=[0]), lr=torch.tensor([0.4]))
    >>> info = learner.learn(torch.zeros(1, 8, 64), torch.zeros(1, 8, dtype=torch.long))
    >>> info["restarted"]
    tensor([False])
    """

    def __init__(
        self,
        network: Network,
        lr: Tensor,
        periods: Sequence[int] = (1, 4, 16),
        ratio: float | Tensor = 0.25,
        rule: Rule | None = None,
        last_only: bool = False,
        share: float | Tensor = 0.1,
        restarts: int = 1,
    ) -> None:
        super().__init__(network, lr, periods, ratio, rule, last_only)
        self.copy = SlowCopy([w for level in self.clock.weights[:restarts] for w in level])
        self.share = share
        self.surprise = Surprise(lr)

    def learn(self, x: Tensor, y: Tensor) -> Info:
        """Learn a batch; gives the "surprise" of each run, what was "usual", and whether it "restarted"."""
        with torch.no_grad():
            surprise = cross_entropy(self.network(x).mT, y, reduction="none").mean(-1)
        usual, restarted = self.surprise.usual, self.surprise.at(surprise)
        self.copy.consolidate(self.share, when=restarted)
        self.copy.restart(when=restarted)
        self.surprise.note(self.backward(x, y), restarted)
        self.tick()
        return {"surprise": surprise, "usual": usual, "restarted": restarted}
