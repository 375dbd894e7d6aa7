"""The Omega rule: each step corrects the last c pairs, not the newest alone.

    W ← keep W − lr Σ_{i = t−c+1 … t} fade^(t−i) ∇ ½ ‖M(k_i) − v_i‖²       for every layer W of M

Inner problem: the memory M, whose context is a window of the stream of pairs. Outer: whatever makes keys and values,
and the weights that M starts from. Window 1 is Deep, a window as long as the stream is gradient descent on all of it.
Atlas (Behrouz et al. 2025); Nested Learning, eq. 68 with the gradient, the step and the memory before it, which the
print leaves out (erratum E-19). Papers write α for keep, η for lr, c for window, γ for the weights inside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .base import Info, Levels, Rate, check_shares, rate
from .chunk_start import NetworkMemory, Response, State
from .chunks import lasting
from .network import Weights, gain, pulls


@dataclass(frozen=True)
class Omega(NetworkMemory):
    """A memory in the weights of a network that goes over the latest pairs again at every step.

    The state is a dict: `memory` and `start`, the weights `(..., out, in)` of each layer now and where the running
    chunk takes its gradients; `keys` and `values`, the last window − 1 pairs (zeros before there were any: they pull at
    nothing); and `age`, how many pairs were written.

    Args:
        lr: step size; every pair is corrected `window` times, so it may be smaller than elsewhere.
        keep: the factor of the memory that stays at each write, 0 to 1; 1 forgets nothing.
        window: how many pairs a step corrects, the newest among them; 1 or more.
        fade: how much less each older pair of the window counts than the next, 0 to 1.
        hidden: units of the hidden layer; None: the memory is a matrix.

    >>> import torch
    >>> rule = Omega(lr=0.5, window=2)
    >>> state = rule.init(d_key=2, d_value=1)
    >>> first, second = torch.eye(2)
    >>> state, _ = rule.write(state, first, torch.tensor([4.0]))
    >>> state, _ = rule.write(state, second, torch.tensor([8.0]))
    >>> rule.read(state, first), rule.read(state, second)          # the first was corrected twice: 2, then 3
    (tensor([3.]), tensor([4.]))
    """

    levels: ClassVar[Levels] = (("memory", 1, "Σ fade ½ ‖M(k) − v‖²", "windows of the pairs"),)

    lr: float = 0.02
    keep: float = 1.0
    window: int = 8
    fade: float = 1.0
    hidden: int | None = None

    def __post_init__(self) -> None:
        check_shares(self, keep=self.keep, fade=self.fade)
        if self.window < 1:
            raise ValueError(f"Omega: window is how many pairs a step corrects, 1 or more; got {self.window}")

    def begin(self, memory: Weights) -> State:
        """The state of a memory that starts from these weights and has seen no pair."""
        batch, past = memory[0].shape[:-2], self.window - 1
        keys = memory[0].new_zeros(*batch, past, memory[0].shape[-1])
        values = memory[0].new_zeros(*batch, past, memory[-1].shape[-2])
        return {**super().begin(memory), "keys": keys, "values": values}

    def write(
        self, state: State, key: Tensor, value: Tensor, lr: Rate = None, keep: Rate = None, at: Weights | None = None
    ) -> tuple[State, Info]:
        """Correct the window that ends with this pair; `lr` and `keep` may be given as numbers or tensors `(...,)`.

        `at`: the weights the gradients are taken at, where those are not the ones written to.
        """
        self._check(state, key, value)
        keys = torch.cat([state["keys"], key.unsqueeze(-2)], -2)
        values = torch.cat([state["values"], value.unsqueeze(-2)], -2)
        weights = state["memory"] if at is None else at
        pairs, _ = pulls(weights, keys, values)
        lr, keep = rate(lr, self.lr, 2), rate(keep, self.keep, 2)
        counts = gain(weights) * self._band(1, key).mT  # (window, 1)
        memory = tuple(
            keep * W + lr * ((counts * errors).mT @ inputs)
            for W, (inputs, errors) in zip(state["memory"], pairs, strict=True)
        )
        carried = {"memory": memory, "start": at or memory, "age": state["age"] + 1}
        return {**carried, "keys": keys[..., 1:, :], "values": values[..., 1:, :]}, {"error": pairs[-1][1][..., -1, :]}

    def response(self, size: int, rates: Mapping[str, Tensor]) -> Response:
        """W_t = left_{t0} W_0 + Σ_j left_{tj} lr_j Σ_i fade^(j−i) (−gradient_i), i over the window that ends at j."""
        left = lasting(rates["keep"])
        tiles = left[..., 1:] @ (rates["lr"].unsqueeze(-1) * self._band(size, left))
        reads = torch.cat([left[..., :1].expand_as(tiles[..., :1]), tiles], -1)
        return Response(reads, ends=reads[..., -1:, :])

    def pairs(self, state: State, keys: Tensor, values: Tensor, size: int) -> tuple[Tensor, Tensor, State]:
        """Chunks that overlap: each begins window − 1 pairs early."""
        past = self.window - 1
        seen = [torch.cat([state["keys"], keys], 1), torch.cat([state["values"], values], 1)]
        K, V = (x.unfold(1, past + size, size).mT for x in seen)
        return K, V, {name: x[:, x.shape[1] - past :] for name, x in zip(("keys", "values"), seen, strict=True)}

    def _band(self, size: int, like: Tensor) -> Tensor:
        """How much each of `window − 1 + size` pairs counts at each of `size` steps: (size, window − 1 + size)."""
        step = torch.arange(size, device=like.device).unsqueeze(-1)
        pair = torch.arange(1 - self.window, size, device=like.device)
        age = step - pair
        return torch.where((age >= 0) & (age < self.window), self.fade ** age.clamp(min=0).to(like.dtype), 0.0)
