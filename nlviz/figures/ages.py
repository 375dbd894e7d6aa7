"""What is still known of a fact, by how long ago it was told: the picture that opens the course."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ..measure import mean_interval
from ..trace import Trace
from . import palette
from .parts import Figure, onto, rules

_LINES = {  # method: what the picture calls it, beside which point, colour, dash
    "frozen": ("frozen: a cliff", 0, palette.LIGHT[0], "--"),
    "with memory": ("with a memory: a slope", 5, palette.LIGHT[4], "-"),
}


def amnesia(trace: Trace, ax: Axes | None = None) -> Figure:
    """Right answers by age: a model that sees a window falls off a cliff, with a memory it walks down a slope.

    Args:
        trace: of `nl.lab.amnesia`, two runs or more. Its controls are not drawn.

    >>> from ..trace import Trace
    >>> right = np.array([[[1.0, 0.1], [1.0, 0.1]], [[1.0, 0.8], [1.0, 0.6]]])
    >>> labels = {"method": ["frozen", "with memory"], "age": [31, 32]}
    >>> amnesia(Trace({"right": right}, {"right": ("method", "run", "age")}, labels, {"chance": 0.1, "window": 32}))
    Figure: Share of right answers by how many facts ago a fact was told. frozen: 1 just inside the window of 32 facts,
    0.1 just outside; with memory: 1 just inside the window of 32 facts, 0.7 just outside. Chance is 0.1.
    """
    figure, ax = onto(ax, 7.0, 3.4)
    rules(ax)
    window, chance, ages = trace.about["window"], trace.about["chance"], np.array(trace.along("age"))
    ago = ages + 1
    ax.axvspan(0.9, window + 0.5, color=palette.HAIR["light"], alpha=0.45, linewidth=0)
    ax.axhline(chance, color=palette.SOFT["light"], linewidth=0.9, linestyle=":")
    ax.annotate("guessing", (1, chance), xytext=(0, 3), textcoords="offset points", fontsize=9)
    ax.annotate(f"in sight: the last {window} facts", (1, 0.5), xytext=(4, 0), textcoords="offset points")
    inside, outside, told = np.flatnonzero(ages < window)[-1], np.flatnonzero(ages >= window)[0], []
    for method, (name, place, colour, dash) in _LINES.items():
        mean, half = mean_interval(trace.select(method=method)["right"])
        ax.plot(ago, mean, dash, color=colour, linewidth=2.4)
        ax.fill_between(ago, mean - half, mean + half, color=colour, alpha=0.15, linewidth=0)
        at = min(outside + place, len(ages) - 1)
        ax.annotate(name, (ago[at], mean[at]), xytext=(10, 6), textcoords="offset points", color=colour)
        known = f"{mean[inside]:.2g} just inside the window of {window} facts, {mean[outside]:.2g} just outside"
        told.append(f"{method}: {known}")
    ticks = [2**i for i in range(int(np.log2(ago.max())) + 1)]
    ax.set(xlabel="how many facts ago it was told", ylabel="right answers", xscale="log", ylim=(0, 1.05))
    ax.set_xlim(0.9, max(ago.max() * 1.1, 2))
    ax.set_xticks(ticks, labels=[str(tick) for tick in ticks])
    ax.minorticks_off()
    what = "Share of right answers by how many facts ago a fact was told"
    figure.alt = f"{what}. {'; '.join(told)}. Chance is {chance:.2g}."
    return figure
