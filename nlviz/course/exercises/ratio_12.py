"""12.E, error_ratio: how many errors one learner makes for every error of another, with its interval.

The truth goes run by run with Python's own `statistics`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant

Two = tuple[Tensor, Tensor]


def _error_ratio(ours: Tensor, theirs: Tensor, t: float) -> Two:
    ratios = []
    for one, other in zip(ours.tolist(), theirs.tolist(), strict=True):
        late = slice(len(one) // 2, None)
        ratios.append(sum(1 - right for right in one[late]) / sum(1 - right for right in other[late]))
    mean, half = statistics.fmean(ratios), t * statistics.stdev(ratios) / len(ratios) ** 0.5
    return torch.tensor(mean, dtype=ours.dtype), torch.tensor(half, dtype=ours.dtype)


def _streams(seed: int) -> tuple[Tensor, Tensor, float]:
    """Shares of right answers of two learners on the same runs, some of which are much harder than others."""
    runs, steps, t = ((4, 12, 3.182), (6, 10, 2.571), (5, 16, 2.776))[seed % 3]
    draws = generator(seed)
    hard = 0.1 + 0.5 * torch.rand(runs, 1, generator=draws, dtype=torch.float64)
    luck = torch.rand(2, runs, steps, generator=draws, dtype=torch.float64)
    early = torch.where(torch.arange(steps) < steps // 2, 1.5, 1.0)
    return 1 - 0.55 * hard * early * (0.6 + 0.4 * luck[0]), 1 - hard * early * (0.6 + 0.4 * luck[1]), t


def _late(right: Tensor) -> Tensor:
    return right[:, right.shape[1] // 2 :]


def _spread(ratios: Tensor, t: float) -> Tensor:
    return t * ratios.std() / len(ratios) ** 0.5


def _of(ratio: Callable[[Tensor, Tensor], Tensor]) -> Function:
    """Right but for the ratio of a run, given both learners' shares."""

    def measured(ours: Tensor, theirs: Tensor, t: float) -> Two:
        ratios = ratio(ours, theirs)
        return ratios.mean(), _spread(ratios, t)

    return measured


def _errors(right: Tensor) -> Tensor:
    return 1 - _late(right).mean(1)


def _half(half: Callable[[Tensor, float], Tensor]) -> Function:
    """Right but for the half-width, given the ratios."""

    def measured(ours: Tensor, theirs: Tensor, t: float) -> Two:
        ratios = _errors(ours) / _errors(theirs)
        return ratios.mean(), half(ratios, t)

    return measured


def _not_paired(ours: Tensor, theirs: Tensor, t: float) -> Two:
    ratios = _errors(ours) / _errors(theirs)
    return _errors(ours).mean() / _errors(theirs).mean(), _spread(ratios, t)


def _numbers(result: Two) -> list[float]:
    """The mean and the half-width."""
    return list(torch.as_tensor(result).reshape(2).tolist())


def _paired(fn: Function) -> bool | str:
    theirs = 1 - torch.linspace(0.1, 0.8, 6, dtype=torch.float64)[:, None].expand(6, 8)
    mean, half = _numbers(fn((1 + theirs) / 2, theirs, 2.571))
    return (abs(mean - 0.5) < 1e-8 and abs(half) < 1e-8) or f"yours says {mean:.3g} ± {half:.3g}"


