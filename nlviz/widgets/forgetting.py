"""Overwriting, with its words: the player of lesson 0."""

from __future__ import annotations

from typing import Any

from ..measure import average
from ..trace import Trace
from .trace_player import TracePlayer, player


def overwriting(trace: Trace, **state: Any) -> TracePlayer:
    """Play how a network that is taught 5 to 9 loses 0 to 4; the slider is the learning rate.

    Args:
        trace: of `nl.lab.overwriting`; shown are the means over its runs, task after task.
        state: of the player: `lr`, `step`, `guess`.

    >>> import nlviz as nl
    >>> trace = nl.lab.overwriting(nl.tasks.digits(), rates=[0.1], runs=2, steps=8)
    >>> overwriting(trace).summary()[:27]
    'With learning rate 0.1, at '
    """
    steps = trace.along("step")
    return player(
        average(trace.select(order="A, then B"), axis="run"),
        show=["accuracy"],
        title="First 0 to 4, then 5 to 9",
        question="It has room for ten digits. How many of the old five does it read after a while on the new five?",
        names={"lr": "learning rate", "accuracy": "share of unseen digits it reads right"},
        limits={"accuracy": (0, 1)},
        marks={"from here on only 5 to 9": steps[len(steps) // 2 - 1]},
        bet={
            "ask": "As many steps on 5 to 9 as on 0 to 4 before: how many of the digits 0 to 4 does it still read?",
            "options": {"most": "most of them", "half": "about half", "none": "hardly any"},
            "reveal": "Hardly any. Press play from the start, and watch the line for 0-4.",
        },
        **state,
    )
