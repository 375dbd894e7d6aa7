"""Which tensors has a step written? Asked of PyTorch's own counters, not of the numbers.

Every in-place write raises a tensor's version by one. PyTorch's fused optimizers go round that, as `Tensor.data` does:
there, and for tensors of which nobody knows who writes them, numbers are compared with a copy. Where a rule puts a new
tensor in the place of the old one the two are compared: rules stack small tensors, and unpack what has not changed as
new ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .listing import Levels
from .stepped import groups, inside


@dataclass
class Mark:
    """A tensor, as it was when it was last looked at.

    Args:
        level: the row it belongs to.
        name: of the parameter.
        param: the tensor, or the parameter of whose state `key` is a part.
        key: "" for the tensor itself.
        compare: whether only its numbers tell.
        last, version: what it was, or a copy of its numbers, and PyTorch's count of its writes.
        writes: how often it was written, as far as the host knows.
        asked: what a device found besides: whether it was written, not yet looked at.
    """

    level: int
    name: str
    param: Tensor
    key: str
    compare: bool
    last: Tensor | None = None
    version: int = 0
    writes: int = 0
    asked: Tensor | None = None


class Marks:
    """Looks at all tensors of the levels that steps write.

    Args:
        levels: as described.
        optimizer: whose steps they are; None: there are none.
    """

    def __init__(self, levels: Levels, optimizer: torch.optim.Optimizer | None) -> None:
        self.levels = levels
        self.watched: set[int] = set()
        self._optimizer: Any = None if optimizer is None else inside(optimizer)
        self._rates = (
            {} if optimizer is None else {w: group for _, group, _ in groups(optimizer) for w in group["params"]}
        )
        self._marks: list[Mark] = []
        self._reasons: dict[str, str] = {}
        self._steps: list[list[int]] = []
        self._asked: dict[tuple[int, int], Tensor] = {}  # step and level: whether it changed, not yet looked at
        for i, level in enumerate(levels if optimizer is not None else ()):
            if not level.tensors or level.kind == "nothing kept":
                continue
            if any(w.is_inference() for w in level.tensors):
                self._reasons[level.name] = "tensors made in inference mode have no count of writes"
                continue
            self.watched.add(i)
            of = level.of if len(level.of) == len(level.tensors) else [""] * len(level.tensors)
            for name, w in zip(of, level.tensors, strict=True):
                fused = level.period != math.inf and bool(self._rates.get(w, {}).get("fused"))
                compare = level.period is None or fused
                self._marks.append(Mark(i, name, w, level.key, compare))

    def begin(self) -> None:
        """From now on."""
        for mark in self._marks:
            now = self._now(mark)
            mark.last, mark.version = now, 0 if now is None else now._version
            if now is None and hasattr(self._optimizer, "rule_of"):  # it will begin as its rule says
                mark.last = self._optimizer.rule_of(mark.param).init(mark.param).get(mark.key)
            if mark.compare and now is not None:
                mark.last = now.detach().clone()

    @torch.no_grad()
    def note(self) -> None:
        """After a step."""
        wrote = [0] * len(self.levels)
        for mark in self._marks:
            now = self._now(mark)
            if now is None or (now is mark.last and now._version == mark.version):
                continue
            if self._changed(mark, now):
                wrote[mark.level] = 1
                mark.writes += 1
            mark.last, mark.version = now.detach().clone() if mark.compare else now, now._version
        self._steps.append(wrote)

    def raster(self) -> tuple[np.ndarray | None, dict[str, str]]:
        """`(level, step)` of 0 and 1, None without an optimizer, and why a level could not be seen."""
        for (step, level), changed in self._asked.items():
            self._steps[step][level] |= int(changed)
        self._asked = {}
        if self._optimizer is None:
            return None, {}
        return np.array(self._steps, np.uint8).reshape(-1, len(self.levels)).T, self._reasons

    def untouched(self) -> dict[str, list[str]]:
        """Of levels that were written the parameters that were not."""
        for mark in self._marks:
            mark.writes += 0 if mark.asked is None else int(mark.asked)
            mark.asked = None
        written = {mark.level for mark in self._marks if mark.writes}
        found: dict[str, list[str]] = {}
        for mark in self._marks:
            if mark.level in written and not mark.writes:
                found.setdefault(self.levels.levels[mark.level].name, []).append(mark.name)
        return found

    def _now(self, mark: Mark) -> Tensor | None:
        if not mark.key:
            return mark.param
        now = self._optimizer.state.get(mark.param, {}).get(mark.key)
        return now if isinstance(now, Tensor) else None

    def _changed(self, mark: Mark, now: Tensor) -> bool:
        before = mark.last
        if now is before:
            rate = self._rates.get(mark.param, {}).get("lr") if not mark.key else None
            return not (isinstance(rate, int | float) and rate == 0)
        if before is None:
            before = torch.zeros_like(now)  # as all of PyTorch's begin
        if before.shape != now.shape:
            return True
        if now.device.type == "cpu":
            return not torch.equal(before, now)
        place = (len(self._steps), mark.level)  # the host does not wait for a device: `raster` looks at what it found
        changed = (before != now).any()
        self._asked[place] = changed | self._asked[place] if place in self._asked else changed
        mark.asked = changed if mark.asked is None else changed | mark.asked
        return False
