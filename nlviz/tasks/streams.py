"""Streams: batches in time, of a world that changes and does not say when.

Every task of a stream shows the same digits; it may give their pixels another order, and their classes other labels:

    x = pixels in the order of the task − 0.3            y = label the task gives to the class

A learner gets x and y and nothing else. Which task is on is written in the stream, for measuring. Each run is a world
of its own, with its own schedule, label maps and draws, all from its own seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .images import Digits

CENTRE = 0.3
"""Taken from every pixel (0 to 1): about the mean ink of a digit."""


@dataclass(frozen=True)
class Stream:
    """Batches of digits in time, for many runs side by side; iterate for `(x, y)` of each step.

    Args:
        digits: the images, to learn from and kept apart.
        index: `(step, run, batch)`, which image comes.
        task: `(step, run)`, which task is on, counted from 0. A learner never sees this.
        labels: `(run, task, class)`, the label a task gives to each digit.
        orders: `(run, task, pixel)`, the order a task gives to the pixels; None for as they are.
        wrong: `(run, image)`, what each image to learn from is taken for; None for what it shows.
        name: what the stream is called in a figure.
        about: seed and settings, for the provenance of a Trace.

    Each x is `(run, batch, 64)`, each y `(run, batch)` of integers.
    """

    digits: Digits
    index: Tensor
    task: Tensor
    labels: Tensor
    orders: Tensor | None
    wrong: Tensor | None
    name: str
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for index, task, y in zip(self.index, self.task, self.answers, strict=True):
            yield self._pixels(self.digits.x[index], task), y

    def __repr__(self) -> str:
        return f"Stream: {self.name}, {len(self)} steps of {self.index.shape[-1]} images, {self.runs} runs"

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
        """`(step, run, batch)`: the digit that each image counts as."""
        if self.wrong is None:
            return self.digits.y[self.index]
        return (
            self.wrong.gather(1, self.index.transpose(0, 1).flatten(1)).view(self.runs, len(self), -1).transpose(0, 1)
        )

    @cached_property
    def answers(self) -> Tensor:
        """`(step, run, batch)`: the right labels."""
        run = torch.arange(self.runs)[None, :, None]
        return self.labels[run, self.task[..., None], self.shown]

    @cached_property
    def oracle(self) -> Tensor:
        """`(step, run)`: share of right answers of one who takes every image for the right digit, is told the task, and
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
        """Images kept apart, as a task shows and calls them: x `(run, image, 64)`, y `(run, image)`."""
        x = self.digits.x_test.expand(self.runs, -1, -1)
        return self._pixels(x, torch.full((self.runs,), task)), self.labels[:, task][:, self.digits.y_test]

    def repeat(self, times: int) -> Stream:
        """The same worlds several times, one after the other along the runs: for several settings of a learner."""
        return replace(
            self,
            index=torch.cat([self.index] * times, dim=1),
            task=torch.cat([self.task] * times, dim=1),
            labels=torch.cat([self.labels] * times),
            orders=None if self.orders is None else torch.cat([self.orders] * times),
            wrong=None if self.wrong is None else torch.cat([self.wrong] * times),
        )

    def _pixels(self, x: Tensor, task: Tensor) -> Tensor:
        """x `(run, image, 64)` as the task of each run shows it."""
        if self.orders is not None:
            order = self.orders[torch.arange(self.runs), task]  # (run, 64)
            x = x.gather(-1, order[:, None].expand(x.shape))
        return x - CENTRE


def stack(worlds: list[dict[str, Tensor]], digits: Digits, name: str, about: dict[str, Any]) -> Stream:
    """One world a run as a stream; label maps and orders are filled up to the greatest number of tasks.

    Args:
        worlds: of each run "index" `(step, batch)`, "task" `(step,)`, "labels" `(task, class)`, perhaps "orders"
            `(task, 64)` and "wrong" `(image,)`.
        digits, name, about: of the stream.
    """
    parts: dict[str, Tensor | None] = {"orders": None, "wrong": None}
    for part in worlds[0]:
        tensors = [world[part] for world in worlds]
        if part in ("labels", "orders"):
            tensors = [torch.cat([t, t[-1:].expand(max(map(len, tensors)) - len(t), -1)]) for t in tensors]
        parts[part] = torch.stack(tensors, dim=1 if part in ("index", "task") else 0)
    return Stream(digits=digits, name=name, about=about, **parts)  # type: ignore[arg-type]
