"""Networks whose layers become levels: MLPs in a chain or side by side, and trained layers dealt out to levels.

Level stacking, Nested Learning, section 7.3: the layers of a trained network are the initial states of the levels, so
that nothing is lost at the start, and with all rates at 0 nothing ever is. The paper does not say which layers make up
which level; here they go in groups of neighbours or in turns, fast levels first.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def perceptron(d_model: int, hidden: int, draws: torch.Generator) -> nn.Sequential:
    """MLP(norm(x)), `(..., d_model)` to `(..., d_model)`; weights drawn evenly from ± 1/√fan_in, biases 0.

    >>> perceptron(8, 32, torch.Generator().manual_seed(0))(torch.zeros(2, 8)).shape
    torch.Size([2, 8])
    """
    mlp = nn.Sequential(nn.LayerNorm(d_model), nn.Linear(d_model, hidden), nn.GELU(), nn.Linear(hidden, d_model))
    for layer in mlp:
        if isinstance(layer, nn.Linear):
            reach = layer.in_features**-0.5
            layer.weight.data = reach * (2 * torch.rand(layer.weight.shape, generator=draws) - 1)
            layer.bias.data.zero_()
    return mlp


class Residual(nn.Module):
    """x + MLP(x), `(..., d_model)` to `(..., d_model)`.

    >>> Residual(nn.Linear(8, 8, bias=False))(torch.zeros(8)).shape
    torch.Size([8])
    """

    def __init__(self, mlp: nn.Module) -> None:
        super().__init__()
        self.mlp = mlp

    def forward(self, x: Tensor) -> Tensor:
        """`(..., d_model)` to `(..., d_model)`."""
        return x + self.mlp(x)


class Parallel(nn.Module):
    """The sum of share · MLP(x) over MLPs side by side, and of x itself where `residual`.

    Args:
        mlps: each `(..., d_model)` to `(..., d_out)`.
        share: what every share is at the start; shares are learned.
        residual: add x.

    >>> Parallel([nn.Linear(4, 3), nn.Linear(4, 3)], share=0.5, residual=False)(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, mlps: Sequence[nn.Module], share: float, residual: bool) -> None:
        super().__init__()
        self.mlps = nn.ModuleList(mlps)
        like = next(self.mlps.parameters())
        self.share = nn.Parameter(torch.full((len(mlps),), share, dtype=like.dtype, device=like.device))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """`(..., d_model)` to `(..., d_out)`."""
        first, *more = [share * mlp(x) for share, mlp in zip(self.share.unbind(), self.mlps, strict=True)]
        total = x + first if self.residual else first
        for answer in more:
            total = total + answer
        return total


def deal(layers: Sequence[Sequence[nn.Module]], levels: int, round_robin: bool) -> list[list[nn.Module]]:
    """Layers onto levels, fast levels first: in turns, or in groups of neighbours.

    Args:
        layers: in order; each a list of modules.
        levels: how many.
        round_robin: 1, 2, 3, 1, 2, 3 instead of 1, 1, 2, 2, 3, 3.

    Raises:
        ValueError: for fewer layers than levels.

    >>> a, b, c, d = (nn.Identity() for _ in range(4))
    >>> deal([[a], [b], [c], [d]], 2, round_robin=True) == [[a, c], [b, d]]
    True
    """
    n = len(layers)
    if n < levels:
        raise ValueError(f"{n} layers with weights cannot fill {levels} levels; give {n} periods or fewer")
    level = [i % levels if round_robin else i * levels // n for i in range(n)]
    return [[module for i, layer in enumerate(layers) if level[i] == j for module in layer] for j in range(levels)]


def split(mlp: nn.Sequential, parts: int) -> list[nn.Sequential]:
    """A trained MLP as several side by side, each with a share of the hidden units; their sum is the MLP.

    Args:
        mlp: `[norm, ...] Linear, activation, Linear`, the activation one that treats every unit alone.
        parts: how many.

    Raises:
        ValueError: for another network, or more parts than hidden units.

    >>> mlp, x = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), torch.ones(4)
    >>> torch.allclose(sum(part(x) for part in split(mlp, 2)), mlp(x), atol=1e-6)
    True
    """
    *front, up, activation, down = list(mlp) if len(mlp) >= 3 else [nn.Identity()] * 3
    if not (isinstance(up, nn.Linear) and isinstance(down, nn.Linear)):
        raise ValueError(f"split: takes nn.Sequential([norm,] Linear, activation, Linear); got {mlp}")
    if up.out_features < parts:
        raise ValueError(f"split: {up.out_features} hidden units cannot fill {parts} levels; give fewer periods")
    found = []
    for i, rows in enumerate(torch.arange(up.out_features, device=up.weight.device).tensor_split(parts)):
        inner, outer = copy.deepcopy(up), copy.deepcopy(down)
        inner.out_features = outer.in_features = len(rows)
        inner.weight.data, outer.weight.data = up.weight.data[rows], down.weight.data[:, rows]
        if up.bias is not None:
            inner.bias.data = up.bias.data[rows]
        if down.bias is not None and i > 0:  # the answer's bias goes with the first
            outer.bias.data.zero_()
        found.append(nn.Sequential(*copy.deepcopy(front), inner, copy.deepcopy(activation), outer))
    return found
