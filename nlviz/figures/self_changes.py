"""Pictures of memories that modify themselves, from one Trace of `nl.lab.self_changes`."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ..trace import Trace
from .curves import lines
from .parts import Figure, onto

READ = "tokens read"


def key_drift(trace: Trace, ax: Axes | None = None) -> Figure:
    """The keys of one token parting in two contexts: degrees between them, and between each and where it began.

    Args:
        trace: of `nl.lab.self_changes`.
    """
    curves = {
        "between both": trace["parted"],
        "A from its start": trace["turned"][0],
        "B from its start": trace["turned"][1],
    }
    figure = lines(trace.along("token"), curves, x=READ, y="degrees between keys", ax=_from_nothing(ax, curves))
    figure.alt = (
        f"The keys of one token in two contexts that share no word: {_degrees(trace['parted'][0])} degrees apart after "
        f"{trace.along('token')[0]} tokens, {_degrees(trace['parted'][-1])} after {trace.along('token')[-1]}; by then "
        f"they have turned {_degrees(trace['turned'][0, -1])} and {_degrees(trace['turned'][1, -1])} degrees."
    )
    return figure


def memories_moved(trace: Trace, layer: int = -1, ax: Axes | None = None) -> Figure:
    """How far each memory is from the weights it started with, as a share of them.

    Args:
        trace: of `nl.lab.self_changes`.
        layer: of the memories; the last moves most.
    """
    moved = 100 * trace["moved"].mean(0)[:, layer]  # over contexts
    curves = _each(trace, moved)
    figure = lines(trace.along("token"), curves, x=READ, y="moved (% of its start)", ax=_from_nothing(ax, curves))
    figure.alt = (
        f"How far each memory has moved after {trace.along('token')[-1]} tokens, in percent of the weights it started "
        f"with: {_ends(trace, moved)}."
    )
    return figure


def freezing(trace: Trace, ax: Axes | None = None) -> Figure:
    """What freezing each memory changes: the difference it makes to what comes out, as a share of it.

    Args:
        trace: of `nl.lab.self_changes`.
    """
    change = 100 * trace["change"].mean(0)
    positive = np.where(change > 0, change, np.nan)  # before the first chunk is over nothing differs
    figure = lines(trace.along("token"), _each(trace, positive), x=READ, y="output changed (%)", log="y", ax=ax)
    figure.alt = (
        f"What comes out after {trace.along('token')[-1]} tokens is changed by freezing one memory, in percent: "
        f"{_ends(trace, change)}."
    )
    return figure


def _each(trace: Trace, heights: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(trace.along("memory"), heights, strict=True))


def _ends(trace: Trace, heights: np.ndarray) -> str:
    return ", ".join(f"{name} {height[-1]:.2g}" for name, height in _each(trace, heights).items())


def _degrees(number: float) -> str:
    return f"{number:.1f}"


def _from_nothing(ax: Axes | None, curves: dict[str, np.ndarray]) -> Axes:
    """An axis from 0 up, before the lines are drawn and their ends are named."""
    _, ax = onto(ax)
    ax.set_ylim(0, 1.05 * max(heights.max() for heights in curves.values()))
    return ax
