"""Still pictures for where no script runs: a few marks as an image inside the page."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

import numpy as np

from ..figures.palette import LIGHT

_WIDE, _HIGH, _INK = 640, 160, "#767676"  # a grey that reads on white and on black


def bars(values: np.ndarray, top: float, alt: str) -> str:
    """One bar a value, from 0 to `top`."""
    each = _WIDE / len(values)
    marks = "".join(
        f'<rect x="{i * each:.1f}" y="{_HIGH * (1 - min(v, top) / top):.1f}" width="{each * 0.7:.1f}" '
        f'height="{_HIGH * min(v, top) / top:.1f}" fill="{_INK}"/>'
        for i, v in enumerate(values)
    )
    return _image(marks, alt)


def lines(series: Sequence[np.ndarray], alt: str) -> str:
    """One line a series, all over the same width and between the same limits."""
    finite = np.concatenate([s[np.isfinite(s)] for s in series])
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    span = (high - low) or 1.0
    marks = ""
    for i, values in enumerate(series):
        x = np.linspace(0, _WIDE, len(values))
        points = " ".join(
            f"{a:.1f},{_HIGH - _HIGH * (b - low) / span:.1f}" for a, b in zip(x, values, strict=True) if np.isfinite(b)
        )
        marks += f'<polyline points="{points}" fill="none" stroke="{LIGHT[i % len(LIGHT)]}" stroke-width="2"/>'
    return _image(marks, alt)


def _image(marks: str, alt: str) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 {_WIDE + 8} {_HIGH + 8}">{marks}</svg>'
    source = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{source}">'
