"""Newton-Schulz: push all singular values of a matrix towards 1 with products alone.

    X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X                starting at X = G / ‖G‖

A singular value s becomes a s + b s³ + c s⁵, and the directions stay. `CUBIC` climbs to 1 for every start in (0, √3);
it is gradient descent with rate 1/4 on the inner loss ½ ‖Xᵀ X − I‖². `QUINTIC`, Muon's, is steeper at 0 and does not
converge: five steps put singular values above 1 % of the norm somewhere in [0.6, 1.25]. Nested Learning, section 4.2
(eqs. 42-44); Jordan et al. 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor

Coefficients = tuple[float, float, float]
CUBIC: Coefficients = (1.5, -0.5, 0.0)
QUINTIC: Coefficients = (3.4445, -4.7750, 2.0315)


def newton_schulz(G: Tensor, steps: int = 5, coefficients: Coefficients = QUINTIC, eps: float = 1e-7) -> Tensor:
    """An almost orthogonal matrix with the singular directions of G.

    Args:
        G: `(..., rows, columns)`
        steps: 5 suffices for QUINTIC; CUBIC needs 10 to 15.
        coefficients: a, b and c above.
        eps: the least norm that is divided by, so that a gradient that is all rounding error is not blown up.

    Returns:
        `(..., rows, columns)`

    >>> G = torch.diag(torch.tensor([1.0, 0.3]))
    >>> newton_schulz(G, steps=15, coefficients=CUBIC).round(decimals=4)
    tensor([[1., 0.],
            [0., 1.]])
    """
    a, b, c = coefficients
    tall = G.shape[-2] > G.shape[-1]
    X = G.mT if tall else G  # the smaller of the two squares
    X = X / torch.linalg.matrix_norm(X, keepdim=True).clamp_min(eps)
    for _ in range(steps):
        A = X @ X.mT
        X = a * X + (b * A + c * A @ A if c else b * A) @ X
    return X.mT if tall else X


def newton_schulz_printed(G: Tensor, steps: int = 5, lr: float = 0.25) -> Tensor:
    """The paper's eq. 44, which is not Newton-Schulz: its inner loss also holds on to G. For comparison only.

        O ← O − lr (O − G + 2 O (Oᵀ O − I)),        O = G at the start

    The bracket is the gradient of ½ ‖O − G‖² + ½ ‖Oᵀ O − I‖² (eq. 43 prints the second half alone). The first step is
    the promised cubic, but the steps end where 2 s³ − s is the singular value of G, so those from 0 to 1 are squeezed
    into [0.71, 1].

    Args:
        G: `(..., rows, columns)`, singular values 0 to about 1.
        steps: 0 or more.
        lr: the paper's ζ; below 0.4 it is stable there.

    >>> newton_schulz_printed(torch.tensor([[0.1]]), steps=200).round(decimals=3)
    tensor([[0.7530]])
    """
    O = G
    for _ in range(steps):
        O = O - lr * (O - G + 2 * (O @ O.mT @ O - O))
    return O
