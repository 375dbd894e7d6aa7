"""08.A, frequency: how often each level writes, from a log. The truth tries every period at every phase."""

from __future__ import annotations

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant
from .slips_08 import SLIPS
from .systems_08 import SYSTEMS


def log_of(steps: int, *levels: range | tuple[int, ...]) -> Tensor:
    """A log in which each level writes at the steps that are named, counted from 1: (level, step), 1 or 0."""
    wrote = torch.zeros(len(levels), steps, dtype=torch.float64)
    for row, at in zip(wrote, levels, strict=True):
        row[torch.tensor(at, dtype=torch.long) - 1] = 1
    return wrote


def _frequency(wrote: Tensor) -> tuple[Tensor, Tensor]:
    """A level keeps period C if some phase of C gives its row, and three writes or more show it."""
    steps = wrote.shape[1]
    now = torch.arange(steps)
    often, regular = wrote.sum(1) / steps, torch.zeros(len(wrote), dtype=wrote.dtype)
    for level, row in enumerate(wrote):
        for period in range(1, steps):
            rows = [(now % period == phase).to(row) for phase in range(period)]
            if any(row.sum() >= 3 and torch.equal(row, one) for one in rows):
                often[level], regular[level] = 1 / period, 1.0
    return often, regular


def _logs(seed: int) -> tuple[Tensor]:
    """Three logs: clocks whose log ends between two ticks; one that begins there; and what only looks like a clock."""
    if seed % 3 == 0:
        jittered = (3, 8, 11, 16, 19)
        return (log_of(20, range(1, 21), range(4, 21, 4), jittered, range(6, 21, 6), ()),)
    if seed % 3 == 1:
        nearly = (2, 4, 6, 11, 13, 20, 22, 28)
        return (log_of(30, range(3, 31, 7), nearly, range(1, 11), (12,), (5, 8, 13, 16, 21, 24, 29)),)
    one_slip = (1, *range(3, 25, 3))
    return (log_of(25, range(13, 26), range(6, 26, 8), (10, 20), one_slip),)


def _six(fn: Function) -> bool | str:
    for system in SYSTEMS:
        often, regular = fn(system.log(200))
        expected = system.frequency()[system.logged]
        if not (torch.allclose(often, expected) and bool((regular == 1).all())):
            wrong = int(((often - expected).abs() + (regular - 1).abs()).argmax())
            part = system.parts[system.logged[wrong]]
            return (
                f"in {system.name} yours gives {float(often[wrong]):.3g} and {float(regular[wrong]):g} "
                f"for the {part}, not {float(expected[wrong]):.3g} and 1"
            )
    return True


def _dealt_out(fn: Function) -> bool | str:
    wrote = log_of(64, range(1, 65, 4), range(2, 65, 8), range(3, 65, 16))
    for level, row in enumerate(wrote):
        wrote[level] = row[torch.randperm(64, generator=generator(50 + level))]
    often, regular = fn(wrote)
    if regular.any():
        return f"yours sees a clock in {int((regular != 0).sum())} of three"
    return torch.allclose(often, wrote.mean(1)) or "yours has another share of written steps than the log"


def _longer(fn: Function) -> bool | str:
    short, long = (log_of(steps, range(3, steps + 1, 3), range(5, steps + 1, 7)) for steps in (20, 40))
    few, many = fn(short)[0], fn(long)[0]
    worst = int((few - many).abs().argmax())
    return torch.allclose(few, many) or f"yours goes from {float(few[worst]):.3g} to {float(many[worst]):.3g}"


FREQUENCY = Exercise(
    id="08.A",
    name="frequency",
    task="How often each level writes, and which levels keep a period, from a log of their writes.",
    cases=_logs,
    truth=_frequency,
    gives=("how often each writes", "which keep a period"),
    properties=(
        ("the six described systems come out as derived by hand", _six),
        ("writes dealt out at random keep no period", _dealt_out),
        ("a clock has the same frequency in a log twice as long", _longer),
    ),
    mutants=(
        *SLIPS,
        Mutant(
            "the wrong axis",
            lambda wrote: _frequency(wrote.T),
            "This goes through the steps, not the levels: `wrote[0]` is the log of the first level, all its steps.",
        ),
        Mutant(
            "only how often",
            lambda wrote: _frequency(wrote)[0],
            "This is how often each level writes, and it is right. Hand back which of them keep a period, too.",
        ),
        Mutant(
            "swapped",
            lambda wrote: _frequency(wrote)[::-1],
            "Both are right, but they come in the wrong order: how often first, then which keep a period.",
        ),
        Mutant(
            "true and false",
            lambda wrote: (_frequency(wrote)[0], _frequency(wrote)[1].bool()),
            "The answers are right, but `True` and `False` are not numbers of the dtype of `wrote`: "
            "put 1 and 0 into `torch.zeros_like(wrote[:, 0])`.",
        ),
    ),
    hints=(
        "Go level by level. At which steps did it write (`row.nonzero()`), and how long are the waits from one write "
        "to the next (`.diff()`)? For a clock they are all equal; two of them, from three writes, are the least.",
        "The log cuts off the first and the last wait, so these may be shorter, but not longer: put −1 in front of the "
        "steps and the length of the log behind them before you take the differences, and compare the inner ones "
        "with the longest of all.",
        "`at = [-1, *row.nonzero().flatten().tolist(), len(row)]`, `waits = torch.tensor(at).diff()`. If there are "
        "more than three waits and all of `waits[1:-1]` equal `waits.max()`, the level writes 1 / that often and is "
        "regular. For the others it is `row.mean()`, and 0.",
    ),
)
