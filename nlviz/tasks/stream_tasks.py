"""Streams of tasks in a row: each for a while, then the next, and nobody says when."""

from __future__ import annotations

import torch

from ..runtime import generator
from .images import Digits
from .streams import Stream, stack


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
            task goes on until all runs have as many steps.
        batch: images a step.

    The permuted tasks of Goodfellow et al. 2013 and Kirkpatrick et al. 2017, on small digits.

    >>> import nlviz as nl
    >>> permuted_digits(nl.tasks.digits(), runs=2, tasks=3, each=(10, 10))
    Stream: permuted digits, 30 steps of 8 images, 2 runs
    """
    short, long = each
    if tasks < 1 or not 1 <= short <= long:
        raise ValueError(
            f"permuted_digits: 1 task or more, each=(shortest, longest) in steps, 1 or more; got {tasks} and {each}"
        )
    steps = tasks * (short + long) // 2
    worlds = []
    for s in range(seed, seed + runs):
        draws = generator(s)
        lengths = torch.randint(short, long + 1, (tasks,), generator=draws)
        ends = lengths.cumsum(0)[:-1].clamp(max=steps - short)
        task = (torch.arange(steps)[:, None] >= ends).sum(-1)
        d = digits.x.shape[-1]
        orders = [torch.arange(d), *[torch.randperm(d, generator=draws) for _ in range(tasks - 1)]]
        worlds.append(
            {
                "index": torch.randint(len(digits.x), (steps, batch), generator=draws),
                "task": task,
                "labels": torch.arange(10).expand(tasks, -1),
                "orders": torch.stack(orders),
            }
        )
    about = dict(stream="permuted digits", seed=seed, runs=runs, tasks=tasks, each=list(each), batch=batch)
    return stack(worlds, digits, "permuted digits", about)
