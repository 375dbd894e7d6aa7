"""Two Continuum Memory Systems: levels in a chain, and levels side by side.

    SequentialCMS    y = MLP_slow( ... MLP_fast(x)), each with norm and residual      Nested Learning, eqs. 70, 71, 73
    IndependentCMS   y = x + sum over levels of share · MLP(norm(x))                  eq. 74

Fast levels stand at the input, slow ones at the output, as in the paper's figures; its equations number them both ways,
here a level is named by its period. Levels: one an MLP, from inner and fast to outer and slow; outermost, the initial
states of all, which an outer gradient learns together.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

import torch
from torch import nn

from ..runtime import generator
from .clock import Period
from .continuum import CMS
from .stacking import Parallel, Residual, deal, perceptron, split

DEFAULT = (1, 4, 16)
"""Periods where the caller names none; the paper gives none."""


class SequentialCMS(CMS):
    """Residual MLP blocks in a chain, the fast level first.

    Args:
        d_model: features of x and y.
        periods: one a block; see `CMS`, which also explains lr and keep.
        hidden: units of each MLP; default 4 d_model.
        seed: of the initial weights.

    >>> cms = SequentialCMS(8, periods=(1, 4), lr=0.1)
    >>> x, state = torch.ones(2, 5, 8), cms.init(batch=2)      # one memory a sequence
    >>> for _ in range(4):
    ...     y, state = cms(x, state)                           # only reads
    ...     state = cms.learn(y.square().mean((1, 2)), state)  # writes what is due
    >>> state["writes"]
    [4, 1]
    """

    def __init__(
        self,
        d_model: int,
        periods: Sequence[Period] = DEFAULT,
        hidden: int | None = None,
        lr: float | Sequence[float] = 0.1,
        keep: float | Sequence[float] = 1.0,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        draws = generator(seed)
        mlps = [perceptron(d_model, hidden or 4 * d_model, draws).to(dtype=dtype, device=device) for _ in periods]
        super().__init__(nn.Sequential(*map(Residual, mlps)), [[mlp] for mlp in mlps], periods, lr, keep)

    @classmethod
    def from_mlp(
        cls,
        network: nn.Sequential,
        periods: Sequence[Period] = DEFAULT,
        round_robin: bool = False,
        lr: float | Sequence[float] = 0.1,
        keep: float | Sequence[float] = 1.0,
    ) -> Self:
        """Level stacking: a copy of a trained network whose modules with weights become levels (section 7.3).

        Args:
            network: its modules in order; those without weights (activations) belong to no level.
            round_robin: modules in turns, 1, 4, 16, 1, 4, 16; otherwise in groups of neighbours, 1, 1, 4, 4, 16, 16.

        Raises:
            ValueError: for fewer modules than levels.

        >>> network = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
        >>> cms, x = SequentialCMS.from_mlp(network, periods=(1, 16)), torch.ones(2, 8)
        >>> torch.equal(cms(x)[0], network(x))
        True
        """
        network = copy.deepcopy(network)
        layers = [[module] for module in network if any(True for _ in module.parameters())]
        return cls._of(network, deal(layers, len(periods), round_robin), periods, lr, keep)

    @classmethod
    def from_transformer(
        cls,
        encoder: nn.TransformerEncoder,
        periods: Sequence[Period] = DEFAULT,
        round_robin: bool = False,
        lr: float | Sequence[float] = 0.1,
        keep: float | Sequence[float] = 1.0,
    ) -> Self:
        """Level stacking: a copy of a trained Transformer whose MLPs, each with its norm, become levels (section 7.3).

        Attention belongs to no level. Read it as `cms(x, state, mask=mask)`.

        Args:
            encoder: with layers of `batch_first=True`.
            round_robin: as for `from_mlp`, layer by layer.

        Raises:
            ValueError: for fewer layers than levels, or layers that take time first.

        >>> layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        >>> encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        >>> SequentialCMS.from_transformer(encoder, periods=(1, 8)).names
        ['period 1', 'period 8']
        """
        encoder = copy.deepcopy(encoder)
        if not all(layer.self_attn.batch_first for layer in encoder.layers):
            raise ValueError(
                f"{cls.__name__}.from_transformer: sequences stand in front; make the layers batch_first=True"
            )
        layers = [[layer.linear1, layer.linear2, layer.norm2] for layer in encoder.layers]
        return cls._of(encoder, deal(layers, len(periods), round_robin), periods, lr, keep)


class IndependentCMS(CMS):
    """MLPs side by side on the same input, their answers added up with learned shares.

    Args:
        d_model: features of x and y.
        periods: one an MLP; see `CMS`, which also explains lr and keep. The shares belong to no level.
        hidden: units of each MLP; default 4 d_model.
        seed: of the initial weights.

    >>> cms = IndependentCMS(8, periods=(1, 4, 16))
    >>> [group["name"] for group in cms.groups()]
    ['period 1', 'period 4', 'period 16', 'outer']
    """

    def __init__(
        self,
        d_model: int,
        periods: Sequence[Period] = DEFAULT,
        hidden: int | None = None,
        lr: float | Sequence[float] = 0.1,
        keep: float | Sequence[float] = 1.0,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        draws = generator(seed)
        mlps = [perceptron(d_model, hidden or 4 * d_model, draws).to(dtype=dtype, device=device) for _ in periods]
        network = Parallel(mlps, share=1 / len(mlps), residual=True)
        super().__init__(network, [[mlp] for mlp in mlps], periods, lr, keep)

    @classmethod
    def from_mlp(
        cls,
        mlp: nn.Sequential,
        periods: Sequence[Period] = DEFAULT,
        residual: bool = True,
        lr: float | Sequence[float] = 0.1,
        keep: float | Sequence[float] = 1.0,
    ) -> Self:
        """A trained MLP whose hidden units are divided among the levels; their sum is the MLP.

        Args:
            mlp: `nn.Sequential([norm,] Linear, activation, Linear)`.
            residual: whether it was read as x + mlp(x).

        Raises:
            ValueError: for another network, or fewer hidden units than levels.

        >>> mlp, x = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)), torch.ones(2, 8)
        >>> torch.allclose(IndependentCMS.from_mlp(mlp)(x)[0], x + mlp(x), atol=1e-6)
        True
        """
        parts = split(mlp, len(periods))
        return cls._of(Parallel(parts, share=1.0, residual=residual), [[part] for part in parts], periods, lr, keep)
