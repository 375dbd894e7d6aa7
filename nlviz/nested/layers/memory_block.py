"""A memory rule as a block: what every other memory is compared with Hope in.

    x ← x + memory layer(norm(x))
    x ← x + MLP(norm(x)), one a level

The block of Titans, DeltaNet and Gated DeltaNet (Behrouz et al. 2025; Yang et al. 2024a, 2024b).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...memory import Delta, Rule
from ..clock import Period
from ..cms import SequentialCMS
from .block import Block
from .layer import MemoryLayer


class MemoryBlock(Block):
    """Any memory rule in a `MemoryLayer`, then levels.

    Args:
        d_model: features of x and y; a multiple of heads.
        rule: of `nl.memory`; `Delta(keep=0.99)` is gated DeltaNet.
        periods: of the levels, see `SequentialCMS`; with one it is an ordinary MLP.
        heads: memories side by side.
        hidden: units of each level's MLP; default 4 d_model.
        chunk: see `MemoryLayer`.
        lr, keep: of the levels in `learn`, see `CMS`.
        seed: of the initial weights.

    >>> block = MemoryBlock(8, heads=2)
    >>> y, state = block(torch.randn(2, 5, 8))
    """

    def __init__(
        self,
        d_model: int,
        rule: Rule = Delta(),  # noqa: B008 (frozen: all blocks may share it)
        periods: Sequence[Period] = (1,),
        heads: int = 1,
        hidden: int | None = None,
        chunk: int | None = 16,
        lr: float | Sequence[float] = 0.1,
        keep: float | Sequence[float] = 1.0,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        layer = MemoryLayer(d_model, rule, heads, chunk, seed=seed, dtype=dtype, device=device)
        super().__init__(d_model, layer, SequentialCMS(d_model, periods, hidden, lr, keep, seed + 1, dtype, device))
