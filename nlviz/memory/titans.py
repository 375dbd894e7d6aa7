"""Titans: surprise with momentum, and forgetting.

    S ← momentum S − lr ∇ ½ ‖M(k) − v‖²       past surprise and the surprise of this moment
    W ← keep W + S                             for every layer W of M, the gradients taken at one memory

Inner problems: the momentum S, whose context is the gradients, and the memory M, whose context is the stream of pairs.
Outer: whatever makes keys, values and rates, and the weights that M starts from. Titans (Behrouz et al. 2025), eqs.
8-15; in chunks eqs. 16-18, with W₀ K − V for the printed W₀ X − X. It writes θ for lr, η for momentum, α for 1 − keep.
Forgetting shrinks the weights themselves, so a network also forgets what it started from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from .base import Info, Levels, Rate, check_shares, rate
from .chunk_start import NetworkMemory, Response, State
from .chunks import lasting
from .network import Weights


@dataclass(frozen=True)
class Titans(NetworkMemory):
    """A memory in the weights of a network that remembers what surprises, and for a while what comes right after.

    The state is a dict: `memory`, `momentum` and `start`, the weights `(..., out, in)` of each layer, their momentum,
    and where the running chunk takes its gradients; and `age`, how many pairs were written.

    Args:
        lr: step size. What is written in the end is about lr / (1 − momentum), and n equal keys in one chunk add up:
            with unit keys keep lr n / (1 − momentum) below 2.
        keep: the factor of the memory that stays at each write, 0 to 1; 1 forgets nothing.
        momentum: the factor of the past surprise that stays, 0 to 1.
        hidden: units of the hidden layer; None: the memory is a matrix.

    >>> import torch
    >>> rule, key = Titans(lr=0.5, keep=1.0, momentum=0.5), torch.tensor([1.0, 0.0])
    >>> state = rule.init(d_key=2, d_value=1)
    >>> state, _ = rule.write(state, key, torch.tensor([4.0]))
    >>> rule.read(state, key)
    tensor([2.])
    >>> state, _ = rule.write(state, torch.zeros(2), torch.tensor([0.0]))   # nothing new: the surprise rolls on
    >>> rule.read(state, key)
    tensor([3.])
    """

    levels: ClassVar[Levels] = (
        ("momentum", 1, "−⟨S, surprise⟩", "surprises of the memory"),
        ("memory", 1, "½ ‖M(k) − v‖²", "the pairs", ("momentum",)),
    )

    lr: float = 0.05
    keep: float = 0.995
    momentum: float = 0.5
    hidden: int | None = None

    carries: ClassVar[tuple[str, ...]] = ("memory", "momentum")

    def __post_init__(self) -> None:
        check_shares(self, keep=self.keep, momentum=self.momentum)

    def begin(self, memory: Weights) -> State:
        """The state of a memory that starts from these weights, without any momentum."""
        return {**super().begin(memory), "momentum": tuple(torch.zeros_like(W) for W in memory)}

    def write(
        self,
        state: State,
        key: Tensor,
        value: Tensor,
        lr: Rate = None,
        keep: Rate = None,
        momentum: Rate = None,
        at: Weights | None = None,
    ) -> tuple[State, Info]:
        """Write one pair; the rates of this write may be given as numbers or tensors `(...,)`.

        `at`: the weights the gradient is taken at, where those are not the ones written to.
        """
        self._check(state, key, value)
        pull, error = self._pull(state["memory"] if at is None else at, key, value)
        lr, keep, momentum = rate(lr, self.lr, 2), rate(keep, self.keep, 2), rate(momentum, self.momentum, 2)
        surprise = tuple(momentum * S + lr * G for S, G in zip(state["momentum"], pull, strict=True))
        memory = tuple(keep * W + S for W, S in zip(state["memory"], surprise, strict=True))
        carried = {"memory": memory, "momentum": surprise, "start": at or memory, "age": state["age"] + 1}
        return carried, {"error": error}

    def response(self, size: int, rates: Mapping[str, Tensor]) -> Response:
        """Two leaky sums, one behind the other: what surprise leaves in S, and what S leaves in the memory.

        S_j = Σ_i rolling_{ji} surprise_i and W_t = left_{t0} W_0 + Σ_{j ≥ 1} left_{tj} S_j.
        """
        left, rolling = lasting(rates["keep"]), lasting(rates["momentum"])
        lr = pad(rates["lr"], (1, 0), value=1.0).unsqueeze(-2)  # in front: the momentum found, as it is
        swing = lr * (left[..., 1:] @ rolling[..., 1:, :])  # what it and each surprise have added to the memory by then
        coast = (lr * rolling[..., -1:, :]).expand_as(swing[..., -1:, :])  # and what is left of them in S at the end
        reads = torch.cat([left[..., :1].expand_as(swing[..., :1]), swing], -1)
        return Response(reads, ends=torch.cat([reads[..., -1:, :], pad(coast, (1, 0))], -2))
