"""The delta rule: correct what the memory gets wrong at this key.

    M ← keep M
    M ← M + lr (v − M k) kᵀ       one gradient step on ½ ‖v − M k‖²

Inner problem: the memory M, whose context is the stream of pairs. Outer: whatever makes keys and values.
Widrow & Hoff 1960; as a sequence layer DeltaNet (Schlag et al. 2021), with keep < 1 Gated DeltaNet
(Yang et al. 2024); Nested Learning, eq. 65 with the decay on the key's side. Papers write β (or η) for lr, α for keep.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .base import Info, MatrixMemory, Rate, apply, check_pair, outer, rate


@dataclass(frozen=True)
class Delta(MatrixMemory):
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

    lr: float = 1.0
    keep: float = 1.0

    def write(self, M: Tensor, key: Tensor, value: Tensor, lr: Rate = None, keep: Rate = None) -> tuple[Tensor, Info]:
        """Correct one pair; `lr` and `keep` of this write may be given as numbers or tensors `(...,)`."""
        check_pair(self, M, key, value)
        M = rate(keep, self.keep, 2) * M
        error = value - apply(M, key)
        return M + outer(rate(lr, self.lr, 1) * error, key), {"error": error}
