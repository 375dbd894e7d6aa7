"""Which fast weights has `CMS.learn` written? It counts its own writes; here they are noted loss by loss."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np
from torch import Tensor

from .kept import FAST
from .listing import Levels


class Learning:
    """Stands before `learn` of every CMS whose fast weights are among the levels.

    Args:
        levels: as described.
    """

    def __init__(self, levels: Levels) -> None:
        self.levels = levels
        self._losses: dict[Any, list[list[int]]] = {}

    def open(self) -> Callable[[], None]:
        """From now on; what is given ends it."""
        modules = {module for level in self.levels if level.kind == FAST for module in level.modules}
        for cms in modules:
            cms.learn = MethodType(self._noted, cms)  # type: ignore[assignment]  # a method: copies get their own

        def end() -> None:
            for cms in modules:
                vars(cms).pop("learn", None)

        return end

    def raster(self) -> tuple[np.ndarray | None, dict[str, str]]:
        """`(level, loss)` of 0 and 1, None without fast weights that learned, and why a level could not be seen."""
        fast = [level for level in self.levels if level.kind == FAST]
        unseen = {one.name: "`learn` was not called" for one in fast if not self._losses.keys() & set(one.modules)}
        if not self._losses:
            return None, unseen
        most = max(len(losses) for losses in self._losses.values())
        wrote = np.zeros((len(self.levels), most), np.uint8)
        for losses in self._losses.values():
            wrote[:, : len(losses)] |= np.array(losses, np.uint8).T
        return wrote, unseen

    def _noted(self, cms: Any, loss: Tensor, state: Any, *args: Any, **kwargs: Any) -> Any:
        """Learn, then note which levels, and which starts of levels, are others than before."""
        after = type(cms).learn(cms, loss, state, *args, **kwargs)
        counts = zip(cms.names, after["writes"], state["writes"], strict=True)
        wrote = {name: now > was for name, now, was in counts}
        starts = (cms.weights({"weights": one["start"]}) for one in (after, state))
        for name, now, was in zip(cms.names, *starts, strict=True):
            wrote[f"start of {name}"] = any(a is not b for a, b in zip(now, was, strict=True))
        row = [int(cms in one.modules and wrote.get(one.key, False)) for one in self.levels]
        self._losses.setdefault(cms, []).append(row)
        return after
