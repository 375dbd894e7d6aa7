"""What each level wrote, when, and how much: a Trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..runtime import provenance
from ..trace import Trace


class Recording:
    """Notes after every step which levels wrote, and how far their weights moved.

    Args:
        names: what the levels are called: `clock.names`, or `cms.names`.
        weights: one list of tensors a level, as they are before the first step: `clock.weights`, `cms.weights(state)`.
        tensors: keep the changes themselves too.
        runs: many runs lie in one tensor, with a first axis of so many; sizes are then noted run by run.

    The weights of a level are copied only when it has written, and nothing waits for the device before `trace()`.

    >>> from nlviz.nested import MultiClock
    >>> w = torch.zeros(3, requires_grad=True)
    >>> clock = MultiClock(torch.optim.SGD([{"params": [w]}], lr=1.0), periods=[2], average=False)
    >>> record = Recording(clock.names, clock.weights)
    >>> for _ in range(4):
    ...     w.sum().backward()
    ...     clock.step()
    ...     record.note(clock.writes, clock.weights)
    >>> record.trace()["size"].round(2)            # two gradients of norm √3 in each write
    array([[0.  , 3.46, 0.  , 3.46]], dtype=float32)
    """

    def __init__(
        self,
        names: Sequence[str],
        weights: Sequence[Sequence[Tensor]],
        tensors: bool = False,
        runs: int | None = None,
    ) -> None:
        self.names = list(names)
        self.tensors = tensors
        self.runs = runs
        self._last = [[w.detach().clone() for w in level] for level in weights]
        self._writes = [0] * len(self.names)
        self._wrote: list[list[bool]] = []
        self._sizes: list[list[Tensor | None]] = []
        self._changes: dict[str, list[tuple[int, Tensor]]] = {name: [] for name in self.names}

    @torch.no_grad()
    def note(self, writes: Sequence[int], weights: Sequence[Sequence[Tensor]]) -> None:
        """Call after every step.

        Args:
            writes: how often each level has written so far: `clock.writes`, `cms.writes(state)`.
            weights: as for the constructor, as they are now.
        """
        wrote = [now > before for now, before in zip(writes, self._writes, strict=True)]
        sizes: list[Tensor | None] = [None] * len(self.names)
        for i in (i for i, has in enumerate(wrote) if has):
            moved = [w - before for w, before in zip(weights[i], self._last[i], strict=True)]
            sizes[i] = self._size(moved)
            for w, before in zip(weights[i], self._last[i], strict=True):
                before.copy_(w)
            if self.tensors:
                self._changes[self.names[i]].append((len(self._wrote) + 1, self._flat(moved)))
        self._wrote.append(wrote)
        self._sizes.append(sizes)
        self._writes = list(writes)

    def trace(self, **about: Any) -> Trace:
        """All notes so far.

        Returns:
            A Trace with "wrote" `(level, step)` of 0 and 1, and "size" `(level, step[, run])`, the norm of the change
            of a level's weights, 0 where it did not write. With `tensors=True` also "change of NAME"
            `([run,] write of NAME, weight of NAME)`, flat. Steps count from 1.
        """
        shape = () if self.runs is None else (self.runs,)
        sizes = np.zeros((len(self.names), len(self._wrote), *shape), np.float32)
        for step, row in enumerate(self._sizes):
            for level, size in enumerate(row):
                if size is not None:
                    sizes[level, step] = size.cpu().numpy()
        wrote = np.array(self._wrote, np.uint8).reshape(-1, len(self.names)).T
        lead = () if self.runs is None else ("run",)
        arrays: dict[str, np.ndarray] = {"wrote": wrote, "size": sizes}
        axes: dict[str, tuple[str, ...]] = {"wrote": ("level", "step"), "size": ("level", "step", *lead)}
        labels: dict[str, list[Any]] = {"level": self.names, "step": list(range(1, len(self._wrote) + 1))}
        for name, changes in self._changes.items():
            if changes:
                arrays[f"change of {name}"] = torch.stack([moved for _, moved in changes], dim=-2).cpu().numpy()
                axes[f"change of {name}"] = (*lead, f"write of {name}", f"weight of {name}")
                labels[f"write of {name}"] = [step for step, _ in changes]
        return Trace(arrays, axes, labels, provenance(**about))

    def _size(self, moved: Sequence[Tensor]) -> Tensor:
        """Norm of a level's change, (runs,) or ()."""
        if self.runs is None:
            return torch.nn.utils.get_total_norm(moved)
        return torch.stack([change.flatten(1).norm(dim=1) for change in moved]).norm(dim=0)

    def _flat(self, moved: Sequence[Tensor]) -> Tensor:
        return torch.cat([change.flatten(0 if self.runs is None else 1) for change in moved], dim=-1)
