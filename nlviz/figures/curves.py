"""Lines over a common axis: the plain figure that most questions need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ..measure import mean_interval
from ..trace import Trace
from . import palette
from .parts import Figure, onto, rules

_FEW = 12  # places on the axis, of which each is marked
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


WORDED = palette.LIGHT[::2]
"""Colours that words are legible in."""


def lines(
    over: Sequence[float] | np.ndarray,
    curves: Mapping[str, Sequence[float] | np.ndarray],
    x: str,
    y: str,
    log: str = "",
    half: Mapping[str, np.ndarray] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Named lines over one axis, each named at its end, with a colour and a dash of its own.

    Args:
        over: `(n,)` positions.
        curves: name -> `(n,)` heights. Where every name begins with another rule's, each has the colour of its rule.
        x, y: what the axes mean, in words with units.
        log: which axes are logarithmic: "", "x", "y" or "xy".
        half: name -> `(n,)` half-widths of intervals, drawn as a band.

    >>> lines([1, 2, 3], {"error": [4, 2, 1]}, x="step", y="error")
    Figure: error over step. error: from 4 to 1.
    """
    figure, ax = onto(ax)
    rules(ax)
    over = np.asarray(over, dtype=float)
    rules_own = [palette.own_colour(name) for name in curves]
    for slot, (name, heights) in enumerate(curves.items()):
        heights = np.asarray(heights, dtype=float)
        colour, dash = palette.LIGHT[(0, 4, 2, 3, 1)[slot % 5]], _DASHES[slot % 5]
        if None not in rules_own and len(set(rules_own)) == len(rules_own):
            colour = str(rules_own[slot])
        ax.plot(over, heights, linestyle=dash, color=colour, marker="o" if len(over) <= _FEW else None, markersize=4)
        if half is not None and name in half:
            ax.fill_between(over, heights - half[name], heights + half[name], color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel=x, ylabel=y, xscale="log" if "x" in log else "linear", yscale="log" if "y" in log else "linear")
    if "x" in log and len(over) <= _FEW:
        ax.set_xticks(over, labels=[f"{place:g}" for place in over])
        ax.minorticks_off()
    _name_ends(ax, list(curves))
    ends = "; ".join(f"{name}: from {np.ravel(h)[0]:.3g} to {np.ravel(h)[-1]:.3g}" for name, h in curves.items())
    figure.alt = f"{y} over {x}. {ends}."
    return figure


def averages(trace: Trace, array: str, x: str, y: str, log: str = "", ax: Axes | None = None) -> Figure:
    """One line a method: the mean over runs, with its 95 % interval as a band.

    Args:
        trace: of `nl.lab.recall_curve`, or any with an array `(method, places on the axis, run)`.
        array: which.
        x, y, log: as in `lines`.

    >>> arrays, axes = {"top-1": [[[1, 1], [0.4, 0.6]]]}, {"top-1": ("method", "load", "run")}
    >>> averages(Trace(arrays, axes, {"method": ["Hebb"], "load": [1, 2]}), "top-1", x="weeks", y="right")
    Figure: right over weeks. Hebb: from 1 to 0.5.
    """
    mean, half = mean_interval(trace[array], axis=-1)
    methods = trace.along(trace.axes[array][0])
    bands = dict(zip(methods, half, strict=True))
    return lines(trace.along(trace.axes[array][1]), dict(zip(methods, mean, strict=True)), x, y, log, bands, ax)


def _name_ends(ax: Axes, names: Sequence[str]) -> None:
    """Each line's name behind its end, in its colour where that is dark enough; names that would meet move apart."""
    drawn = dict(zip(names, ax.lines[-len(names) :], strict=True))
    ends = {name: tuple(np.asarray(line.get_xydata())[-1]) for name, line in drawn.items()}
    height = {name: float(ax.transData.transform(end)[1]) for name, end in ends.items()}
    apart = 1.3 * ax.figure.dpi / 72 * 11  # pixels from one line of words to the next
    place: dict[str, float] = {}
    for name in sorted(names, key=height.__getitem__):
        place[name] = max(height[name], max(place.values(), default=-np.inf) + apart)
    middle = np.mean([place[name] - height[name] for name in names])
    for name, line in drawn.items():
        up = (place[name] - middle - height[name]) * 72 / ax.figure.dpi
        ax.annotate(
            name,
            ends[name],
            xytext=(8, up),
            textcoords="offset points",
            color=line.get_color() if line.get_color() in WORDED else palette.INK["light"],
            va="center",
            annotation_clip=False,
        )
