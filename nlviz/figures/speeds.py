"""How fast layers are and how much memory they take, from the Trace of the bench."""

from __future__ import annotations

import numpy as np

from ..trace import Trace
from . import palette
from .parts import Figure, headline, sheet

SECOND = {"cpu": "CPU second", "wall": "second"}


def speed(trace: Trace, d_model: int = 128, batch: int = 1) -> Figure:
    """One row a layer, one dot a length: tokens per second, and peak memory, of forward with backward.

    Dots grow and cool with the length; where they lie on one another the cost per token is flat. A tick is the floor:
    what the arithmetic alone would take, at the longest length measured.

    Args:
        trace: of `nl.lab.race`; seconds are the CPU's, or the wall's where a GPU computed.
        d_model, batch: which of those in the Trace.

    Raises:
        KeyError: for a width or batch that is not in the Trace.
    """
    clock = "wall" if trace.about["device"].startswith("cuda") else "cpu"
    cell = trace.select(d_model=d_model, batch=batch, kind="forward + backward")
    names, lengths = trace.along("row"), np.asarray(trace.along("T"))
    tokens = batch * lengths / cell[clock]  # (row, T)
    floor = batch * lengths / (cell["flops"] / cell["product"])
    megabytes = cell["memory"] / 1e6
    figure, (left, right) = sheet(9.0, 1.1 + 0.3 * len(names), ncols=2, sharey=True)
    said = []
    for y, name in enumerate(names):
        known = np.flatnonzero(np.isfinite(tokens[y]))
        for ax, numbers in ((left, tokens[y]), (right, megabytes[y])):
            ax.plot(numbers[known], np.full(len(known), y), color=palette.HAIR["light"], linewidth=1, zorder=1)
        if not len(known):
            continue
        last = known[-1]
        left.plot(floor[y, last], y, "|", color=palette.INK["light"], markersize=9)
        said.append(
            f"{name}: {tokens[y, known[0]]:,.0f} tokens per {SECOND[clock]} at T {lengths[known[0]]}, "
            f"{tokens[y, last]:,.0f} at {lengths[last]}, {tokens[y, last] / floor[y, last]:.0%} of the floor, "
            f"{megabytes[y, last]:,.0f} MB"
        )
    for i, T in enumerate(lengths):
        look = {"s": 14 + 10 * i, "color": palette.LIGHT[i % 5], "zorder": 3 - i / 10}  # small ones on top
        left.scatter(tokens[:, i], np.arange(len(names)), label=f"{T:,}", **look)
        right.scatter(megabytes[:, i], np.arange(len(names)), **look)
    left.set(yticks=range(len(names)), yticklabels=names, xlabel=f"tokens per {SECOND[clock]}", xscale="log")
    left.invert_yaxis()
    right.set(xlabel="peak memory, MB", xscale="log")
    for ax in (left, right):
        ax.grid(axis="x", color=palette.HAIR["light"], linewidth=0.7)
        ax.set_axisbelow(True)
        ax.tick_params(axis="y", length=0)
    figure.legend(*left.get_legend_handles_labels(), title="T", loc="outside right center", frameon=False)
    headline(figure, f"Forward and backward, d_model {d_model}, batch {batch}")
    figure.alt = f"Speed and peak memory, forward and backward, d_model {d_model}, batch {batch}. {'; '.join(said)}."
    return figure
