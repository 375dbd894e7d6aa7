"""Small problems to train on, drawn by seed: digits for a small network, and a regression with badly scaled inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from ..runtime import generator

if TYPE_CHECKING:
    from ..tasks import Digits


class Drawn(NamedTuple):
    """Of one seed: weights `(out, in)` of each layer, inputs `(n, d)` and targets `(n, ...)`, and some kept apart."""

    weights: list[Tensor]
    x: Tensor
    y: Tensor
    x_apart: Tensor
    y_apart: Tensor


@dataclass(frozen=True)
class Problem:
    """First weights and data for each seed, and a loss.

    Args:
        name: what it is called in a figure.
        draw: seed -> what is drawn with it.
        loss: outputs `(net, n, out)` and targets `(net, n, ...)` -> `(net,)`, a mean over n.
    """

    name: str
    draw: Callable[[int], Drawn]
    loss: Callable[[Tensor, Tensor], Tensor]


def outputs(weights: Sequence[Tensor], x: Tensor) -> Tensor:
    """A network of linear layers without biases, tanh between them: x `(net, n, in)` to `(net, n, out)`."""
    for W in weights[:-1]:
        x = torch.tanh(x @ W.mT)
    return x @ weights[-1].mT


def digit_network(digits: Digits, hidden: Sequence[int] = (32,), centred: bool = False) -> Problem:
    """Classify the digits with hidden layers of the given widths; cross-entropy.

    Args:
        digits: of `nl.tasks.digits`.
        hidden: widths, from the input on.
        centred: take the mean training image off every image. With pixels from 0 to 1 all images share a large
            direction, so that the loss is badly scaled; without that mean it is not.

    >>> import nlviz as nl
    >>> drawn = digit_network(nl.tasks.digits(), hidden=[32, 16]).draw(0)
    >>> [tuple(W.shape) for W in drawn.weights], tuple(drawn.x.shape)
    ([(32, 64), (16, 32), (10, 16)], (1400, 64))
    """
    middle = digits.x.mean(0) if centred else torch.zeros_like(digits.x[0])
    x, x_apart = digits.x - middle, digits.x_test - middle

    def draw(seed: int) -> Drawn:
        draws = generator(seed)
        widths = (x.shape[1], *hidden, 10)
        weights = [torch.randn(out, d, generator=draws, dtype=x.dtype) / d**0.5 for d, out in pairwise(widths)]
        return Drawn(weights, x, digits.y, x_apart, digits.y_test)

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return -out.log_softmax(-1).gather(-1, y[..., None]).mean((-2, -1))

    name = f"digits{', centred' if centred else ''}, hidden layers of {', '.join(map(str, hidden))}"
    return Problem(name, draw, loss)


def scaled_regression(
    d_in: int = 16, d_out: int = 8, spread: float = 30.0, rotated: bool = False, n: int = 512
) -> Problem:
    """Find a random linear map from inputs whose features differ in size, without noise; half the squared error.

    Args:
        d_in, d_out: features of an input and of an output.
        spread: the largest feature's size over the smallest's, 1 or more; curvatures differ by its square.
        rotated: turn the inputs, so that no single weight belongs to a large or a small direction.
        n: inputs to learn from; as many are kept apart.

    >>> drawn = scaled_regression().draw(0)
    >>> (drawn.x.std(0)[0] / drawn.x.std(0)[-1]).round()
    tensor(30., dtype=torch.float64)
    """

    def draw(seed: int) -> Drawn:
        draws = generator(seed)
        scales = torch.logspace(0, -math.log10(spread), d_in, dtype=torch.float64)
        x = torch.randn(2 * n, d_in, generator=draws, dtype=torch.float64) * scales
        W = torch.randn(d_out, d_in, generator=draws, dtype=torch.float64)
        turn = torch.linalg.qr(torch.randn(d_in, d_in, generator=draws, dtype=torch.float64)).Q
        x = x @ turn if rotated else x
        y = x @ W.mT
        return Drawn([torch.zeros_like(W)], x[:n], y[:n], x[n:], y[n:])

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return 0.5 * (out - y).square().sum(-1).mean(-1)

    name = f"regression, {'turned ' if rotated else ''}inputs {spread:g}-fold different in size"
    return Problem(name, draw, loss)
