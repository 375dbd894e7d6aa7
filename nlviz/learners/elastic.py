"""The elastic twin: no clock and no gate; fast levels are drawn to a slow copy at every step, and it to them.

    every step      fast ← fast + pull (slow − fast)
                    slow ← slow + share · pull (fast − slow)

Both ends of a spring (elastic averaging: Zhang, Choromanska & LeCun 2015), and a decay of what was learned since the
start, as a memory with a fixed retention gate has it. The control for a restart that comes by surprise.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..nested import SlowCopy
from .levels import Info, Levels
from .network import Network


class Elastic(Levels):
    """Levels, of which the fast ones decay towards their slow copy at every step.

    Args:
        network, lr, periods, ratio: as for `Levels`.
        pull: of the way the fast weights go towards the copy in a step, 0 to 1; a number or `(runs,)`.
        share: of the pull, 0 to 1, that the copy answers with.
        elastic: how many of the levels have a slow copy, the fast ones first.

    >>> import torch
    >>> learner = Elastic(Network(seeds=[0]), lr=torch.tensor([0.4]), pull=1 / 24)
    >>> info = learner.learn(torch.zeros(1, 8, 64), torch.zeros(1, 8, dtype=torch.long))
    >>> sorted(info)
    ['surprise']
    """

    def __init__(
        self,
        network: Network,
        lr: Tensor,
        pull: float | Tensor,
        share: float | Tensor = 0.1,
        periods: Sequence[int] = (1, 4, 16),
        ratio: float | Tensor = 0.25,
        elastic: int = 1,
    ) -> None:
        super().__init__(network, lr, periods, ratio)
        self.copy = SlowCopy([w for level in self.clock.weights[:elastic] for w in level])
        self.pull = pull
        self.share = share

    def learn(self, x: Tensor, y: Tensor) -> Info:
        """Learn a batch, then give way to the spring; gives the "surprise" of each run."""
        info = super().learn(x, y)
        self.copy.decay(1 - self.pull)
        self.copy.consolidate(self.share * self.pull)
        return info
