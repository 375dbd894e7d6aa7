"""Clockwork (chapter 8): the parts of a network on a ladder of levels, each ticking as a log of real writes says.

Time runs in tokens. The axis looks back from now and is logarithmic, so that what is written at every token and what
is written every thousand stand in one picture. Nothing is computed but where the writes lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..trace import Trace
from .base import Widget
from .clockwork_log import LOGS, Part, parts_of
from .still import lines

SPEEDS = (1, 8, 64, 512)
LARGEST = 4_000_000  # bytes the browser is sent


class Clockwork(Widget):
    """See `clockwork`."""

    js = (
        "tracks.js",
        "clockwork_words.js",
        "clockwork_model.js",
        "clockwork_player.js",
        "clockwork_rows.js",
        "clockwork_card.js",
        "clockwork.js",
    )
    styles = ("clockwork.css",)
    call = ("clockwork", "log")

    def __init__(
        self,
        log: Trace,
        fn: Callable[..., Any] | None = None,
        like: Any = None,
        title: str = "",
        question: str = "",
        presets: Mapping[str, Sequence[str]] | None = None,
        bet: Mapping[str, Any] | None = None,
        **state: Any,
    ) -> None:
        given = dict(like=like, title=title, question=question, presets=presets, bet=bet)
        self.made = {key: value for key, value in given.items() if value is not None and value != ""}
        if "wrote" not in log or "period" not in log:
            raise ValueError(
                "clockwork shows the log of a run: with nl.nested.watch(model, optimizer) as log: train; then "
                f"nl.widgets.clockwork(log.trace()); got {log!r}"
            )
        size = sum(4 * log[name].size for name in LOGS.values() if name in log)
        if size > LARGEST:
            raise ValueError(
                f"clockwork sends at most {LARGEST / 1e6:.0f} MB to the browser, this log is {size / 1e6:.1f} MB; "
                "watch fewer steps"
            )
        self._log, self._like = log, like
        self._parts = parts_of(log)
        self._context = int(log.about["tokens_per_step"])
        self._last = max(log.sizes["step"], log.sizes.get("loss", 0)) * self._context
        self._title, self._question = title, question
        self._presets = {name: list(parts) for name, parts in (presets or self._systems()).items()}
        for name, parts in self._presets.items():
            self._known(f"the preset {name!r}", parts)
        self._bet = bet or self._usual_bet()
        super().__init__(fn=fn, **state)

    def _systems(self) -> dict[str, list[str]]:
        """The parts in the order in which one comes to think of them."""
        kinds = {"the weights": ("weights",), "and what the optimizer keeps": ("weights", "optimizer state")}
        chosen = {name: [p.name for p in self._parts if p.kind in among] for name, among in kinds.items()}
        everything = {**chosen, "everything": [part.name for part in self._parts]}
        return {name: parts for name, parts in everything.items() if parts}

    def _usual_bet(self) -> dict[str, Any]:
        learning = [part for part in self._parts if part.learns]
        fastest = " and ".join(part.name for part in learning if part.place == learning[0].place) if learning else ""
        count = len(learning)
        names = ", ".join(part.name for part in learning)
        anew = any(part.period == 0 for part in learning)
        told = f"{count} by this log: {names}." + (
            " What is made anew at every read keeps nothing; whether that is learning, you may decide." if anew else ""
        )
        switch = "Switch the parts on, one by one, and see where each comes in."
        options = {
            "one": "one: the weights",
            "weights": f"{max(2, count - 1)}, and the weights are the fastest",
            "all": f"{count}, and the fastest: {fastest}",
            "more": f"{count + 2}, and the fastest: {fastest}",
        }
        reveal = {key: f"{'Yes' if key == 'all' else 'Not so'}: {told} {switch}" for key in options}
        return {
            "ask": "How many things are learning in here, and which is the fastest?",
            "options": options,
            "reveal": reveal,
        }

    def _known(self, what: str, names: Sequence[str]) -> None:
        there = [part.name for part in self._parts]
        strange = [name for name in names if name not in there]
        if strange:
            raise ValueError(f"clockwork: {what} names {strange[0]!r}; this log has {', '.join(there)}")

    def begin(self) -> dict[str, Any]:
        """The first preset, near the end of the run, where slow levels have long been silent."""
        parts = next(iter(self._presets.values()))
        return {"parts": parts, "level": parts[0], "token": round(0.945 * self._last), "speed": 64, "guess": ""}

    def check(self, state: dict[str, Any]) -> None:
        """Parts and the chosen level are names of the log; the token lies in the run."""
        self._known("parts", state["parts"])
        self._known("level", [state["level"]])
        state["parts"] = [part.name for part in self._parts if part.name in state["parts"]]  # in their order
        if not isinstance(state["token"], int) or not 0 <= state["token"] <= self._last:
            raise ValueError(f"clockwork: token is a whole number from 0 to {self._last}; got {state['token']!r}")
        if state["speed"] not in SPEEDS:
            raise ValueError(f"clockwork: speed is one of {', '.join(map(str, SPEEDS))}; got {state['speed']!r}")
        if state["guess"] not in ("", *self._bet["options"]):
            raise ValueError(f"clockwork: guess is one of {', '.join(self._bet['options'])}; got {state['guess']!r}")

    def words(self) -> dict[str, Any]:
        """The parts in words, and the length of the run."""
        return {
            "title": self._title or "Clockwork",
            "question": self._question or "How many things are learning in here, and how often does each?",
            "parts": [part.told() for part in self._parts],
            "last": self._last,
            "context": self._context,
            "speeds": SPEEDS,
            "presets": self._presets,
            "bet": {**self._bet, "options": dict(self._bet["options"])},
        }

    def given(self) -> dict[str, np.ndarray]:
        """The writes: (level, step), and in one context (level, token)."""
        return {name: self._log[name].astype(np.float32) for name in LOGS.values() if name in self._log}

    def compute(self, state: dict[str, Any], fn: Callable[..., Any]) -> dict[str, np.ndarray]:
        """What the learner's function reads off the log: (level, 2), how often a token, and whether regularly."""
        yours = np.full((len(self._parts), 2), -1.0)
        for clock, name in LOGS.items():
            rows = [i for i, part in enumerate(self._parts) if part.clock == clock and name in self._log]
            if rows:
                often, regular = self._ask(fn, self._log[name][rows].astype(float))
                yours[rows, 0] = often / (1 if clock == "token" else self._context)
                yours[rows, 1] = regular
        return {"yours": yours}

    def _ask(self, fn: Callable[..., Any], wrote: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answer = fn(wrote if self._like is None else self._like.new_tensor(wrote))
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise ValueError(
                f"frequency gives two things, end it with `return often, regular`; yours gave {type(answer).__name__}"
            )
        often, regular = (np.asarray(one, dtype=np.float64) for one in answer)
        if often.shape != wrote.shape[:1] or regular.shape != wrote.shape[:1]:
            raise ValueError(f"one number a level is asked for, {wrote.shape[:1]}; got {often.shape}, {regular.shape}")
        if not (np.isfinite(often).all() and np.isfinite(regular).all()):
            raise ValueError("both are finite numbers; yours gave NaN or infinity")
        return often, regular

    def summary(self) -> str:
        """How many things learn on how many levels, in their order, and what the chosen one last did."""
        state = self.state
        on = [part for part in self._parts if part.name in state["parts"]]
        learning = [part for part in on if part.learns]
        places = sorted({part.place for part in learning})
        ladder = [[part for part in learning if part.place == place] for place in places]
        told = ", then ".join(
            f"{' beside '.join(part.name for part in level)} ({level[0].often()})" for level in ladder
        )
        count, levels = len(learning), len(ladder)
        learn = f"{count} thing{'s' * (count != 1)} learn{'s' * (count == 1)} on {levels} level{'s' * (levels != 1)}"
        first = f"{learn}, inner first {told}" if told else "nothing learns"
        rest = "".join(f"; {part.name}: {part.often()}" for part in on if not part.learns)
        chosen = next(part for part in self._parts if part.name == state["level"])
        return f"At token {state['token']} of {self._last}: {first}{rest}; {self._did(chosen)}."

    def _did(self, part: Part) -> str:
        """What a part last did at this token."""
        token = self.state["token"]
        if part.period == 0:
            return f"{part.name} keeps nothing between two reads"
        if not part.clock:
            return f"{part.name} leaves no writes in this log"
        count, last = part.until(token, self._context)
        if last is None:
            return f"{part.name} {'stands still' if math.isinf(part.period) else 'has not been written yet'}"
        return f"{part.name} has been written {count} time{'s' * (count != 1)}, last {ago(token - last)}"

    def picture(self) -> str:
        """The writes of every part added up, on a logarithmic axis."""
        tokens = np.linspace(0, self._last, 200).astype(int)
        on = [part for part in self._parts if part.name in self.state["parts"] and part.clock]
        counted = [np.log1p([part.until(int(t), self._context)[0] for t in tokens]) for part in on]
        return lines(counted or [np.zeros(2)], alt=self.summary())


def ago(tokens: int) -> str:
    """How long ago, in words: "now", "1 token ago"."""
    return "just now" if tokens == 0 else f"{tokens} token{'s' * (tokens != 1)} ago"


def clockwork(
    log: Trace,
    fn: Callable[..., Any] | None = None,
    like: Any = None,
    title: str = "",
    question: str = "",
    presets: Mapping[str, Sequence[str]] | None = None,
    bet: Mapping[str, Any] | None = None,
    **state: Any,
) -> Clockwork:
    """The Clockwork: what is learning in a network, ordered by how often it is written, over a log of a real run.

    A memory inside a context is logged for one context; the others are drawn like it, and each begins anew.

    Args:
        log: of `nl.nested.watch`, `log.trace()`.
        fn: your `frequency(wrote) -> (often, regular)`, asked for the levels of this log; it stands beside ours.
        like: a tensor, if your function needs tensors: `wrote` then comes as a tensor of its dtype and device.
        title, question: words above the picture.
        presets: `{text: names of parts}`; the first is where it begins.
        bet: `{"ask": text, "options": {key: text}, "reveal": text}`; `reveal` may be `{key: text}`.
        state: `parts` (names, those that are switched on), `level` (the one that is told about), `token` (where in the
            run), `speed` (tokens a second: 1, 8, 64 or 512), `guess`; `strict=True` raises what goes wrong in `fn`.

    Raises:
        ValueError: for a Trace that is no log, one of more than 4 MB, an unknown part, or a setting out of range.

    Source: Nested Learning, Definition 2 and Figures 2 and 3.

    >>> arrays = {"period": np.array([2.0]), "size": np.array([8.0]), "place": np.array([0]),
    ...     "clock": np.array(["step"]), "wrote": np.ones((1, 5))}
    >>> axes = {name: ("level",) for name in arrays} | {"wrote": ("level", "step")}
    >>> clockwork(Trace(arrays, axes, {"level": ["weights"]}, {"tokens_per_step": 2}), token=7).summary()
    'At token 7 of 10: 1 thing learns on 1 level, inner first weights (every 2 tokens); weights has been written 3
    times, last 1 token ago.'
    """
    return Clockwork(log, fn=fn, like=like, title=title, question=question, presets=presets, bet=bet, **state)
