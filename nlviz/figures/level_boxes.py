"""Nested problems as boxes on a logarithmic clock, with what each passes on to which other."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from ..trace import Trace
from . import palette
from .parts import Figure, headline, sheet

KINDS: dict[str, tuple[str, Any, int]] = {
    "direct, parametric": ("d", "-", 4),
    "direct, non-parametric": ("n", (0, (1, 1.2)), 0),
    "backprop": ("b", (0, (6, 2)), 2),
    "initialisation": ("i", (0, (4, 1.5, 1, 1.5)), 3),
    "weight generation": ("w", (0, (6, 1.5, 1, 1.5, 1, 1.5)), 0),
    "context generation": ("c", (0, (2.5, 1.5)), 1),
}
"""Of each kind of knowledge transfer (Nested Learning, section 3.3) its letter, dash and colour."""

WIDE, HIGH = 0.2, 0.62
"""Of a box: its share of the width, and of the distance between rows."""


def levels(trace: Trace, title: str = "") -> Figure:
    """One box a nested problem: left what is written often, right what is written seldom, inner ones on top.

    An arrow goes from the level that knows something to the one it passes it on to; dash and letter say how.

    Args:
        trace: of `nl.nested.levels(...).trace()`, or a log of `nl.nested.watch`.
        title: over the figure.

    >>> import torch, nlviz as nl
    >>> model = torch.nn.Linear(2, 2)
    >>> found = nl.nested.levels(model, torch.optim.SGD(model.parameters(), lr=0.1), tokens_per_step=16)
    >>> levels(found.trace())
    Figure: Nested problems on a clock. weights: every 16 tokens.
    """
    names, period = trace.along("level"), trace["period"]
    figure, ax = sheet(9.5, 1.3 + 0.52 * len(names))
    x, ticks = _clock(period)
    for row, name in enumerate(names):
        _box(ax, x[row], row, name, palette.LIGHT[round(4 * x[row])])
    arrows = [(names.index(a), names.index(b), kind) for a, b, kind in trace.about["transfers"]]
    for source, target, kind in arrows:
        between = range(min(source, target) + 1, max(source, target))
        crowded = any(abs(x[row] - x[target]) < WIDE for row in between)
        _arrow(ax, (x[source], source), (x[target], target), kind, crowded)
    ax.set(xlim=(-0.16, 1.16), ylim=(len(names) - 0.35, -0.65), yticks=[], xlabel="tokens from write to write")
    ax.set_xticks(list(ticks), labels=list(ticks.values()))
    ax.spines["left"].set_visible(False)
    for at in ticks:
        ax.axvline(at, color=palette.HAIR["light"], linewidth=0.7, zorder=0)
    headline(figure, title)
    drawn = [kind for kind in KINDS if any(kind == one for _, _, one in arrows)]
    if drawn:
        handles = [
            Line2D([], [], color=palette.LIGHT[KINDS[k][2]], linestyle=KINDS[k][1], linewidth=1.4) for k in drawn
        ]
        words = [f"{KINDS[kind][0]}   {kind}" for kind in drawn]
        figure.legend(
            handles,
            words,
            loc="outside lower left",
            ncols=3,
            fontsize=9,
            handlelength=3.2,
            frameon=False,
            labelcolor=palette.INK["light"],
        )
    said = [f"{name}: {_words(p)}" for name, p in zip(names, period, strict=True)]
    passed = [f"{names[a]} to {names[b]}, {kind}" for a, b, kind in arrows]
    figure.alt = f"Nested problems on a clock. {'; '.join(said)}." + (
        f" Arrows: {'; '.join(passed)}." if passed else ""
    )
    return figure


def _clock(period: np.ndarray) -> tuple[list[float], dict[float, str]]:
    """Where each period is, 0 to 1, and the labels of the axis: logarithmic between its two ends.

    Made anew at every read stands at the left end, never and unknown at the right.
    """
    moving = period[np.isfinite(period) & (period > 0)]
    low, high = (np.log2(moving.min()), np.log2(moving.max())) if len(moving) else (0.0, 0.0)
    ends = [("every read", period == 0), ("never", np.isposinf(period)), ("unknown", np.isnan(period))]
    before = [word for word, there in ends[:1] if there.any()]
    after = [word for word, there in ends[1:] if there.any()]
    slots = len(before) + len(after) + (1 if len(moving) else 0)
    room = 1 / max(slots - 1 + (1.5 if high > low else 0), 1)  # between two ends; the logarithm has 1.5 of it
    left = room * len(before)
    scale = 1.5 * room / (high - low) if high > low else 0.0
    start = left + (1.5 * room if high > low else 0) + (room if len(moving) else 0)
    place = {word: start + room * i for i, word in enumerate(after)} | dict.fromkeys(before, 0.0)
    ticks = {place[word]: word for word in (*before, *after)}
    x = []
    for p in period:
        if np.isfinite(p) and p > 0:
            x.append(float(left + scale * (np.log2(p) - low)))
            ticks[x[-1]] = f"{p:,g}"
        else:
            x.append(place["unknown" if np.isnan(p) else "never" if p else "every read"])
    return [min(max(at, 0.0), 1.0) for at in x], ticks


def _box(ax: Axes, x: float, row: int, name: str, colour: str) -> None:
    box = FancyBboxPatch(
        (x - WIDE / 2, row - HIGH / 2),
        WIDE,
        HIGH,
        boxstyle="round,pad=0,rounding_size=0.02",
        mutation_aspect=8,
        facecolor=(*_rgb(colour), 0.14),
        edgecolor=colour,
        linewidth=1.4,
        zorder=3,
    )
    ax.add_patch(box)
    words = "\n".join(textwrap.wrap(name, 20))
    ax.text(x, row, words, ha="center", va="center", fontsize=9, color=palette.INK["light"], zorder=4, linespacing=1.0)


def _arrow(ax: Axes, source: Sequence[float], target: Sequence[float], kind: str, crowded: bool) -> None:
    """Downwards on the right side, upwards on the left; round a corner where no other box stands in the way."""
    (x0, y0), (x1, y1) = source, target
    letter, dash, slot = KINDS[kind]
    side = 1 if y1 > y0 else -1
    shift = 0.02 * list(KINDS).index(kind) - 0.05  # several arrows between two boxes do not lie on one another
    start = (x0 + side * WIDE / 2, y0 + 4 * shift * HIGH / 2)
    apart = side * (x1 - x0) > WIDE * 0.75
    if apart and crowded:
        end = (x1 - side * WIDE / 2, y1 + 4 * shift * HIGH / 2)
        corner = (end[0] - side * 0.02, y0)
    elif apart:
        corner, end = (x1 + shift, y0 + 4 * shift * HIGH / 2), (x1 + shift, y1 - side * HIGH / 2)
    else:
        end = (x1 + side * WIDE / 2, y1 + 4 * shift * HIGH / 2)
        bulge = 0.03 + 0.025 * abs(y1 - y0) + abs(x1 - x0)
        corner = (max(x0, x1) if side > 0 else min(x0, x1), (y0 + y1) / 2)
        corner = (corner[0] + side * (WIDE / 2 + min(bulge, 0.16)), corner[1])
    path = Path([start, corner, end], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
    colour = palette.LIGHT[slot]
    ax.add_patch(
        FancyArrowPatch(
            path=path, arrowstyle="-|>", mutation_scale=9, linestyle=dash, color=colour, linewidth=1.2, zorder=2
        )
    )
    x, y = (0.25 * a + 0.5 * b + 0.25 * c for a, b, c in zip(start, corner, end, strict=True))
    around = {"boxstyle": "circle,pad=0.15", "facecolor": palette.HAIR["light"], "edgecolor": colour, "linewidth": 0.8}
    ax.text(x, y, letter, fontsize=9, ha="center", va="center", color=palette.INK["light"], bbox=around, zorder=5)


def _rgb(colour: str) -> tuple[float, float, float]:
    """A colour of the palette as three numbers, 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _words(period: float) -> str:
    if np.isnan(period):
        return "unknown"
    if np.isposinf(period):
        return "never"
    return {0.0: "at every read", 1.0: "every token"}.get(period, f"every {period:,g} tokens")
