"""Frequency mixer (chapter 9): what each level of a spectrum of clocks believes, and which of its knobs does what.

frequency_mixer_model.py computes; the words here are said by frequency_mixer_words.js too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .base import Widget
from .frequency_mixer_model import mix, mix_with, playing, reach
from .still import lines

CLOCKS = tuple(2**power for power in range(11))
RATES = (0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0)
KEEPS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)
LENGTHS = (
    (50, 100, 150, 200, 300, 400, 500, 600, 800, 1000, 1200, 1600, 2000),
    (5, 10, 20, 30, 40, 60, 80, 100, 120, 160, 200, 300, 400),
    (20, 40, 60, 80, 100, 120, 160, 200, 240, 300, 400, 600, 800),
)
STREAMS = (1, 4, 10)
NAMES = {
    2: ("fast", "slow"),
    3: ("fast", "middle", "slow"),
    4: ("fastest", "fast", "slow", "slowest"),
    5: ("fastest", "fast", "middle", "slow", "slowest"),
}
GUESSES = ("", "clock", "rate", "retention")
FAST, SLOW, SLOWER = (1, 0.8, 0.95), (8, 0.15, 1.0), (32, 0.15, 1.0)
FIVE = ((1, 0.8, 0.95), (4, 0.3, 0.97), (16, 0.15, 0.99), (64, 0.1, 1.0), (256, 0.03, 1.0))
PRESETS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("fast + slow", {"levels": (FAST, SLOW)}),
    ("only fast", {"levels": (FAST, SLOW), "solo": (0,)}),
    ("only slow", {"levels": (FAST, SLOW), "solo": (1,)}),
    ("slower clock", {"levels": (FAST, SLOWER)}),
    ("slower clock, averaged", {"levels": (FAST, SLOWER), "average": True}),
    ("averaged, rate held", {"levels": (FAST, SLOWER), "average": True, "hold": True}),
    ("fast never forgets", {"levels": ((1, 0.8, 1.0), SLOW)}),
    ("five clocks", {"levels": FIVE}),
)


def signed(value: float) -> str:
    """A number with its sign, a true minus, and none before a zero: "+0.44", "−0.36", "0.00"."""
    size = f"{abs(value):.2f}"
    return size if float(size) == 0 else ("−" if value < 0 else "+") + size


def verdict(after_b: float, final: float) -> str:
    """What became of A."""
    if abs(final) > 1.5:
        return "it overshoots"
    if final <= -0.1:
        return "it still believes B"
    if final < 0.1:
        return "nothing is left of either"
    return "A comes back by itself" if final - after_b >= 0.1 else "B never took hold"


class FrequencyMixer(Widget):
    """See `mixer`."""

    js = (
        "tracks.js",
        "consequences.js",
        "evidence.js",
        "frequency_mixer_model.js",
        "frequency_mixer_words.js",
        "frequency_mixer_stage.js",
        "frequency_mixer_levels.js",
        "frequency_mixer_foot.js",
        "frequency_mixer.js",
    )
    styles = ("consequences.css", "evidence.css", "frequency_mixer.css")
    call = ("mixer",)

    def __init__(self, fn: Callable[..., Any] | None = None, like: Any = None, **state: Any) -> None:
        self._like = like
        self.made = {} if like is None else {"like": like}
        super().__init__(fn=fn, **state)

    def begin(self) -> dict[str, Any]:
        """A fast level that forgets and a slow one that does not; a learner's function hears one stream."""
        return {
            "levels": [list(FAST), list(SLOW)],
            "muted": [],
            "solo": [],
            "steps": [400, 40, 120],
            "average": False,
            "hold": False,
            "streams": 4 if self.fn is None else 1,
            "seed": 0,
            "step": 440,
            "stretched": True,
            "guess": "",
        }

    def _whole(self, some: Mapping[str, Any]) -> dict[str, Any]:
        steps = some.get("steps", self.begin()["steps"])
        return super()._whole({"step": sum(steps[:2]), **some})  # begins where B ends

    def check(self, state: dict[str, Any]) -> None:
        """Settings come from the lists above; levels are put into their plain form."""
        state["levels"] = levels = [list(level) for level in state["levels"]]
        if len(levels) not in NAMES or any(len(level) != 3 for level in levels):
            raise ValueError(
                f"mixer: levels are 2 to 5 of (clock, rate, retention); got {levels}; "
                "two of them: levels=[(1, 0.8, 0.95), (8, 0.15, 1.0)]"
            )
        for knob, values, k in (("clock", CLOCKS, 0), ("rate", RATES, 1), ("retention", KEEPS, 2)):
            for level in levels:
                self.one_of(f"a {knob}", level[k], values)
                level[k] = values[values.index(level[k])]
        if len(state["steps"]) != len(LENGTHS):
            raise ValueError(f"mixer: steps are those of A, B and silence: steps=(400, 40, 120); got {state['steps']}")
        for phase, values, steps in zip(("learn A", "learn B", "silence"), LENGTHS, state["steps"], strict=True):
            self.one_of(f"the steps of {phase}", steps, values)
        switches = dict.fromkeys(("average", "hold", "stretched"), (False, True))
        for key, values in ({"streams": STREAMS, "guess": GUESSES} | switches).items():
            self.one_of(key, state[key], values)
        state["steps"] = [int(steps) for steps in state["steps"]]
        for key in ("muted", "solo"):
            state[key] = sorted(state[key])
            if not set(state[key]) <= set(range(len(levels))):
                raise ValueError(f"mixer: {key} lists levels, 0 to {len(levels) - 1}; got {state[key]}")
        state["step"] = min(state["step"], sum(state["steps"]))
        for key, last in (("step", sum(state["steps"])), ("seed", 10**6)):
            self.whole(key, state[key], last)

    def words(self) -> dict[str, Any]:
        """The choices of the controls, the names of the levels, and the presets."""
        return {
            "clocks": CLOCKS,
            "rates": RATES,
            "keeps": KEEPS,
            "lengths": LENGTHS,
            "streams": STREAMS,
            "levels": tuple(NAMES),
            "names": NAMES,
            "presets": PRESETS,
        }

    def compute(self, state: dict[str, Any], fn: Callable[..., Any]) -> dict[str, np.ndarray]:
        """What the learner's function makes of the streams, (total and levels, step), and at which settings."""
        shares = mix_with(lambda *arguments: self._ask(fn, *arguments), state)
        made = [state["seed"], state["streams"], *state["steps"]]
        for i in playing(state):
            clock, _, keep = state["levels"][i]
            made += [i, clock, reach(state, state["levels"][i]), keep]
        return {"yours": np.concatenate([shares.sum(0, keepdims=True), shares]), "yours_at": np.array(made)}

    def _ask(
        self, fn: Callable[..., Any], M: np.ndarray, waiting: np.ndarray, tile: np.ndarray, *settings: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """The learner's step of one level, from copies: arrays, or tensors like the one that was given."""
        same = np.array if self._like is None else self._like.new_tensor
        answer = fn(same(M), same(waiting), same(tile), *settings)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise ValueError(f"a step gives two things, end it with `return M, waiting`; yours gave {_kind(answer)}")
        M, waiting = (np.asarray(one, dtype=np.float64) for one in answer)
        if M.shape != tile.shape or waiting.shape != tile.shape:
            raise ValueError(f"M and waiting keep their shape {tile.shape}; yours gave {M.shape} and {waiting.shape}")
        if not (np.isfinite(M).all() and np.isfinite(waiting).all()):
            raise ValueError("M and waiting are finite numbers; yours gave NaN or infinity")
        return M, waiting

    def played(self) -> np.ndarray:
        """What every level says for A at every step: (level, step), NaN where it diverged."""
        key = json.dumps({name: value for name, value in self.state.items() if name not in ("step", "guess")})
        if getattr(self, "_played", ("",))[0] != key:
            self._played = key, mix(self.state)
        return self._played[1]

    def summary(self) -> str:
        """What is believed after each phase, who took part, and how much was written."""
        state, total = self.state, self.played().sum(0)
        names, (a, b, silence) = NAMES[len(state["levels"])], state["steps"]
        told = ", ".join(self._level(names[i], *state["levels"][i]) for i in playing(state))
        count = sum(sum(state["steps"]) // state["levels"][i][0] for i in playing(state))
        rest = f"{told or 'no level takes part'}; {count} write{'s' * (count != 1)} in all"
        lost = np.isnan(total)
        if lost.any():
            return f"It diverges at step {int(lost.argmax())} of {len(total) - 1} and has no answer; {rest}."
        after_a, after_b, final = total[a], total[a + b], total[-1]
        return (
            f"Overlap with A is {signed(after_a)} after {a} steps of A, {signed(after_b)} after {b} of B and "
            f"{signed(final)} after {silence} of silence: {verdict(after_b, final)}; {rest}."
        )

    def _level(self, name: str, clock: int, rate: float, keep: float) -> str:
        shared = self.state["average"] and not self.state["hold"] and clock > 1
        taken = f"{rate:g}/{clock} an error" if shared else f"{rate:g} an error"
        half = "forgets nothing" if keep == 1 else f"½ gone in {max(1, round(math.log(0.5) / math.log(keep)))}"
        return f"{name} writes {'every step' if clock == 1 else f'every {clock} steps'} ({taken}, {half})"

    def picture(self) -> str:
        """What is believed, and what each level says."""
        shares = self.played()
        return lines([shares.sum(0), *shares], alt=self.summary())


def _kind(answer: Any) -> str:
    return "nothing" if answer is None else type(answer).__name__


def mixer(fn: Callable[..., Any] | None = None, like: Any = None, **state: Any) -> FrequencyMixer:
    """The Frequency mixer: several linear levels, each with its clock, learn A, then its opposite, then hear nothing.

    Args:
        fn: your `level_step(M, waiting, tile, step, period, rate, keep) -> (M, waiting)`, one step of one level:
            M, waiting and tile are numpy arrays `(16, 16)`, the tile the shared error times the key, zero in
            the silence; step counts from 1; `rate` is on the sum of tiles, `keep` per step. It is run for every level
            that takes part, over every stream (one, unless you choose more), and drawn dashed over ours.
        like: a tensor, if your function needs tensors: it then gets tensors of its dtype and device.
        state: `levels` (2 to 5 of `(clock, rate, retention)`), `muted` and `solo` (lists of levels, from 0), `steps`
            (of A, B and silence), `average` (a write takes the mean of its errors, not their sum), `hold` (the mean
            times the clock: the effective rate is held), `streams` (1, 4 or 10), `seed`, `step` (the playhead),
            `stretched` (time, so that short phases are seen), `guess`; `strict=True` raises what goes wrong in `fn`.

    Raises:
        ValueError: for settings out of range; it lists what there is.

    Source: Nested Learning, section 7.1, eq. 74 with linear levels.

    >>> widget = mixer(levels=[(1, 0.8, 0.95), (32, 0.15, 1.0)])
    >>> widget.summary()[:93]
    'Overlap with A is +0.93 after 400 steps of A, −0.18 after 40 of B and +0.44 after 120 of sile'
    """
    return FrequencyMixer(fn=fn, like=like, **state)
