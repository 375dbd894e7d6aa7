"""Test-time training: the memory is the weights of a network, a write is one gradient step.

    W ← W − lr ∇ ½ ‖M(k) − v‖²        for every layer W of M, the gradients taken at one memory

Inner problem: the weights of M, whose context is the stream of pairs. Outer: whatever makes keys and values, and the
weights that M starts from. With a matrix for a memory this is the delta rule. TTT-Linear and TTT-MLP (Sun et al. 2024);
Nested Learning, eqs. 1 (the step) and 7-9 (a layer that learns is a memory). Papers write η for lr and f_W for M.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import pad

from .base import Info, Levels, Rate, rate
from .chunk_start import NetworkMemory, Response, State
from .network import Weights


@dataclass(frozen=True)
class Deep(NetworkMemory):
    """A memory in the weights of a network; in a scan by chunks its gradients are taken at the chunk's start.

    The state is a dict: `memory` and `start`, the weights `(..., out, in)` of each layer now and where the running
    chunk takes its gradients, and `age`, how many pairs were written.

    Args:
        lr: step size; with unit keys and a matrix, from 0 (nothing) over 1 (all of the error) to 2 (the edge). n equal
            keys in one chunk add up: there the edge is 2 / n.
        hidden: units of the hidden layer; None: the memory is a matrix.

    >>> import torch
    >>> rule = Deep(lr=0.5, hidden=32)
    >>> key = torch.nn.functional.normalize(torch.ones(8), dim=-1)
    >>> state = rule.init(d_key=8, d_value=8)
    >>> for _ in range(50):
    ...     state, info = rule.write(state, key, torch.zeros(8))
    >>> bool(info["error"].norm() < 1e-3)
    True
    """

    levels: ClassVar[Levels] = (("memory", 1, "½ ‖M(k) − v‖²", "the pairs"),)

    lr: float = 0.1
    hidden: int | None = None

    def write(
        self, state: State, key: Tensor, value: Tensor, lr: Rate = None, at: Weights | None = None
    ) -> tuple[State, Info]:
        """One gradient step; `lr` of this write may be given as a number or a tensor `(...,)`.

        `at`: the weights the gradient is taken at, where those are not the ones written to.
        """
        self._check(state, key, value)
        pull, error = self._pull(state["memory"] if at is None else at, key, value)
        memory = tuple(W + rate(lr, self.lr, 2) * G for W, G in zip(state["memory"], pull, strict=True))
        return {"memory": memory, "start": at or memory, "age": state["age"] + 1}, {"error": error}

    def response(self, size: int, rates: Mapping[str, Tensor]) -> Response:
        """W_t = W_0 + Σ_{i ≤ t} lr_i (−gradient_i)."""
        lr = rates["lr"]
        made_of = pad(lr, (1, 0), value=1.0).unsqueeze(-2) * lr.new_ones(size + 1, size + 1).tril()
        return Response(reads=made_of, ends=made_of[..., -1:, :])
