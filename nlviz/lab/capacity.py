"""How much a memory holds, and what becomes of a key that comes again: curves over many seeds, all seeds in one call.

Two measures side by side, because they disagree: the squared error asks for the value itself, top-1 only whether the
answer points to the right one among all values that were ever written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..loops import run
from ..measure import squared_error, top1
from ..runtime import provenance
from ..trace import Trace

if TYPE_CHECKING:
    from ..memory.base import Rule
    from ..tasks.base import Task


def recall_curve(rules: Mapping[str, Rule], tasks: Mapping[int, Task]) -> Trace:
    """Write each task into each memory once, ask its questions, and average both measures over them.

    Args:
        rules: name in the legend -> rule.
        tasks: load -> task with several runs, as `{n: nl.tasks.recall(pairs=n, runs=20) for n in (8, 16, 32, 64)}`
            or `{n: nl.tasks.rebinding(times=n, runs=20) for n in (1, 2, 4, 8)}`. The load is the number on the axis.

    Returns:
        A Trace of "squared error" (over the target's squared norm, 0 is perfect) and "top-1" (share of answers that
        point to the right value, 1 is perfect), each `(method, load, run)`.

    Raises:
        ValueError: for a task without an axis of runs.

    Source: the squared error of Hebb's rule on n random unit keys of d features is (n − 1) / d on average.

    >>> import nlviz as nl
    >>> tasks = {n: nl.tasks.recall(pairs=n, d_key=32, d_value=32, runs=5) for n in (16, 64)}
    >>> trace = recall_curve({"Hebb": nl.Hebb(), "Delta": nl.Delta()}, tasks)
    >>> hebb, delta = trace["top-1"][:, 1].mean(-1)             # of 64 random keys in one pass ...
    >>> bool(hebb > delta)                                      # ... Hebb points out more ...
    True
    >>> hebb, delta = trace["squared error"][:, 1].mean(-1)
    >>> bool(hebb > delta)                                      # ... and says them worse
    True
    """
    measures = [[_measures(rule, load, task) for load, task in tasks.items()] for rule in rules.values()]
    measured = np.array(measures)  # (method, load, measure, run)
    axes = ("method", "load", "run")
    return Trace(
        arrays={"squared error": measured[:, :, 0], "top-1": measured[:, :, 1]},
        axes={"squared error": axes, "top-1": axes},
        labels={"method": list(rules), "load": list(tasks)},
        about=provenance(
            rules={name: repr(rule) for name, rule in rules.items()},
            tasks={str(load): {"name": task.name, **task.about} for load, task in tasks.items()},
        ),
    )


def recall_contest(settings: Mapping[str, Sequence[Rule]], elsewhere: Task, task: Task) -> Trace:
    """Every family of rules with the setting that has the most answers right elsewhere, asked on a task.

    Args:
        settings: name of the family -> rules, the same number for each, so that none is tuned more than another.
        elsewhere: what the setting is chosen on; of the same kind as the task, drawn from other seeds.
        task: what counts. Both with an axis of runs.

    Returns:
        A Trace of "squared error" and "top-1", each `(method, run)`; "top-1" of every setting elsewhere is "tuning",
        `(method, setting)`, and `about["chosen"]` says which were taken.

    Raises:
        ValueError: where families have different numbers of settings, or a task has no axis of runs.

    >>> import nlviz as nl
    >>> rules = {"Hebb": [nl.Hebb(keep=1.0), nl.Hebb(keep=0.95)], "Delta": [nl.Delta(lr=0.5), nl.Delta(lr=1.0)]}
    >>> there, here = (nl.tasks.rebinding(times=8, runs=5, seed=seed) for seed in (100, 0))
    >>> recall_contest(rules, there, here).about["chosen"]["Hebb"]
    'Hebb(lr=1.0, keep=0.95)'
    """
    if len({len(rules) for rules in settings.values()}) != 1:
        numbers = ", ".join(f"{len(rules)} of {name}" for name, rules in settings.items())
        raise ValueError(f"recall_contest: each family has the same number of settings to choose from; got {numbers}")
    tuning = np.array([[_measures(rule, "elsewhere", elsewhere)[1].mean() for rule in r] for r in settings.values()])
    chosen = {name: rules[best] for (name, rules), best in zip(settings.items(), tuning.argmax(-1), strict=True)}
    asked = recall_curve(chosen, {0: task}).select(load=0)
    return Trace(
        arrays={**asked.arrays, "tuning": tuning},
        axes={**asked.axes, "tuning": ("method", "setting")},
        labels={"method": list(settings)},
        about={**asked.about, "chosen": {name: repr(rule) for name, rule in chosen.items()}},
    )


def _measures(rule: Rule, load: int | str, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Squared error and top-1 of each run, averaged over its questions."""
    if task.keys.ndim != 3:
        raise ValueError(f"the task at load {load} is a single run; give it an axis of runs, runs=20 say")
    trace = run(rule, task, record=())
    return squared_error(trace).mean(-1), top1(trace, task.values.cpu().numpy()).mean(-1)
