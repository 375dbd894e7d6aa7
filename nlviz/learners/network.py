"""Many small networks in one: every weight carries a leading axis of runs, so all seeds and settings learn at once.

    h ← W x + b                     input
    h ← h + V relu(W h + b) + c     each block
    scores = W h + b                head

No run sees another's weights or data. A hundred of them cost little more than ten.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..runtime import generator


class Network(nn.Module):
    """Residual MLPs, one a run: `(runs, batch, d_in)` to `(runs, batch, classes)`.

    Args:
        seeds: one a run, of its first weights; equal seeds give equal weights. Drawn evenly from ± 1/√fan_in, biases 0.
        d_in: features of an input.
        width: features between the blocks.
        hidden: units of a block (ReLU).
        blocks: how many; with three the network of the lessons has 17,386 weights a run.
        classes: how many answers there are.
        dtype: of the weights.

    >>> network = Network(seeds=[0, 1])
    >>> network(torch.zeros(2, 8, 64)).shape, list(network.layers)
    (torch.Size([2, 8, 10]), ['input', 'block 1', 'block 2', 'block 3', 'head'])
    """

    def __init__(
        self,
        seeds: Sequence[int],
        d_in: int = 64,
        width: int = 64,
        hidden: int = 32,
        blocks: int = 3,
        classes: int = 10,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        shapes = [(d_in, width), *[(width, hidden), (hidden, width)] * blocks, (width, classes)]
        drawn = [_draw(shapes, seed) for seed in seeds]
        self.matrices = nn.ParameterList([torch.stack(W).to(dtype) for W in zip(*drawn, strict=True)])
        self.biases = nn.ParameterList([torch.zeros(len(seeds), 1, d_out, dtype=dtype) for _, d_out in shapes])

    @property
    def runs(self) -> int:
        """How many networks there are."""
        return len(self.matrices[0])

    @property
    def layers(self) -> dict[str, list[Tensor]]:
        """The weights of each layer, from the input to the head."""
        pairs = [[W, b] for W, b in zip(self.matrices, self.biases, strict=True)]
        blocks = {f"block {i // 2 + 1}": pairs[i] + pairs[i + 1] for i in range(1, len(pairs) - 1, 2)}
        return {"input": pairs[0], **blocks, "head": pairs[-1]}

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        if x.ndim != 3 or x.shape[0] != self.runs:
            raise ValueError(f"Network: x is (runs, batch, d) with {self.runs} runs; got {tuple(x.shape)}")
        first, *blocks, head = zip(self.matrices, self.biases, strict=True)
        h = _linear(first, x)
        for up, down in zip(blocks[::2], blocks[1::2], strict=True):
            h = h + _linear(down, torch.relu(_linear(up, h)))
        return _linear(head, h)


def _linear(layer: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
    matrix, bias = layer
    return torch.baddbmm(bias, x, matrix)


def _draw(shapes: Sequence[tuple[int, int]], seed: int) -> list[Tensor]:
    draws = generator(seed + 10_007)  # a stream draws from the seed itself
    return [(2 * torch.rand(d_in, d_out, generator=draws) - 1) / d_in**0.5 for d_in, d_out in shapes]
