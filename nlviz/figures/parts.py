"""What every figure is made of: a themed sheet with its words, and two ways to show numbers as cells.

Figures are matplotlib's, shown as SVG inside the page. Their colours are CSS variables there, so one picture
follows JupyterLab's light and dark theme; its alternative text is read to those who do not see it.
"""

from __future__ import annotations

import html
import io
import re
import secrets
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure

from . import palette

STYLE: Any = {
    "axes.edgecolor": palette.SOFT["light"],
    "axes.facecolor": "none",
    "axes.labelcolor": palette.INK["light"],
    "axes.prop_cycle": cycler(color=palette.LIGHT),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": palette.INK["light"],
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": palette.INK["light"],
    "xtick.color": palette.SOFT["light"],
    "ytick.color": palette.SOFT["light"],
}


class Figure(MatplotlibFigure):
    """A matplotlib figure that shows itself as themed SVG and says in words what is to be seen.

    Args:
        alt: one or two sentences: what the picture shows, with its numbers.
    """

    alt: str = ""

    def svg(self) -> str:
        """The picture as one `<svg>` element with the palette's CSS variables in place of its light colours."""
        buffer = io.StringIO()
        with mpl.rc_context(STYLE | {"svg.hashsalt": secrets.token_hex(4)}):  # ids must not meet in one page
            self.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
        svg = buffer.getvalue()
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
        svg = re.sub(r' id="[A-Za-z.]+_\d+"', "", svg)  # names nobody refers to, the same in every figure
        svg = re.sub(r'<path [^>]*fill-opacity: 0[;"][^>]*/>\s*', "", svg)  # cells with nothing in them
        for name, (_, light, _dark) in palette.variables().items():
            if name != "--nl-paper":
                svg = re.sub(rf"(?<=[:\s\"]){light}\b", f"var({name},{light})", svg)
        svg = re.sub(r'<svg ([^>]*?)width="([\d.]+)pt" height="[\d.]+pt"', _responsive, svg, count=1)
        svg = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", r"font: \1system-ui, sans-serif", svg)
        return svg

    def _repr_html_(self) -> str:
        name = f"nl-fig-{secrets.token_hex(4)}"
        alt = html.escape(self.alt, quote=True)
        return (
            f'<figure id="{name}" role="img" aria-label="{alt}" style="margin:8px 0">'
            f"<style>{palette.css('#' + name)}</style>{self.svg()}</figure>"
        )

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"


def _responsive(match: re.Match[str]) -> str:
    return (
        f'<svg aria-hidden="true" style="max-width:100%;height:auto;width:{float(match[2]) * 4 / 3:.0f}px" {match[1]}'
    )


def sheet(width: float = 7.0, height: float = 2.8, **grid: Any) -> tuple[Figure, Any]:
    """A new Figure and its axes; `grid` goes to `Figure.subplots`. Inches."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(**grid)
        for ax in np.atleast_1d(axes).flat:
            ax.grid(visible=False)
    return figure, axes


def headline(figure: Figure, words: str) -> None:
    """A title over all axes of a sheet."""
    if words:
        figure.suptitle(words, x=0.0, ha="left", fontsize=12, color=palette.INK["light"])


def onto(ax: Axes | None, width: float = 7.0, height: float = 2.8) -> tuple[Figure, Axes]:
    """The caller's axes where given, else a new sheet with one."""
    if ax is None:
        return sheet(width, height)
    assert isinstance(ax.figure, Figure)
    return ax.figure, ax


def rules(ax: Axes) -> None:
    """Hair lines across, behind everything."""
    ax.grid(axis="y", color=palette.HAIR["light"], linewidth=0.7)
    ax.set_axisbelow(True)


def cells(ax: Axes, numbers: np.ndarray, limit: float | None = None) -> None:
    """Signed numbers as cells: warm for positive, cold for negative, the stronger the larger; nothing for zero.

    Args:
        numbers: `(rows, columns)`
        limit: the size drawn in full colour; default: the largest.
    """
    limit = limit or float(np.abs(numbers).max()) or 1.0
    strength = np.clip(np.abs(numbers) / limit, 0, 1)
    colours = np.empty((*numbers.shape, 4))
    colours[..., :3] = np.where((numbers > 0)[..., None], _rgb(palette.LIGHT[0]), _rgb(palette.LIGHT[4]))
    colours[..., 3] = strength
    _mesh(ax, colours)


def ink(ax: Axes, image: np.ndarray) -> None:
    """An image `(rows, columns)`, 0 paper to 1 ink."""
    colours = np.empty((*image.shape, 4))
    colours[..., :3] = _rgb(palette.INK["light"])
    colours[..., 3] = np.clip(image, 0, 1)
    _mesh(ax, colours)


def _rgb(colour: str) -> tuple[float, float, float]:
    return mpl.colors.to_rgb(colour)


def _mesh(ax: Axes, colours: np.ndarray) -> None:
    rows, columns = colours.shape[:2]
    ax.pcolormesh(np.arange(columns + 1), np.arange(rows + 1), colours, linewidth=0)
    ax.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[], aspect="equal")
    for spine in ax.spines.values():
        spine.set(visible=True, color=palette.HAIR["light"], linewidth=0.7)
