"""From a Trace to numbers: how well a memory answers, and what later writes cost earlier ones.

Plain numpy. Every function takes a Trace of `nl.run` (with or without an axis "run" or "method" in front)
or plain arrays, and gives plain arrays.
"""

from __future__ import annotations

import numpy as np

from .trace import Trace


def squared_error(trace: Trace) -> np.ndarray:
    """Squared error of every answer over the target's squared norm: `(..., query)`.

    >>> import nlviz as nl
    >>> trace = nl.run(nl.Delta(), nl.tasks.recall(pairs=1, d_key=8, d_value=8))
    >>> squared_error(trace).round(3)
    array([0.], dtype=float32)
    """
    missed = np.square(trace["target"] - trace["answer"]).sum(-1)
    return missed / np.square(trace["target"]).sum(-1)


def top1(trace: Trace, candidates: np.ndarray | None = None) -> np.ndarray:
    """Which answers point most to their own target among all candidates: `(..., query)` of 0 and 1.

    Args:
        trace: of `nl.run`.
        candidates: `(..., candidate, d_value)`, the targets among them; one may stand there more than once. Default:
            the targets themselves.
    """
    candidates = trace["target"] if candidates is None else candidates
    scores = trace["answer"] @ np.swapaxes(candidates, -1, -2)  # (..., query, candidate)
    candidates = np.broadcast_to(candidates, (*scores.shape[:-2], *candidates.shape[-2:]))
    chosen = np.take_along_axis(candidates, scores.argmax(-1)[..., None], axis=-2)
    return (chosen == trace["target"]).all(-1).astype(float)


def interference(trace: Trace) -> np.ndarray:
    """How much worse each answer is at the end than when it was best: `(..., query)`, 0 or more."""
    error = trace["error"]
    return error[..., -1, :] - error.min(-2)


