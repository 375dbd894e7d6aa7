"""Lesson 0: a frozen model forgets what is out of sight, a memory that writes while it reads does not at once."""

from __future__ import annotations

from .. import lab, memory, tasks
from ..lab.side_by_side import Watch
from ..lab.stored import Experiment
from ..trace import Trace

RUNS, SEED = 20, 9000


def cliff_and_slope(watch: Watch) -> Trace:
    """A window of 32 facts; the memory beside it holds fewer numbers than the window does."""
    window, online = memory.Attention(window=32, scale=1.0), memory.Delta(lr=0.5)
    return lab.amnesia(window, online, tasks.aging_facts, RUNS, SEED, watch=watch)


EXPERIMENTS = [
    Experiment(
        "amnesia",
        "What is known of a fact out of sight: frozen, and with a memory? (C6)",
        cliff_and_slope,
    )
]
