"""What is found in a network: nested problems, each with a period, and how knowledge passes between them.

One problem is an objective, a context flow that it compresses, and a state that it writes (Nested Learning, Definitions
3 and 6); the ways in which two of them pass knowledge on are those of section 3.3. Problems that differ only in where
they are, the layers of one network say, stand in one row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, nn

from ...runtime import provenance
from ...trace import Trace
from .ordering import order_levels
from .written_log import recover_periods


@dataclass(frozen=True)
class Level:
    """One row of nested problems that are alike.

    Args:
        name: of what is written.
        period: tokens from write to write; 0: made anew at every read; `math.inf`: never; None: unknown.
        clock: what its writer counts: "step" (an optimizer), "token" (a memory), "loss" (`CMS.learn`), or "".
        kind: "weights", "optimizer state", "memory", "fast weights", "buffers" or "nothing kept".
        size: numbers kept, of a memory those of one sequence; None: unknown.
        objective, context: what it solves, and the stream that it compresses.
        of: the parameters or modules in which it is, one problem each.
        note: a condition, or why something is unknown.
        place: 0 is innermost; equal: of one frequency and independent; None: unknown.
        tensors, modules, key: where its numbers lie, for `watch`.
    """

    name: str
    period: float | None
    clock: str
    kind: str
    size: int | None
    objective: str
    context: str
    of: tuple[str, ...] = ()
    note: str = ""
    place: int | None = None
    tensors: tuple[Tensor, ...] = field(default=(), repr=False, compare=False)
    modules: tuple[nn.Module, ...] = field(default=(), repr=False, compare=False)
    key: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Transfer:
    """Knowledge that one level passes to another.

    Args:
        source, target: names of levels.
        kind: "direct, parametric", "direct, non-parametric", "backprop", "initialisation", "weight generation" or
            "context generation" (Nested Learning, section 3.3).
    """

    source: str
    target: str
    kind: str


@dataclass(frozen=True)
class Levels:
    """The nested problems of a network, inner (fast) to outer (slow), what is unknown last; printed as a table.

    Args:
        levels: in order.
        transfers: which of them pass knowledge on to which.
        tokens_per_step: what a training step counts.
        needs: name -> those whose state it needs at the same time.
        notes: what holds for the whole.
    """

    levels: tuple[Level, ...]
    transfers: tuple[Transfer, ...]
    tokens_per_step: int
    needs: dict[str, frozenset[str]]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Level]:
        return iter(self.levels)

    def __len__(self) -> int:
        return len(self.levels)

    def __getitem__(self, name: str) -> Level:
        for level in self.levels:
            if level.name == name:
                return level
        raise KeyError(f"there is no level {name!r} here; there are {', '.join(one.name for one in self.levels)}")

    def __repr__(self) -> str:
        return self.table()

    @property
    def order(self) -> list[list[str]]:
        """Names by Definition 2, inner first; those in one list are of one frequency and independent."""
        return order_levels({level.name: level.period for level in self.levels}, self.needs)

    @property
    def unknown(self) -> tuple[Level, ...]:
        """Those whose period is unknown; their `note` says why."""
        return tuple(level for level in self.levels if level.period is None)

    def reads(self, name: str) -> list[str]:
        """From which levels this one gets knowledge."""
        return _once(t.source for t in self.transfers if t.target == self[name].name)

    def writes(self, name: str) -> list[str]:
        """To which levels this one passes knowledge on."""
        return _once(t.target for t in self.transfers if t.source == self[name].name)

    def table(self, log: Trace | None = None) -> str:
        """The levels in lines of text.

        Args:
            log: of `watch`; its periods then stand beside those described.
        """
        seen = None if log is None else recover_periods(log)
        head = ["", "written", *(["in the log"] if log else []), "level", "keeps", "objective", "context", "reads"]
        rows = [head]
        for one in self.levels:
            place = "?" if one.place is None else str(one.place)
            said = [] if seen is None else [_seen(seen.get(one.name))]
            reads = ", ".join(self.reads(one.name))
            rows.append([place, every(one.period), *said, one.name, _size(one), one.objective, one.context, reads])
        wide = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = ["  ".join(f"{cell:{w}}" for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, *(f"{one.name}: {one.note}" for one in self.levels if one.note), *self.notes])

    def trace(self, **about: Any) -> Trace:
        """The same as a Trace, for figures: "period", "size" (NaN: unknown), "place" (-1) and "clock", `(level,)`."""
        arrays: dict[str, np.ndarray] = {
            "period": np.array([np.nan if one.period is None else one.period for one in self.levels], np.float64),
            "size": np.array([np.nan if one.size is None else one.size for one in self.levels], np.float64),
            "place": np.array([-1 if one.place is None else one.place for one in self.levels], np.int64),
            "clock": np.array([one.clock for one in self.levels], np.str_),
        }
        words = {
            w: {one.name: getattr(one, w) for one in self.levels} for w in ("kind", "objective", "context", "note")
        }
        said = {
            **words,
            "of": {one.name: list(one.of) for one in self.levels},
            "transfers": [[t.source, t.target, t.kind] for t in self.transfers],
            "tokens_per_step": self.tokens_per_step,
            "notes": list(self.notes),
        }
        axes = {name: ("level",) for name in arrays}
        return Trace(arrays, axes, {"level": [one.name for one in self.levels]}, provenance(**said, **about))


def every(period: float | None) -> str:
    """A period in words.

    >>> every(0), every(1), every(16), every(math.inf), every(None)
    ('at every read', 'every token', 'every 16 tokens', 'never', 'unknown')
    """
    if period is None:
        return "unknown"
    return {0: "at every read", 1: "every token", math.inf: "never"}.get(period, f"every {period:,g} tokens")


def _seen(found: Any) -> str:
    if found is None:
        return ""
    return found.why.partition(":")[0] if found.period is None else every(found.period)


def _size(level: Level) -> str:
    if level.kind == "nothing kept":
        return "nothing"
    return "unknown" if level.size is None else f"{level.size:,}"


def _once(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(names))
