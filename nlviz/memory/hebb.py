"""Hebb's rule: add the pair, look at nothing.

    M ← keep M + lr v kᵀ          one gradient step on −⟨M k, v⟩, with weight decay when keep < 1

Inner problem: the memory M, whose context is the stream of pairs. Outer: whatever makes keys and values.
With keep = 1 this is linear attention (Nested Learning, eqs. 14-18 and 64; Katharopoulos et al. 2020);
with keep < 1 the family of RetNet and gated linear attention. Papers write α for keep and η or β for lr.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from .base import Info, Levels, Rate, apply, check_pair, check_shares, outer, rate
from .chunk_exact import RankOne, Row
from .chunks import Steps


@dataclass(frozen=True)
class Hebb(RankOne):
    """A matrix memory that adds every pair it is given.

    Args:
        lr: how strongly a pair is written; any size.
        keep: the factor that stays at each write, 0 to 1; 1 forgets nothing.

    >>> import torch
    >>> rule = Hebb()
    >>> M = rule.init(d_key=2, d_value=1)
    >>> key = torch.tensor([1.0, 0.0])
    >>> M, _ = rule.write(M, key, torch.tensor([3.0]))
    >>> M, _ = rule.write(M, key, torch.tensor([5.0]))
    >>> rule.read(M, key)                         # old and new value, superposed
    tensor([8.])
    """

    levels: ClassVar[Levels] = (("memory", 1, "−⟨M k, v⟩", "the pairs"),)

    lr: float = 1.0
    keep: float = 1.0

    def __post_init__(self) -> None:
        check_shares(self, keep=self.keep)

    def write(
        self, M: Tensor, key: Tensor, value: Tensor, lr: Rate = None, keep: Rate = None, at: Tensor | None = None
    ) -> tuple[Tensor, Info]:
        """Add one pair; `lr` and `keep` of this write may be given as numbers or tensors `(...,)`.

        The gradient −v kᵀ is the same at every memory, so `at` only moves the error that is reported.
        """
        check_pair(self, M, key, value)
        error = value - apply(M if at is None else at, key)  # not used by the rule: for the reader to compare
        return rate(keep, self.keep, 2) * M + outer(rate(lr, self.lr, 1) * value, key), {"error": error}

    def row(self, keys: Tensor, lr: Steps, keep: Steps) -> Row:
        """M keep I + lr v kᵀ."""
        return Row(keep=keep, erase=0.0, write=lr)
