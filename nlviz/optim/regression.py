"""Adam read as a regression: which one number per weight best maps all past gradients to one target?

    m = argmin_m  Σᵢ keepᵗ⁻ⁱ ‖m ⊙ gᵢ − P‖² + ridge ‖m‖²  =  P ⊙ Σᵢ keepᵗ⁻ⁱ gᵢ / (Σᵢ keepᵗ⁻ⁱ gᵢ² + ridge)

    target P                        the answer m
    root of the mean square         Adam's step over −lr (momentum = square_keep = keep, eps = 0)
    sum of the squares              the velocity of Momentum(momentum=keep)

"Adam is the optimal memory" means this and no more: optimal for that target. It says nothing about the loss. With
momentum different from square_keep no single regression of this kind is Adam. Nested Learning, appendix B, eqs.
101-105 (printed without keep, that is with keep = 1; λ is ridge).
"""

from __future__ import annotations

import torch
from torch import Tensor


def fit(grads: Tensor, target: Tensor, keep: float = 1.0, ridge: float = 0.0) -> Tensor:
    """The number per weight that best maps every past gradient to the target.

    Args:
        grads: `(T, *shape)`, oldest first.
        target: `shape`
        keep: weight of a gradient over that of the next younger one, above 0 to 1.
        ridge: 0 or more. With 0, weights that saw only zero gradients are 0 / 0.

    Returns:
        `shape`

    >>> fit(torch.tensor([[1.0], [2.0]]), target=torch.tensor([2.0]))    # 2 (1 + 2) / (1 + 4)
    tensor([1.2000])
    """
    age = _weights(grads, keep)
    return target * (age * grads).sum(0) / ((age * grads.square()).sum(0) + ridge)


def root_mean_square(grads: Tensor, keep: float = 1.0) -> Tensor:
    """The target that makes the fit Adam: the root of the weighted mean of squares, `(T, *shape)` -> `shape`.

    >>> root_mean_square(torch.tensor([[1.0], [7.0]]))
    tensor([5.])
    """
    age = _weights(grads, keep)
    return ((age * grads.square()).sum(0) / age.sum(0)).sqrt()


def _weights(grads: Tensor, keep: float) -> Tensor:
    """keepᵗ⁻ⁱ, shaped to stand before the gradients."""
    if not 0 < keep <= 1:
        raise ValueError(f"keep is the weight of a gradient over the next younger one, above 0 to 1; got {keep}")
    back = torch.arange(len(grads) - 1, -1, -1, dtype=grads.dtype, device=grads.device)
    return (keep**back).reshape(-1, *[1] * (grads.ndim - 1))
