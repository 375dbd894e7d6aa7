"""Streams: batches in time, of a world that changes and does not say when.

Every task of a stream shows the same kind of things, feature vectors of a few classes; it may show some of the classes
only, put the features in another order, and call the classes by other labels:

    x = features of an example, in the order of the task          y = label the task gives to its class

A learner gets x and y and nothing else. Which task is on is written in the stream, for measuring. Each run is a world
of its own, with its own schedule, label maps and draws, all from its own seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .images import Digits

CENTRE = 0.3
"""Taken from every pixel (0 to 1): about the mean ink of a digit."""


class Examples(NamedTuple):
    """What a stream shows. The first axis is of runs; it is 1 where all runs share the examples.

    Args:
        x, y: `(run, example, d)` and `(run, example)`, features and classes to learn from.
        x_test, y_test: the same, kept apart.
    """

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor

    @staticmethod
    def of(digits: Digits) -> Examples:
        """The digits, their pixels centred, for all runs."""
        return Examples((digits.x - CENTRE)[None], digits.y[None], (digits.x_test - CENTRE)[None], digits.y_test[None])


@dataclass(frozen=True)
class Stream:
    """Batches of examples in time, for many runs side by side; iterate for `(x, y)` of each step.

    Args:
        examples: to learn from, and kept apart.
        index: `(step, run, batch)`, which example comes.
        task: `(step, run)`, which task is on, counted from 0. A learner never sees this.
        labels: `(run, task, class)`, the label a task gives to each class.
        orders: `(run, task, d)`, the order a task gives to the features; None for as they are.
        within: `(run, task, class)` of bool, which classes a task shows; None for all.
        name: what the stream is called in a figure.
        about: seed and settings, for the provenance of a Trace.

    Each x is `(run, batch, d)`, each y `(run, batch)` of integers.
    """

    examples: Examples
    index: Tensor
    task: Tensor
    labels: Tensor
    orders: Tensor | None
    within: Tensor | None
    name: str
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        run, x = torch.arange(self.runs)[:, None], self.examples.x.expand(self.runs, -1, -1)
        for index, task, y in zip(self.index, self.task, self.answers, strict=True):
            yield self._ordered(x[run, index], task), y

    def __repr__(self) -> str:
        return f"Stream: {self.name}, {len(self)} steps of {self.index.shape[-1]} examples, {self.runs} runs"

    @property
    def runs(self) -> int:
        """How many worlds there are side by side."""
        return self.index.shape[1]

    @property
    def classes(self) -> int:
        """How many labels there are."""
        return self.labels.shape[-1]

    @property
    def ends(self) -> Tensor:
        """`(step, run)` of bool: whether another task ended just before this step."""
        first = torch.zeros_like(self.task[:1], dtype=torch.bool)
        return torch.cat([first, self.task[1:] != self.task[:-1]])

    @property
    def chance(self) -> float:
        """Share of right answers of one who guesses."""
        return 1 / self.classes

    @cached_property
    def shown(self) -> Tensor:
        """`(step, run, batch)`: the class that each example counts as."""
        return self.examples.y.expand(self.runs, -1)[torch.arange(self.runs)[:, None], self.index]

    @cached_property
    def answers(self) -> Tensor:
        """`(step, run, batch)`: the right labels."""
        run = torch.arange(self.runs)[None, :, None]
        return self.labels[run, self.task[..., None], self.shown]

    @cached_property
    def oracle(self) -> Tensor:
        """`(step, run)`: share of right answers of one who takes every example for its class, is told the task, and
        knows each label of it from the first batch in which it came; before, it guesses. Tasks with the same labels are
        one to it."""
        run = torch.arange(self.runs)
        same = (self.labels[:, :, None] == self.labels[:, None]).all(-1)  # (run, task, task)
        map_of = same.to(torch.uint8).argmax(-1)  # (run, task): the first task with these labels
        known = torch.zeros_like(self.labels, dtype=torch.bool)
        shares = []
        for shown, task in zip(self.shown, self.task, strict=True):
            which = map_of[run, task][:, None]  # (run, 1)
            knows = known[run[:, None], which, shown]
            shares.append((knows + ~knows * self.chance).mean(-1))
            known[run[:, None], which, shown] = True
        return torch.stack(shares)

    def exam(self, task: int) -> tuple[Tensor, Tensor]:
        """Examples kept apart, as a task shows and calls them: x `(run, example, d)`, y `(run, example)`.

        Where a task shows some classes only, all runs are asked as many examples as the run that has fewest.
        """
        x = self.examples.x_test.expand(self.runs, -1, -1)
        y = self.examples.y_test.expand(self.runs, -1)
        if self.within is not None:
            asked = self.within[:, task].gather(1, y).to(torch.uint8)  # (run, example)
            picked = asked.argsort(dim=1, descending=True, stable=True)[:, : int(asked.sum(1).min())]
            run = torch.arange(self.runs)[:, None]
            x, y = x[run, picked], y[run, picked]
        return self._ordered(x, torch.full((self.runs,), task)), self.labels[:, task].gather(1, y)

    def repeat(self, times: int) -> Stream:
        """The same worlds several times, one after the other along the runs: for several settings of a learner."""
        shared = len(self.examples.x) == 1
        return replace(
            self,
            examples=Examples(*[e if shared and len(e) == 1 else torch.cat([e] * times) for e in self.examples]),
            index=torch.cat([self.index] * times, dim=1),
            task=torch.cat([self.task] * times, dim=1),
            labels=torch.cat([self.labels] * times),
            orders=None if self.orders is None else torch.cat([self.orders] * times),
            within=None if self.within is None else torch.cat([self.within] * times),
        )

    def _ordered(self, x: Tensor, task: Tensor) -> Tensor:
        """x `(run, example, d)` as the task of each run shows it."""
        if self.orders is None:
            return x
        order = self.orders[torch.arange(self.runs), task]  # (run, d)
        return x.gather(-1, order[:, None].expand(x.shape))


def stack(worlds: list[dict[str, Tensor]], examples: Examples | None, name: str, about: dict[str, Any]) -> Stream:
    """One world a run as a stream; label maps and orders are filled up to the greatest number of tasks.

    Args:
        worlds: of each run "index" `(step, batch)`, "task" `(step,)`, "labels" `(task, class)`; perhaps "orders"
            `(task, d)` and "within" `(task, class)`; and what it has of `Examples` for itself.
        examples: what all runs share; None where each has its own.
        name, about: of the stream.
    """
    parts: dict[str, Tensor | None] = {"orders": None, "within": None}
    for part in worlds[0]:
        tensors = [world[part] for world in worlds]
        if part in ("labels", "orders", "within"):
            tensors = [torch.cat([t, t[-1:].expand(max(map(len, tensors)) - len(t), -1)]) for t in tensors]
        parts[part] = torch.stack(tensors, dim=1 if part in ("index", "task") else 0)
    own: dict[str, Any] = {part: parts.pop(part) for part in Examples._fields if part in parts}
    shown = Examples(**own) if examples is None else examples._replace(**own)
    return Stream(examples=shown, name=name, about=about, **parts)  # type: ignore[arg-type]
