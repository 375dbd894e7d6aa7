"""Elastic weight consolidation: weights that mattered are drawn back to where they were.

    every step      w ← (w + a anchor) / (1 + a),   a = lr · strength · importance       after the step of descent
    on surprise     importance ← importance + mean squared gradient of late;   anchor ← w

Kirkpatrick et al. 2017, in the online form with one anchor (Schwarz et al. 2018). Theirs is told when a task ends; here
nobody is, so surprise says it, unless `ends` does. Importance is the diagonal of the empirical Fisher matrix, from
gradients of batches. The pull is solved for and not stepped along (a proximal step), so that no strength is unstable.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .levels import Info, Levels
from .network import Network
from .rates import along_runs
from .surprise import Surprise

LATE = 0.98
"""What stays, a step, of the mean squared gradient: it speaks of the last 50 steps."""


class EWC(Levels):
    """One rate, and a pull on every weight towards its anchor, as strong as the weight was important.

    Args:
        network: one a run.
        lr: `(runs,)`.
        strength: `(runs,)`, of the pull, 0 or more.
        ends: `(step, run)` of bool, the steps before which a task has ended, for one who is told: a privilege that no
            other learner has. Not given: surprise says it.

    >>> learner = EWC(Network(seeds=[0]), lr=torch.tensor([0.1]), strength=torch.tensor([100.0]))
    >>> info = learner.learn(torch.zeros(1, 8, 64), torch.zeros(1, 8, dtype=torch.long))
    >>> info["consolidated"]
    tensor([False])
    """

    def __init__(self, network: Network, lr: Tensor, strength: Tensor, ends: Tensor | None = None) -> None:
        super().__init__(network, lr)
        self.pull = lr * strength
        self.params = list(network.parameters())
        self.anchor = [w.detach().clone() for w in self.params]
        self.importance = [torch.zeros_like(w) for w in self.anchor]
        self.squares = [torch.zeros_like(w) for w in self.anchor]
        self.surprise = Surprise(lr)
        self.ends = ends

    @torch.no_grad()
    def learn(self, x: Tensor, y: Tensor) -> Info:
        """Learn a batch and give way to the pull; consolidate first where a task has ended."""
        with torch.enable_grad():
            loss = self.backward(x, y)
        surprised = self.surprise.at(loss) if self.ends is None else self.ends[self.clock.steps]
        parts = list(zip(self.params, self.anchor, self.importance, self.squares, strict=True))
        for w, anchor, importance, square in parts:
            now = along_runs(surprised, w)
            importance.add_(now * square)
            anchor.copy_(torch.where(now, w, anchor))
            if w.grad is not None:
                square.mul_(LATE).addcmul_(w.grad, w.grad, value=1 - LATE)
        self.tick()
        for w, anchor, importance, _ in parts:
            a = along_runs(self.pull, w) * importance
            w.copy_((w + a * anchor) / (1 + a))
        self.surprise.note(loss, surprised)
        return {"surprise": loss, "consolidated": surprised}
