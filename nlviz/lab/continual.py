"""The laboratory of continual learning: learners on streams, many seeds and settings in one computation.

    for each step   answers = learner.predict(x)       asked first: every batch is a test before it is a lesson
                    learner.learn(x, y)

Learners and streams come as arguments; a learner is whatever has these two methods, x `(runs, batch, d)`. Families are
tuned over their settings on seeds that are not reported, all with the same budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..nested import Recording
from ..runtime import need, provenance
from ..trace import Trace

if TYPE_CHECKING:
    from ..learners import Family
    from ..tasks import Stream

ELSEWHERE = 100_000
"""From a reported seed to the first one that settings are chosen on."""


def follow(
    learner: Any, stream: Stream, exams: int = 0, every: int = 0, record: bool = False, progress: bool = False
) -> Trace:
    """One pass of a learner along a stream; every batch is asked before it is learned (prequential).

    Args:
        learner: `predict(x)` gives labels `(runs, batch)`, -1 for no answer; `learn(x, y)` may give a dict of what
            happened, each `(runs,)`.
        stream: of `nl.tasks`, for as many runs as the learner has.
        exams: examples kept apart on which every task is asked at the start and whenever a task ends; 0 for none.
            Needs a stream in which all runs go through the same number of segments.
        every: ask them also after every so many steps; 0 for not.
        record: note what each level wrote (`nl.nested.Recording`); for learners with a `clock`.
        progress: show a bar.

    Returns:
        A Trace with "right" `(run, step)`, the share of right answers; "answered", the share that was an answer at all;
        "task" and "oracle" `(run, step)` of the stream; what `learn` gave; with `exams` "exam" `(run, after, task)`,
        where after = 0 is before the first batch; with `every` "accuracy" `(run, check, task)`; with `record` "wrote"
        `(level, step)` and "size" `(run, level, step)`.

    >>> import nlviz as nl
    >>> stream = nl.tasks.home_and_away(nl.tasks.digits(), runs=2, steps=20)
    >>> learner = nl.learners.Levels(nl.learners.Network(seeds=[0, 1]), lr=torch.tensor([0.1, 0.1]))
    >>> follow(learner, stream).sizes
    {'run': 2, 'step': 20}
    """
    if every and not exams:
        raise ValueError("follow: every asks the exams more often; say how many examples each has, exams=100 say")
    notes: dict[str, list[Tensor]] = {"right": [], "answered": []}
    ends = _ends(stream) if exams else None
    papers = _papers(stream, exams) if exams else None
    rows, checks = [_exam(learner, papers)] if papers else [], []
    writer = Recording(learner.clock.names, learner.clock.weights, runs=stream.runs) if record else None
    for step, (x, y) in enumerate(_bar(stream, progress, stream.name)):
        answers = learner.predict(x)
        happened = learner.learn(x, y) or {}
        now = {"right": answers == y, "answered": answers >= 0}
        for name, note in {**{n: a.float().mean(-1) for n, a in now.items()}, **happened}.items():
            notes.setdefault(name, []).append(note)
        if writer:
            writer.note(learner.clock.writes, learner.clock.weights)
        if papers and every and (step + 1) % every == 0:
            checks.append(_exam(learner, papers))
        if papers and ends is not None and ends[:, step].any():
            rows.append(_exam(learner, papers))
    arrays = {name: torch.stack(values, dim=1).cpu().numpy() for name, values in notes.items()}
    arrays |= {"task": stream.task.T.cpu().numpy(), "oracle": stream.oracle.T.cpu().numpy()}
    axes: dict[str, tuple[str, ...]] = {name: ("run", "step") for name in arrays}
    labels: dict[str, list[Any]] = {}
    if ends is not None:
        arrays["exam"], axes["exam"] = _by_segment(rows, ends), ("run", "after", "task")
    if every:
        arrays["accuracy"], axes["accuracy"] = torch.stack(checks, dim=1).cpu().numpy(), ("run", "check", "task")
        labels["check"] = list(range(every - 1, len(stream), every))
    if writer:
        wrote = writer.trace()
        arrays |= {"wrote": wrote["wrote"], "size": np.moveaxis(wrote["size"], -1, 0)}
        axes |= {"wrote": ("level", "step"), "size": ("run", "level", "step")}
        labels["level"] = [f"{n}, period {p}" for n, p in zip(learner.clock.names, learner.clock.periods, strict=True)]
    return Trace(arrays, axes, labels, provenance(chance=stream.chance, **stream.about))


def choose(
    families: Mapping[str, Family],
    stream: Callable[..., Stream],
    runs: int = 5,
    seed: int = 0,
    since: float = 0.5,
    exams: int = 0,
    progress: bool = False,
) -> dict[str, tuple[float, ...]]:
    """A setting for each family, on seeds that are not reported: the most cautious of those as good as the best.

    What counts is the mean of right answers over the tuning seeds less their standard deviation, and what comes within
    one standard error of the best is as good (Breiman et al. 1984). At the edge of what is stable a setting is best on
    five seeds and dies on the sixth.

    Args:
        families: by name; each `make(seeds, *columns)` and `settings`, the cautious ones first, or `setting_of`
            another.
        stream: called as `stream(runs=, seed=)`.
        runs: tuning seeds, 2 or more; all settings of a family run side by side on the same ones.
        seed: the first one reported; tuning takes seed + 100,000, ...
        since: the share of the stream that is not counted. A run that has died gives wrong answers to the end.
        exams: instead, what counts is accuracy after the last task, on so many images of every task; as for `follow`.
        progress: show a bar.

    >>> import nlviz as nl
    >>> digits = nl.tasks.digits()
    >>> few = {"SGD": nl.learners.Family(nl.learners.single_rates()["SGD"].make, [(0.0,), (0.2,)])}
    >>> choose(few, lambda runs, seed: nl.tasks.home_and_away(digits, runs, seed, steps=40), runs=2)
    {'SGD': (0.2,)}
    """
    worlds = stream(runs=runs, seed=seed + ELSEWHERE)
    seeds = list(range(seed + ELSEWHERE, seed + ELSEWHERE + runs))
    chosen: dict[str, tuple[float, ...]] = {}
    own = {name: family for name, family in families.items() if family.setting_of is None}
    for name, family in _bar(own.items(), progress, "tuning"):
        trace = follow(_build(family, seeds, family.settings), worlds.repeat(len(family.settings)), exams)
        counts = trace["exam"][:, -1] if exams else trace["right"][:, int(since * len(worlds)) :]
        score = counts.mean(-1).reshape(-1, runs)  # (setting, run)
        spread = score.std(-1, ddof=1)
        steady = score.mean(-1) - spread
        good = steady >= steady.max() - spread[steady.argmax()] / runs**0.5
        chosen[name] = tuple(family.settings[int(good.argmax())])  # the first of them
    return {name: chosen[family.setting_of or name] for name, family in families.items()}


def compare(
    families: Mapping[str, Family],
    stream: Callable[..., Stream],
    chosen: Mapping[str, tuple[float, ...]],
    runs: int = 20,
    seed: int = 0,
    exams: int = 0,
    progress: bool = False,
) -> Trace:
    """Every family at its chosen setting, on the same fresh seeds.

    Args:
        families: by name.
        stream: called as `stream(runs=, seed=)`.
        chosen: the setting of each, of `choose`.
        runs: seeds seed, seed + 1, ...
        exams: as for `follow`.
        progress: show a bar.

    Returns:
        A Trace with "right" and "answered" `(method, run, step)`; "task" and "oracle" `(run, step)`; "writes"
        `(method, level)`, -1 for a level a method does not have or that it has no clock for; "restarts"
        `(method, run)`, -1 for a method that knows none; and with `exams` "exam" `(method, run, after, task)`. The
        settings are in `about`.

    >>> import nlviz as nl
    >>> digits = nl.tasks.digits()
    >>> few = {"SGD": nl.learners.single_rates()["SGD"]}
    >>> compare(few, lambda runs, seed: nl.tasks.home_and_away(digits, runs, seed, steps=40), {"SGD": (0.2,)}, runs=2)
    Trace: right (method 1, run 2, step 40), answered (method 1, run 2, step 40), task (run 2, step 40), oracle (run 2,
    step 40), writes (method 1, level 1), restarts (method 1, run 2)
    """
    worlds = stream(runs=runs, seed=seed)
    seeds = list(range(seed, seed + runs))
    traces, writes = [], []
    for name, family in _bar(families.items(), progress, worlds.name):
        learner = _build(family, seeds, [chosen[name]])
        traces.append(follow(learner, worlds, exams))
        writes.append(list(learner.clock.writes) if hasattr(learner, "clock") else [])
    levels = max(map(len, writes), default=0)
    each = ("right", "answered", *(("exam",) if exams else ()))
    arrays = {name: np.stack([trace[name] for trace in traces]).astype(np.float32) for name in each}
    arrays |= {name: traces[0][name] for name in ("task", "oracle")}
    arrays["writes"] = np.array([row + [-1] * (levels - len(row)) for row in writes])
    none = np.full(runs, -1)
    arrays["restarts"] = np.stack([t["restarted"].sum(1) if "restarted" in t else none for t in traces])
    axes = {name: ("method", *traces[0].axes[name]) for name in each}
    axes |= {"task": ("run", "step"), "oracle": ("run", "step"), "writes": ("method", "level")}
    axes["restarts"] = ("method", "run")
    about = {**traces[0].about, "chosen": {name: list(chosen[name]) for name in families}}
    return Trace(arrays, axes, {"method": list(families)}, about)


def _build(family: Family, seeds: list[int], settings: Any) -> Any:
    """One learner for all settings and seeds, settings outermost."""
    columns = [torch.tensor(column).repeat_interleave(len(seeds)) for column in zip(*settings, strict=True)]
    return family.make(seeds * len(settings), *columns)


def _papers(stream: Stream, images: int) -> tuple[Tensor, Tensor]:
    """So many examples kept apart of every task, as it shows and calls them: `(run, task, image, d)` and without d."""
    x, y = zip(*(stream.exam(task) for task in range(stream.labels.shape[1])), strict=True)
    few = min(images, *(one.shape[1] for one in y))
    return torch.stack([one[:, :few] for one in x], 1), torch.stack([one[:, :few] for one in y], 1)


def _exam(learner: Any, papers: tuple[Tensor, Tensor]) -> Tensor:
    """Share of right answers, `(run, task)`."""
    x, y = papers
    return (learner.predict(x.flatten(1, 2)).view(y.shape) == y).float().mean(-1)


def _ends(stream: Stream) -> Tensor:
    """Whether a run's segment ends with a step, `(run, step)`; the last one does."""
    before = stream.ends.T
    ends = torch.cat([before[:, 1:], torch.ones_like(before[:, :1])], dim=1)
    if len(set(ends.sum(1).tolist())) > 1:
        raise ValueError(
            f"follow: exams need as many segments in every run, {stream.name} has {ends.sum(1).tolist()}; "
            "take exams=0, or a stream of tasks in a row such as nl.tasks.permuted_digits"
        )
    return ends


def _by_segment(rows: list[Tensor], ends: Tensor) -> np.ndarray:
    """Of all exams those a run took at the ends of its own segments, and the first: `(run, after, task)`."""
    taken = ends[:, ends.any(0)]  # (run, exam)
    sat = torch.stack(rows[1:], dim=1)  # (run, exam, task)
    own = torch.stack([exams[mine] for exams, mine in zip(sat, taken, strict=True)])
    return torch.cat([rows[0][:, None], own], dim=1).cpu().numpy()


def _bar(steps: Iterable[Any], progress: bool, name: str) -> Iterable[Any]:
    return need("tqdm.auto", extra="course").tqdm(steps, desc=name) if progress else steps
