"""Self-modifying Titans: memories that make their own keys, values, rates and targets, and learn from them.

    x ← unit(convolution(x))                         each feature mixes its last few tokens
    key ← unit(M_keys(x)),  value ← unit(M_values(x))
    lr ← most · sigmoid(w · M_lr(x) + b),  keep ← sigmoid(w · M_keep(x) + b)
    y ← W_out (scale ⊙ √d unit(M_main(unit(W_query x))))
    every M of the five:  learns to say at the key what it says itself at the value      (`self_memory`)

Inner problems: the five memories, whose context is the tokens, through the keys, values and rates that they make
themselves. Outer: the weights the memories start from, and the maps around them; one gradient reaches them all,
through every write. Nested Learning, section 8.1, eqs. 83-91, in the chunks of section 8.2, eqs. 90 and 93. It writes
M_k, M_v, M_η, M_α, M_mem for the memories, η for lr, α for keep, v̂ for the target.

Ours, where the paper is silent: all vectors have norm 1 and rates are one number a head. Ours in place of what is
printed: implicit steps, and retention that leads back to the weights a memory started from. As printed, on noise,
nothing is left of those after 4,096 tokens.
"""

from __future__ import annotations

from collections.abc import Collection
from math import log
from typing import Any

import torch
from torch import Tensor, nn

from ...memory.network import Weights, gain
from ...runtime import generator
from ..clock import Period
from .convolved import carried, mix, taps
from .layer import linear, unit
from .self_memory import Step, add, draw
from .self_modifying_loop import loop
from .self_modifying_read import Gates, read_out
from .self_modifying_scan import Asks, Memories, joined, packed, parted, remember, speak, unpacked

State = dict[str, Any]


