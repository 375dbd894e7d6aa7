"""Home and away: a home task, left again and again for a while, and nobody says when.

What the excursions change decides who can profit from a way home. Where they contradict home (other labels for the same
digits) a learner has to drop what it learned there; where they do not (other pixels, the same labels), or where home
was never mastered, there is nothing to come back to.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..runtime import generator
from .images import Digits
from .streams import Examples, Stream, stack

Lengths = tuple[int, int]
"""The shortest and the longest a segment may be, in steps; each is equally likely, and so is all between."""


def home_and_away(
    digits: Digits,
    runs: int = 20,
    seed: int = 0,
    steps: int = 1200,
    batch: int = 8,
    home: Lengths = (40, 80),
    away: Lengths = (15, 30),
) -> Stream:
    """At home every digit is called by its name; each excursion calls them by names dealt out anew.

    Args:
        digits: of `nl.tasks.digits`.
        runs: seeds seed, seed + 1, ...; each its own schedule, label maps and draws of images.
        steps: batches in all; the first come from home.
        batch: images a step.
        home, away: how long a stay is.

    Task 0 is home, 1, 2, ... the excursions, each with a map of its own: a permutation of the ten labels.

    >>> import nlviz as nl
    >>> stream = home_and_away(nl.tasks.digits(), runs=2, steps=100)
    >>> x, y = next(iter(stream))
    >>> x.shape, y.shape
    (torch.Size([2, 8, 64]), torch.Size([2, 8]))
    """

    def world(draws: torch.Generator) -> dict[str, Tensor]:
        task = schedule(draws, steps, home, away)
        return {"task": task, "labels": named_then_shuffled(draws, int(task.max()), 10)}

    return _stream("home and away", world, digits, runs, seed, steps, batch, home, away)


def home_and_scrambled(
    digits: Digits,
    runs: int = 20,
    seed: int = 0,
    steps: int = 1200,
    batch: int = 8,
    home: Lengths = (40, 80),
    away: Lengths = (15, 30),
) -> Stream:
    """Excursions that do not contradict: each puts the pixels in a new order, and every digit keeps its name.

    Arguments as for `home_and_away`.

    >>> import nlviz as nl
    >>> home_and_scrambled(nl.tasks.digits(), runs=2, steps=100)
    Stream: home and scrambled, 100 steps of 8 examples, 2 runs
    """

    def world(draws: torch.Generator) -> dict[str, Tensor]:
        task = schedule(draws, steps, home, away)
        excursions = int(task.max())
        return {
            "task": task,
            "labels": torch.arange(10).expand(excursions + 1, -1),
            "orders": named_then_shuffled(draws, excursions, digits.x.shape[-1]),
        }

    return _stream("home and scrambled", world, digits, runs, seed, steps, batch, home, away)


def home_too_hard(
    digits: Digits,
    runs: int = 20,
    seed: int = 0,
    steps: int = 1200,
    batch: int = 8,
    home: Lengths = (40, 80),
    away: Lengths = (15, 30),
    wrong: float = 0.45,
) -> Stream:
    """A home never mastered: a share of the images is taken for digits they do not show, always the same ones.

    Args:
        wrong: the share, 0 to 1, of images that count as a digit drawn by lot: to be learned by heart or not at all.
            Excursions rename what an image counts as.

    Other arguments as for `home_and_away`.

    >>> import nlviz as nl
    >>> home_too_hard(nl.tasks.digits(), runs=2, steps=100)
    Stream: home too hard, 100 steps of 8 examples, 2 runs
    """

    def world(draws: torch.Generator) -> dict[str, Tensor]:
        task = schedule(draws, steps, home, away)
        lot = torch.randint(10, digits.y.shape, generator=draws)
        hit = torch.rand(digits.y.shape, generator=draws) < wrong
        return {
            "task": task,
            "labels": named_then_shuffled(draws, int(task.max()), 10),
            "y": torch.where(hit, lot, digits.y),
        }

    return _stream("home too hard", world, digits, runs, seed, steps, batch, home, away)


def _stream(
    name: str,
    world: Callable[[torch.Generator], dict[str, Tensor]],
    digits: Digits,
    runs: int,
    seed: int,
    steps: int,
    batch: int,
    home: Lengths,
    away: Lengths,
) -> Stream:
    check_lengths(name, home=home, away=away)
    worlds = []
    for s in range(seed, seed + runs):
        draws = generator(s)
        index = torch.randint(len(digits.x), (steps, batch), generator=draws)
        worlds.append({"index": index, **world(draws)})
    about = dict(stream=name, seed=seed, runs=runs, steps=steps, batch=batch, home=list(home), away=list(away))
    return stack(worlds, Examples.of(digits), name, about)


def check_lengths(name: str, **lengths: Lengths) -> None:
    """A sentence where a stay cannot be as long as asked."""
    for which, (short, long) in lengths.items():
        if not 1 <= short <= long:
            raise ValueError(f"{name}: {which} is (shortest, longest) in steps, 1 or more; got {(short, long)}")


def schedule(draws: torch.Generator, steps: int, home: Lengths, away: Lengths) -> Tensor:
    """`(step,)`: 0 at home, 1, 2, ... on the excursions between.

    >>> schedule(generator(0), 7, home=(2, 2), away=(1, 1))
    tensor([0, 0, 1, 0, 0, 2, 0])
    """
    tasks: list[int] = []
    excursion = 0
    while len(tasks) < steps:
        for task, (short, long) in ((0, home), (excursion + 1, away)):
            tasks += [task] * int(torch.randint(short, long + 1, (), generator=draws))
        excursion += 1
    return torch.tensor(tasks[:steps])


def named_then_shuffled(draws: torch.Generator, excursions: int, n: int) -> Tensor:
    """`(task, n)`: at home the identity, on each excursion another permutation.

    >>> named_then_shuffled(generator(0), excursions=2, n=3)[0]
    tensor([0, 1, 2])
    """
    away = [torch.randperm(n, generator=draws) for _ in range(excursions)]
    return torch.stack([torch.arange(n), *away])
