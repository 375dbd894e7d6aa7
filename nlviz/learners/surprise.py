"""A surprise: the loss of a batch is far above what it usually is."""

from __future__ import annotations

import torch
from torch import Tensor

JUMP, FLOOR, PAUSE, KEEP = 2.0, 0.25, 4, 0.8


class Surprise:
    """Tells, for each run, when the world has contradicted what was learned.

        surprised     loss > 2 · usual, usual taken as .25 or more, and at least 4 steps since the last
        usual         ← .8 usual + .2 loss; after a surprise it begins anew

    Needs a low usual loss to work: twice a high one never comes.

    Args:
        like: a tensor `(runs,)`, for dtype and device.

    >>> surprise, low, high = Surprise(torch.zeros(1)), torch.tensor([0.1]), torch.tensor([3.0])
    >>> for _ in range(5):
    ...     surprise.note(low, surprise.at(low))
    >>> surprise.at(low), surprise.at(high)
    (tensor([False]), tensor([True]))
    """

    def __init__(self, like: Tensor) -> None:
        self.usual = torch.full_like(like, float("inf"))  # before the first batch nothing surprises
        self.since = torch.zeros_like(like)

    def at(self, loss: Tensor) -> Tensor:
        """Whether a loss `(runs,)` is a surprise: `(runs,)` of bool."""
        return (loss > JUMP * self.usual.clamp(min=FLOOR)) & (self.since >= PAUSE)

    def note(self, loss: Tensor, surprised: Tensor) -> None:
        """Count a step, with the loss it learned from and whether it came as a surprise, both `(runs,)`."""
        anew = surprised | torch.isinf(self.usual)
        self.usual = torch.where(anew, loss, KEEP * self.usual + (1 - KEEP) * loss)
        self.since = torch.where(surprised, 1.0, self.since + 1)
