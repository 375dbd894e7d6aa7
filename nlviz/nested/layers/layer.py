"""A memory as a layer of a network: tokens in, what the memory says about them out.

    x ← convolution(x)                          each feature mixes its last few tokens
    key, value, query ← unit(W x)               a head is a memory of its own
    lr, keep, momentum ← sigmoid(w · x + b)     of each token; those the rule has
    recalled ← write the pairs, ask the queries
    y ← W_out (scale ⊙ √d unit(recalled) ⊙ silu(W_gate x))

Inner problem: the rule's own, on the stream of pairs that the layer makes. Outer: the projections, the gates, and the
weights that a memory of Deep, Titans or Omega starts from; one gradient reaches them all, through every write.

The frame is that of Titans (Behrouz et al. 2025, eqs. 11-15 and section 4.4) and of DeltaNet (Yang et al. 2024a); the
rules are those of Nested Learning, eqs. 15 and 62-68. They convolve after the projections and bend them with a SiLU;
here one convolution stands in front, and values too have norm 1, which keeps an MLP's steps small.
"""

from __future__ import annotations

from math import log
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import silu

from ...memory import Delta, Rule, scan
from ...memory.base import Levels
from ...runtime import generator
from .convolved import carried, mix, taps

State = dict[str, Any]


class MemoryLayer(nn.Module):
    """A sequence layer around any memory rule, one memory a head and a sequence.

    Where a gate starts is what the rule says. A `keep` or `momentum` of 0 or 1 stays that number and gets no gate:
    `Delta()` forgets nothing, `Delta(keep=0.99)` learns when to. A gate moves lr from 0 to twice the rule's. Deep,
    Titans and Omega take the gradients of a chunk at its start, where equal keys add up: there lr starts where a chunk
    of equal keys would be corrected once, (1 − momentum) / chunk, unless the rule's is smaller.

    Args:
        d_model: features of x and y; a multiple of heads.
        rule: of `nl.memory`. With a hidden layer, keep < 1 also fades the weights that it starts from: at 0.99 they are
            halved every 69 tokens.
        heads: memories side by side, of d_model / heads features each.
        chunk: steps computed at once, see `nl.memory.scan`; None: the loop.
        read_first: whether a token is asked before it is written (Nested Learning, eq. 83) or, as in Titans, after it
            (eq. 82, erratum E-26).
        width: how many tokens the convolution mixes, 1 or more.
        seed: of the initial weights.

    Raises:
        ValueError: if heads do not divide d_model, or width is below 1.

    >>> layer = MemoryLayer(8, heads=2)
    >>> x = torch.randn(3, 20, 8)
    >>> y, state = layer(x)
    >>> first, state = layer(x[:, :7])
    >>> rest, state = layer(x[:, 7:], state)                   # many calls are one
    >>> torch.allclose(torch.cat([first, rest], 1), y, atol=1e-5)
    True
    """

    def __init__(
        self,
        d_model: int,
        rule: Rule = Delta(),  # noqa: B008 (frozen: all layers may share it)
        heads: int = 1,
        chunk: int | None = 16,
        read_first: bool = False,
        width: int = 4,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        if heads < 1 or d_model % heads:
            raise ValueError(f"MemoryLayer: {heads} heads do not divide d_model={d_model}; choose a number that does")
        if width < 1:
            raise ValueError(f"MemoryLayer: the convolution mixes {width} tokens; type width=1 for the token alone")
        self.rule: Any = rule
        self.heads, self.chunk, self.read_first = heads, chunk, read_first
        self.gates = gates(rule, chunk)
        draws, features = generator(seed), d_model // heads
        self.taps = nn.Parameter(taps(d_model, width, draws))
        self.project = linear(d_model, 3 * d_model, draws)
        if self.gates:
            self.rates = linear(d_model, heads * len(self.gates), draws, scale=0.1, bias=True)
            with torch.no_grad():
                self.rates.bias.copy_(torch.tensor([at for _, at in self.gates.values()]).repeat(heads))
        self.start = nn.ParameterList()  # learned weights, (heads, out, in) a layer, where the rule's memory has any
        if hasattr(rule, "begin"):
            each = [rule.init(features, features, seed=seed + head)["memory"] for head in range(heads)]
            self.start.extend(torch.stack(layer) for layer in zip(*each, strict=True))
        self.gate = linear(d_model, d_model, draws)
        self.scale = nn.Parameter(torch.ones(heads, features))
        self.out = linear(d_model, d_model, draws)
        self.to(dtype=dtype, device=device)

    @property
    def levels(self) -> Levels:
        """The nested problems inside, by the names of the rule's state: what the rule says of itself."""
        return getattr(self.rule, "levels", (("memory", None, "unknown", "unknown"),))

    def init(self, batch: int) -> State:
        """The state before the first token: the convolution's empty tail, and one memory a sequence and head."""
        heads, features = self.scale.shape
        dtype, device = self.taps.dtype, self.taps.device
        if self.start:
            memory = self.rule.begin(tuple(W.expand(batch, *W.shape) for W in self.start))
        else:
            memory = self.rule.init(features, features, batch=(batch, heads), dtype=dtype, device=device)
        tail = torch.zeros(batch, self.taps.shape[-1] - 1, heads * features, dtype=dtype, device=device)
        return {"tail": tail, "memory": memory}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Write and read one stretch of each sequence.

        Args:
            x: `(batch, T, d_model)`, any T; norms belong to the block around the layer.
            state: to go on from, of `init` or of an earlier call; None: `init`. It is not changed.

        Returns:
            y `(batch, T, d_model)`, and the state after the last token, a dict: `tail`, what the convolution still
            needs, and the rule's `memory`. Gradients flow back through it; detach it to end them.

        Raises:
            ValueError: if x does not have the layer's features or the state's batch.
        """
        state = carried(self, x, state)
        heads, features = self.scale.shape
        x, tail = mix(x, state["tail"], self.taps)
        pairs = unit(self.project(x).unflatten(-1, (3, heads, features)))
        keys, values, queries = pairs.transpose(1, 3).unbind(2)  # (batch, heads, T, features) each
        chunk = None if x.shape[1] == 1 and not self.start else self.chunk  # for one token the loop takes half the time
        recalled, memory = scan(
            self.rule, keys, values, queries, state["memory"], chunk, self.read_first, **self._rates(x)
        )
        said = unit(recalled.transpose(1, 2)) * (features**0.5 * self.scale)
        y = self.out(said.flatten(2) * silu(self.gate(x)))
        return y, {"tail": tail, "memory": memory}

    def _rates(self, x: Tensor) -> dict[str, Tensor]:
        """The rates of each token, `(batch, heads, T)` each, in single precision at least: keep is close to 1."""
        if not self.gates:
            return {}
        logits = self.rates(x).unflatten(-1, (self.heads, len(self.gates))).transpose(1, 2)
        shares = logits.to(torch.promote_types(logits.dtype, torch.float32)).sigmoid().unbind(-1)
        return {name: top * share for (name, (top, _)), share in zip(self.gates.items(), shares, strict=True)}


def gates(rule: Rule, chunk: int | None) -> dict[str, tuple[float, float]]:
    """For each rate that is to be learned: the most that it may be, and the logit of the share of it where it starts.

    >>> from nlviz.memory import Delta
    >>> gates(Delta(lr=0.5), chunk=16)
    {'lr': (1.0, 0.0)}
    """
    found = {}
    for name in ("keep", "momentum"):
        share = getattr(rule, name, 0.0)
        if 0 < share < 1:
            found[name] = (1.0, log(share / (1 - share)))
    if hasattr(rule, "lr"):
        most = 2 * rule.lr
        if hasattr(rule, "begin"):  # gradients at the chunk's start
            times = (chunk or 1) * getattr(rule, "window", 1)
            most = min(most, 2 * (1 - getattr(rule, "momentum", 0.0)) / times)
        found["lr"] = (most, 0.0)
    return found


def unit(x: Tensor) -> Tensor:
    """x / √(‖x‖² + 1e-6): norm 1, or 0 where x is 0, with a gradient of at most a thousand times what comes in.

    Args:
        x: `(..., d)`

    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    return _Unit.apply(x)


class _Unit(torch.autograd.Function):
    """The gradient by hand: a third of the time that autograd takes over it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Divide by the length."""
        shrink = (torch.linalg.vector_norm(x, dim=-1, keepdim=True).square() + 1e-6).rsqrt()
        y = shrink * x
        ctx.save_for_backward(y, shrink)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        """What lies along y is taken off."""
        y, shrink = ctx.saved_tensors
        return torch.addcmul(dy, y, (y * dy).sum(-1, keepdim=True), value=-1).mul_(shrink)


def linear(d_in: int, d_out: int, draws: torch.Generator, scale: float = 1.0, bias: bool = False) -> nn.Linear:
    """A linear map whose weights are drawn evenly from ± scale/√d_in.

    >>> linear(4, 3, generator(0))(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """
    made = nn.Linear(d_in, d_out, bias=bias)
    with torch.no_grad():
        made.weight.copy_(scale * d_in**-0.5 * (2 * torch.rand(d_out, d_in, generator=draws) - 1))
    return made
