"""Hope-Attention: Hope with softmax attention in place of self-modifying Titans; with one level, a Transformer's block.

    x ← x + attention(norm(x))
    x ← x + MLP(norm(x)), one a level

Nested Learning, section 8.3: the control that tells what the levels alone are good for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..clock import Period
from ..cms import DEFAULT, SequentialCMS
from .attention import AttentionLayer
from .block import Block
from .convolved import Convolved


class HopeAttention(Block):
    """Attention over everything there was, then levels.

    Args:
        d_model: features of x and y; a multiple of heads.
        periods: of the levels, see `SequentialCMS`; `(1,)` makes it the block of a Transformer.
        heads: of attention.
        hidden: units of each level's MLP; default 4 d_model.
        width: how many tokens a convolution mixes before attention, as in Hope; 1: none.
        lr, keep: of the levels in `learn`, see `CMS`.
        seed: of the initial weights.

    >>> block = HopeAttention(8, periods=(1,), heads=2)
    >>> y, state = block(torch.randn(2, 5, 8))
    >>> y, state = block(torch.randn(2, 3, 8), state)          # goes on
    """

    def __init__(
        self,
        d_model: int,
        periods: Sequence[Period] = DEFAULT,
        heads: int = 1,
        hidden: int | None = None,
        width: int = 1,
        lr: float | Sequence[float] = 0.1,
        keep: float | Sequence[float] = 1.0,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        attention: nn.Module = AttentionLayer(d_model, heads, seed, dtype, device)
        if width != 1:
            attention = Convolved(attention, d_model, width, seed + 2)
        super().__init__(d_model, attention, SequentialCMS(d_model, periods, hidden, lr, keep, seed + 1, dtype, device))
