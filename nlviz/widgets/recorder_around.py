"""What happens around every return home, laid over each other: the mean over returns and seeds.

Schedules differ from seed to seed, so that batch 400 is home for one and away for another; what they have in common is
the first batch back, the second, and so on. A seed gives one mean over its own returns; seeds give the interval.
Returns count in the second half of a flight, when home is known, as in `nl.measure.forgotten`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..measure import mean_interval
from .recorder_frames import PARTS, Flight, percent

BEFORE, AFTER = 8, 15  # batches on both sides of a return
KNOWN = 5  # home batches before an excursion: how right it was before it left
SINCE = 0.5
NEAR = 0.1  # less than that: about as right as before


def crossings(task: np.ndarray, home: bool) -> list[int]:
    """The first batches of the stays at home, or of the excursions, of one run `(step,)` that are counted."""
    here = task == 0
    first = np.flatnonzero(here[1:] != here[:-1]) + 1
    return [int(t) for t in first if here[t] == home and SINCE * len(task) <= t <= len(task) - AFTER]


def counts(task: np.ndarray) -> dict[str, list[int]]:
    """How many crossings of each kind there are, and in how many runs: {"home": [140, 20], ...}; none is left out."""
    each = {where: [len(crossings(tasks, where == "home")) for tasks in task] for where in ("home", "away")}
    return {where: [sum(some), sum(one > 0 for one in some)] for where, some in each.items() if any(some)}


def laid_over(values: np.ndarray, task: np.ndarray, home: bool) -> np.ndarray:
    """Values `(run, step)` around every crossing, the mean of each run that has one: `(run, BEFORE + AFTER)`.

    Batches of another stay than the two that meet are left out, and NaN where nothing is left.
    """
    around = np.arange(-BEFORE, AFTER)
    means = []
    for row, tasks in zip(values, task, strict=True):
        stay = np.cumsum(np.r_[False, tasks[1:] != tasks[:-1]])
        firsts = np.array(crossings(tasks, home), int)[:, None]
        at = np.clip(firsts + around, 0, None)  # before the flight began nothing meets
        meets = (stay[at] == stay[firsts] - (around < 0)) & (firsts + around >= 0)
        if len(firsts):
            count = meets.sum(0)
            means.append(np.where(count, (row[at] * meets).sum(0) / np.maximum(count, 1), np.nan))
    return np.array(means).reshape(-1, len(around))


def over_seeds(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over runs `(run, ...)`, and the half-width of its 95 % interval; NaN from a single one."""
    if len(rows) < 2:
        return rows[0], np.full(rows.shape[1:], np.nan)
    return mean_interval(rows)


def known(one: Flight, task: np.ndarray) -> float:
    """How right a learner was just before the excursions it came back from."""
    each = []
    for right, tasks in zip(one.right / PARTS, task, strict=True):
        homes = np.flatnonzero(tasks == 0)
        lefts = [homes[homes < back][-KNOWN:] for back in crossings(tasks, home=True) if tasks[:back].min() == 0]
        each += [np.mean([right[left].mean() for left in lefts])] if lefts else []
    return float(np.mean(each)) if each else float("nan")


def back_at(one: Flight, task: np.ndarray) -> int:
    """From which batch back home a learner is about as right as before it left, counted from 1; 0: not that soon."""
    again, _ = over_seeds(laid_over(one.right / PARTS, task, home=True))
    right = again[BEFORE:] >= known(one, task) - NEAR  # NaN is not
    return int(right.argmax()) + 1 if right.any() else 0


@np.errstate(invalid="ignore")  # a run that diverged has no number
def moves(one: Flight, task: np.ndarray, home: bool) -> np.ndarray:
    """How far each level moves around a crossing, in multiples of what it moves in a batch: `(level, ...)`."""
    usual = [max(float(level.size.astype(float).mean()), 1e-30) for level in one.levels]
    around = [over_seeds(laid_over(level.size.astype(float), task, home))[0] for level in one.levels]
    return np.array(around) / np.array(usual)[:, None]


def around(learners: list[Flight], task: np.ndarray) -> dict[str, np.ndarray]:
    """For "home" and "away", where there are such crossings: means and half-widths of their intervals.

    "home right" `(learner, 2, batch)`; "home ahead" `(learner, learner, 2, batch)`, the one less the other on the same
    seeds; and of learner i "i home fired" `(batch,)` and "i home moved" `(level, batch)`.
    """
    arrays: dict[str, np.ndarray] = {}
    for where in counts(task):
        home = where == "home"
        right = [laid_over(one.right / PARTS, task, home) for one in learners]
        arrays[f"{where} right"] = np.array([over_seeds(rows) for rows in right])
        arrays[f"{where} ahead"] = np.array([[over_seeds(rows - other) for other in right] for rows in right])
        for i, one in enumerate(learners):
            if one.restarted is not None:
                arrays[f"{i} {where} fired"] = over_seeds(laid_over(one.restarted, task, home))[0]
            if one.levels:
                arrays[f"{i} {where} moved"] = moves(one, task, home)
    return arrays


def bet_on(learners: list[Flight], task: np.ndarray) -> dict[str, Any] | None:
    """The bet, its options, and what is said to each: which level brings the first learner that has several home.

    None where nobody has several levels, or never comes home.
    """
    if "home" not in counts(task):
        return None
    moved = {i: moves(one, task, home=True)[:, BEFORE] for i, one in enumerate(learners) if len(one.levels) > 1}
    at = next((i for i, far in moved.items() if np.isfinite(far).all()), None)
    if at is None:
        return None
    one, far = learners[at], moved[at]
    right = {other.name: over_seeds(laid_over(other.right / PARTS, task, home=True))[0] for other in learners}
    first, second = right[one.name][BEFORE : BEFORE + 2]
    best = str(far.argmax()) if far.max() >= 2 else "none"
    options = [(str(k), level.name) for k, level in enumerate(one.levels)] + [("none", "none: home was never lost")]
    said = dict(options)[best]
    each = [f"{times:.2g} times ({level.name})" for level, times in zip(one.levels, far, strict=True)]
    told = f"In the first batch back the levels move {', '.join(each)} as far as they usually do."
    if one.restarted is not None:
        fired = over_seeds(laid_over(one.restarted, task, home=True))[0][BEFORE]
        told += f" That batch is answered as if still away, and in {percent(fired)} of the returns the surprise makes "
        told += "the fast weights start again from their slow copy."
    others = ", ".join(f"{name} {percent(rows[BEFORE + 1])}" for name, rows in right.items() if name != one.name)
    told += f" In the second batch {one.name} has {percent(second)} right, {others}."
    how = f"no level of {one.name} moves twice as far as it usually does"
    if best != "none":
        how = f"{said} of {one.name} moves {far.max():.2g} times as far as it usually does"
    return {
        "flight": at,
        "ask": f"{one.name} comes home, and nobody says so. In the first batch back it has {percent(first)} right, in "
        f"the second {percent(second)}. Which of its levels brought it home?",
        "options": options,
        "right": best,
        "reveal": {key: f"{f'Yes, {said}.' if key == best else f'Not so: {said}.'} {told}" for key, _ in options},
        "told": f"in the first batch back home {how}",
    }
