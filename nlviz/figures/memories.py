"""Pictures of a memory of keys and values, drawn from a Trace of `nl.run`."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ..trace import Trace
from . import palette
from .parts import Figure, cells, onto, rules


def memory(trace: Trace, step: int | None = None, ax: Axes | None = None) -> Figure:
    """The memory matrix after one step, as signed cells.

    Args:
        trace: of `nl.run(..., record=("memory",))`, one run.
        step: a label of the axis "step"; default: the last.
    """
    step = trace.along("step")[-1] if step is None else step
    M = trace.select(step=step)["memory"]
    figure, ax = onto(ax, 3.4, 3.4)
    cells(ax, M)
    ax.set(xlabel="key feature", ylabel="value feature", title=f"memory after {step} writes")
    figure.alt = (
        f"The memory matrix after {step} writes, {M.shape[0]} by {M.shape[1]}; largest entry {np.abs(M).max():.2g}."
    )
    return figure


def recall(trace: Trace, ax: Axes | None = None) -> Figure:
    """Error of every answer over the writes, thin, and their mean, bold; one colour a rule.

    Args:
        trace: of `nl.run`, with or without a first axis "method" whose labels are rules.
    """
    figure, ax = onto(ax)
    rules(ax)
    methods = trace.along("method") if "method" in trace.sizes else [str(trace.about["rule"])]
    last = {}
    for method in methods:
        one = trace.select(method=method) if "method" in trace.sizes else trace
        error, colour = one["error"].reshape(len(trace.along("step")), -1), palette.colour(method)
        ax.plot(trace.along("step"), error, color=colour, linewidth=0.6, alpha=0.25)
        (line,) = ax.plot(trace.along("step"), error.mean(-1), color=colour)
        ax.annotate(
            method,
            (trace.along("step")[-1], line.get_ydata()[-1]),  # type: ignore[index]
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )
        last[method] = error[-1].mean()
    ax.set(xlabel="pairs written", ylabel="squared error of an answer", ylim=(0, None))
    figure.alt = "Recall error over the writes; at the end " + ", ".join(f"{m}: {e:.2g}" for m, e in last.items()) + "."
    return figure
