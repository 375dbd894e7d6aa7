"""The table of the continual learners: every family tuned, compared on fresh seeds, and told in numbers and in lines.

What is kept is small enough to be looked at anywhere: no batch of no run, but what they add up to, run by run, so that
differences can be paired and intervals drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..measure import around_return, forgotten, mean_interval, prequential
from ..trace import Trace
from .continual import choose, compare
from .side_by_side import Watch

if TYPE_CHECKING:
    from ..learners import Family
    from ..tasks import Stream

BEFORE, AFTER = 8, 12  # batches about a return


def contest(
    families: Mapping[str, Family],
    stream: Callable[..., Stream],
    runs: int = 20,
    tuning_runs: int = 5,
    seed: int = 0,
    chosen: Mapping[str, tuple[float, ...]] | None = None,
    watch: Watch = iter,
) -> Trace:
    """Tune every family on seeds apart, compare them on fresh ones, and keep what the table says.

    Args:
        families: by name; one that takes the setting of another stands behind it.
        stream: called as `stream(runs=, seed=)`.
        runs: seeds seed, seed + 1, ...
        tuning_runs: seeds from seed + 100,000 on; see `choose`.
        chosen: settings of families that are not to be tuned here.
        watch: goes through the families, `tqdm` say.

    Returns:
        A Trace as of `digest`.

    >>> import nlviz as nl
    >>> digits = nl.tasks.digits()
    >>> few = {"SGD": nl.learners.Family(nl.learners.single_rates()["SGD"].make, [(0.0,), (0.2,)])}
    >>> def short(runs, seed):
    ...     return nl.tasks.home_and_away(digits, runs, seed, steps=120, home=(20, 20), away=(10, 10))
    >>> trace = contest(few, short, runs=2, tuning_runs=2)
    >>> trace.about["chosen"]
    {'SGD': [0.2]}
    >>> trace["forgotten"].shape
    (1, 2, 6)
    """
    settings: dict[str, tuple[float, ...]] = dict(chosen or {})
    found = []
    for name, family in watch(list(families.items())):
        if family.setting_of:
            settings.setdefault(name, settings[family.setting_of])
        if name not in settings:
            settings |= choose({name: family}, stream, tuning_runs, seed)
        found.append(digest(compare({name: family}, stream, settings, runs, seed)))
    return _together(found, tuning_runs=tuning_runs, chosen={name: list(settings[name]) for name in families})


def digest(trace: Trace, every: int = 40) -> Trace:
    """The numbers of the table, of a Trace of `compare`; the second half of the stream counts.

    Args:
        trace: of `nl.lab.compare`.
        every: steps that one point of the curve stands for.

    Returns:
        A Trace with "accuracy", "home" and "away" `(method, run)`, right answers before learning (`prequential`);
        "forgotten" `(method, run, learned)`, at a return home, after so many batches of it have been learned;
        "around" `(method, run, since)`, right answers so many batches after the return; "curve" `(method, run, step)`
        of the whole stream; "answered" `(method, run)` in the last tenth, below 1 where a run has died; "writes" and
        "restarts" of the Trace; and "oracle" `(run,)`.
    """
    steps = trace.sizes["step"] // every * every
    right = trace["right"][..., :steps]
    arrays = {
        "accuracy": prequential(trace),
        "home": prequential(trace, where="home"),
        "away": prequential(trace, where="away"),
        "forgotten": forgotten(trace),
        "around": around_return(trace, BEFORE, AFTER),
        "curve": right.reshape(*right.shape[:-1], -1, every).mean(-1),
        "answered": trace["answered"][..., -trace.sizes["step"] // 10 :].mean(-1),
        "oracle": trace["oracle"][:, trace.sizes["step"] // 2 :].mean(-1),
    }
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    axes: dict[str, tuple[str, ...]] = {name: ("method", "run") for name in arrays}
    axes |= {name: ("method", "run", last) for name, last in LAST_AXIS.items()}
    axes |= {"oracle": ("run",), "writes": ("method", "level"), "restarts": ("method", "run")}
    arrays |= {name: trace[name] for name in ("writes", "restarts")}
    labels = {
        "method": trace.along("method"),
        "since": list(range(-BEFORE, AFTER)),
        "step": list(range(every, steps + 1, every)),
    }
    return Trace(arrays, axes, labels, trace.about)


LAST_AXIS = {"forgotten": "learned", "around": "since", "curve": "step"}


def _together(parts: list[Trace], **about: Any) -> Trace:
    """Digests of one method each as one; levels that a method does not have are written -1 times."""
    levels = max(part.sizes["level"] for part in parts)
    first = parts[0]
    arrays = {}
    for name in first:
        rows = [part[name] for part in parts]
        if name == "writes":
            rows = [np.pad(row, ((0, 0), (0, levels - row.shape[1])), constant_values=-1) for row in rows]
        arrays[name] = rows[0] if name == "oracle" else np.concatenate(rows)
    labels = {**first.labels, "method": [part.along("method")[0] for part in parts]}
    return Trace(arrays, first.axes, labels, {**first.about, **about})


def table_lines(trace: Trace, ours: str, baseline: str) -> Iterator[str]:
    """The table in lines of text: each a mean and the half-width of its 95 % interval, differences paired by seed.

    Args:
        trace: of `contest` or `digest`.
        ours: the method that the others are compared with.
        baseline: the method whose errors are the measure.
    """
    accuracy = dict(zip(trace.along("method"), trace["accuracy"].astype(float), strict=True))
    runs, width = trace.sizes["run"], max(map(len, accuracy)) + 2
    yield f"{runs} seeds, mean ± 95 %. Errors: over those of {baseline}. Forgotten: after one batch of home."
    yield (
        f"{'':{width}}{'right':>11}{'less ours':>13}{'errors':>14}"
        f"{'abroad':>8}{'forgotten':>12}{'worst':>7}{'slow writes':>12}  setting"
    )
    for row, (name, right) in enumerate(accuracy.items()):
        numbers = (right, right - accuracy[ours], (1 - right) / (1 - accuracy[baseline]), trace["forgotten"][row, :, 1])
        mean, less, ratio, gone = (_told(each) for each in numbers)
        writes = trace["writes"][row][trace["writes"][row] >= 0]
        dead = int((trace["answered"][row] < 1).sum())
        yield (
            f"{name:{width}}{mean:>11}{'' if name == ours else less:>13}{'' if name == baseline else ratio:>14}"
            f"{trace['away'][row].mean():8.3f}{gone:>12}{right.min():7.3f}"
            f"{writes[-1] if len(writes) else '':>12}  {_setting(trace, name)}{f'  {dead} died' if dead else ''}"
        )


def _told(samples: np.ndarray) -> str:
    mean, half = mean_interval(samples.astype(float))
    return f"{mean:.3f}±{half:.3f}"


def _setting(trace: Trace, name: str) -> str:
    return ", ".join(f"{number:.3g}" for number in trace.about.get("chosen", {}).get(name, []))
