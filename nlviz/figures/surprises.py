"""Pictures of surprise: digits ranked by it, and what one step writes."""

from __future__ import annotations

import numpy as np

from . import palette
from .parts import Figure, cells, headline, ink, rules, sheet


def digits(images: np.ndarray, captions: list[str], title: str = "", columns: int = 10) -> Figure:
    """A table of digits with a caption under each.

    Args:
        images: `(n, 64)` or `(n, 8, 8)`, 0 to 1.
        captions: n short texts.
    """
    images = np.asarray(images, dtype=float).reshape(-1, 8, 8)
    rows = -(-len(images) // columns)
    figure, axes = sheet(0.82 * columns, 1.1 * rows + 0.3, nrows=rows, ncols=columns, squeeze=False)
    for ax in axes.flat[len(images) :]:
        ax.set_visible(False)
    for ax, image, caption in zip(axes.flat, images, captions, strict=False):
        ink(ax, image)
        ax.set_xlabel(caption, fontsize=9)
    headline(figure, title)
    figure.alt = (
        f"{title}. {len(images)} handwritten digits: " + ", ".join(c.replace("\n", " ") for c in captions) + "."
    )
    return figure


def tiles(W: np.ndarray, names: list[str] | None = None, title: str = "", limit: float | None = None) -> Figure:
    """A matrix `(classes, 64)` as one signed 8 x 8 tile a class."""
    W = np.asarray(W, dtype=float)
    names = [str(i) for i in range(len(W))] if names is None else names
    limit = limit or float(np.abs(W).max()) or 1.0
    figure, axes = sheet(0.82 * len(W), 1.35, ncols=len(W), squeeze=False)
    for ax, row, name in zip(axes.flat, W, names, strict=True):
        cells(ax, row.reshape(8, 8), limit)
        ax.set_xlabel(name, fontsize=9)
    headline(figure, title)
    figure.alt = (
        f"{title}: ten 8 by 8 tiles, one a class; warm cells positive, cold cells negative, largest {limit:.2g}."
    )
    return figure


def ranking(
    surprise: np.ndarray, control: np.ndarray, names: tuple[str, str] = ("true labels", "random labels")
) -> Figure:
    """Surprise of every example, largest first, beside that of a control."""
    surprise, control = (np.sort(np.asarray(s, dtype=float))[::-1] for s in (surprise, control))
    figure, ax = sheet(7.0, 2.9)
    rules(ax)
    for values, name, slot, dash in ((surprise, names[0], 4, "-"), (control, names[1], 0, "--")):
        rank = np.arange(1, len(values) + 1) / len(values) * 100
        ax.plot(rank, values, dash, color=palette.LIGHT[slot])
        at = int(0.62 * len(values))
        ax.annotate(name, (rank[at], values[at]), xytext=(0, 8), textcoords="offset points", color=palette.LIGHT[slot])
    ax.set(xlabel="examples, the most surprising first (%)", ylabel="surprise  ‖u‖", xlim=(0, 100), ylim=(0, None))
    share = [100 * values[: len(values) // 10].sum() / values.sum() for values in (surprise, control)]
    figure.alt = (
        f"Surprise of all examples, sorted. With {names[0]} the top tenth holds {share[0]:.0f} % of all surprise, "
        f"with {names[1]} {share[1]:.0f} %."
    )
    return figure
