"""Tasks in a row: what is left of each at the end, at the worst moment, and in the batches after a switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..measure import average_accuracy, mean_interval, minimum_accuracy, since_switch, worst_case_accuracy
from ..trace import Trace
from .continual import choose, follow
from .side_by_side import Watch

if TYPE_CHECKING:
    from ..learners import Family
    from ..tasks import Stream


def in_a_row(
    families: Mapping[str, Family],
    stream: Callable[..., Stream],
    runs: int = 20,
    tuning_runs: int = 5,
    seed: int = 0,
    exams: int = 100,
    batches: int = 40,
    watch: Watch = iter,
) -> Trace:
    """Tune every family for accuracy after the last task, then follow it on fresh seeds and ask it after every batch.

    Args:
        families: by name.
        stream: called as `stream(runs=, seed=)`; tasks in a row, as `nl.tasks.permuted_digits`.
        runs: seeds seed, seed + 1, ...
        tuning_runs: seeds from seed + 100,000 on; see `choose`.
        exams: examples kept apart on which each task is asked.
        batches: how far the look after a switch goes.
        watch: goes through the families, `tqdm` say.

    Returns:
        A Trace with "exam" `(method, run, after, task)`, the accuracy matrix of `follow`; "since switch" `(method, run,
        batch)`, of `nl.measure.since_switch`; "minimum accuracy" and "worst case accuracy" `(method, run)`. The
        settings are in `about`.

    >>> import nlviz as nl
    >>> few = {"SGD": nl.learners.Family(nl.learners.single_rates()["SGD"].make, [(0.0,), (0.2,)])}
    >>> def short(runs, seed):
    ...     return nl.tasks.permuted_digits(nl.tasks.digits(), runs, seed, tasks=2, each=(20, 30))
    >>> trace = in_a_row(few, short, runs=2, tuning_runs=2, exams=20, batches=5)
    >>> trace["exam"].shape, trace["since switch"].shape
    ((1, 2, 3, 2), (1, 2, 5))
    """
    worlds = stream(runs=runs, seed=seed)
    chosen: dict[str, tuple[float, ...]] = {}
    found: dict[str, list[np.ndarray]] = {}
    for name, family in watch(list(families.items())):
        chosen |= choose({name: family}, stream, tuning_runs, seed, exams=exams)
        columns = [torch.full((runs,), number) for number in chosen[name]]
        trace = follow(family.make(list(range(seed, seed + runs)), *columns), worlds, exams, every=1)
        told = {
            "exam": trace["exam"],
            "since switch": since_switch(trace, batches),
            "minimum accuracy": minimum_accuracy(trace),
            "worst case accuracy": worst_case_accuracy(trace),
        }
        for measure, numbers in told.items():
            found.setdefault(measure, []).append(numbers.astype(np.float32))
    axes: dict[str, tuple[str, ...]] = {measure: ("method", "run") for measure in found}
    axes |= {"exam": ("method", "run", "after", "task"), "since switch": ("method", "run", "batch")}
    labels: dict[str, list[Any]] = {"method": list(families), "batch": list(range(1, batches + 1))}
    settings = {name: list(setting) for name, setting in chosen.items()}
    about = {**trace.about, "tuning_runs": tuning_runs, "exams": exams, "chosen": settings}
    return Trace({measure: np.stack(rows) for measure, rows in found.items()}, axes, labels, about)


def row_lines(trace: Trace) -> Iterator[str]:
    """The table in lines of text: means and half-widths of 95 % intervals; the first method is what others are less.

    Args:
        trace: of `in_a_row`.
    """
    ends = dict(zip(trace.along("method"), average_accuracy(trace["exam"]).astype(float), strict=True))
    first, width = next(iter(ends)), max(map(len, ends)) + 2
    yield f"{trace.sizes['run']} seeds, mean ± 95 %. Least: min-ACC of De Lange et al. 2023; gap: least since a switch"
    yield f"{'':{width}}{'at the end':>13}{f'less {first}':>14}{'just learned':>14}{'least':>8}{'gap':>8}  setting"
    for name, right in ends.items():
        one = trace.select(method=name)
        (mean, half), (less, less_half) = mean_interval(right), mean_interval(right - ends[first])
        learned = np.diagonal(one["exam"][:, 1:], axis1=1, axis2=2).mean()
        setting = ", ".join(f"{number:.3g}" for number in trace.about["chosen"][name])
        yield (
            f"{name:{width}}{mean:>7.3f}±{half:.3f}{less:>8.3f}±{less_half:.3f}{learned:>14.3f}"
            f"{one['minimum accuracy'].mean():>8.3f}{one['since switch'].mean(0).min():>8.3f}  {setting}"
        )
