"""Causal softmax attention as a layer: the yardstick beside every memory.

    key, value, query ← W x
    y ← W_out Σ softmax(query · keys / √d) values       over all tokens so far

Vaswani et al. 2017; Nested Learning, eq. 62, reads it as a memory that keeps every pair and is solved anew at each
read. Its cost per token grows with the length, that of `MemoryLayer` does not. It knows the order of tokens by the
causal mask alone.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ...memory import Attention
from ...memory.base import Levels
from ...runtime import generator
from .layer import linear

State = dict[str, Tensor]


class AttentionLayer(nn.Module):
    """Plain multi-head attention over everything there was, without positions.

    Args:
        d_model: features of x and y; a multiple of heads.
        heads: of d_model / heads features each.
        seed: of the initial weights.

    Raises:
        ValueError: if heads do not divide d_model.

    >>> layer = AttentionLayer(8, heads=2)
    >>> x = torch.randn(3, 20, 8)
    >>> y, _ = layer(x)
    >>> first, state = layer(x[:, :7])
    >>> rest, state = layer(x[:, 7:], state)                   # many calls are one
    >>> torch.allclose(torch.cat([first, rest], 1), y, atol=1e-5)
    True
    """

    levels: ClassVar[Levels] = Attention.levels

    def __init__(
        self,
        d_model: int,
        heads: int = 1,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        if heads < 1 or d_model % heads:
            raise ValueError(
                f"AttentionLayer: {heads} heads do not divide d_model={d_model}; choose a number that does"
            )
        self.heads = heads
        draws = generator(seed)
        self.project = linear(d_model, 3 * d_model, draws)
        self.out = linear(d_model, d_model, draws)
        self.to(dtype=dtype, device=device)

    def init(self, batch: int) -> State:
        """The state before the first token: no keys and values yet."""
        none = self.out.weight.new_zeros(batch, self.heads, 0, self.out.in_features // self.heads)
        return {"keys": none, "values": none}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Each token asks all tokens up to itself.

        Args:
            x: `(batch, T, d_model)`, any T.
            state: to go on from, of `init` or of an earlier call; None: `init`. It is not changed.

        Returns:
            y `(batch, T, d_model)`, and the state: all `keys` and `values` so far, `(batch, heads, length, features)`.

        Raises:
            ValueError: if x does not have the layer's features or the state's batch.
        """
        state = self.init(x.shape[0]) if state is None else state
        past, T = state["keys"].shape[2], x.shape[1]
        if x.ndim != 3 or x.shape[-1] != self.out.in_features or x.shape[0] != state["keys"].shape[0]:
            raise ValueError(
                f"AttentionLayer: x is (batch, T, {self.out.in_features}) with the batch of the state, "
                f"{state['keys'].shape[0]}; got {tuple(x.shape)}"
            )
        pairs = self.project(x).unflatten(-1, (3, self.heads, -1))
        keys, values, queries = pairs.transpose(1, 3).unbind(2)  # (batch, heads, T, features) each
        keys, values = torch.cat([state["keys"], keys], 2), torch.cat([state["values"], values], 2)
        seen = None
        if past and T > 1:
            seen = torch.ones(T, past + T, dtype=torch.bool, device=x.device).tril(past)
        recalled = scaled_dot_product_attention(queries, keys, values, attn_mask=seen, is_causal=past == 0 and T > 1)
        return self.out(recalled.transpose(1, 2).flatten(2)), {"keys": keys, "values": values}
