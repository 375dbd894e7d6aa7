"""Experience replay: keep some of what came, and learn it again beside what comes.

The buffer holds an even sample of all examples so far (reservoir sampling: Vitter 1985): the n-th example takes a place
with probability capacity / n. It knows no tasks and no time, so where the stream contradicts itself, so does it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime import generator
from .levels import Info, Levels
from .network import Network


class Replay(Levels):
    """One rate; every step learns the batch and as many examples from the buffer.

    Args:
        network: one a run.
        lr: `(runs,)`.
        capacity: examples a run may keep.
        seed: of the draws, which all runs share; their examples are their own.

    >>> learner = Replay(Network(seeds=[0]), lr=torch.tensor([0.1]), capacity=12)
    >>> for _ in range(3):
    ...     info = learner.learn(torch.zeros(1, 8, 64), torch.zeros(1, 8, dtype=torch.long))
    >>> learner.kept_x.shape, learner.seen
    (torch.Size([1, 12, 64]), 24)
    """

    def __init__(self, network: Network, lr: Tensor, capacity: int = 400, seed: int = 0) -> None:
        super().__init__(network, lr)
        self.capacity = capacity
        self.draws = generator(seed)
        self.seen = 0
        self.kept_x = lr.new_zeros(network.runs, 0, 0)
        self.kept_y = torch.zeros(network.runs, 0, dtype=torch.long, device=lr.device)

    def learn(self, x: Tensor, y: Tensor) -> Info:
        """Learn a batch and some of the buffer, keep some of the batch; gives the "surprise" at the batch itself."""
        n = y.shape[1]
        if self.seen:
            again = torch.randint(self.kept_y.shape[1], (n,), generator=self.draws).to(y.device)
            both = torch.cat([x, self.kept_x[:, again]], 1), torch.cat([y, self.kept_y[:, again]], 1)
        else:
            both = x, y
        surprise = self.backward(*both)
        self.tick()
        self._keep(x, y)
        return {"surprise": surprise}

    def _keep(self, x: Tensor, y: Tensor) -> None:
        room = min(y.shape[1], self.capacity - self.kept_y.shape[1])
        if not self.seen:
            self.kept_x = x.new_zeros(x.shape[0], 0, x.shape[2])
        self.kept_x = torch.cat([self.kept_x, x[:, :room]], 1)
        self.kept_y = torch.cat([self.kept_y, y[:, :room]], 1)
        for i, luck in enumerate(torch.rand(y.shape[1] - room, generator=self.draws).tolist(), start=room):
            place = int(luck * (self.seen + i + 1))
            if place < self.capacity:
                self.kept_x[:, place], self.kept_y[:, place] = x[:, i], y[:, i]
        self.seen += y.shape[1]
