"""Softmax attention: the memory that keeps everything and decides when asked.

    write: keep the pair
    read:  answer ← Σ s_i v_i / Σ s_i,    s_i = exp(scale k_i · q)

Inner problem: min over the answer y of Σ s_i ‖v_i − y‖², solved anew at every read and without any parameter: the
Nadaraya-Watson estimate (Nested Learning, eq. 62; with a window over the last pairs only, eq. 63, query q in both).
Its context is every pair there was, so its period is 0 and its cost grows with the length. Outer: whatever makes keys,
values and queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from .base import Info, Levels, check_widths
from .chunks import Steps, join

Pairs = dict[str, Tensor]


@dataclass(frozen=True)
class Attention:
    """A list of all pairs, read by similarity. It has no rates: nothing is written over, nothing fades.

    Args:
        window: how many of the latest pairs are kept; None keeps all.
        scale: how sharply it chooses: the factor on k · q before exp; None is 1 / √d_key. 0 averages everything.

    >>> import torch
    >>> rule = Attention(scale=50.0)
    >>> state, _ = rule.write(rule.init(d_key=2, d_value=1), torch.tensor([1.0, 0.0]), torch.tensor([3.0]))
    >>> state, _ = rule.write(state, torch.tensor([0.0, 1.0]), torch.tensor([5.0]))
    >>> rule.read(state, torch.tensor([1.0, 0.0]))
    tensor([3.])
    """

    levels: ClassVar[Levels] = (("attention", 0, "Σ similarity ‖answer − value‖²", "all pairs so far"),)

    window: int | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 1:
            raise ValueError(f"Attention: window is how many pairs are kept, 1 or more; got {self.window}")

    def init(
        self,
        d_key: int,
        d_value: int,
        batch: Sequence[int] = (),
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> Pairs:
        """An empty list: keys `(*batch, 0, d_key)`, values `(*batch, 0, d_value)`; `seed` changes nothing."""
        return {
            "keys": torch.zeros(*batch, 0, d_key, dtype=dtype, device=device),
            "values": torch.zeros(*batch, 0, d_value, dtype=dtype, device=device),
        }

    def write(self, state: Pairs, key: Tensor, value: Tensor) -> tuple[Pairs, Info]:
        """Append one pair; with a window, let the oldest go."""
        self._check(state, key, value)
        error = value - self.read(state, key)
        return self._append(state, key.unsqueeze(-2), value.unsqueeze(-2)), {"error": error}

    def read(self, state: Pairs, query: Tensor) -> Tensor:
        """The weighted mean of the values, `(..., d_value)`; zeros while nothing was written."""
        self._check(state, query)
        keys, values = state["keys"], state["values"]
        scale = keys.shape[-1] ** -0.5 if self.scale is None else self.scale
        weights = (scale * (query.unsqueeze(-2) @ keys.mT)).softmax(-1)  # (..., 1, n)
        return (weights @ values).squeeze(-2)

    def chunks(
        self,
        state: Pairs,
        keys: Tensor,
        values: Tensor,
        queries: Tensor,
        chunk: int,
        read_first: bool,
        rates: Mapping[str, Steps],
    ) -> tuple[Tensor, Pairs]:
        """A whole sequence `(B, T, ...)`, a chunk of queries at a time against every key they may see."""
        self._check(state, keys, values)
        self._check(state, queries)
        past = state["keys"].shape[-2]
        spans = zip(self._spans(state["keys"], keys, chunk), self._spans(state["values"], values, chunk), strict=True)
        recalled, end = [], past
        for q, (some_keys, some_values) in zip(queries.split(chunk, 1), spans, strict=True):
            end += q.shape[1]
            place = torch.arange(end - some_keys.shape[1], end, device=keys.device)
            newest = torch.arange(end - q.shape[1], end, device=keys.device).unsqueeze(-1) - int(read_first)
            newest = newest.clamp(min=0)  # a query asked before any pair sees the first; its answer is replaced below
            seen = place <= newest
            if self.window is not None:
                seen &= place > newest - self.window
            recalled.append(scaled_dot_product_attention(q, some_keys, some_values, attn_mask=seen, scale=self.scale))
        if read_first and past == 0 and recalled:
            recalled[0] = torch.cat([torch.zeros_like(recalled[0][:, :1]), recalled[0][:, 1:]], 1)
        return join(recalled, values), self._append(state, keys, values)

    def _spans(self, past: Tensor, x: Tensor, chunk: int) -> Iterator[Tensor]:
        """For each chunk of keys or values all that its queries may see.

        A slice has a gradient as long as what it was cut from: with a window it is cut from the latest pairs only.
        """
        if self.window is not None:
            for piece in x.split(chunk, 1):
                span = torch.cat([past, piece], 1)
                yield span
                past = span[:, -self.window :]
            return
        every, end = torch.cat([past, x], 1), past.shape[1]
        for piece in x.split(chunk, 1):
            end += piece.shape[1]
            yield every[:, :end]

    def _check(self, state: Pairs, key: Tensor, value: Tensor | None = None) -> None:
        check_widths(self, state["keys"].shape[-1], state["values"].shape[-1], key, value)

    def _append(self, state: Pairs, keys: Tensor, values: Tensor) -> Pairs:
        grown = {"keys": torch.cat([state["keys"], keys], -2), "values": torch.cat([state["values"], values], -2)}
        return grown if self.window is None else {name: x[..., -self.window :, :] for name, x in grown.items()}
