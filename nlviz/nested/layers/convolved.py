"""A short causal convolution in front of any sequence layer: each token sees the few before it.

    x ← Σ taps · (the last `width` tokens)        feature by feature

Memories of tokens have one inside (`MemoryLayer`; Yang et al. 2024a): recalling what came after a token needs keys that
hold the token before. In front of attention it is the control that tells what is the memory's doing and what the
convolution's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

from ...runtime import generator

State = dict[str, Any]


class Convolved(nn.Module):
    """Any sequence layer behind a short convolution.

    Args:
        layer: called as `layer(x, state)`, with `init(batch)`; `(batch, T, d_model)` to the same.
        d_model: features of x.
        width: how many tokens are mixed, 1 or more; it begins near the newest alone.
        seed: of the other taps.

    Raises:
        ValueError: for a width below 1.

    >>> from nlviz.nested import AttentionLayer
    >>> layer = Convolved(AttentionLayer(8), d_model=8)
    >>> x = torch.randn(2, 9, 8)
    >>> first, state = layer(x[:, :4])
    >>> rest, state = layer(x[:, 4:], state)                   # many calls are one
    >>> torch.allclose(torch.cat([first, rest], 1), layer(x)[0], atol=1e-5)
    True
    """

    def __init__(self, layer: nn.Module, d_model: int, width: int = 4, seed: int = 0) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"Convolved: the convolution mixes {width} tokens; type width=1 for the token alone")
        like = next(layer.parameters())
        self.taps = nn.Parameter(taps(d_model, width, generator(seed)).to(dtype=like.dtype, device=like.device))
        self.layer: Any = layer

    def init(self, batch: int) -> State:
        """The state before the first token: an empty tail, and the layer's own."""
        d_model, _, width = self.taps.shape
        return {"tail": self.taps.new_zeros(batch, width - 1, d_model), "layer": self.layer.init(batch)}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Mix each token with those before it, then the layer.

        Args:
            x: `(batch, T, d_model)`, any T.
            state: to go on from, of `init` or of an earlier call; None: `init`. It is not changed.

        Raises:
            ValueError: if x does not have the layer's features or the state's batch.
        """
        state = carried(self, x, state)
        mixed, tail = mix(x, state["tail"], self.taps)
        y, after = self.layer(mixed, state["layer"])
        return y, {"tail": tail, "layer": after}


def carried(layer: Any, x: Tensor, state: State | None) -> State:
    """The state that a layer with taps goes on from, once x is known to fit it: that of no text at all for None.

    Raises:
        ValueError: if x does not have the layer's features or the state's batch.
    """
    d_model, name = layer.taps.shape[0], type(layer).__name__
    if x.ndim != 3 or x.shape[-1] != d_model:
        raise ValueError(f"{name}: x is (batch, T, {d_model}); got {tuple(x.shape)}")
    if state is None:
        state = layer.init(x.shape[0])
    if state["tail"].shape[0] != x.shape[0]:
        raise ValueError(
            f"{name}: the state is of {state['tail'].shape[0]} sequences, x of {x.shape[0]}; each sequence has a state "
            f"of its own. Leave it out, or begin with init(batch={x.shape[0]})"
        )
    return state


def taps(d_model: int, width: int, draws: torch.Generator) -> Tensor:
    """Where a convolution starts, `(d_model, 1, width)`: the newest token as it is, and little of those before it.

    >>> taps(2, 3, generator(0))[..., -1]
    tensor([[1.],
            [1.]])
    """
    drawn = 0.1 * torch.randn(d_model, 1, width, generator=draws)
    drawn[:, :, -1] = 1.0
    return drawn


def mix(x: Tensor, tail: Tensor, taps: Tensor) -> tuple[Tensor, Tensor]:
    """Every token mixed with those before it, and the tail that the next call begins with.

    Args:
        x: `(batch, T, d_model)`, any T.
        tail: `(batch, width - 1, d_model)`, the tokens before these.
        taps: `(d_model, 1, width)`, the newest token's last.

    >>> taps = torch.tensor([[[10.0, 1.0]]])
    >>> mixed, tail = mix(torch.tensor([[[1.0], [2.0]]]), torch.zeros(1, 1, 1), taps)
    >>> mixed.flatten(), tail
    (tensor([ 1., 12.]), tensor([[[2.]]]))
    """
    seen = torch.cat([tail, x], 1)
    mixed = conv1d(seen.mT, taps, groups=x.shape[-1]).mT if x.shape[1] else x
    return mixed, seen[:, x.shape[1] :].clone()  # a view would hold on to all of x