def _settled(fn: Function) -> bool | str:
    ours, theirs, t = _streams(0)
    before = _numbers(fn(ours, theirs, t))
    ours[:, : ours.shape[1] // 2] = 0
    after = _numbers(fn(ours, theirs, t))
    away = max(abs(one - other) for one, other in zip(before, after, strict=True))
    return away < 1e-8 or f"with a first half all wrong yours goes from {before[0]:.3g} to {after[0]:.3g}"


def _narrows(fn: Function) -> bool | str:
    ours, theirs, t = _streams(1)
    few, many = (_numbers(fn(ours.repeat(n, 1), theirs.repeat(n, 1), t))[1] for n in (1, 4))
    expected = (5 / 23) ** 0.5  # six runs, each four times: (n − 1) / (4 n − 1)
    return abs(many / few - expected) < 1e-8 or f"yours shrinks to {many / few:.3g} of it"


ERROR_RATIO = Exercise(
    id="12.E",
    name="error_ratio",
    task="Errors of one learner for each error of another, in the second half of a stream: mean and half-width.",
    cases=_streams,
    truth=_error_ratio,
    gives=("the mean ratio", "the half-width"),
    properties=(
        ("half the errors in every run are 0.5 ± 0, however different the runs", _paired),
        ("what happens in the first half does not count", _settled),
        ("six runs seen four times over have an interval a little less than half as wide", _narrows),
    ),
    mutants=(
        Mutant(
            "ratio of the means",
            _not_paired,
            "This divides the mean errors of all runs. Runs differ in how hard they are, so compare each with itself: "
            "first the ratio in every run, then the mean of the ratios.",
        ),
        Mutant(
            "ratio of right answers",
            _of(lambda ours, theirs: _late(ours).mean(1) / _late(theirs).mean(1)),
            "This is the ratio of right answers. From 0.80 to 0.90 that is a modest 1.1; in errors it is 0.2 to 0.1, "
            "a half. An error is 1 minus the share that is right.",
        ),
        Mutant(
            "upside down",
            _of(lambda ours, theirs: _errors(theirs) / _errors(ours)),
            "The ratio stands on its head: it is *our* errors for each of theirs, and below 1 is good.",
        ),
        Mutant(
            "a difference",
            _of(lambda ours, theirs: _errors(ours) - _errors(theirs)),
            "This is how many errors fewer, as a difference. Asked is how many for each one of theirs: divide.",
        ),
        Mutant(
            "the whole stream",
            _of(lambda ours, theirs: (1 - ours.mean(1)) / (1 - theirs.mean(1))),
            "The whole stream is counted, also the time in which both learn what home is. "
            "Take the second half: `[:, steps // 2 :]`.",
        ),
        Mutant(
            "the first half",
            _of(
                lambda ours, theirs: (
                    (1 - ours[:, : ours.shape[1] // 2].mean(1)) / (1 - theirs[:, : theirs.shape[1] // 2].mean(1))
                )
            ),
            "That is the first half of the stream. The colon stands on the other side for the second.",
        ),
        Mutant(
            "the last batch",
            _of(lambda ours, theirs: (1 - ours[:, -1]) / (1 - theirs[:, -1])),
            "Only the last batch is counted: eight images a run, mostly luck. Take the mean of the second half.",
        ),
        Mutant(
            "the mean of the batches' ratios",
            _of(lambda ours, theirs: ((1 - _late(ours)) / (1 - _late(theirs))).mean(1)),
            "A ratio for every batch: those in which the other made one error by luck weigh most, "
            "and one without an error is a division by zero. First the errors of a run, then one ratio a run.",
        ),
        Mutant(
            "the spread of runs",
            _half(lambda ratios, t: t * ratios.std()),
            "This is how far single runs lie apart, and it does not shrink with more of them. How well the *mean* is "
            "known: divide by the root of the number of runs.",
        ),
        Mutant(
            "divided by n",
            _half(lambda ratios, t: t * ratios.std() / len(ratios)),
            "The spread is divided by the number of runs. Luck averages out more slowly: by its root.",
        ),
        Mutant(
            "no t",
            _half(lambda ratios, t: ratios.std() / len(ratios) ** 0.5),
            "This is the standard error; the truth lies within it only about two times in three. `t` makes 95 % of it.",
        ),
        Mutant(
            "1.96 for t",
            _half(lambda ratios, t: 1.96 * ratios.std() / len(ratios) ** 0.5),
            "1.96 is for very many runs. With few of them the spread itself is a guess, and Student's `t`, which you "
            "are given, makes up for that.",
        ),
        Mutant(
            "spread of the population",
            _half(lambda ratios, t: t * ratios.std(correction=0) / len(ratios) ** 0.5),
            "The spread is divided by n, as if these runs were all there are. For a sample it is n − 1, "
            "as `std()` does it by itself.",
        ),
        Mutant(
            "variance",
            _half(lambda ratios, t: t * ratios.var() / len(ratios) ** 0.5),
            "This is the variance, the square of what is wanted: `std()`.",
        ),
        Mutant(
            "full width",
            _half(lambda ratios, t: 2 * _spread(ratios, t)),
            "This is the width of the whole interval. Asked is half of it, what stands behind the ±.",
        ),
        Mutant(
            "one for each run",
            lambda ours, theirs, t: (_errors(ours) / _errors(theirs), _spread(_errors(ours) / _errors(theirs), t)),
            "That is a ratio for each run, and these are right. Return their mean.",
        ),
        Mutant(
            "only the mean",
            lambda *given: _error_ratio(*given)[0],
            "This is the mean, and it is right. A number without its interval is an anecdote: return both.",
        ),
        Mutant(
            "swapped",
            lambda *given: _error_ratio(*given)[::-1],
            "Both are right, but they come in the wrong order: the mean first, then the half-width.",
        ),
    ),
    hints=(
        "Three steps: the share of errors of every run in the second half, for both; one ratio a run; "
        "mean and spread of the ratios.",
        "`late = slice(ours.shape[1] // 2, None)`, and `1 - ours[:, late].mean(1)` are the errors of each run. "
        "The half-width is t times the standard deviation over the root of the number of runs.",
        "`ratios = (1 - ours[:, late].mean(1)) / (1 - theirs[:, late].mean(1))`; return `ratios.mean()` and "
        "`t * ratios.std() / len(ratios) ** 0.5`.",
    ),
)
