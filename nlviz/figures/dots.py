"""Means with their intervals, one row a method: which differ, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ..measure import mean_interval
from . import palette
from .parts import Figure, onto


def intervals(
    samples: Mapping[str, Sequence[float] | np.ndarray],
    x: str,
    limits: tuple[float, float] | None = None,
    chance: float | None = None,
    mark: tuple[str, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """One row a method: every run as a faint dot, their mean, and its 95 % interval.

    Args:
        samples: name -> one number a run, two or more. A name that begins with a rule's has the colour of the rule.
        x: what the numbers are, in words with units.
        limits: of the axis; give the whole range where a close-up would make much of little.
        chance: what guessing reaches, drawn as a dashed line.
        mark: another number to compare with, drawn like that, and what it is called.

    >>> intervals({"held": [0.9, 1.0], "live": [0.7, 0.9]}, x="recall")
    Figure: recall. held: 0.95 ± 0.64; live: 0.8 ± 1.3.
    """
    figure, ax = onto(ax, 7.0, 0.6 + 0.34 * len(samples))
    told = []
    for row, (name, values) in enumerate(samples.items()):
        runs = np.asarray(values, dtype=float)
        mean, half = (float(number) for number in mean_interval(runs))
        colour = palette.own_colour(name) or palette.LIGHT[4 if row else 0]
        ax.plot(runs, np.full(len(runs), row), "|", color=colour, alpha=0.35, markersize=9, markeredgewidth=1)
        ax.plot([mean - half, mean + half], [row, row], color=colour, linewidth=3, alpha=0.6)
        ax.plot([mean], [row], "o", color=colour, markersize=6)
        told.append(f"{name}: {mean:.2g} ± {half:.2g}")
    for words, place in [*([] if chance is None else [("chance", chance)]), *([] if mark is None else [mark])]:
        ax.axvline(place, color=palette.SOFT["light"], linestyle="--", linewidth=0.9)
        ax.annotate(words, (place, -0.6), xytext=(4, 0), textcoords="offset points", fontsize=9)
    ax.set(xlabel=x, ylim=(len(samples) - 0.4, -0.8))
    if limits is not None:
        ax.set_xlim(limits)
    ax.set_yticks(range(len(samples)), labels=list(samples), color=palette.INK["light"])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=palette.HAIR["light"], linewidth=0.7)
    ax.set_axisbelow(True)
    figure.alt = f"{x}. {'; '.join(told)}."
    return figure
