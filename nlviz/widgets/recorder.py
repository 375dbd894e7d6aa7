"""Flight recorder (chapter 12): what two learners had right on one stream, and what each level wrote when.

It computes nothing; it shows what `nl.lab.follow` recorded. recorder_frames.py packs the Traces,
recorder_around.py lays the returns over each other; recorder_words.js says the same words in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..trace import Trace
from .base import Widget
from .recorder_around import AFTER, BEFORE, around, back_at, bet_on, counts
from .recorder_frames import PARTS, Flight, flights, limits, percent, sent
from .still import lines

LARGEST = 1_000_000  # bytes the browser is sent
WINDOWS = (1, 2, 4, 8, 16, 32)
SPANS = (0, 400, 120, 40)  # batches that are seen at once; 0: the whole flight
CROSSED = 5  # batches after a crossing in which a surprise has its reason there


class FlightRecorder(Widget):
    """See `flight_recorder`."""

    js = (
        "tracks.js",
        "recorder_frames.js",
        "recorder_words.js",
        "recorder_knobs.js",
        "recorder_stage.js",
        "recorder_surprise.js",
        "recorder_levels.js",
        "recorder_around.js",
        "recorder.js",
    )
    styles = ("recorder.css",)
    call = ("flight_recorder", "traces")

    def __init__(
        self,
        traces: Mapping[str, Trace],
        start: int = 0,
        stop: int | None = None,
        jump: float = 2.0,
        floor: float = 0.25,
        **state: Any,
    ) -> None:
        given = {"start": (start, 0), "stop": (stop, None), "jump": (jump, 2.0), "floor": (floor, 0.25)}
        self.made = {key: value for key, (value, usual) in given.items() if value != usual}
        self._flights, self._task = flights(traces, start, stop)
        self._names, self._first = [one.name for one in self._flights], start
        trace = next(iter(traces.values()))
        self._runs = trace.along("run")
        seed = trace.about.get("seed")
        self._seeds = (
            [seed + i for i in self._runs] if isinstance(seed, int) and "run" not in trace.labels else self._runs
        )
        self._spans = [span for span in SPANS if span < self._task.shape[1]]
        self._counts = counts(self._task)
        self._gate = (jump, floor)
        self._bet = bet_on(self._flights, self._task)
        super().__init__(**state)

    def begin(self) -> dict[str, Any]:
        """The first two learners in the first run, whole, at the end; inside the one that is bet on."""
        inside = "b" if self._bet and self._bet["flight"] == 1 else "a"
        return {
            "a": self._names[0],
            "b": self._names[1],
            "run": self._runs[0],
            "inside": inside,
            "window": 8,
            "span": 0,
            "around": next(iter(self._counts), "home"),
            "step": self._task.shape[1] - 1,
            "guess": "",
        }

    def check(self, state: dict[str, Any]) -> None:
        """Raise a ValueError for settings out of range."""
        choices = {
            "a": self._names,
            "b": self._names,
            "run": self._runs,
            "inside": ["a", "b"],
            "window": WINDOWS,
            "span": self._spans,
            "around": list(self._counts) or ["home"],
            "guess": ["", *(key for key, _ in self._bet["options"])] if self._bet else [""],
        }
        for key, values in choices.items():
            self.one_of(key, state[key], values)
        last = self._task.shape[1] - 1
        if not isinstance(state["step"], int) or not 0 <= state["step"] <= last:
            raise ValueError(f"flight_recorder: step counts the batches shown, 0 to {last}; got {state['step']!r}")

    def words(self) -> dict[str, Any]:
        """Names and choices, and what is asked."""
        return {
            "learners": [self._introduced(one) for one in self._flights],
            "runs": self._runs,
            "seeds": self._seeds,
            "first": self._first + 1,  # batches are counted from 1
            "steps": self._task.shape[1],
            "windows": WINDOWS,
            "spans": self._spans,
            "crossed": CROSSED,
            "gate": self._gate,
            "surprise": limits(self._flights),
            "around": [BEFORE, AFTER],
            "counts": self._counts,
            "bet": self._bet,
        }

    def _introduced(self, one: Flight) -> dict[str, Any]:
        """A learner's name, its levels, and from which batch back home it is about as right as before it left."""
        back = back_at(one, self._task) if "home" in self._counts else None
        return {"name": one.name, "levels": [level.name for level in one.levels], "back": back}

    def given(self) -> dict[str, np.ndarray]:
        """Everything that was recorded, and the means around every crossing."""
        arrays = {**sent(self._flights, self._task), **around(self._flights, self._task)}
        size = 4 * sum(array.size for array in arrays.values())
        if size > LARGEST:
            raise ValueError(
                f"flight_recorder sends at most {LARGEST / 1e6:.0f} MB to the browser, these Traces are "
                f"{size / 1e6:.1f} MB; give fewer learners or seeds, or fewer batches: stop={self._task.shape[1] // 2}"
            )
        return arrays

    def _chosen(self, key: str) -> Flight:
        return self._flights[self._names.index(self.state[key])]

    def _so_far(self, one: Flight) -> str:
        """Share right up to the playhead: in all, at home, away."""
        upto, run = self.state["step"] + 1, self._runs.index(self.state["run"])
        right, home = one.right[run, :upto].astype(int), self._task[run, :upto] == 0
        said = []
        for where, there in (("at home", home), ("away", ~home)):
            count = int(there.sum())
            said += [f"{percent(right[there].sum() / (PARTS * count))} {where}" if count else f"not yet {where}"]
        return f"{percent(right.sum() / (PARTS * upto))} right so far ({', '.join(said)})"

    def summary(self) -> str:
        """Where both are, what they had right so far, and what the one inside wrote."""
        state = self.state
        step, run = state["step"], self._runs.index(state["run"])
        tasks = self._task[run]
        here = tasks[step]
        since = step - next((t for t in range(step, -1, -1) if tasks[t] != here), -1)
        place = f"batch {since} at home" if here == 0 else f"batch {since} of excursion {here}"
        one, other, inside = (self._chosen(key) for key in ("a", "b", state["inside"]))
        said = f"{one.name} has {self._so_far(one)}"
        if other is not one:
            said += f", {other.name} {self._so_far(other)}"
        told = [
            f"Seed {self._seeds[run]}, batch {self._first + step + 1} of {self._first + len(tasks)}, {place}: {said}"
        ]
        if inside.restarted is not None:
            told += [f"the gate of {inside.name} fired {_times(inside.restarted[run, : step + 1].sum())}"]
        if inside.levels:
            wrote = [f"{_times(level.wrote[: step + 1].sum())} ({level.name})" for level in inside.levels]
            told += [f"{inside.name} wrote {', '.join(wrote)}"]
        if state["guess"] and self._bet:
            told += [self._bet["told"]]
        return f"{'; '.join(told)}."

    def picture(self) -> str:
        """The share of right answers of both, smoothed."""
        run, width = self._runs.index(self.state["run"]), max(self.state["window"], 8)
        smooth = [
            np.convolve(self._chosen(key).right[run] / PARTS, np.ones(width) / width, mode="valid") for key in "ab"
        ]
        return lines(smooth, alt=self.summary())


