"""The nested Continuum Memory System: every level owns the point where the next faster one begins.

    the level of period C ticks:    start of the faster level ← start − lr · (its gradients in these C losses)
                                    faster level ← start

Knowledge passes from level to level by initialisation (Nested Learning, eqs. 28 and 72). Levels: one an MLP, each the
outer loop of the next faster one, and outermost the initial states, which an outer gradient learns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .clock import Period
from .cms import SequentialCMS
from .fast_weights import State, Weights, added, fresh


class NestedCMS(SequentialCMS):
    """A chain in which each level learns where the next faster one begins, and restarts it there.

    When a level of period C ticks, the start of the next faster level takes a step with that level's gradients of the C
    losses, at the slow level's rate, and the faster level begins again from it, after C / C_fast writes of its own.
    Eq. 72 is silent on how the start is found; here its gradient is taken at the fast weights, as in Reptile and
    first-order MAML. At equal rates the fast level ends where it was going anyway: Reptile with a step of 1. Under a
    MultiClock, a `SlowCopy` of the faster levels is consolidated and restarted when the slow one ticks.

    >>> import torch
    >>> cms = NestedCMS(8, periods=(1, 4), lr=(0.1, 0.05))
    >>> state = cms.init()
    >>> for _ in range(4):
    ...     y, state = cms(torch.ones(8), state)
    ...     state = cms.learn(y.square().sum(), state)
    >>> name = "0.mlp.1.weight"                    # of the fast level, which has just begun again
    >>> torch.equal(state["weights"][name], state["start"][name])
    True
    """

    @property
    def levels(self) -> tuple[tuple[str, Period, str, str], ...]:
        """The nested problems in here: the levels, and the starts that slower levels keep for faster ones."""
        starts = tuple(
            (f"start of {name}", self.periods[slower], "the caller's loss, to first order", "the losses")
            for i, name in enumerate(self.names)
            if (slower := self._slower(i)) is not None
        )
        return (*super().levels, *starts)

    def init(self, batch: int | None = None) -> State:
        """As of every `CMS`; "owed" are the gradients that wait for a start."""
        return {**super().init(batch), "owed": {}}

    def detach(self, state: State) -> State:
        """The same state without its history."""
        return {**super().detach(state), "owed": {name: owed.detach() for name, owed in state["owed"].items()}}

    def _slower(self, level: int) -> int | None:
        """The next slower level that ever ticks."""
        slower = [p for p in self.periods if self.periods[level] < p < math.inf]
        return self.periods.index(min(slower)) if slower else None

    def _take(self, slopes: Weights, state: State) -> State:
        owed = {name: slope for name, slope in slopes.items() if self._slower(self._level[name]) is not None}
        return {**super()._take(slopes, state), "owed": added(state["owed"], owed)}

    def _tick(self, due: Sequence[bool], state: State) -> State:
        state = super()._tick(due, state)
        weights, start, waiting, owed = (dict(state[part]) for part in ("weights", "start", "waiting", "owed"))
        for name in state["owed"]:
            slower = self._slower(self._level[name])
            if slower is not None and due[slower]:
                start[name] = start[name] - self.lr[slower] * owed.pop(name)
                weights[name] = start[name]
                waiting.pop(name, None)  # what waited belongs to weights that are gone
        return {**state, "weights": fresh(weights), "start": start, "waiting": waiting, "owed": owed}
