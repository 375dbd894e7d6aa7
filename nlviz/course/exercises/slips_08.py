"""Lesson 08, the usual mistakes with a log of writes: what is counted, and what counts as a clock."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..exercise import Function, Mutant

Row = tuple[float, float]


def _waits(row: Tensor) -> Tensor:
    """Steps from write to write; the first and the last are cut off by the log."""
    return torch.tensor([-1, *row.nonzero().flatten().tolist(), len(row)]).diff()


def _by_row(judge: Callable[[Tensor, Tensor], Row]) -> Function:
    """Every level judged by itself, from its row and its waits: how often, and whether it keeps a period."""

    def judged(wrote: Tensor) -> tuple[Tensor, Tensor]:
        often, regular = zip(*(judge(row, _waits(row)) for row in wrote), strict=True)
        return torch.tensor(often, dtype=wrote.dtype), torch.tensor(regular, dtype=wrote.dtype)

    return judged


def _regular(waits: Tensor) -> bool:
    return len(waits) > 3 and bool((waits[1:-1] == waits.max()).all())


def _steady_if(keeps: Callable[[Tensor], bool], period: Callable[[Tensor], float]) -> Function:
    """Right but for what counts as a clock, and for the period that such a clock is given."""
    return _by_row(
        lambda row, waits: (1 / period(waits), 1.0) if keeps(waits) else (float(row.mean()), 0.0),
    )


def _often(clock: Callable[[Tensor, Tensor], float], other: Callable[[Tensor, Tensor], float]) -> Function:
    """Right but for how often: of a level that keeps a period, and of the others."""
    return _by_row(
        lambda row, waits: (clock(row, waits), 1.0) if _regular(waits) else (other(row, waits), 0.0),
    )


def _share(row: Tensor, waits: Tensor) -> float:
    return float(row.mean())


def _inverse(row: Tensor, waits: Tensor) -> float:
    return 1 / float(waits.max())


SLIPS = (
    Mutant(
        "counts for all",
        _often(_share, _share),
        "Writes over steps is right for a level without a period. A log seldom ends on a tick: 20 steps of period 6 "
        "hold three writes, 0.15 and not 1/6. Where there is a period, it is one over the period.",
    ),
    Mutant(
        "periods",
        _often(lambda row, waits: float(waits.max()), lambda row, waits: len(row) / max(1.0, float(row.sum()))),
        "These are steps from write to write. A frequency is the other way round: writes in one step.",
    ),
    Mutant(
        "how many",
        _by_row(lambda row, waits: (float(row.sum()), float(_regular(waits)))),
        "This counts the writes. How many there are depends on how long you looked; "
        "a frequency is how many there are in one step.",
    ),
    Mutant(
        "the mean wait for all",
        _often(
            _inverse, lambda row, waits: 1 / float(waits[1:-1].float().mean()) if len(waits) > 3 else _share(row, waits)
        ),
        "A level whose waits differ has no period to divide by. Count its writes and divide by the steps of the log, "
        "those before the first write and after the last included.",
    ),
    Mutant(
        "nothing without a period",
        _often(_inverse, lambda row, waits: 0.0),
        "A level without a period still writes. It gets a frequency too: its writes over the steps of the log.",
    ),
    Mutant(
        "every level a clock",
        _by_row(lambda row, waits: (_inverse(row, waits) if _regular(waits) else _share(row, waits), 1.0)),
        "This calls every level a clock. A period can be read off only where all waits between two writes are equal.",
    ),
    Mutant(
        "upside down",
        _by_row(
            lambda row, waits: (
                _inverse(row, waits) if _regular(waits) else _share(row, waits),
                float(not _regular(waits)),
            )
        ),
        "The second answer is upside down: 1 belongs to the levels that keep a period, 0 to the others.",
    ),
    Mutant(
        "the first two waits",
        _steady_if(
            lambda waits: len(waits) > 3 and bool((waits[1:-1][:2] == waits[1]).all()),
            lambda waits: float(waits[1]),
        ),
        "Only the first two waits were compared. One exception later is enough: it is not a clock then.",
    ),
    Mutant(
        "the usual wait",
        _steady_if(
            lambda waits: len(waits) > 3 and bool((waits[1:-1] == waits[1:-1].mode().values).float().mean() > 0.5),
            lambda waits: float(waits[1:-1].mode().values),
        ),
        "Most waits are equal here, and the exceptions are passed over. A clock has none: "
        "whoever wants to allow for some must say how many, and then no longer calls it a clock.",
    ),
    Mutant(
        "about equal",
        _steady_if(
            lambda waits: len(waits) > 3 and int(waits[1:-1].max() - waits[1:-1].min()) <= 2,
            lambda waits: float(waits[1:-1].float().mean()),
        ),
        "Waits that differ by a step or two pass for equal here. A jittered level is irregular, "
        "and the word for it is irregular.",
    ),
    Mutant(
        "neither end",
        _steady_if(
            lambda waits: len(waits) > 3 and bool((waits[1:-1] == waits[1]).all()), lambda waits: float(waits[1])
        ),
        "The waits between two writes are compared, those at both ends of the log are not. A level that writes ten "
        "times and falls silent for twenty steps has stopped: it keeps no period over this log.",
    ),
    Mutant(
        "not the end",
        _steady_if(
            lambda waits: len(waits) > 3 and bool((waits[1:-1] == waits[:-1].max()).all()),
            lambda waits: float(waits[1]),
        ),
        "A clock that stops before the log ends passes here. After the last write, too, "
        "it must not be silent for longer than its period.",
    ),
    Mutant(
        "not the beginning",
        _steady_if(
            lambda waits: len(waits) > 3 and bool((waits[1:-1] == waits[1:].max()).all()),
            lambda waits: float(waits[1]),
        ),
        "A level that begins in the middle of the log passes here. Before the first write, too, "
        "it must not be silent for longer than its period.",
    ),
    Mutant(
        "no cut-off waits",
        _steady_if(
            lambda waits: len(waits) > 3 and bool((waits[:-1] == waits[0]).all()) and int(waits[-1]) <= int(waits[0]),
            lambda waits: float(waits[0]),
        ),
        "The wait before the first write was compared as if it were a whole one. A log may begin between two ticks: "
        "that wait may be shorter than the period, only not longer.",
    ),
    Mutant(
        "must end on a tick",
        _steady_if(
            lambda waits: len(waits) > 3 and bool((waits[1:-1] == waits.max()).all()) and int(waits[-1]) == 1,
            lambda waits: float(waits.max()),
        ),
        "A clock is recognised here only if the log ends with a write. It may end between two ticks: "
        "the last wait may be shorter than the period, only not longer.",
    ),
    Mutant(
        "two writes are enough",
        _steady_if(
            lambda waits: len(waits) > 2 and bool((waits[1:-1] == waits.max()).all()),
            lambda waits: float(waits.max()),
        ),
        "Two writes have one wait between them, and nothing to compare it with: any two make a clock like that. "
        "Three writes are the least.",
    ),
    Mutant(
        "one write is enough",
        _steady_if(
            lambda waits: len(waits) == 2 or _regular(waits),
            lambda waits: float(waits.max()),
        ),
        "One write has no wait from write to write: from it no period can be read. Three writes are the least.",
    ),
    Mutant(
        "never is a clock",
        _by_row(
            lambda row, waits: (
                _inverse(row, waits) if _regular(waits) else _share(row, waits),
                float(_regular(waits) or not row.any()),
            )
        ),
        "A level that never writes is called a clock here. It may be one that is slower than the log is long: "
        "nobody can tell, so it gets 0 and 0.",
    ),
    Mutant(
        "the wait counted too long",
        _often(lambda row, waits: 1 / (float(waits.max()) + 1), _share),
        "The waits are one step too long: from step 4 to step 8 it is four steps, the difference of the two.",
    ),
)
