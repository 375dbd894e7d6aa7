"""`python -m nlviz bench clocks`: what a clock, a recording and a log cost on top of a training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from .. import lab, nested, optim
from ..lab.stored import Experiment

PERIODS = (1, 4, 16, 16)
"""Of the layers, the first one fast."""

Make = Callable[[nn.TransformerEncoder], torch.optim.Optimizer]


def _groups(model: nn.TransformerEncoder) -> list[dict[str, object]]:
    return [{"params": layer.parameters()} for layer in model.layers]


def adam(model: nn.TransformerEncoder) -> torch.optim.Optimizer:
    """PyTorch's Adam, one group a layer."""
    return torch.optim.Adam(_groups(model), lr=1e-3)


def our_adam(model: nn.TransformerEncoder) -> torch.optim.Optimizer:
    """The rule of `nl.optim`, which puts new tensors in the place of old ones."""
    return optim.Optimizer(_groups(model), optim.Adam())


def clock(model: nn.TransformerEncoder) -> nested.MultiClock:
    """Adam under a clock: a level a layer."""
    return nested.MultiClock(adam(model), PERIODS, average=False)


def always_due(model: nn.TransformerEncoder) -> nested.MultiClock:
    """The same with every level due at every step, so that the clock saves nothing."""
    return nested.MultiClock(adam(model), [1] * len(PERIODS), average=False)


def stepping(make: Make) -> lab.Stepping:
    """A plain step."""

    @contextmanager
    def opened(model: nn.Module) -> Iterator[Callable[[], object]]:
        yield make(model).step  # type: ignore[arg-type]

    return opened


def watched(make: Make) -> lab.Stepping:
    """A step that `nested.watch` logs."""

    @contextmanager
    def opened(model: nn.Module) -> Iterator[Callable[[], object]]:
        optimizer = make(model)  # type: ignore[arg-type]
        with nested.watch(model, optimizer):
            yield optimizer.step

    return opened


def recorded(make: Callable[[nn.TransformerEncoder], nested.MultiClock]) -> lab.Stepping:
    """A step of a clock after which a Recording notes who wrote, and how far the weights moved."""

    @contextmanager
    def opened(model: nn.Module) -> Iterator[Callable[[], object]]:
        ticking = make(model)  # type: ignore[arg-type]
        record = nested.Recording(ticking.names, ticking.weights)

        def step() -> None:
            ticking.step()
            record.note(ticking.writes, ticking.weights)

        yield step

    return opened


def rows() -> dict[str, tuple[str, lab.Stepping]]:
    """Who takes part, each with the row it is compared with."""
    return {
        "Adam": ("", stepping(adam)),
        "Adam, again": ("Adam", stepping(adam)),
        "Adam, watch": ("Adam", watched(adam)),
        "Adam of nl.optim": ("", stepping(our_adam)),
        "Adam of nl.optim, watch": ("Adam of nl.optim", watched(our_adam)),
        "MultiClock, every level always due": ("Adam", stepping(always_due)),
        "MultiClock, every level always due, Recording": ("MultiClock, every level always due", recorded(always_due)),
        "MultiClock, periods 1, 4, 16, 16": ("Adam", stepping(clock)),
        "MultiClock, periods 1, 4, 16, 16, Recording": ("MultiClock, periods 1, 4, 16, 16", recorded(clock)),
        "MultiClock, periods 1, 4, 16, 16, watch": ("MultiClock, periods 1, 4, 16, 16", watched(clock)),
    }


EXPERIMENTS = [
    Experiment(
        "bench_clocks",
        "What do clocks and logs cost on top of a training step? (about a minute)",
        lambda watch: lab.step_overhead(rows(), watch=watch),
        lab.overhead_table,
    ),
]
