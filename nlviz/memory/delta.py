"""The delta rule: correct what the memory gets wrong at this key.

    M ← keep M
    M ← M + lr (v − M k) kᵀ       one gradient step on ½ ‖v − M k‖²

Inner problem: the memory M, whose context is the stream of pairs. Outer: whatever makes keys and values.
Widrow & Hoff 1960; as a sequence layer DeltaNet (Schlag et al. 2021), with keep < 1 Gated DeltaNet
(Yang et al. 2024); Nested Learning, eq. 65 with the decay on the key's side. Papers write β (or η) for lr, α for keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .base import Info, Levels, Rate, apply, check_pair, check_shares, outer, rate
from .chunk_exact import RankOne, Row
from .chunks import Steps


@dataclass(frozen=True)
class Delta(RankOne):
    """A matrix memory that writes only the difference between what it should say and what it says.

    Args:
        lr: how much of the error is corrected; with keys of norm 1, from 0 (nothing) over 1 (all) to 2 (the edge).
        keep: the factor that stays at each write, 0 to 1; 1 forgets nothing.

    >>> import torch
    >>> rule = Delta()
    >>> M = rule.init(d_key=2, d_value=1)
    >>> key = torch.tensor([1.0, 0.0])
    >>> M, _ = rule.write(M, key, torch.tensor([3.0]))
    >>> M, _ = rule.write(M, key, torch.tensor([5.0]))
    >>> rule.read(M, key)                         # the new value alone
    tensor([5.])
    """

    levels: ClassVar[Levels] = (("memory", 1, "½ ‖M k − v‖²", "the pairs"),)

    lr: float = 1.0
    keep: float = 1.0

    def __post_init__(self) -> None:
        check_shares(self, keep=self.keep)

    def write(
        self, M: Tensor, key: Tensor, value: Tensor, lr: Rate = None, keep: Rate = None, at: Tensor | None = None
    ) -> tuple[Tensor, Info]:
        """Correct one pair; `lr` and `keep` of this write may be given as numbers or tensors `(...,)`.

        `at` is the memory whose error is corrected, where that is not the one written to.
        """
        check_pair(self, M, key, value)
        M = rate(keep, self.keep, 2) * M
        error = value - apply(M if at is None else at, key)
        return M + outer(rate(lr, self.lr, 1) * error, key), {"error": error}

    def row(self, keys: Tensor, lr: Steps, keep: Steps) -> Row:
        """M (keep I − keep lr k kᵀ) + lr v kᵀ."""
        return Row(keep=keep, erase=keep * lr, write=lr)


def delta_chunk(M: Tensor, keys: Tensor, values: Tensor, lr: float = 1.0) -> tuple[Tensor, Tensor]:
    """All writes of one chunk at once, in the fewest lines: what `scan` does for every rule of the family.

    Each error depends on what earlier writes of the chunk have put under similar keys. Written down for all steps that
    is a triangular system of equations, (I + lr tril(K Kᵀ, −1)) E = V − K Mᵀ.

    Args:
        M: `(..., d_value, d_key)`, the memory before the chunk.
        keys, values: `(..., T, d_key)`, `(..., T, d_value)`
        lr: as in `Delta`.

    Returns:
        The memory after the chunk, and every error as the loop would have met it, `(..., T, d_value)`.

    Source: the UT transform of DeltaNet (Yang et al. 2024).

    >>> import torch
    >>> key = torch.tensor([[1.0, 0.0]])
    >>> M, errors = delta_chunk(torch.zeros(1, 2), key.expand(2, 2), torch.tensor([[3.0], [5.0]]))
    >>> errors.mT                                 # the second write meets what the first has left
    tensor([[3., 2.]])
    """
    overlap = (keys @ keys.mT).tril(-1)
    errors = torch.linalg.solve_triangular(lr * overlap, values - keys @ M.mT, upper=False, unitriangular=True)
    return M + lr * errors.mT @ keys, errors
