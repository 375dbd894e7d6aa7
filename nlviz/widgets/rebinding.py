"""Rebind (chapter 6): a fact changes every week, and two memories are asked for it.

rebind_model.py computes; the words here are said by rebind_words.js too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .base import Widget
from .rebind_model import RUNS, WIDTH, Write, answers, delta, hebb, loudness, measured, pairs
from .still import bars, lines

WEEKS = tuple(range(1, 17))
NAMES = (8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64)
SIMILARITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
KEEPS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 1.0)
QUIET = (0.0, 0.25, 0.5)
METRICS = ("right", "error")
GUESSES = ("", "all", "half", "tenth")
_FIRST_NAMES = (
    "Ada Ben Cem Dia Eli Fay Gus Hua Ian Joy Kim Leo Mia Noa Oda Pia Quin Rui Sam Tao Una Vic Wen Xia Yan Zoe Abe Bea "
    "Cai Dov Eva Finn Gia Hal Ida Jan Kai Lea Max Nia Olu Pam Raj Rita Sol Tea Uma Val Wim Yui Zia Amy Bo Cleo Dan Emi "
    "Flo Gil Hana Ivo Jin Kofi Lin Moe"
)
PEOPLE = tuple(_FIRST_NAMES.split())


def percent(share: float) -> str:
    """A share in whole percent: "62 %"."""
    return f"{math.floor(100 * share + 0.5 + 1e-9)} %"


def sized(error: float) -> str:
    """A squared error in about three digits: "0.42", "10.6", "133"."""
    return f"{error:.{2 if error < 9.995 else 1 if error < 99.95 else 0}f}" if error < 1e5 else "huge"


class Rebind(Widget):
    """See `rebind`."""

    js = ("rebind_model.js", "rebind_words.js", "rebind_weeks.js", "rebind_bars.js", "rebind.js")
    styles = ("rebind.css",)
    call = ("rebind",)

    def __init__(self, fn: Callable[..., Any] | None = None, like: Any = None, **state: Any) -> None:
        self._like = like
        self.made = {} if like is None else {"like": like}
        super().__init__(fn=fn, **state)

    def begin(self) -> dict[str, Any]:
        """Sixteen names, eight weeks, full writes, nothing forgotten."""
        return {
            "weeks": 8,
            "names": 16,
            "similarity": 0.0,
            "lr": 1.0,
            "keep": 1.0,
            "quiet": 0.0,
            "metric": "right",
            "asked": 11,
            "guess": "",
        }

    def check(self, state: dict[str, Any]) -> None:
        """Settings come from the lists above; who is asked is among the names."""
        choices = {
            "weeks": WEEKS,
            "names": NAMES,
            "similarity": SIMILARITIES,
            "lr": RATES,
            "keep": KEEPS,
            "quiet": QUIET,
            "metric": METRICS,
            "guess": GUESSES,
        }
        for key, values in choices.items():
            self.one_of(key, state[key], values)
        self.whole("asked", state["asked"], len(PEOPLE) - 1)
        for key, values in choices.items():
            state[key] = values[values.index(state[key])]

    def words(self) -> dict[str, Any]:
        """The values of the sliders, and whose names they are."""
        return {
            "weeks": WEEKS,
            "names": NAMES,
            "similarities": SIMILARITIES,
            "rates": RATES,
            "keeps": KEEPS,
            "people": PEOPLE,
        }

    def compute(self, state: dict[str, Any], fn: Callable[..., Any]) -> dict[str, np.ndarray]:
        """Both measures of the learner's memory by week, its last answers in the first run, and the settings."""
        same = np.array if self._like is None else self._like.new_tensor
        keys, values = pairs(state)
        write = partial(_ask, fn)
        said = np.stack([answers(state, write, *run, same) for run in zip(keys, values, strict=True)])
        if not np.isfinite(said).all():
            raise ValueError("M holds finite numbers; yours gave NaN or infinity, or grew until it did")
        right, error = measured(state, said, values)
        heard = [loudness(state, said[0], values[0], name) for name in range(state["names"])]
        arrays = {
            "yours_right": right.mean(0) / state["names"],
            "yours_error": error.mean(0),
            "yours_own": np.array([own for own, _ in heard]),
            "yours_other": np.array([other for _, other in heard]),
            "yours_at": np.array([state[key] for key in ("names", "weeks", "lr", "similarity", "quiet")]),
        }
        return {name: np.clip(array, -1e30, 1e30) for name, array in arrays.items()}

    def played(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of each rule: right answers and squared errors (run, week), and the answers of the first run."""
        key = json.dumps({key: value for key, value in self.state.items() if key not in ("metric", "asked", "guess")})
        if getattr(self, "_played", ("",))[0] != key:
            keys, values = pairs(self.state)
            rules: dict[str, Write] = {"Hebb": partial(hebb, keep=self.state["keep"]), "Delta": delta}
            said = {name: answers(self.state, rule, keys, values) for name, rule in rules.items()}
            made = {name: (*measured(self.state, one, values), one[0]) for name, one in said.items()}
            self._played = key, made
        return self._played[1]

    def summary(self) -> str:
        """How many get their right value, how far off the answers are, and what one name is told."""
        state, names, weeks = self.state, self.state["names"], self.state["weeks"]
        stream = f"a new value every week for {weeks} weeks" if weeks > 1 else "one value each"
        if weeks > 1 and not state["guess"]:
            return f"{names} names get {stream}; place your bet, then see what two memories say."
        played = self.played()
        hebb, delta = (percent(right[:, -1].mean() / names) for right, _, _ in played.values())
        far, near = (sized(error[:, -1].mean()) for _, error, _ in played.values())
        name = min(state["asked"], names - 1)
        values = pairs(state)[1][0]
        says = [f"{rule} says {self._verdict(said, values, name)}" for rule, (_, _, said) in played.items()]
        return (
            f"{names} names get {stream}; the right value comes first for {hebb} of them in Hebb and {delta} in Delta, "
            f"with squared errors of {far} and {near} ({RUNS} draws); asked for {PEOPLE[name]}, {' and '.join(says)}."
        )

    def _verdict(self, said: np.ndarray, values: np.ndarray, name: int) -> str:
        """Whose value, and of which week, is the loudest of all in an answer."""
        own, (loud, other, week) = loudness(self.state, said, values, name)
        best = int(np.nanargmax(own))
        if loud > own[best]:
            return f"{PEOPLE[other]}’s value" + (f" of week {week + 1}" if self.state["weeks"] > 1 else "")
        right = int(np.isfinite(own).sum()) - 1
        return "the right value" if best == right else f"the old value of week {best + 1}"

    def picture(self) -> str:
        """Both memories by week; before the bet the first week alone."""
        which, scale = ((0, self.state["names"]), (1, 1))[self.state["metric"] == "error"]
        hebb, delta = (one[which].mean(0) / scale for one in self.played().values())
        if self.state["weeks"] == 1 or not self.state["guess"]:
            return bars(np.array([hebb[0], delta[0]]), top=max(1, hebb[0]), alt=self.summary())
        unseen = np.full_like(hebb, np.nan)  # the colours between theirs
        return lines([hebb, unseen, unseen, unseen, delta], alt=self.summary())


def _ask(fn: Callable[..., Any], M: Any, key: Any, value: Any, lr: float) -> Any:
    """The learner's write."""
    M = fn(M, key, value, lr)
    if not hasattr(M, "shape") or tuple(M.shape) != (WIDTH, WIDTH):
        came = "nothing" if M is None else f"{type(M).__name__} {tuple(getattr(M, 'shape', ()))}".removesuffix(" ()")
        raise ValueError(f"a write gives the new memory, ({WIDTH}, {WIDTH}): end it with `return M`; yours gave {came}")
    return M


def rebind(fn: Callable[..., Any] | None = None, like: Any = None, **state: Any) -> Rebind:
    """Rebind: names get a new value every week; one memory adds it, one corrects what it holds. Which says the newest?

    Args:
        fn: your `delta_write(M, key, value, lr) -> M`, with M `(32, 32)`, (d_value, d_key), and key and value `(32,)`
            of norm 1: it writes the same weeks, and is drawn dashed. It is given numpy arrays.
        like: a tensor, if your function needs tensors: it then gets tensors of its dtype and device.
        state: `weeks` (1 to 16), `names` (8 to 64), `similarity` of keys (0 to 0.9), `lr` (0.1 to 1.5), `keep`
            (0.5 to 1, what Hebb keeps of itself at every write), `quiet` (0, 0.25 or 0.5: the share of names
            that keep their first value and are not written again), `metric` ("right", "error"), `asked` (which
            name, from 0), `guess`; `strict=True` raises what goes wrong in `fn`.

    Raises:
        ValueError: for settings out of range; it lists what there is.

    Source: the rules are eqs. 64 and 65 of Nested Learning; fast weights that are rebound: Schlag et al. 2021, 6.1.

    >>> widget = rebind(weeks=1, names=64)
    >>> widget.summary()[:109]
    '64 names get one value each; the right value comes first for 82 % of them in Hebb and 45 % in Delta, with squ'
    >>> widget.code()
    nl.widgets.rebind(weeks=1, names=64)
    """
    return Rebind(fn=fn, like=like, **state)
