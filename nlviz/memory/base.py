"""Keys and values: the words every memory is written in.

A memory is a thing one writes pairs (key, value) into and reads with a query (Nested Learning,
section 2, Definition 1). A matrix memory `M` is `(..., d_value, d_key)` and is read as `M @ key`.
A batch may stand in front; each of its members has a memory of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

Info = dict[str, Tensor]
Levels = tuple[tuple[Any, ...], ...]
"""The nested problems of a rule: (name in the state, period in tokens, objective, context) each; 0: made anew at every
read. A fifth entry names those of the same state that it reads."""
Rate = float | Tensor | None


class Rule(Protocol):
    """What a memory rule gives. Its fields are the hyper-parameters, its repr is the label in a legend."""

    def init(
        self,
        d_key: int,
        d_value: int,
        batch: Sequence[int] = (),
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> Any:
        """The state before anything was written."""

    def write(self, state: Any, key: Tensor, value: Tensor) -> tuple[Any, Info]:
        """The state after one pair, and what happened for the reader; `info["error"]` is value − what was recalled.

        A rule that has them takes `lr`, `keep` and `momentum` of this write, numbers or tensors `(...,)`, and `at`,
        the memory its gradient is taken at where that is not the memory written to.
        """

    def read(self, state: Any, query: Tensor) -> Tensor:
        """What the memory answers, `(..., d_value)`."""


def outer(value: Tensor, key: Tensor) -> Tensor:
    """value keyᵀ: the rank-one tile that a single write leaves.

    Args:
        value: `(..., d_value)`
        key: `(..., d_key)`

    Returns:
        `(..., d_value, d_key)`

    >>> import torch
    >>> outer(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 0.0, 1.0]))
    tensor([[3., 0., 1.],
            [6., 0., 2.]])
    """
    return value.unsqueeze(-1) * key.unsqueeze(-2)


def apply(M: Tensor, query: Tensor) -> Tensor:
    """M query: read a matrix memory.

    Args:
        M: `(..., d_value, d_key)`
        query: `(..., d_key)`

    Returns:
        `(..., d_value)`

    >>> import torch
    >>> apply(torch.tensor([[3.0, 0.0], [6.0, 1.0]]), torch.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    return (M @ query.unsqueeze(-1)).squeeze(-1)


def rate(chosen: Rate, default: float, dims: int) -> float | Tensor:
    """The rate of this write: the caller's where given, else the rule's. A tensor `(...,)` gets `dims` more axes."""
    if isinstance(chosen, Tensor):
        return chosen.reshape(*chosen.shape, *[1] * dims)
    return default if chosen is None else chosen


def check_widths(rule: object, d_key: int, d_value: int, key: Tensor, value: Tensor | None = None) -> None:
    """Say what does not fit, and what to type, before a product of matrices says it worse."""
    name = type(rule).__name__
    if key.shape[-1] != d_key:
        raise ValueError(
            f"{name}: the key has {key.shape[-1]} features, this memory was made for {d_key}; "
            f"make it with init(d_key={key.shape[-1]}, d_value={d_value})"
        )
    if value is not None and value.shape[-1] != d_value:
        raise ValueError(
            f"{name}: the value has {value.shape[-1]} features, this memory was made for {d_value}; "
            f"make it with init(d_key={d_key}, d_value={value.shape[-1]})"
        )


def check_pair(rule: object, M: Tensor, key: Tensor, value: Tensor | None = None) -> None:
    """The same for a matrix memory `(..., d_value, d_key)`."""
    check_widths(rule, M.shape[-1], M.shape[-2], key, value)


def check_shares(rule: object, **rates: float) -> None:
    """A kept share is a number from 0 to 1; more than 1 would let the memory grow by itself."""
    for name, number in rates.items():
        if not 0 <= number <= 1:
            raise ValueError(f"{type(rule).__name__}: {name} is the factor that stays, from 0 to 1; got {number}")


class MatrixMemory:
    """What the rules with a matrix for a memory share: an empty start and the read."""

    def init(
        self,
        d_key: int,
        d_value: int,
        batch: Sequence[int] = (),
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """An empty memory, `(*batch, d_value, d_key)` of zeros; nothing is drawn, so `seed` changes nothing."""
        return torch.zeros(*batch, d_value, d_key, dtype=dtype, device=device)

    def read(self, M: Tensor, query: Tensor) -> Tensor:
        """M query, `(..., d_value)`."""
        check_pair(self, M, query)
        return apply(M, query)
