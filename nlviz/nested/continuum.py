"""What every Continuum Memory System shares: a network whose layers are levels, read two ways.

As ordinary weights, trained by a MultiClock: one gradient flow, each level stepped on its own clock. Or as fast weights
inside a context: a state of their own, which `cms(x, state)` only reads and `cms.learn(loss, state)` writes:

    every loss      waiting ← waiting + gradient of the loss for the level's weights
    every C losses  weights ← start + keep (weights − start) − lr waiting;  waiting ← 0

Nested Learning, section 7, eq. 71, in its implementable form: C terms in the sum, weights constant meanwhile. The paper
leaves open which of the two readings is meant; both are here. Papers write η for lr.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from .clock import Period, check_period, level_names
from .fast_weights import State, Weights, added, fresh, where


class CMS(nn.Module):
    """A network some of whose layers are levels with clocks of their own.

    Args:
        network: called as `network(x)`, or `network(x, mask)`.
        layers: which of its modules make up each level; inner, fast levels first. The rest of the network belongs to no
            level: it is not written by `learn`.
        periods: one a level: losses (of `learn`) or steps (of a clock) from write to write; `math.inf` for never.
        lr: the rate of `learn`, one a level; or one number for period 1, of which a level of period C takes 1/√C. As
            gradients are summed, a level of period C bears between 1/C and 1/√C of what one of period 1 bears.
        keep: at each write of `learn`, the factor that stays of what was learned since the start: 1 forgets nothing.

    Raises:
        ValueError: for periods, rates or factors that do not fit the levels.
    """

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[Iterable[nn.Module]],
        periods: Sequence[Period],
        lr: float | Sequence[float] = 0.1,
        keep: float | Sequence[float] = 1.0,
    ) -> None:
        super().__init__()
        who = type(self).__name__
        self.network = network
        self.periods = tuple(periods)
        self.lr = _one_a_level(who, "lr", lr if isinstance(lr, Sequence) else [lr / p**0.5 for p in periods], periods)
        self.keep = _one_a_level(who, "keep", keep if isinstance(keep, Sequence) else [keep] * len(periods), periods)
        for period in self.periods:
            check_period(who, period)
        if not all(0 <= factor <= 1 for factor in self.keep):
            raise ValueError(f"{who}: keep is the factor that stays, from 0 to 1; got {keep}")
        if len(layers) != len(self.periods):
            raise ValueError(f"{who}: {len(self.periods)} periods for {len(layers)} levels; give each level one")
        level = {w: i for i, modules in enumerate(layers) for module in modules for w in module.parameters()}
        self._level = {name: level[w] for name, w in network.named_parameters() if w in level}

    @classmethod
    def _of(
        cls,
        network: nn.Module,
        layers: Sequence[Iterable[nn.Module]],
        periods: Sequence[Period],
        lr: float | Sequence[float],
        keep: float | Sequence[float],
    ) -> Self:
        """One whose network is there already, past the constructor that would draw one."""
        cms = cls.__new__(cls)
        CMS.__init__(cms, network, layers, periods, lr, keep)
        return cms

    @property
    def names(self) -> list[str]:
        """What each level is called, by its period."""
        return level_names([f"period {period}" for period in self.periods])

    @property
    def levels(self) -> tuple[tuple[str, Period, str, str], ...]:
        """The nested problems in here, fast (inner) to slow (outer): name, period, objective, context."""
        return tuple(
            (name, p, "the caller's loss", "the losses") for name, p in zip(self.names, self.periods, strict=True)
        )

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups for an optimizer, one a level, each with its "name" and "period".

        What belongs to no level comes last, in a group "outer" of period 1.

        >>> import nlviz.nested as nested
        >>> cms = nested.SequentialCMS(8, periods=(1, 4))
        >>> optimizer = torch.optim.SGD(cms.groups(), lr=0.1)
        >>> periods = [group["period"] for group in optimizer.param_groups]
        >>> nested.MultiClock(optimizer, periods, average=False).names
        ['period 1', 'period 4']
        """
        named = dict(self.network.named_parameters())
        groups = [
            {"params": [w for n, w in named.items() if self._level.get(n) == i], "name": name, "period": period}
            for i, (name, period) in enumerate(zip(self.names, self.periods, strict=True))
        ]
        outer = [w for name, w in named.items() if name not in self._level]
        return [*groups, {"params": outer, "name": "outer", "period": 1}] if outer else groups

    def init(self, batch: int | None = None) -> State:
        """Fast weights as the module's own; an outer gradient through them reaches its parameters.

        Args:
            batch: the number of sequences, one memory each; None for a single memory that all share. Levels that never
                write have no fast weights: they are read from the module.
        """
        lead = () if batch is None else (batch,)
        with torch.enable_grad():
            weights = {
                name: w.expand(*lead, *w.shape).clone()
                for name, w in self.network.named_parameters()
                if name in self._level and self.periods[self._level[name]] < math.inf
            }
        return {
            "weights": fresh(weights),
            "start": weights,
            "waiting": {},
            "age": 0,
            "writes": [0] * len(self.periods),
            "batch": batch,
        }

    def forward(self, x: Tensor, state: State | None = None, mask: Tensor | None = None) -> tuple[Tensor, State | None]:
        """Read, with the weights of the state where one is given. Nothing is written, counted or skipped.

        Args:
            x: `(..., d_model)`; with one memory a sequence `(batch, ..., d_model)`.
            state: of `init` or `learn`.
            mask: handed on to a network that takes one.

        Returns:
            What the network makes of x, and the state as it was.
        """
        more = () if mask is None else (mask,)
        if state is None or not state["weights"]:
            return self.network(x, *more), state
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels of attention know no second derivative and no vmap
            if state["batch"] is None:
                return functional_call(self.network, state["weights"], (x, *more)), state
            if x.shape[0] != state["batch"]:
                raise ValueError(
                    f"{type(self).__name__}: x holds {x.shape[0]} sequences, this state was made for {state['batch']}; "
                    f"make it with init(batch={x.shape[0]})"
                )
            each = vmap(
                lambda weights, one: functional_call(self.network, weights, (one, *more)), randomness="different"
            )
            return each(state["weights"], x), state

    def learn(self, loss: Tensor, state: State, first_order: bool = False) -> State:
        """Take one error signal; write the levels that are due.

        Args:
            loss: the caller's loss of `y` from `cms(x, state)`: `(batch,)`, one a sequence, so that no sequence's step
                depends on how many others there are; `()` where all share one memory.
            state: the one `y` was read with.
            first_order: treat the gradients as constants in an outer gradient, which then reaches the initial weights
                as if no write lay between; otherwise it goes through every write, and all that lies between the
                levels and the loss must have second derivatives. A memory layer has none: with a block of such
                behind this one type first_order=True.

        Returns:
            The next state. Its history is kept for an outer gradient; `detach` cuts it.

        Raises:
            ValueError: for a loss of another shape, or one that does not come from these weights.
        """
        shape = () if state["batch"] is None else (state["batch"],)
        if loss.shape != shape:
            raise ValueError(
                f"{type(self).__name__}.learn: one loss a memory, of shape {shape}; got {tuple(loss.shape)}. "
                + ("Take the sum or mean" if not shape else "Sum or average over each sequence, not over the batch")
            )
        age = state["age"] + 1
        state = {**self._take(self._slopes(loss, state["weights"], first_order), state), "age": age}
        return self._tick([age % period == 0 for period in self.periods], state)

    def flush(self, state: State) -> State:
        """Write what still waits, at the end of a context; a second flush writes nothing."""
        holding = {self._level[name] for name in state["waiting"]}
        return self._tick([i in holding for i in range(len(self.periods))], state)

    def restart(self, state: State, when: bool | Tensor = True, below: Period = math.inf) -> State:
        """Levels of a period below `below` begin again at their start, and what waited there is dropped.

        Args:
            when: a bool, or a bool tensor `(batch,)`: only these sequences.
        """
        if when is False:
            return state
        weights, waiting = dict(state["weights"]), dict(state["waiting"])
        for name in weights:
            if self.periods[self._level[name]] < below:
                weights[name] = where(when, state["start"][name], weights[name])
                if name in waiting:
                    waiting[name] = where(when, torch.zeros_like(waiting[name]), waiting[name])
        return {**state, "weights": fresh(weights), "waiting": waiting}

    def detach(self, state: State) -> State:
        """The same state without its history: outer gradients stop here, and a long stream needs no more memory."""
        cut = {part: {n: w.detach() for n, w in state[part].items()} for part in ("weights", "start", "waiting")}
        return {**state, **cut, "weights": fresh(cut["weights"])}

    def weights(self, state: State) -> list[list[Tensor]]:
        """The fast weights of each level, as `Recording` takes them."""
        return [[w for n, w in state["weights"].items() if self._level[n] == i] for i in range(len(self.periods))]

    def _slopes(self, loss: Tensor, weights: Weights, first_order: bool) -> Weights:
        """The gradient of the loss for every fast weight it depends on."""
        if not weights:
            return {}
        slopes: Sequence[Tensor | None] = ()
        if loss.requires_grad:  # the graph is kept: the caller may want an outer gradient through the same loss
            slopes = torch.autograd.grad(
                loss.sum(), list(weights.values()), retain_graph=True, create_graph=not first_order, allow_unused=True
            )
        found = {name: slope for name, slope in zip(weights, slopes, strict=False) if slope is not None}
        if not found:
            raise ValueError(
                f"{type(self).__name__}.learn: this loss does not depend on the fast weights of this state; compute it "
                "from y of cms(x, state) with the same state, and outside torch.no_grad()"
            )
        return found

    def _take(self, slopes: Weights, state: State) -> State:
        """Gradients join those that wait."""
        return {**state, "waiting": added(state["waiting"], slopes)}

    def _tick(self, due: Sequence[bool], state: State) -> State:
        """Write the levels that are due."""
        weights, waiting = dict(state["weights"]), dict(state["waiting"])
        for name, w in weights.items():
            i, start = self._level[name], state["start"][name]
            if due[i] and name in waiting:
                kept = w if self.keep[i] == 1 else start + self.keep[i] * (w - start)
                weights[name] = kept - self.lr[i] * waiting.pop(name)
        writes = [count + now for count, now in zip(state["writes"], due, strict=True)]
        return {**state, "weights": fresh(weights), "waiting": waiting, "writes": writes}


def _one_a_level(who: str, name: str, values: Sequence[float], periods: Sequence[Period]) -> tuple[float, ...]:
    if len(values) != len(periods):
        raise ValueError(
            f"{who}: {len(values)} values of {name} for {len(periods)} levels; give one number, or one a level"
        )
    return tuple(values)
