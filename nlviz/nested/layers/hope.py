"""Hope: self-modifying Titans, then a Continuum Memory System.

    x ← x + self-modifying Titans(norm(x))       small memories with an expressive rule, written at every token
    x ← x + MLP(norm(x)), one a level            large memories with a simple rule, each on its own clock

Nested Learning, section 8.3, eqs. 94-97. Levels, inner and fast to outer and slow: the five memories of the tokens, the
levels of the CMS, and everything else, which an outer gradient trains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..clock import Period
from ..cms import DEFAULT, SequentialCMS
from .block import Block
from .self_modifying import SelfModifyingTitans


class Hope(Block):
    """The paper's architecture as one block.

    With the memories' rate at 0 it is a fixed map of the last few tokens: x + the main memory's start, asked with the
    query and normed, then the levels.

    The memories' steps are implicit. With explicit ones, as printed, three of five runs of parity diverged; the one
    that was taken apart had hidden features so long that each write overshot more than the one before (README).

    Args:
        d_model: features of x and y; a multiple of heads.
        periods: of the levels, see `SequentialCMS`: optimizer steps under a `MultiClock`, losses of `learn` in context.
        heads: memories side by side in self-modifying Titans.
        hidden: units of each level's MLP; default 4 d_model.
        memory_hidden: units of each of the five memories; None: as many as a head has features; 0: matrices.
        chunk: tokens after which the memories of keys, values and rates are read anew.
        main_chunk: the same for the gradients of the main memory; None: as `chunk`.
        lr, keep: of the levels in `learn`, see `CMS`.
        memories: further arguments of `SelfModifyingTitans`, by name: `{"adaptive_query": True, "keep": 0.9}`. A layer
            that is made already goes into a `Block`.
        seed: of the initial weights.

    Raises:
        TypeError: for memories that are no arguments by name, or that the arguments above name already.

    >>> hope = Hope(8, periods=(1, 4), chunk=4)
    >>> x = torch.randn(2, 10, 8)
    >>> y, state = hope(x, hope.init(batch=2, learns=True))
    >>> state = hope.learn(y.square().mean((1, 2)), state)     # one error signal for the levels
    >>> state["cms"]["writes"]
    [1, 0]
    """

    def __init__(
        self,
        d_model: int,
        periods: Sequence[Period] = DEFAULT,
        heads: int = 1,
        hidden: int | None = None,
        memory_hidden: int | None = None,
        chunk: int | None = 64,
        main_chunk: int | None = None,
        lr: float | Sequence[float] = 0.1,
        keep: float | Sequence[float] = 1.0,
        memories: Mapping[str, Any] | None = None,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        if not isinstance(memories, Mapping | None):
            raise TypeError(
                'Hope: memories are arguments of SelfModifyingTitans by name, {"keep": 0.9} say, so that each block '
                f"makes its own; got {type(memories).__name__}. A layer that is there already goes into "
                "Block(d_model, layer, cms)"
            )
        layer = SelfModifyingTitans(
            *(d_model, heads, memory_hidden, chunk, main_chunk),
            seed=seed,
            dtype=dtype,
            device=device,
            **(memories or {}),
        )
        cms = SequentialCMS(d_model, periods, hidden, lr, keep, seed + 1, dtype, device)
        super().__init__(d_model, layer, cms)
