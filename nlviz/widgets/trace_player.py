"""The player: scrub a Trace along its steps. It computes nothing; it shows what happened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..trace import Trace
from .base import Widget
from .still import lines

LARGEST = 4_000_000  # bytes the browser is sent; a stored Trace is under 1 MB


def said(label: Any) -> str:
    """A label in words: 0.1, 3, "Delta"."""
    return f"{label:.6g}" if isinstance(label, float) else str(label)


def written(value: float, digits: int) -> str:
    """A number as the picture writes it."""
    if not math.isfinite(value):
        return "no value"
    return f"{value:.{digits}f}".replace("-", "−") if round(value, digits) else f"{0:.{digits}f}"


class TracePlayer(Widget):
    """See `player`."""

    js, styles = ("player_lines.js", "player_maps.js", "trace_player.js"), ("trace_player.css",)
    call = ("player", "trace")

    def __init__(
        self,
        trace: Trace,
        show: Sequence[str] | None = None,
        title: str = "",
        question: str = "",
        names: Mapping[str, str] | None = None,
        limits: Mapping[str, tuple[float, float]] | None = None,
        marks: Mapping[str, Any] | None = None,
        bet: Mapping[str, Any] | None = None,
        **state: Any,
    ) -> None:
        given = dict(show=show, title=title, question=question, names=names, limits=limits, marks=marks, bet=bet)
        self.made = {key: value for key, value in given.items() if value}
        self._trace, self._names, self._limits = trace, dict(names or {}), dict(limits or {})
        self._show = list(show) if show else [name for name in trace if "step" in trace.axes[name]]
        self._title, self._question, self._bet = title, question, bet
        if not self._show:
            raise ValueError(f"player needs an array along the axis 'step'; this is {trace!r}")
        self._tracks = [self._track(name) for name in self._show]
        self._choices = list(dict.fromkeys(axis for track in self._tracks for axis in track["choices"]))
        self._marks = {text: self._position(step, f"the mark {text!r}") for text, step in (marks or {}).items()}
        size = sum(4 * trace[name].size for name in self._show)
        if size > LARGEST:
            raise ValueError(
                f"player sends at most {LARGEST / 1e6:.0f} MB to the browser, these arrays are {size / 1e6:.1f} MB; "
                f"name fewer: nl.widgets.player(trace, show={self._show[:1]!r}), or record fewer steps"
            )
        super().__init__(**state)

    def _track(self, name: str) -> dict[str, Any]:
        """How one array is drawn: what can be chosen stands before `step` among its axes, what is drawn after it."""
        array, axes = self._trace[name], self._trace.axes[name]
        if "step" not in axes or array.dtype.kind not in "fiub":
            raise ValueError(f"player shows numbers along the axis 'step'; {name!r} has axes {axes}, {array.dtype}")
        at = axes.index("step")
        content = axes[at + 1 :]
        if len(content) > 2:
            raise ValueError(f"player draws lines (step, query) and maps (step, row, column); {name!r} has axes {axes}")
        values = array[np.isfinite(array)].astype(float)
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        if name in self._limits:
            low, high = map(float, self._limits[name])
        span = high - low or 1.0
        labels = self._trace.labels.get(content[0]) if len(content) == 1 else None
        return {
            "name": name,
            "words": self._names.get(name, name.replace("_", " ")),
            "kind": "map" if len(content) == 2 else "line",
            "choices": list(axes[:at]),
            "labels": [str(label) for label in labels] if labels else None,
            "low": low,
            "high": high if high > low else low + 1.0,
            "digits": min(8, max(2, 1 - math.floor(math.log10(span)))),
        }

    def _position(self, step: Any, what: str) -> int:
        steps = self._trace.along("step")
        if step not in steps:
            raise ValueError(f"player: {what} is at step {step!r}; the steps run from {steps[0]!r} to {steps[-1]!r}")
        return steps.index(step)

    def begin(self) -> dict[str, Any]:
        """The end of the Trace, at the first label of each choice; with a bet, the last mark."""
        start = len(self._trace.along("step")) - 1
        if self._bet:  # the answer is not shown before it is asked for
            start = max(self._marks.values(), default=0)
        return {"step": start, "guess": "", **{axis: self._trace.along(axis)[0] for axis in self._choices}}

    def check(self, state: dict[str, Any]) -> None:
        """Raise a ValueError for settings out of range."""
        last = len(self._trace.along("step")) - 1
        if not isinstance(state["step"], int) or not 0 <= state["step"] <= last:
            raise ValueError(f"player: step counts the recorded steps, 0 to {last}; got {state['step']!r}")
        for axis in self._choices:
            if state[axis] not in self._trace.along(axis):
                raise ValueError(f"player: {axis} is one of {self._trace.along(axis)}; got {state[axis]!r}")

    def words(self) -> dict[str, Any]:
        """Tracks, choices, marks and words."""
        choices = [
            {
                "axis": axis,
                "words": self._names.get(axis, axis),
                "labels": labels,
                "says": [said(one) for one in labels],
            }
            for axis, labels in ((axis, self._trace.along(axis)) for axis in self._choices)
        ]
        told = {key: self._bet[key] for key in ("ask", "options", "reveal")} if self._bet else None
        return {
            "title": self._title,
            "question": self._question,
            "steps": self._trace.along("step"),
            "axis": self._names.get("step", "step"),
            "tracks": self._tracks,
            "choices": choices,
            "marks": list(self._marks.items()),
            "bet": told,
        }

    def given(self) -> dict[str, np.ndarray]:
        """The arrays that are shown."""
        return {name: self._trace[name].astype(np.float32) for name in self._show}

    def _chosen(self, track: dict[str, Any]) -> np.ndarray:
        """One track at the present choice: (step, ...) in single precision, as the browser has it."""
        at = tuple(self._trace.along(axis).index(self.state[axis]) for axis in track["choices"])
        return self._trace[track["name"]].astype(np.float32)[at].astype(float)

    def _series(self, track: dict[str, Any]) -> list[tuple[str, np.ndarray]]:
        """What stands for a track in words: each labelled line, else their mean; of a map, its largest cell."""
        values = self._chosen(track)
        if track["kind"] == "map":
            return [("largest cell", np.abs(values).max(axis=(1, 2)))]
        if values.ndim == 1:
            return [("", values)]
        if track["labels"] and len(track["labels"]) <= 5:
            return list(zip(track["labels"], values.T, strict=True))
        return [(f"mean of {values.shape[1]}", values.mean(axis=1))]

    def summary(self) -> str:
        """Where the lines stand at first, here and at the end."""
        state, axis, steps = self.state, self.facts["axis"], self.facts["steps"]
        hidden = self._bet and not state["guess"]
        told = []
        for track in self._tracks:
            lines = []
            for words, line in self._series(track):
                first, here, last = (written(line[i], track["digits"]) for i in (0, state["step"], -1))
                until = f" and {here} here" if hidden else f", {here} here and {last} at the end"
                lines.append(f"{words + ' ' if words else ''}is {first} at first{until}")
            told.append(f"{track['words']}{': ' if words else ' '}{'; '.join(lines)}")
        chosen = ", ".join(
            f"{choice['words']} {choice['says'][choice['labels'].index(state[choice['axis']])]}"
            for choice in self.facts["choices"]
        )
        lead = f"With {chosen}, at" if chosen else "At"
        return f"{lead} {axis} {steps[state['step']]} of {steps[-1]}: {'; '.join(told)}."

    def picture(self) -> str:
        """The lines as they are."""
        return lines([line for track in self._tracks for _, line in self._series(track)], alt=self.summary())


def player(
    trace: Trace,
    show: Sequence[str] | None = None,
    title: str = "",
    question: str = "",
    names: Mapping[str, str] | None = None,
    limits: Mapping[str, tuple[float, float]] | None = None,
    marks: Mapping[str, Any] | None = None,
    bet: Mapping[str, Any] | None = None,
    **state: Any,
) -> TracePlayer:
    """Scrub a Trace along its axis `step`.

    Axes that stand before `step` become controls (a slider for numbers, segments for words); what stands after it is
    drawn: nothing, one line; one axis, a line for each label, or thin lines and their mean; two, a signed map.

    Args:
        trace: what happened.
        show: names of the arrays to show; all along `step` where left out.
        title, question: words above the picture.
        names: words for arrays and axes, with units: `{"accuracy": "share answered right", "lr": "learning rate"}`.
        limits: `{array: (lowest, highest)}` of its axis; from all its values where left out.
        marks: `{text: step}`, vertical lines.
        bet: `{"ask": text, "options": {key: text}, "reveal": text}`; what follows the playhead is hidden until it is
            made. `reveal` may also be `{key: text}`, an answer to each.
        state: `step` (which recorded step, from 0), `guess`, and one label for each control.

    Raises:
        ValueError: for an array without steps or with too many axes, an unknown label, or more than 4 MB.

    >>> trace = Trace({"accuracy": np.zeros((2, 3))}, {"accuracy": ("lr", "step")}, {"lr": [0.1, 0.3]})
    >>> player(trace, lr=0.3).summary()
    'With lr 0.3, at step 2 of 2: accuracy is 0.00 at first, 0.00 here and 0.00 at the end.'
    """
    return TracePlayer(
        trace, show=show, title=title, question=question, names=names, limits=limits, marks=marks, bet=bet, **state
    )
