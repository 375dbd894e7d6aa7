"""A log of real writes: which levels a run wrote, and when.

Nothing is computed with the numbers of the run, so none of them changes: PyTorch counts the writes into every tensor,
and a rule of `nl.optim` puts new tensors in the place of old ones. After each step of the optimizer these are looked
at. A memory is written inside a forward pass; of each layer the last call, or its first 256 tokens, is gone through
again, token by token, when the run is over.
"""

from __future__ import annotations

from types import MethodType
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from ...trace import Trace
from ..clock import MultiClock
from .contexts import Contexts
from .learning import Learning
from .listing import Levels
from .marks import Marks
from .reading import levels


def watch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    tokens_per_step: int = 1,
    example: Any = None,
) -> Watching:
    """Log the writes of a model and its optimizer while the `with` block runs.

    Args:
        model, optimizer, tokens_per_step, example: as for `levels`; the parameters must stay the same tensors.

    Every `step` of the optimizer is one entry, whether it wrote anything or not; a `flush` of a `MultiClock` is none.
    What a step of an unknown or a fused optimizer wrote is found by comparing numbers, which takes a copy of them.

    >>> model = nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    >>> with watch(model, optimizer) as log:
    ...     for _ in range(4):
    ...         model(torch.ones(2)).sum().backward()
    ...         optimizer.step()
    >>> log.trace()["wrote"]                       # momentum_buffer, weights
    array([[1, 1, 1, 1],
           [1, 1, 1, 1]], dtype=uint8)
    """
    return Watching(model, optimizer, tokens_per_step, example)


class Watching:
    """What `watch` gives: open it with `with`, then ask for its `trace`.

    Args:
        model, optimizer, tokens_per_step, example: as for `watch`.

    `levels` holds what was described when it was made.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer | None, tokens_per_step: int, example: Any
    ) -> None:
        self.levels: Levels = levels(model, optimizer, example, tokens_per_step)
        self._optimizer = optimizer
        self._marks = Marks(self.levels, optimizer)
        self._contexts = Contexts(self.levels, model)
        self._learning = Learning(self.levels)
        self._watches = False
        self._undo: list[Any] = []

    def __enter__(self) -> Self:
        self._marks.begin()
        self._watches = True
        if isinstance(self._optimizer, MultiClock):
            self._follow(self._optimizer)
        elif self._optimizer is not None:
            self._undo.append(self._optimizer.register_step_post_hook(lambda *_: self._marks.note()).remove)
        self._undo += [self._contexts.open(), self._learning.open()]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._watches = False
        for undo in reversed(self._undo):
            undo()
        self._undo = []
        if kind is None:
            self._contexts.replay()

    def trace(self, **about: Any) -> Trace:
        """What was logged so far; memories when the `with` block is over.

        Returns:
            The Trace of `levels` with up to three logs, 1 where a level was written: "wrote" `(level, step)`, "wrote in
            context" `(level, token)` of memories, "wrote by learn" `(level, loss)` of fast weights. "clock" says in
            which of them a level is; its rows in the others are 0. `about` has "not seen", reasons by level, and "never
            written", the parameters of a written level that no step has touched.
        """
        described = self.levels.trace()
        arrays, axes, labels = dict(described.arrays), dict(described.axes), dict(described.labels)
        unseen: dict[str, str] = {}
        for name, axis, log in (
            ("wrote", "step", self._marks),
            ("wrote in context", "token", self._contexts),
            ("wrote by learn", "loss", self._learning),
        ):
            raster, reasons = log.raster()
            unseen |= reasons
            if raster is not None:
                arrays[name], axes[name], labels[axis] = raster, ("level", axis), list(range(1, raster.shape[1] + 1))
        clocks = ["step" if i in self._marks.watched else one.clock for i, one in enumerate(self.levels)]
        arrays["clock"] = np.array(clocks, np.str_)
        more = {"not seen": unseen, "never written": self._marks.untouched()}
        return Trace(arrays, axes, labels, {**described.about, **more, **about})

    def _follow(self, clock: MultiClock) -> None:
        """A MultiClock steps where no hook of PyTorch is: its `step` is stood in for."""
        before, own = clock.step, "step" in vars(clock)

        def noted(_: MultiClock, *args: Any, **kwargs: Any) -> Any:
            answer = before(*args, **kwargs)
            if self._watches:
                self._marks.note()
            return answer

        step = MethodType(noted, clock)  # schedulers ask for a method

        def undo() -> None:
            if vars(clock).get("step") is step:  # else a scheduler stands before it: it stays, and notes nothing
                if own:
                    clock.step = before  # type: ignore[method-assign]
                else:
                    del clock.step

        clock.step = step  # type: ignore[method-assign]
        self._undo.append(undo)
