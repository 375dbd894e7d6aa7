"""The chunk form of memories that are networks: all gradients of a chunk are taken at the memory it found.

The loop takes each gradient at the memory as it is by then, and nothing is parallel: a network is not linear in its
weights. A chunk takes them all at `start`, the weights it found. Then pair i adds one known tile to each layer,
error_i input_iᵀ, and the weights after t steps are a sum of known things: the m matrices X that the chunk found (the
weights, and the momentum where there is one) and its N tiles,

    W_t = Σ_j reads[t, j] X_j + Σ_i reads[t, m + i] error_i input_iᵀ

A rule is its `Response` alone, two small tables made of its rates. A read inside the chunk needs no W_t:

    W_t z = Σ_j reads[t, j] X_j z + Σ_i reads[t, m + i] (input_i · z) error_i

one layer behind the other (`chunk_step`). Chunk 1 is the loop. Larger chunks are another rule, judged by the loop
that takes its gradients `at=start`: what a chunk has just written, its own gradients do not see. Test-time training in
mini-batches (Sun et al. 2024), Titans eqs. 16-18; Nested Learning, section 8.2, eq. 90, with the start of the chunk
rather than its end (erratum E-15) and reads that see the writes before them (E-32).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from .base import check_widths
from .chunk_step import ChunkStep
from .chunks import Steps, cut, in_chunks, join, pieces, rate_in_chunks
from .network import Weights, fresh, gain, pulls, recall

State = dict[str, Any]  # memory and start: Weights; age: int; and what else the rule carries


class Response(NamedTuple):
    """How n chunks of C steps answer to m matrices found and N gradients each; B and n may be 1, and broadcast.

    Args:
        reads: `(B, n, C + 1, m + N)`, what the weights after t steps are made of.
        ends: `(B, n, m, m + N)`, what the m matrices at the end are made of.
    """

    reads: Tensor
    ends: Tensor


class NetworkMemory:
    """What rules whose memory is a network share: a start, the read, and the chunk form."""

    hidden: int | None
    carries: ClassVar[tuple[str, ...]] = ("memory",)  # the m matrices of each layer, by their names in the state

    def begin(self, memory: Weights) -> State:
        """The state of a memory that starts from these weights, `(..., out, in)` each, and has written nothing."""
        return {"memory": memory, "start": memory, "age": 0}

    def init(
        self,
        d_key: int,
        d_value: int,
        batch: Sequence[int] = (),
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> State:
        """A matrix of zeros, or random weights drawn from `seed`, the same for every member of the batch.

        Raises:
            ValueError: with a hidden layer, if keys and values are not of one width.
        """
        return self.begin(fresh(d_key, d_value, self.hidden, batch, seed, dtype, device))

    def read(self, state: State, query: Tensor) -> Tensor:
        """What the network makes of the query, `(..., d_value)`."""
        self._check(state, query)
        return recall(state["memory"], query.unsqueeze(-2)).squeeze(-2)

    def response(self, size: int, rates: Mapping[str, Tensor]) -> Response:
        """The rule's tables for chunks of `size` steps; a rate is `(B, n, size)`, or `(1, 1, size)` for a number."""
        raise NotImplementedError(f"{type(self).__name__} has no response; write response(self, size, rates)")

    def pairs(self, state: State, keys: Tensor, values: Tensor, size: int) -> tuple[Tensor, Tensor, State]:
        """The pairs whose gradients each chunk uses, `(B, n, N, d)` twice, and what the state keeps of them."""
        return in_chunks(keys, size), in_chunks(values, size), {}

    def chunks(
        self,
        state: State,
        keys: Tensor,
        values: Tensor,
        queries: Tensor,
        chunk: int,
        read_first: bool,
        rates: Mapping[str, Steps],
    ) -> tuple[Tensor, State]:
        """A whole sequence `(B, T, ...)`; chunks begin at multiples of `chunk` in the memory's whole life."""
        self._check(state, keys, values)
        self._check(state, queries)
        cuts = pieces(keys.shape[1], chunk, state["age"])
        lengths = [steps for steps, _ in cuts]
        rates = {**rates, "lr": gain(state["memory"]) * rates["lr"]}  # the network's gain is in every gradient
        recalled: list[Tensor] = []
        for (steps, size), k, v, q, *now in zip(
            cuts, *(cut(x, lengths) for x in (keys, values, queries, *rates.values())), strict=True
        ):
            K, V, kept = self.pairs(state, k, v, size)
            per_chunk = (rate_in_chunks(rate, size, k) for rate in now)
            tables = self.response(size, dict(zip(rates, per_chunk, strict=True)))
            found = [torch.stack(layer, 1) for layer in zip(*(state[name] for name in self.carries), strict=True)]
            begun = state["start"] if state["age"] % chunk else ()
            answers, found, start = _whole_chunks(found, begun, K, V, in_chunks(q, size), tables, read_first)
            recalled += answers
            carried = {name: tuple(X[:, j] for X in found) for j, name in enumerate(self.carries)}
            age = state["age"] + steps
            state = {**kept, **carried, "start": start if age % chunk else carried["memory"], "age": age}
        return join(recalled, values), state

    def _check(self, state: State, key: Tensor, value: Tensor | None = None) -> None:
        check_widths(self, state["memory"][0].shape[-1], state["memory"][-1].shape[-2], key, value)

    def _pull(self, weights: Weights, key: Tensor, value: Tensor) -> tuple[list[Tensor], Tensor]:
        """Minus the gradient of ½ ‖v − M(k)‖² for each layer, and the error v − M(k)."""
        pairs, _ = pulls(weights, key.unsqueeze(-2), value.unsqueeze(-2))
        return [gain(weights) * errors.mT @ inputs for inputs, errors in pairs], pairs[-1][1].squeeze(-2)


def _whole_chunks(
    X: list[Tensor], begun: Weights, K: Tensor, V: Tensor, Q: Tensor, tables: Response, read_first: bool
) -> tuple[list[Tensor], list[Tensor], Weights]:
    """n chunks in turn: what each recalled, each layer's matrices at the end, where the last gradients were taken.

    `begun`: where a chunk that an earlier call began took its gradients; else empty.
    """
    (B, n), m = K.shape[:2], X[0].shape[1]
    reads, ends = (table.expand(B, n, -1, -1) for table in tables)
    reads = reads[:, :, :-1] if read_first else reads[:, :, 1:]
    parts = (Q, K, V, reads[..., :m, None], reads[..., m:], ends[..., :m], ends[..., m:])
    recalled, start = [], begun
    for part in zip(*(x.unbind(1) for x in parts), strict=True):
        start = begun or tuple(x[:, 0] for x in X)
        answer, *X = ChunkStep.apply(len(X), *part, *X, *begun)
        recalled.append(answer)
    return recalled, X, start