def _times(count: Any) -> str:
    return f"{count} time" + ("" if count == 1 else "s")


def flight_recorder(
    traces: Mapping[str, Trace],
    start: int = 0,
    stop: int | None = None,
    jump: float = 2.0,
    floor: float = 0.25,
    **state: Any,
) -> FlightRecorder:
    """The Flight recorder: two learners on one stream, and inside one of them its surprise and what each level wrote.

    Args:
        traces: name -> Trace of `nl.lab.follow(learner, stream, record=True)`, two or more on one stream with the same
            seeds. "right" and "task" `(run, step)` are needed, task 0 is home; "surprise", "usual" and "restarted"
            `(run, step)`, "wrote" `(level, step)` and "size" `(run, level, step)` are shown where they were recorded.
        start, stop: which batches, as in a slice.
        jump, floor: the gate fires when a batch is `jump` times as surprising as usual, usual taken as `floor` or more.
        state: `a` and `b` (which learners), `run` (a label of that axis: the seed), `inside` ("a", "b": whose levels
            are shown), `window` (batches an accuracy is the mean of: 1, 2, 4, 8, 16, 32), `span` (batches seen at once:
            40, 120, 400, or 0 for all), `around` ("home", "away": which crossings are laid over each other), `step`
            (the playhead, from 0), `guess`.

    Raises:
        ValueError: for Traces that do not belong together, settings out of range, or more than 1 MB.

    >>> right, task = np.array([[1.0, 0.5, 0.0]]), np.array([[0, 0, 1]])
    >>> trace = Trace({"right": right, "task": task}, {"right": ("run", "step"), "task": ("run", "step")})
    >>> flight_recorder({"one": trace, "other": trace}, b="one").summary()
    'Seed 0, batch 3 of 3, batch 1 of excursion 1: one has 50 % right so far (75 % at home, 0 % away).'
    """
    return FlightRecorder(traces, start=start, stop=stop, jump=jump, floor=floor, **state)
