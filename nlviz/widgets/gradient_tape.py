"""Gradient tape (chapter 3): momentum as a memory of gradients, on a bowl whose minimum moves.

    v ← momentum v + g          w ← w − lr v          so that v = Σ momentum^age g

The bowl is steep across (curvature 1) and nearly flat along (0.01); after `switch` steps its minimum jumps from task
A's to task B's. Nested Learning, section 4.3 and eqs. 10-13 (α and β there for momentum, η for lr).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .base import Widget
from .gradient_tape_model import CURVATURE, MINIMA, STEPS, descend, drift, old_ink, outlook, window
from .still import lines

MOMENTA = (
    *(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.81, 0.85, 0.88, 0.9, 0.92, 0.94, 0.95),
    *(0.96, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.999),
)
RATES = (
    *(0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7),
    *(1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 7.0, 10.0),
)
SWITCHES = (*range(20, 141, 5), None)
ACROSS = tuple(round(0.1 * i, 1) for i in range(-15, 16))  # where it may start: never on a minimum
ALONG = tuple(0.5 * i for i in range(-20, 21))
KINDS = {
    "settles": "settles without swinging",
    "slow": "is too slow",
    "swings": "swings past the bottom",
    "edge": "bounces for ever between the walls",
    "diverges": "diverges",
}
GUESSES = ("10", "22", "44", "all")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(share: float) -> str:
    """A share in whole percent: "62 %"."""
    return f"{math.floor(100 * share + 0.5)} %"


def little(share: float) -> str:
    """A share that may be tiny: "12 %", "0.4 %", "10⁻⁷"."""
    if share >= 0.0995:
        return percent(share)
    if share >= 0.000995:
        return f"{100 * share:.1f} %"
    return f"10{str(round(math.log10(max(share, 1e-15)))).translate(_RAISED)}"


class GradientTape(Widget):
    """See `tape`."""

    js = (
        "gradient_tape_model.js",
        "gradient_tape_map.js",
        "gradient_tape_bowl.js",
        "gradient_tape_bars.js",
        "gradient_tape_bet.js",
        "gradient_tape.js",
    )
    styles = ("gradient_tape.css",)
    call = ("tape",)

    def __init__(self, fn: Callable[..., Any] | None = None, like: Any = None, **state: Any) -> None:
        self._like = like
        self.made = {} if like is None else {"like": like}
        super().__init__(fn=fn, **state)

    def begin(self) -> dict[str, Any]:
        """Momentum 0.9 near its critical line, and an early change of task."""
        return {
            "momentum": 0.9,
            "lr": 0.25,
            "switch": 40,
            "start": [-1.0, -3.0],
            "step": 42,
            "show": "ink",
            "guess": "",
        }

    def check(self, state: dict[str, Any]) -> None:
        """Settings come from the lists above; the start is put into its plain form."""
        choices = {
            "momentum": MOMENTA,
            "lr": RATES,
            "switch": SWITCHES,
            "show": ("ink", "weights"),
            "guess": ("", *GUESSES),
        }
        for key, values in choices.items():
            self.one_of(key, state[key], values)
        state["switch"] = None if state["switch"] is None else int(state["switch"])
        self.whole("step", state["step"], STEPS)
        given = [float(place) for place in np.ravel(state["start"])]
        start = [round(place, 1) for place in given]
        if len(start) != 2 or start[0] not in ACROSS or start[1] not in ALONG or not np.allclose(start, given):
            raise ValueError(
                f"tape: start is (across, along), across from {ACROSS[0]} to {ACROSS[-1]} by tenths and along from "
                f"{ALONG[0]} to {ALONG[-1]} by halves; got {state['start']!r}"
            )
        state["start"] = start

    def words(self) -> dict[str, Any]:
        """The bowl, and the values of the sliders."""
        return {
            "curvature": CURVATURE,
            "minima": MINIMA,
            "steps": STEPS,
            "momenta": MOMENTA,
            "rates": RATES,
            "switches": SWITCHES,
            "across": ACROSS,
            "along": ALONG,
            "kinds": KINDS,
        }

    def compute(self, state: dict[str, Any], fn: Callable[..., Any]) -> dict[str, np.ndarray]:
        """The learner's path (step, direction), and the settings it was made at."""
        path, _, _ = descend(state, lambda *arguments: self._ask(fn, *arguments))
        made = [state["momentum"], state["lr"], -1 if state["switch"] is None else state["switch"], *state["start"]]
        return {"yours": np.clip(path, -1e30, 1e30), "yours_at": np.array(made)}

    def _ask(
        self, fn: Callable[..., Any], w: np.ndarray, v: np.ndarray, g: np.ndarray, lr: float, momentum: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The learner's step, from copies: arrays, or tensors like the one that was given."""
        same = np.array if self._like is None else self._like.new_tensor
        answer = fn(same(w), same(v), same(g), lr, momentum)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise ValueError(f"a step gives two things, end it with `return w, v`; yours gave {type(answer).__name__}")
        w, v = (np.asarray(one, dtype=np.float64) for one in answer)
        if w.shape != (2,) or v.shape != (2,):
            raise ValueError(f"w and v keep their shape (2,); yours gave {w.shape} and {v.shape}")
        if not np.isfinite([w, v]).all():
            raise ValueError("w and v are finite numbers; yours gave NaN or infinity")
        return w, v

    def summary(self) -> str:
        """What kind of movement it is, its control, and what the change of task finds on the tape."""
        state = self.state
        lr, momentum, change, t = state["lr"], state["momentum"], state["switch"], state["step"]

        def ends(kind: str, left: float) -> str:
            if kind in ("diverges", "edge"):
                return KINDS[kind]
            return f"{KINDS[kind]}, and {STEPS} steps of task A leave {little(left)} of the loss"

        said = [f"Momentum {momentum:g} and step size {lr:g}: it {ends(*outlook(lr, momentum, state['start']))}"]
        if momentum:
            reach = lr / (1 - momentum)
            plain = ends(*outlook(reach, 0.0, state["start"]))
            said += [f"the same long-run rate without memory, step size {float(f'{reach:.3g}'):g}, {plain}"]
        if state["guess"]:
            half, most = window(momentum, 0.5), window(momentum, 0.99)
            carried = f"the last {most} carry 99 %, the last {half} half" if momentum else "the last carries all"
            said += [f"of the weight of a step {carried}"]
        if change is None:
            said += ["the task never changes"]
        else:
            late = drift(state)
            way = f"old way for {late} more step{'s' * (late > 1)}" if late else "new way at once"
            said += [f"the task changes after step {change}, and along the valley it goes the {way}"]
            if t > change:
                said += [f"of the ink in step {t}, {percent(old_ink(state, t))} is old"]
        return f"{'; '.join(said)}."

    def picture(self) -> str:
        """Both coordinates over the steps."""
        path, _, _ = descend(self.state)
        return lines(list(np.clip(path, -12, 12).T[::-1]), alt=self.summary())


def tape(fn: Callable[..., Any] | None = None, like: Any = None, **state: Any) -> GradientTape:
    """The Gradient tape: how loudly each past gradient still speaks in the step that momentum makes now.

    Args:
        fn: your `momentum_step(w, v, g, lr, momentum) -> (w, v)`, with w, v and g of shape `(2,)`: it is run for 150
            steps and its path drawn dashed over ours. w, v and g come as numpy arrays.
        like: a tensor, if your function needs tensors: w, v and g then come as tensors of its dtype and device.
        state: `momentum` (0 to 0.999), `lr` (0.01 to 10), `switch` (after how many steps the task changes, 20 to 140,
            or None), `start` (across, along), `step` (the playhead), `show` ("ink", "weights"), `guess`;
            `strict=True` raises what goes wrong in `fn`.

    Raises:
        ValueError: for settings out of range.

    Source: Nested Learning, section 4.3 and eqs. 10-13.

    >>> widget = tape(momentum=0.99, switch=None)
    >>> widget.code()
    nl.widgets.tape(momentum=0.99, switch=None)
    """
    return GradientTape(fn=fn, like=like, **state)