class SelfModifyingTitans(nn.Module):
    """A sequence layer whose five memories modify themselves, one set a head and a sequence.

    To be seen in three figures of one Trace, `trace = nl.lab.self_changes(layer)`: `nl.figures.key_drift(trace)`, the
    keys of one token part in two contexts; `memories_moved(trace)`, how far each memory is from its start; and
    `freezing(trace)`, how much of what comes out is changed where one memory stays as it was.

    Args:
        d_model: features of x and y; a multiple of heads.
        heads: memories side by side, of d_model / heads features each.
        hidden: units of each memory's hidden layer; None: as many as a head has features; 0: memories are matrices.
        chunk: tokens after which the memories of keys, values and rates are read anew; None: after every token, by a
            loop one can read. Larger chunks are another rule, not only a faster form.
        main_chunk: the same for the gradients of the main memory; None: as `chunk`, and always so in the loop.
        read_first: whether the main memory is asked before a token is written (eqs. 83 and 86, erratum E-26), or after
            it, as in Titans.
        read_at_start: whether it is asked as the chunk found it, eq. 90, so that a token sees nothing written in its
            own chunk (erratum E-32); `read_first` then changes nothing.
        adaptive_query: whether a sixth memory makes the queries, eqs. 79 and 85, in place of W_query (erratum E-24).
        forget_start: whether forgetting and erasing act on the weights themselves, as eq. 88 is printed, so that the
            weights learned outside are forgotten too; otherwise on what was learned since.
        implicit: whether a layer's step is lr / (1 + lr ‖input‖²), as in eq. 56: it erases less than all that the layer
            said, however long its input. Otherwise it is lr, as in eq. 88: once training has made the inputs of a layer
            longer than ‖input‖² = 2 / lr, every write overshoots more than the one before. No step is safe from
            everything: a little keep beside a large lr, or long second layers, make implicit ones overshoot too.
        stop_targets: whether the outer gradient stops at the targets, v̂ of eq. 87. The inner one always does (errata
            E-28 and E-45). Values serve for nothing else, so that their memory then learns nothing outside.
        lr: the most that the memory of rates may ask for; it starts at half of that. None: 4 for implicit steps, which
            are then at most 4/5 at an input of norm 1; 0.5 for explicit ones, which are stable there up to 1. Where
            every token is written with all of a large lr, outer gradients through many tokens explode.
        keep: where the factor that stays at each token starts, above 0 and below 1; at 0.995 half is left after 138.
        width: how many tokens the convolution mixes, 1 or more.
        seed: of the initial weights.

    Raises:
        ValueError: if heads do not divide d_model, a chunk or width is below 1, keep is not between 0 and 1, or a
            main_chunk is asked of the loop.

    >>> layer = SelfModifyingTitans(8, heads=2, chunk=4)
    >>> x = torch.randn(3, 20, 8)
    >>> y, state = layer(x)
    >>> first, state = layer(x[:, :7])
    >>> rest, state = layer(x[:, 7:], state)                   # many calls are one
    >>> torch.allclose(torch.cat([first, rest], 1), y, atol=1e-5)
    True
    >>> import nlviz as nl
    >>> trace = nl.lab.self_changes(layer, length=64)
    >>> drawn = nl.figures.key_drift(trace), nl.figures.memories_moved(trace), nl.figures.freezing(trace)
    """

    def __init__(
        self,
        d_model: int,
        heads: int = 1,
        hidden: int | None = None,
        chunk: int | None = 64,
        main_chunk: int | None = None,
        read_first: bool = True,
        read_at_start: bool = False,
        adaptive_query: bool = False,
        forget_start: bool = False,
        implicit: bool = True,
        stop_targets: bool = False,
        lr: float | None = None,
        keep: float = 0.995,
        width: int = 4,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        _check(d_model, heads, (chunk, main_chunk, width), keep)
        self.heads, self.chunk, self.main_chunk = heads, chunk, main_chunk or chunk
        self.read_first, self.read_at_start = read_first, read_at_start
        self.forget_start, self.step = forget_start, Step(implicit, stop_targets)
        self.lr = lr if lr is not None else 4.0 if implicit else 0.5
        self.memories = ("keys", "values", *["queries"] * adaptive_query, "lr", "keep", "main")
        self.frozen: Collection[str] = ()  # names of memories that are to stay as they are
        draws, features = generator(seed), d_model // heads
        self.taps = nn.Parameter(taps(d_model, width, draws))
        hidden = features if hidden is None else hidden
        self.start = nn.ParameterList(draw(len(self.memories), heads, features, hidden, draws))
        self.read_rates = nn.Parameter(0.1 * torch.randn(heads, 2, features, generator=draws))
        self.rates = nn.Parameter(torch.tensor([0.0, log(keep / (1 - keep))]).repeat(heads, 1))
        self.query = None if adaptive_query else linear(d_model, d_model, draws)
        self.scale = nn.Parameter(torch.ones(heads, features))
        self.out = linear(d_model, d_model, draws)
        self.to(dtype=dtype, device=device)

    @property
    def levels(self) -> tuple[tuple[str, Period, str, str, tuple[str, ...]], ...]:
        """The nested problems in here: name, period in tokens, objective, context, and whose state each needs."""
        objective = "½ ‖M(key) − M(value)‖², the target held fixed, a step of delta gradient descent a token"
        context = "tokens, through the keys, values and rates that the memories make"
        return (
            ("main", 1, objective, context, ("projections",)),
            ("projections", self.chunk or 1, objective, context, ()),
        )

    def init(self, batch: int) -> State:
        """The state before the first token: the convolution's empty tail, and the memories as they start."""
        start = tuple(W.to(self._wide).transpose(0, 1).expand(batch, -1, -1, -1, -1) for W in self.start)
        projections, main = tuple(W[:, :, :-1] for W in start), tuple(W[:, :, -1:] for W in start)
        since = (lambda W: W) if self.forget_start else torch.zeros_like
        return {
            "tail": self.taps.new_zeros(batch, self.taps.shape[-1] - 1, self.taps.shape[0]),
            "projections": projections,
            "projections_written": tuple(map(since, projections)),
            "main": tuple(map(since, main)),
            "main_found": main,
            "age": 0,
        }

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Write and read one stretch of each sequence.

        Args:
            x: `(batch, T, d_model)`, any T; norms belong to the block around the layer.
            state: to go on from, of `init` or of an earlier call; None: `init`. It is not changed.

        Returns:
            y `(batch, T, d_model)`, and the state after the last token, a dict. Weights in it are `(batch, heads,
            memories, out, in)` a layer: `projections`, what keys, values and rates are read from, new every `chunk`
            tokens; `projections_written` and `main`, what the memories have learned since their start, or their weights
            with `forget_start`; `main_found`, where the main memory takes its gradients. Then `tail`, what the
            convolution still needs, and `age`, tokens so far. Gradients flow back through it; detach it to end them.

        Raises:
            ValueError: if x does not have the layer's features or the state's batch.
        """
        if unknown := set(self.frozen) - set(self.memories):
            raise ValueError(f"SelfModifyingTitans: no memory is called {unknown}; they are {self.memories}")
        state = carried(self, x, state)
        if not x.shape[1]:
            return x, state
        mixed, tail = mix(x, state["tail"], self.taps)
        heads = self.scale.shape
        queries = None if self.query is None else unit(self.query(mixed).unflatten(-1, heads)).transpose(1, 2)
        tokens = unit(mixed.unflatten(-1, heads)).transpose(1, 2)  # (batch, heads, T, features)
        with torch.autocast(x.device.type, enabled=False):
            tokens, queries = tokens.to(self._wide), None if queries is None else queries.to(self._wide)
            recalled, memories = (self._loop if self.chunk is None else self._scan)(tokens, queries, state)
            said = unit(recalled.transpose(1, 2)).to(x.dtype) * (heads[1] ** 0.5 * self.scale)
        y = self.out(said.flatten(2))
        return y, {**memories, "tail": tail, "age": state["age"] + x.shape[1]}

    def project(self, x: Tensor, state: State) -> dict[str, Tensor]:
        """What the memories make of tokens now, by name; nothing is written and nothing convolved.

        Args:
            x: `(batch, T, d_model)`
            state: of `init` or `forward`.

        Returns:
            keys, values (queries) `(batch, heads, T, features)`; lr and keep `(batch, heads, T)`.
        """
        tokens = unit(x.unflatten(-1, self.scale.shape)).transpose(1, 2).to(self._wide)
        found = packed(state["projections"], gain(tuple(self.start)))
        said = read_out(found, tokens.flatten(0, 1).mT, self._gates(x.shape[0]), found[0].shape[1])
        by_rows = [part.mT if part.ndim == 3 else part for part in said]
        return {n: part.unflatten(0, (-1, self.heads)) for n, part in zip(self.memories, by_rows, strict=False)}

    def moved(self, state: State) -> Tensor:
        """How far each memory is from its start: ‖W − W₀‖ / ‖W₀‖, `(batch, heads, memories, layers)`."""
        ratios = []
        for W, projections, main in zip(self.start, state["projections_written"], state["main"], strict=True):
            start, written = W.transpose(0, 1), torch.cat([projections, main], 2)
            since = written - start if self.forget_start else written
            ratios.append(since.norm(dim=(-2, -1)) / start.norm(dim=(-2, -1)))
        return torch.stack(ratios, -1)

    def _scan(self, tokens: Tensor, queries: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Chunk by chunk, sequences and heads in one axis."""
        assert self.chunk is not None
        assert self.main_chunk is not None
        lead, count, scale = tokens.shape[:2], len(self.memories) - 1, gain(tuple(self.start))
        frozen = [name in self.frozen for name in self.memories]
        starts = self._starts(lead[0])
        projections, main = (
            Memories(
                start and packed(start, scale), packed(state[w], scale), packed(state[f], scale), state["age"], scale
            )
            for start, w, f in zip(starts, ("projections_written", "main"), ("projections", "main_found"), strict=True)
        )
        rows, gates = tokens.flatten(0, 1), self._gates(lead[0])
        asks = Asks(None if queries is None else queries.flatten(0, 1), self.read_first, self.read_at_start)
        if self.chunk == self.main_chunk and not frozen[-1]:  # all five at once: fewer, larger products
            _, recalled, both = speak(joined(projections, main), rows, gates, self.chunk, frozen, self.step, asks)
            projections, main = parted(both, count)
        else:
            heard, _, projections = speak(projections, rows, gates, self.chunk, frozen[:-1], self.step)
            recalled, main = remember(main, heard, asks, self.main_chunk, frozen[-1], self.step)

        return torch.cat(recalled, 1).unflatten(0, lead), {
            "projections": unpacked(projections.found, lead, scale),
            "projections_written": unpacked(projections.written, lead, scale),
            "main": unpacked(main.written, lead, scale),
            "main_found": unpacked(main.found, lead, scale),
        }

    def _loop(self, tokens: Tensor, queries: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Token by token."""
        starts = self._starts(tokens.shape[0])
        frozen = [name in self.frozen for name in self.memories]
        read_first = self.read_first or self.read_at_start
        recalled, projections, main = loop(
            tokens,
            queries,
            starts,
            (state["projections_written"], state["main"]),
            (self.read_rates.to(self._wide), self.rates.to(self._wide), self.lr),
            read_first,
            frozen,
            self.step,
        )
        return recalled, {
            "projections": add(starts[0], projections),
            "projections_written": projections,
            "main": main,
            "main_found": add(starts[1], main),
        }

    def _starts(self, batch: int) -> tuple[Weights | None, Weights | None]:
        """What retention leads back to, of the memories that speak and of the main one."""
        if self.forget_start:
            return None, None
        state = self.init(batch)
        return state["projections"], state["main_found"]

    def _gates(self, batch: int) -> Gates:
        w, bias = (p.to(self._wide).expand(batch, *p.shape).flatten(0, 1) for p in (self.read_rates, self.rates))
        return Gates(w, bias.unsqueeze(-1), self.lr)

    @property
    def _wide(self) -> torch.dtype:
        """Single precision at least, whatever the parameters have: keep is close to 1."""
        return torch.promote_types(self.taps.dtype, torch.float32)


def _check(d_model: int, heads: int, counts: tuple[int | None, ...], keep: float) -> None:
    if heads < 1 or d_model % heads:
        raise ValueError(
            f"SelfModifyingTitans: {heads} heads do not divide d_model={d_model}; choose a number that does"
        )
    if any(count is not None and count < 1 for count in counts):
        raise ValueError(f"SelfModifyingTitans: chunk, main_chunk and width are 1 or more; got {counts}")
    if counts[0] is None and counts[1] is not None:
        raise ValueError(
            "SelfModifyingTitans: chunk=None is the loop, which reads everything at every token; type chunk=1 for a "
            f"main_chunk of its own; got main_chunk={counts[1]}"
        )
    if not 0 < keep < 1:
        raise ValueError(
            f"SelfModifyingTitans: keep starts above 0 and below 1 (0.995, say), and is learned; got {keep}"
        )
