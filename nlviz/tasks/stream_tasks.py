"""Streams of tasks in a row, or of a few that come back: each for a while, then another, and nobody says when."""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime import generator
from .images import Digits
from .stream_home import check_lengths, named_then_shuffled
from .streams import Examples, Stream, stack


def permuted_digits(
    digits: Digits,
    runs: int = 20,
    seed: int = 0,
    tasks: int = 5,
    each: tuple[int, int] = (250, 350),
    batch: int = 8,
) -> Stream:
    """The digits again and again, each task with the pixels in an order of its own; the labels stay.

    Args:
        digits: of `nl.tasks.digits`.
        runs: seeds seed, seed + 1, ...; each its own orders, lengths and draws of images.
        tasks: how many, each once; the first shows the pixels as they are.
        each: the shortest and the longest a task may take, in steps; all lengths between are equally likely. The last
            task goes on until all runs have as many steps; the one before it may be cut so that it gets the shortest.
        batch: images a step.

    The permuted tasks of Goodfellow et al. 2013 and Kirkpatrick et al. 2017, on small digits.

    >>> import nlviz as nl
    >>> permuted_digits(nl.tasks.digits(), runs=2, tasks=3, each=(10, 10))
    Stream: permuted digits, 30 steps of 8 examples, 2 runs
    """
    _check(tasks, each, name="permuted_digits")
    worlds = []
    for s in range(seed, seed + runs):
        draws = generator(s)
        task = _row(draws, tasks, each)
        worlds.append(
            {
                "task": task,
                "orders": named_then_shuffled(draws, tasks - 1, digits.x.shape[-1]),
                "index": torch.randint(len(digits.x), (len(task), batch), generator=draws),
                "labels": torch.arange(10).expand(tasks, -1),
            }
        )
    about = dict(stream="permuted digits", seed=seed, runs=runs, tasks=tasks, each=list(each), batch=batch)
    return stack(worlds, Examples.of(digits), "permuted digits", about)


def split_digits(
    digits: Digits,
    runs: int = 20,
    seed: int = 0,
    each: tuple[int, int] = (100, 150),
    batch: int = 8,
) -> Stream:
    """Two digits for a while, then two others, until all ten have come; every digit keeps its name.

    Args:
        each: the shortest and the longest a pair may take, in steps.

    Which digits make a pair, and in which order the pairs come, is dealt out by the seed. An exam on a task shows its
    two digits, and all ten answers may be given: class-incremental learning (van de Ven & Tolias 2019), the hardest of
    the ways to split. Other arguments as for `permuted_digits`.

    >>> import nlviz as nl
    >>> stream = split_digits(nl.tasks.digits(), runs=2, each=(10, 10))
    >>> stream, stream.within[0].sum(-1)
    (Stream: split digits, 50 steps of 8 examples, 2 runs, tensor([2, 2, 2, 2, 2]))
    """
    _check(5, each, name="split_digits")
    worlds = []
    for s in range(seed, seed + runs):
        draws = generator(s)
        task = _row(draws, 5, each)
        pairs = torch.randperm(10, generator=draws).view(5, 2)
        within = (pairs[..., None] == torch.arange(10)).any(1)
        pools = [shows[digits.y].nonzero()[:, 0] for shows in within]
        luck = torch.rand(len(task), batch, generator=draws)
        index = torch.stack([pools[t][(row * len(pools[t])).long()] for t, row in zip(task, luck, strict=True)])
        worlds.append({"task": task, "index": index, "within": within, "labels": torch.arange(10).expand(5, -1)})
    about = dict(stream="split digits", seed=seed, runs=runs, each=list(each), batch=batch)
    return stack(worlds, Examples.of(digits), "split digits", about)


def recurring_digits(
    digits: Digits,
    runs: int = 20,
    seed: int = 0,
    tasks: int = 4,
    stay: tuple[int, int] = (20, 40),
    steps: int = 1200,
    batch: int = 8,
) -> Stream:
    """A few ways to name the digits that come back again and again, in an order nobody knows.

    Args:
        tasks: how many, 2 or more; task 0 calls every digit by its name, the others deal the names out anew.
        stay: the shortest and the longest a stay may be, in steps; after it, each of the other tasks is equally likely.
        steps: batches in all.

    Other arguments as for `permuted_digits`. All tasks contradict each other, and none is a home. What the oracle
    gains, it gains by knowing again what was here before.

    >>> import nlviz as nl
    >>> recurring_digits(nl.tasks.digits(), runs=2, steps=100)
    Stream: recurring digits, 100 steps of 8 examples, 2 runs
    """
    check_lengths("recurring_digits", stay=stay)
    if tasks < 2:
        raise ValueError(f"recurring_digits: what comes back needs 2 tasks or more to come back from; got {tasks}")
    worlds = []
    for s in range(seed, seed + runs):
        draws = generator(s)
        order: list[int] = []
        now = 0
        while len(order) < steps:
            order += [now] * int(torch.randint(stay[0], stay[1] + 1, (), generator=draws))
            now = (now + int(torch.randint(1, tasks, (), generator=draws))) % tasks
        index = torch.randint(len(digits.x), (steps, batch), generator=draws)
        labels = named_then_shuffled(draws, tasks - 1, 10)
        worlds.append({"task": torch.tensor(order[:steps]), "index": index, "labels": labels})
    about = dict(stream="recurring digits", seed=seed, runs=runs, tasks=tasks, stay=list(stay), steps=steps)
    return stack(worlds, Examples.of(digits), "recurring digits", {**about, "batch": batch})


def _check(tasks: int, each: tuple[int, int], name: str) -> None:
    short, long = each
    if tasks < 1 or not 1 <= short <= long:
        raise ValueError(
            f"{name}: 1 task or more, each=(shortest, longest) in steps, 1 or more; got {tasks} and {each}"
        )


def _row(draws: torch.Generator, tasks: int, each: tuple[int, int]) -> Tensor:
    """`(step,)`: 0, 1, 2, ... in a row; the last is as long as is left of the mean."""
    short, long = each
    steps = tasks * (short + long) // 2
    while True:
        lengths = torch.randint(short, long + 1, (tasks,), generator=draws)
        ends = lengths.cumsum(0)[:-1].clamp(max=steps - short)
        if (ends.diff(prepend=ends.new_zeros(1)) >= short).all():  # else little is left for the last but one: again
            return (torch.arange(steps)[:, None] >= ends).sum(-1)
