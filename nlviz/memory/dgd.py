"""Delta gradient descent: the memory makes its own target, then stores it by least squares.

    u ← −∂L/∂y at y = M k         what the loss asks for: v − M k for L = ½ ‖M k − v‖²,  v for L = −⟨M k, v⟩
    M ← M (keep I − step k kᵀ) + step u kᵀ

With keep = 1 this is gradient descent on ½ ‖M k − u‖², u held fixed. The explicit step has step = lr; the implicit one
solves min ½ ‖M k − u‖² + 1/(2 lr) ‖M − M_before‖² and has step = lr / (1 + lr ‖k‖²), for keys of any norm.

The minimum of L is not where this rule rests: it rests at M k = u, with the l2 loss at M k = v / 2, half the value.
With the dot product u = v, and DGD is the delta rule.

Inner problem: the memory M, whose context is a stream of keys and of targets it makes itself. Outer: whatever makes
keys and values. Nested Learning, section 4.5, eqs. 54-57, with any norm of the key in place of 1 (erratum E-10); with
`keep` and `at` it writes the memories of Hope, eqs. 88 and 93. Papers write η for lr, α for keep, W for M, x for k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from .base import Info, Levels, Rate, apply, check_pair, check_shares, outer, rate
from .chunk_exact import RankOne, Row
from .chunks import Steps


@dataclass(frozen=True)
class DGD(RankOne):
    """A matrix memory that regresses onto its own error signal.

    Args:
        lr: step size. With unit keys and the l2 loss 1/2 replaces all that was said at the key, and 1 is the edge of
            stability: with less keep, (1 + keep) / 2. An implicit step is below 1, so with keep 1 any lr is stable.
        keep: the factor that stays at each write, 0 to 1; 1 forgets nothing.
        implicit: whether the step solves its proximal problem (eq. 56) rather than following one gradient.
        dot_product: whether the loss is −⟨M k, v⟩ rather than ½ ‖M k − v‖².

    >>> import torch
    >>> rule, key = DGD(lr=0.3), torch.tensor([1.0, 0.0])
    >>> M = rule.init(d_key=2, d_value=1)
    >>> for _ in range(50):
    ...     M, _ = rule.write(M, key, torch.tensor([3.0]))
    >>> rule.read(M, key)                         # half the value
    tensor([1.5000])
    """

    levels: ClassVar[Levels] = (("memory", 1, "½ ‖M k − u‖², u its own error signal", "the pairs"),)

    lr: float = 0.5
    keep: float = 1.0
    implicit: bool = False
    dot_product: bool = False

    def __post_init__(self) -> None:
        check_shares(self, keep=self.keep)

    def write(
        self, M: Tensor, key: Tensor, value: Tensor, lr: Rate = None, keep: Rate = None, at: Tensor | None = None
    ) -> tuple[Tensor, Info]:
        """Store the target made for one pair; `lr` and `keep` may be given as numbers or tensors `(...,)`.

        `at` is the memory that makes the target, where that is not the one written to; what is erased is always M's.
        """
        check_pair(self, M, key, value)
        error = value - apply(M if at is None else at, key)
        target = value if self.dot_product else error
        step = rate(lr, self.lr, 1)
        if self.implicit:
            step = step / (1 + step * key.square().sum(-1, keepdim=True))
        return rate(keep, self.keep, 2) * M + outer(step * (target - apply(M, key)), key), {"error": error}

    def row(self, keys: Tensor, lr: Steps, keep: Steps) -> Row:
        """M (keep I − 2 step k kᵀ) + step v kᵀ with the l2 loss; the dot product erases once."""
        step = lr / (1 + lr * keys.square().sum(-1)) if self.implicit else lr
        return Row(keep=keep, erase=step if self.dot_product else 2 * step, write=step)
