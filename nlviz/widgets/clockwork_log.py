"""The parts of a log of writes, as the Clockwork shows them: when each wrote, and in which words it is told."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..trace import Trace

LOGS = {"step": "wrote", "loss": "wrote by learn", "token": "wrote in context"}  # clock -> its array
FEWEST = 3  # writes from which a period can be read off


@dataclass(frozen=True)
class Part:
    """One level of a log.

    Args:
        name: what it is called.
        kind: "weights", "optimizer state", "memory", ...
        period: tokens from write to write as described; 0 at every read, infinite for never, NaN unknown.
        place: 0 innermost; equal where neither is faster; -1 unknown.
        clock: what its writer counts, "step", "loss" or "token"; "" where nothing is kept or nobody writes.
        wrote: the ticks of that clock at which it wrote, from 1.
        ticks: how many there were.
        tokens: of one tick, or from read to read of what is made anew.
        reads, writes: the names of the levels that it gets knowledge from, and passes it on to.
        about: its words: "objective", "context", "keeps", "note".
    """

    name: str
    kind: str
    period: float
    place: int
    clock: str
    wrote: tuple[int, ...]
    ticks: int
    tokens: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    about: dict[str, str]

    @property
    def learns(self) -> bool:
        """Whether it is known to change, or to be made anew."""
        return math.isfinite(self.period) and self.place >= 0

    def often(self) -> str:
        """Its described period in words."""
        if math.isnan(self.period):
            return "unknown"
        if math.isinf(self.period):
            return "never"
        words = {0.0: "at every read", 1.0: "every token"}
        return words.get(self.period, f"every {self.period:g} tokens")

    def found(self) -> str:
        """The period that its writes in the log keep, in words; "" where there is no clock."""
        if not self.clock:
            return ""
        waits = np.diff([0, *self.wrote])
        if not len(waits):
            return "no write"
        if len(waits) < FEWEST:
            return f"only {len(waits)} write{'s' * (len(waits) > 1)}"
        gap = int(waits[1])
        if (waits[1:] != gap).any() or waits[0] > gap or self.ticks - self.wrote[-1] >= gap:
            return f"irregular, waits of {waits[1:].min() * self.tokens} to {waits[1:].max() * self.tokens} tokens"
        every = gap * self.tokens
        return "every token" if every == 1 else f"every {every} tokens"

    def until(self, token: int, context: int) -> tuple[int, int | None]:
        """How often it has been written up to a token of the run, and when last; None before its first write.

        A memory begins anew with every context: what it wrote in earlier ones counts, and is gone.
        """
        if self.clock != "token":
            count = bisect_right(self.wrote, token // self.tokens)
            return count, self.wrote[count - 1] * self.tokens if count else None
        whole, rest = divmod(max(token - 1, 0), context)
        here = bisect_right(self.wrote, rest + 1 if token else 0)
        each = bisect_right(self.wrote, context)
        return whole * each + here, whole * context + self.wrote[here - 1] if here else None

    def told(self) -> dict[str, Any]:
        """What the browser is told, as JSON."""
        period = None if math.isnan(self.period) else "never" if math.isinf(self.period) else self.period
        return {
            "name": self.name,
            "kind": self.kind,
            "period": period,
            "often": self.often(),
            "place": self.place,
            "learns": self.learns,
            "clock": self.clock,
            "log": LOGS.get(self.clock, ""),
            "tokens": self.tokens,
            "found": self.found(),
            "reads": self.reads,
            "writes": self.writes,
            **self.about,
        }


def parts_of(log: Trace) -> list[Part]:
    """Every level of a log, in its order: fast to slow, what is unknown last."""
    names = [str(name) for name in log.along("level")]
    context = int(log.about["tokens_per_step"])
    transfers = log.about.get("transfers", [])

    def words(key: str, name: str) -> str:
        return str(log.about.get(key, {}).get(name, ""))

    parts = []
    for i, name in enumerate(names):
        clock = str(log["clock"][i])
        array = LOGS.get(clock, "")
        there = array in log and not words("not seen", name)
        wrote = np.flatnonzero(log[array][i]) + 1 if there else np.zeros(0, int)
        size = float(log["size"][i])
        sources = list(dict.fromkeys(source for source, target, _ in transfers if target == name))
        stepwise = clock in ("step", "loss") or any(words("kind", one) == "optimizer state" for one in sources)
        about = {
            "objective": words("objective", name),
            "context": words("context", name),
            "keeps": "unknown" if math.isnan(size) else f"{size:.0f} number{'s' * (size != 1)}",
            "note": words("not seen", name) or words("note", name),
        }
        parts.append(
            Part(
                name=name,
                kind=words("kind", name) or "weights",
                period=float(log["period"][i]),
                place=int(log["place"][i]),
                clock=clock if there else "",
                wrote=tuple(int(at) for at in wrote),
                ticks=log[array].shape[1] if there else 0,
                tokens=context if stepwise else 1,
                reads=tuple(sources),
                writes=tuple(dict.fromkeys(target for source, target, _ in transfers if source == name)),
                about=about,
            )
        )
    return parts
