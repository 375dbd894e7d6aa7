"""MultiClock: every parameter group of an optimizer steps on a clock of its own.

    every step      waiting ← waiting + gradient
    every C steps   one step of the optimizer with `waiting`, the sum (or mean) over the period; waiting ← 0

The Continuum Memory System as a schedule over training steps (Nested Learning, section 7, eq. 71; the printed sum has
C + 1 terms, here it has C). All levels stand in one gradient flow; the level of period C is written once in C steps,
and all its gradients are taken at the weights it had meanwhile. Levels: one a parameter group, the inner ones fast, the
outer ones slow; the context of each is the stream of gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from .gradients import all_finite, only_if, plus

Period = int | float
"""Steps from one write to the next: an int of 1 or more, or `math.inf` for never."""


class MultiClock(torch.optim.Optimizer):
    """Steps the groups of an optimizer every so many steps, with all the gradients since their last step.

    Args:
        optimizer: any `torch.optim.Optimizer` that leaves a parameter without gradient alone; ours, and all of
            PyTorch's but LBFGS. Its own counters and memories count this group's writes, not training steps.
        periods: one a parameter group, in their order: training steps from write to write; `math.inf` for never.
        average: hand over the mean of a period's gradients (True) or their sum (False). With the sum a level of
            period C is stable only up to 1/C of the rate; with the mean the period acts as a smaller rate.

    Raises:
        ValueError: for LBFGS, or periods that do not fit the groups.

    Call `step()` after every backward: it takes the gradients away, so none counts twice. A step with an infinite or
    NaN gradient changes nothing, not even the clock. Schedulers take the clock (`StepLR(clock, ...)`) and so does
    `GradScaler`, whose scale is divided out before gradients are added up. Gradients of half precision are added up in
    float32. The machine waits for the device only where AMP does, when a level may be due.

    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    >>> groups = [{"params": layer.parameters()} for layer in model]
    >>> clock = MultiClock(torch.optim.SGD(groups, lr=0.1), periods=[1, 4], average=False)
    >>> for _ in range(10):
    ...     model(torch.ones(2)).sum().backward()
    ...     clock.step()
    >>> clock.writes
    [10, 2]
    >>> clock.flush()                              # the last two steps still wait at the slow level
    >>> clock.writes
    [10, 3]
    """

    _step_supports_amp_scaling = True  # GradScaler then gives `grad_scale` and `found_inf` and leaves the rest to us

    def __init__(self, optimizer: torch.optim.Optimizer, periods: Iterable[Period], *, average: bool) -> None:
        # no super().__init__: the groups, the state and the hooks are those of the optimizer inside
        periods = list(periods)
        if isinstance(optimizer, torch.optim.LBFGS):
            raise ValueError(
                "MultiClock: LBFGS asks for the loss again within a step and moves all weights at once, so no group of "
                "it can wait; take torch.optim.SGD, Adam or nl.optim.Optimizer"
            )
        if len(periods) != len(optimizer.param_groups):
            raise ValueError(
                f"MultiClock: {len(periods)} periods for {len(optimizer.param_groups)} parameter groups; one a group"
            )
        for period in periods:
            check_period("MultiClock", period)
        self.optimizer = optimizer
        self.periods = periods
        self.average = average
        self.writes = [0] * len(periods)
        self._steps = 0  # that the host knows of
        self._verdicts: list[Tensor] = []  # of later steps: was every gradient finite?
        self._since = [0] * len(periods)  # the step of each level's last write
        self._waiting: dict[Tensor, Tensor] = {}

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The groups of the optimizer inside."""
        return self.optimizer.param_groups

    @property
    def state(self) -> Any:  # type: ignore[override]
        """The state of the optimizer inside."""
        return self.optimizer.state

    @property
    def defaults(self) -> dict[str, Any]:  # type: ignore[override]
        """The defaults of the optimizer inside."""
        return self.optimizer.defaults

    @property
    def steps(self) -> int:
        """Steps so far, those with infinite gradients left out; waits for the device if those are not known yet."""
        self._look()
        return self._steps

    @property
    def names(self) -> list[str]:
        """What each level is called: its group's "name", else its period."""
        return level_names([g.get("name", f"period {p}") for g, p in zip(self.param_groups, self.periods, strict=True)])

    @property
    def weights(self) -> list[list[Tensor]]:
        """The parameters of each level."""
        return [group["params"] for group in self.param_groups]

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take the gradients; step the levels that are due."""
        if closure is not None:
            raise ValueError("MultiClock.step: call backward() yourself, then step(); it takes no closure")
        fresh = {w: w.grad for level in self.weights for w in level if w.grad is not None}
        for w in fresh:
            w.grad = None
        self._verdicts.append(self._verdict(fresh))
        if not self._may_be_due():
            self._wait(self._unscaled({w: only_if(self._verdicts[-1], grad) for w, grad in fresh.items()}))
        elif self._look():
            due = [self._steps % period == 0 for period in self.periods]
            self._wait(self._unscaled(fresh))
            self._write(due)

    def flush(self) -> None:
        """Write what still waits, at the end of a stream; the clocks go on. A second flush writes nothing."""
        self._look()
        self._write(
            [period < math.inf and self._steps > since for period, since in zip(self.periods, self._since, strict=True)]
        )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop gradients that no step has taken; what waits stays."""
        for level in self.weights:
            for w in level:
                w.grad = None

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Not here: a group needs a period."""
        raise ValueError(
            "MultiClock: a new group needs a period; give the optimizer all its groups, then make the clock"
        )

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit, in the middle of a period too."""
        self._look()
        clock = {
            "periods": list(self.periods),
            "average": self.average,
            "writes": list(self.writes),
            "steps": self._steps,
            "since": list(self._since),
            "waiting": [[self._waiting.get(w) for w in level] for level in self.weights],
        }
        return {"optimizer": self.optimizer.state_dict(), "clock": clock}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave, with the same periods."""
        clock = state_dict["clock"]
        if clock["periods"] != self.periods or clock["average"] != self.average:
            raise ValueError(
                f"MultiClock: saved with periods={clock['periods']}, average={clock['average']}; this clock has "
                f"periods={self.periods}, average={self.average}; make it with those it was saved with"
            )
        self.optimizer.load_state_dict(state_dict["optimizer"])
        self.writes, self._since = list(clock["writes"]), list(clock["since"])
        self._steps, self._verdicts = clock["steps"], []
        self._waiting = {
            w: saved.to(w.device, copy=True)
            for level, kept in zip(self.weights, clock["waiting"], strict=True)
            for w, saved in zip(level, kept, strict=True)
            if saved is not None
        }

    def __repr__(self) -> str:
        return f"MultiClock({self.optimizer!r}, periods={self.periods}, average={self.average})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "step"}  # a scheduler wraps step

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _verdict(self, fresh: dict[Tensor, Tensor]) -> Tensor:
        """Whether every gradient of this step is finite, on the device; GradScaler has looked already."""
        found = getattr(self, "found_inf", None)
        return all_finite(fresh.values()) if found is None else torch.as_tensor(found == 0)

    def _unscaled(self, fresh: dict[Tensor, Tensor]) -> dict[Tensor, Tensor]:
        scale = getattr(self, "grad_scale", None)
        return fresh if scale is None else {w: grad / scale.to(grad.device) for w, grad in fresh.items()}

    def _may_be_due(self) -> bool:
        """Whether a level is due if all steps the host has not looked at were good; if not, it need not look."""
        latest = self._steps + len(self._verdicts)
        return any(latest // period > self._steps // period for period in self.periods)

    def _look(self) -> bool:
        """Ask the device how the last steps went; True if the last of them was good."""
        if not self._verdicts:
            return True
        good = torch.stack([verdict.to(self._verdicts[0].device) for verdict in self._verdicts]).tolist()
        self._steps, self._verdicts = self._steps + sum(good), []
        return good[-1]

    def _wait(self, fresh: dict[Tensor, Tensor]) -> None:
        for level, period in zip(self.weights, self.periods, strict=True):
            for w in level if period != math.inf else ():
                if w in fresh:
                    self._waiting[w] = plus(self._waiting.get(w), fresh[w], keep=period > 1)

    def _write(self, due: Sequence[bool]) -> None:
        """One step of the optimizer in which only the levels that are due have a gradient."""
        aside = {w: w.grad for level in self.weights for w in level}
        for i, level in enumerate(self.weights):
            for w in level:
                waiting = self._waiting.pop(w, None) if due[i] else None
                if waiting is not None and self.average:
                    waiting = waiting / (self._steps - self._since[i])
                w.grad = None if waiting is None else waiting.to(w.dtype)
            if due[i]:
                self.writes[i] += 1
                self._since[i] = self._steps
        if any(due):
            self.optimizer.step()
        for w, grad in aside.items():
            w.grad = grad


def check_period(who: str, period: Period) -> None:
    """A period is a whole number of steps, or never."""
    if period != math.inf and (not isinstance(period, int) or isinstance(period, bool) or period < 1):
        raise ValueError(
            f"{who}: a period is a whole number of steps, 1 or more, or math.inf for never; got {period!r}"
        )


def level_names(names: Sequence[str]) -> list[str]:
    """The same names, told apart where two levels have one.

    >>> level_names(["period 1", "period 1", "period 4"])
    ['period 1', 'period 1 (2)', 'period 4']
    """
    seen = [list(names[:i]).count(name) for i, name in enumerate(names)]
    return [f"{name} ({before + 1})" if before else name for name, before in zip(names, seen, strict=True)]
