"""A learned retention gate: how much of what the fast weights know stays is a smooth function of the surprise.

    a = sigmoid(weights · features + bias)               0 keeps everything, 1 starts again
    slow ← slow + share a (fast − slow)
    fast ← fast + a (slow − fast);  and the gradient is taken there

The restart on surprise is the case in which a is 0 or 1. Where a depends on nothing it is a fixed decay, as of an
elastic twin. It is the gate α of a memory (Nested Learning, eq. 93, α = 1 − a), with the slow copy as what the memory
falls back to instead of zero. Nothing here trains the gate: its numbers come from outside the stream.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..nested import SlowCopy
from .levels import Info, Levels
from .network import Network
from .surprise import FLOOR, KEEP

FEATURES = ("log(loss / usual)", "log(usual)", "log(loss / usual) of the step before")
LIMIT = 5.0
"""No feature goes beyond: a loss of zero has no logarithm."""


class LearnedGate(Levels):
    """Levels, of which the fast ones return to their slow copy as far as a gate with given numbers says.

    Args:
        network, lr, periods, ratio: as for `Levels`.
        weights: `(runs, n)`, of the first n of `FEATURES`; n = 0 is a gate that looks at nothing. What is usual is the
            running mean of the loss, which begins anew as far as the gate opens; below .25 it counts as .25.
        bias: `(runs,)`.
        share: of a, 0 to 1, by which the slow copy goes towards the fast weights; a number or `(runs,)`.

    Raises:
        ValueError: for more weights than there are features.

    >>> numbers = dict(weights=torch.tensor([[3.0]]), bias=torch.tensor([-4.0]))
    >>> learner = LearnedGate(Network(seeds=[0]), lr=torch.tensor([0.4]), **numbers)
    >>> info = learner.learn(torch.zeros(1, 8, 64), torch.zeros(1, 8, dtype=torch.long))
    >>> sorted(info)
    ['opened', 'surprise', 'usual']
    """

    def __init__(
        self,
        network: Network,
        lr: Tensor,
        weights: Tensor,
        bias: Tensor,
        share: float | Tensor = 0.1,
        periods: Sequence[int] = (1, 4, 16),
        ratio: float | Tensor = 0.25,
    ) -> None:
        super().__init__(network, lr, periods, ratio)
        if weights.ndim != 2 or weights.shape[1] > len(FEATURES):
            raise ValueError(
                f"LearnedGate: weights are (runs, n), n at most {len(FEATURES)}, of {', '.join(FEATURES)}; "
                f"got {tuple(weights.shape)}"
            )
        self.weights, self.bias, self.share = weights, bias, share
        self.copy = SlowCopy(self.clock.weights[0])
        self.usual = torch.full_like(lr, float("inf"))  # before the first batch nothing surprises
        self.before = torch.zeros_like(lr)

    def learn(self, x: Tensor, y: Tensor) -> Info:
        """Learn a batch; gives the "surprise" of each run, what was "usual", and how far the gate "opened", 0 to 1."""
        with torch.no_grad():
            surprise = cross_entropy(self.network(x).mT, y, reduction="none").mean(-1)
        usual, opened = self.usual, self.opened(surprise)
        self.copy.consolidate(self.share * opened)
        self.copy.decay(1 - opened)
        loss = self.backward(x, y)
        self.usual = torch.where(torch.isinf(usual), loss, torch.lerp(KEEP * usual + (1 - KEEP) * loss, loss, opened))
        self.tick()
        return {"surprise": surprise, "usual": usual, "opened": opened}

    def opened(self, loss: Tensor) -> Tensor:
        """How far the gate opens at a loss `(runs,)`: `(runs,)`, 0 to 1. To be asked once a step."""
        usual = self.usual.clamp(min=FLOOR).log()
        above = (loss.log() - usual).clamp(-LIMIT, LIMIT)
        features = torch.stack([above, usual.clamp(max=LIMIT), self.before], dim=-1)
        self.before = above
        return torch.sigmoid((self.weights * features[:, : self.weights.shape[1]]).sum(-1) + self.bias)