def mean_interval(samples: np.ndarray, axis: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mean and half-width of its 95 % interval (Student's t) along an axis of independent seeds.

    Raises:
        ValueError: for fewer than two samples.

    >>> mean, half = mean_interval(np.array([1.0, 2.0, 3.0]))
    >>> float(mean), round(float(half), 2)
    (2.0, 2.48)
    """
    n = samples.shape[axis]
    if n < 2:
        raise ValueError(f"an interval needs at least two seeds; got {n}")
    return samples.mean(axis), _t975(n - 1) * samples.std(axis, ddof=1) / np.sqrt(n)


def _t975(freedom: int) -> float:
    """Student's t at 97.5 % by the Cornish-Fisher series about the normal; exact values where it is coarse."""
    exact = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
    z = 1.959964
    series = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return exact.get(freedom, series)


def average(trace: Trace, axis: str) -> Trace:
    """The mean over one axis of every array that has it; that axis is gone.

    >>> one = Trace({"error": np.arange(6.0).reshape(2, 3)}, {"error": ("run", "step")})
    >>> average(one, axis="run")["error"]
    array([1.5, 2.5, 3.5])
    """
    trace.along(axis)  # a wrong name is an error with a sentence
    arrays = {
        name: array.mean(trace.axes[name].index(axis)) if axis in trace.axes[name] else array
        for name, array in trace.arrays.items()
    }
    axes = {name: tuple(a for a in names if a != axis) for name, names in trace.axes.items()}
    labels = {a: values for a, values in trace.labels.items() if a != axis}
    return Trace(arrays, axes, labels, {**trace.about, "averaged over": axis})


def prequential(trace: Trace, since: float = 0.5, where: str = "everywhere") -> np.ndarray:
    """Share of right answers, each asked before it was learned: `(..., run)`.

    Args:
        trace: of `nl.lab.follow` or `nl.lab.compare`.
        since: the share of the stream that is not counted.
        where: "everywhere"; "home", task 0 alone; or "away", all others: how well a learner learns what is new.
    """
    kept = _late(trace, since)
    task = trace["task"] == 0
    kept = {"everywhere": kept, "home": kept & task, "away": kept & ~task}[where]
    return (trace["right"] * kept).sum(-1) / kept.sum(-1)


def error_ratio(trace: Trace, method: str, baseline: str, since: float = 0.5) -> np.ndarray:
    """Errors of one method over those of another on the same stream, prequential: `(run,)`; below 1 is better."""
    ours, theirs = (1 - prequential(trace.select(method=name), since) for name in (method, baseline))
    return ours / theirs


def forgotten(trace: Trace, batches: int = 6, before: int = 5, since: float = 0.5) -> np.ndarray:
    """How much of home is gone at a return, and how soon it is back: `(..., run, batches)`.

    Entry k is the accuracy in the last `before` batches of the stay at home before an excursion, less the accuracy in
    the batch that comes after k home batches have been learned again; the mean over all returns. Entry 0 is what no
    learner can avoid that is told nothing; the rest is recovery.

    Args:
        trace: of `nl.lab.follow` or `nl.lab.compare`.
        batches: how many batches after a return; returns with fewer steps left are left out.
        before: batches that say what was known before.
        since: the share of the stream whose returns are not counted.

    Raises:
        ValueError: if a run never comes home in the part that is counted.
    """
    right, task = trace["right"], trace["task"]
    steps, found = task.shape[-1], []
    for run, tasks in enumerate(task):
        leaves = [t for t in range(before, steps) if tasks[t] != 0 and tasks[t - 1] == 0]
        comes = [next((t for t in range(leave, steps) if tasks[t] == 0), steps) for leave in leaves]
        pairs = [
            (left, back) for left, back in zip(leaves, comes, strict=True) if since * steps <= back <= steps - batches
        ]
        if not pairs:
            raise ValueError(f"run {run} never comes home after step {int(since * steps)}; take a longer stream")
        known = np.stack([right[..., run, left - before : left].mean(-1) for left, _ in pairs])
        again = np.stack([right[..., run, back : back + batches] for _, back in pairs])
        found.append((known[..., None] - again).mean(0))
    return np.stack(found, axis=-2)


def around_return(trace: Trace, before: int = 8, after: int = 12, since: float = 0.5) -> np.ndarray:
    """Accuracy in the batches about a return home, the mean over all returns: `(..., run, before + after)`.

    Entry `before` is the first batch of home, asked before anything of home was learned again.

    Args:
        trace: of `nl.lab.follow` or `nl.lab.compare`.
        before: batches before the return; an excursion shorter than that shows some of the stay at home before it.
        after: batches from the return on; returns with fewer steps left are left out.
        since: the share of the stream whose returns are not counted.

    Raises:
        ValueError: if a run never comes home in the part that is counted.
    """
    right, task = trace["right"], trace["task"]
    steps, found = task.shape[-1], []
    for run, tasks in enumerate(task):
        back = [t for t in range(1, steps) if tasks[t] == 0 and tasks[t - 1] != 0]
        back = [t for t in back if max(since * steps, before) <= t <= steps - after]
        if not back:
            raise ValueError(f"run {run} never comes home after step {int(since * steps)}; take a longer stream")
        found.append(np.mean([right[..., run, t - before : t + after] for t in back], axis=0))
    return np.stack(found, axis=-2)


def average_accuracy(matrix: np.ndarray) -> np.ndarray:
    """Mean accuracy over all tasks after the last: `(...,)`. Lopez-Paz & Ranzato 2017, eq. 2, ACC.

    Args:
        matrix: `(..., after, task)`, accuracy on each task after none (row 0), the first, ..., the last: "exam" of
            `nl.lab.follow`. So for all functions of an accuracy matrix.

    >>> matrix = np.array([[0.1, 0.2, 0.3], [0.9, 0.3, 0.2], [0.6, 0.8, 0.3], [0.7, 0.4, 1.0]])
    >>> round(float(average_accuracy(matrix)), 3)
    0.7
    """
    return _square(matrix)[..., -1, :].mean(-1)


def backward_transfer(matrix: np.ndarray) -> np.ndarray:
    """What later tasks did to each earlier one since it was learned, the mean: negative is forgetting.

    Lopez-Paz & Ranzato 2017, eq. 3, BWT.

    >>> matrix = np.array([[0.1, 0.2, 0.3], [0.9, 0.3, 0.2], [0.6, 0.8, 0.3], [0.7, 0.4, 1.0]])
    >>> round(float(backward_transfer(matrix)), 3)             # (.7 - .9 + .4 - .8) / 2
    -0.3
    """
    after = _square(matrix)
    learned = np.diagonal(after, axis1=-2, axis2=-1)
    return (after[..., -1, :-1] - learned[..., :-1]).mean(-1)


def forward_transfer(matrix: np.ndarray) -> np.ndarray:
    """What earlier tasks did for each later one before it came, over what the untrained learner answers; the mean.

    Lopez-Paz & Ranzato 2017, eq. 4, FWT.

    >>> matrix = np.array([[0.1, 0.2, 0.3], [0.9, 0.3, 0.2], [0.6, 0.8, 0.3], [0.7, 0.4, 1.0]])
    >>> round(float(forward_transfer(matrix)), 3)              # (.3 - .2 + .3 - .3) / 2
    0.05
    """
    untaught = matrix[..., 0, 1:]
    ahead = np.diagonal(_square(matrix), offset=1, axis1=-2, axis2=-1)
    return (ahead - untaught).mean(-1)


def forgetting(matrix: np.ndarray) -> np.ndarray:
    """How far each task but the last fell from its best: the mean, -1 to 1. Chaudhry et al. 2018, eq. 3.

    >>> matrix = np.array([[0.1, 0.2, 0.3], [0.9, 0.3, 0.2], [0.6, 0.8, 0.3], [0.7, 0.4, 1.0]])
    >>> round(float(forgetting(matrix)), 3)                    # (.9 - .7 + .8 - .4) / 2
    0.3
    """
    after = _square(matrix)
    return (after[..., :-1, :-1].max(-2) - after[..., -1, :-1]).mean(-1)


def minimum_accuracy(trace: Trace) -> np.ndarray:
    """The least accuracy on each task since it was over, the mean over all but the last: `(..., run)`.

    Args:
        trace: of `nl.lab.follow(..., exams=, every=)` on tasks in a row.

    De Lange et al. 2023, "Continual evaluation for lifelong learning: identifying the stability gap", min-ACC.

    >>> accuracy = [[0.9, 0.1], [0.3, 0.6], [0.7, 0.8]]              # after steps 0, 1 and 2, on both tasks
    >>> axes = {"task": ("run", "step"), "accuracy": ("run", "check", "task")}
    >>> trace = Trace({"task": np.array([[0, 1, 1]]), "accuracy": np.array([accuracy])}, axes, {"check": [0, 1, 2]})
    >>> minimum_accuracy(trace), worst_case_accuracy(trace)          # .3; (.3 + .8) / 2
    (array([0.3]), array([0.55]))
    """
    return _least(trace).mean(-1)


def worst_case_accuracy(trace: Trace) -> np.ndarray:
    """The mean of the last task's accuracy at the end and each earlier one's least since it was over: `(..., run)`.

    De Lange et al. 2023, WC-ACC: accuracy / k + (1 - 1 / k) min-ACC for k tasks. Arguments as for `minimum_accuracy`.
    """
    return np.concatenate([_least(trace), trace["accuracy"][..., -1, -1:]], axis=-1).mean(-1)


def since_switch(trace: Trace, batches: int = 20) -> np.ndarray:
    """What is left of all earlier tasks, 1, 2, ... batches into a new one: `(..., run, batches)`.

    Entry k is the mean accuracy on the tasks that are over when k + 1 batches of the next have been learned, less the
    same before the first of them; the mean over all switches. Its least is the depth of the stability gap (De Lange et
    al. 2023), its last says how much has come back.

    Args:
        trace: as for `minimum_accuracy`, with every=1.
        batches: how far to look; shorter tasks are left out.
    """
    accuracy, found = trace["accuracy"], []
    if trace.along("check") != list(range(trace["task"].shape[-1])):
        raise ValueError("a switch is seen batch by batch; follow the stream with every=1")
    for run, tasks in enumerate(trace["task"]):
        switches = [step for step in range(1, len(tasks)) if tasks[step] != tasks[step - 1]]
        whole = [step for step, end in zip(switches, [*switches[1:], len(tasks)], strict=True) if end - step >= batches]
        if not whole:
            raise ValueError(f"in run {run} no later task is on for {batches} batches; look at fewer")
        over = [accuracy[..., run, s - 1 : s + batches, : tasks[s]].mean(-1) for s in whole]
        found.append(np.mean([curve[..., 1:] - curve[..., :1] for curve in over], axis=0))
    return np.stack(found, axis=-2)


def _least(trace: Trace) -> np.ndarray:
    """The least accuracy on each task but the last, in all checks after its last step: `(..., run, task)`."""
    checks, last = np.array(trace.along("check")), trace["accuracy"].shape[-1] - 1
    ends = np.stack([np.where(trace["task"] == k, np.arange(trace["task"].shape[-1]), -1).max(-1) for k in range(last)])
    later = checks[:, None] > ends.T[:, None, :]  # (run, check, task)
    return np.where(later, trace["accuracy"][..., :-1], np.inf).min(-2)


def _late(trace: Trace, since: float) -> np.ndarray:
    steps = trace["task"].shape[-1]
    return np.broadcast_to(np.arange(steps) >= int(since * steps), trace["task"].shape)


def _square(matrix: np.ndarray) -> np.ndarray:
    """The matrix without its first row, that of the untrained learner."""
    if matrix.ndim < 2 or matrix.shape[-2] != matrix.shape[-1] + 1 or matrix.shape[-1] < 2:
        raise ValueError(
            "an accuracy matrix has a row for the untrained learner and one after each task, (..., tasks + 1, tasks), "
            f"2 tasks or more; got {matrix.shape}"
        )
    return matrix[..., 1:, :]
