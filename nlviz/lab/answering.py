"""Models that learn to answer, side by side: the same fresh sequences and rates, and questions beyond training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..loops import asked, right
from ..measure import mean_interval
from ..runtime import provenance
from ..tasks.sequences import Fresh
from ..trace import Trace
from .side_by_side import Watch
from .tuned_runs import Attempt, Entrant, tuned_runs

if TYPE_CHECKING:
    from ..tasks import Sequences

APART = 1_000
"""From the first reported seed to the one that rates are chosen with."""
TRAINED = 1 / 3
"""Of the way from chance to all right: who comes less far counts as not trained."""
NOT_TRAINED = "not trained off chance in this budget"
ABREAST = 6
"""Models in a line of a table."""
_REPORTED, _TUNING = 0, 1  # seeds of the questions; batches to learn from have seeds of a million and more


def answers(
    entrants: Mapping[str, Entrant],
    draw: Callable[[int], Sequences],
    ask: Callable[..., Sequences],
    settings: Mapping[str, Sequence[Any]],
    trained: Sequence[Any],
    rates: Sequence[float],
    runs: int = 5,
    seed: int = 0,
    steps: int = 500,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
    watch: Watch = iter,
) -> Trace:
    """Shares of right answers on sequences kept apart, in every setting; each model with the best of the same rates.

    A rate is chosen by the surprise at other questions in the settings it was trained on, one run each, from a seed of
    its own; then every run begins anew.

    Args:
        entrants: name -> model.
        draw: seed to a batch to learn from, see `nl.tasks.Fresh`; batches may have settings in turn.
        ask: called as `ask(seed=, **setting)`: the questions, the same for all models and runs.
        settings: axis -> its values; all are combined.
        trained: those values of the first axis that were learned from.
        rates: the grid.
        runs: seeds seed, seed + 1, ...: of first weights and of the batches.
        steps: of every run.
        folder: where runs are kept until all are done; a call that was stopped goes on with what is there. None:
            nothing is kept.
        device: where models run.
        watch: goes through all runs, `tqdm` say.

    Returns:
        A Trace with "accuracy" `(model, *settings, run)`, the share of right answers; "whole", the same of sequences
        with every answer right; "chance" `(*settings,)` of an answer; "loss" `(model, run, step)` in nats, "tuning"
        `(model, rate)` in nats too, infinite where a rate diverged; "diverged" `(model, run)`, in which runs the
        gradient became infinite: they are asked with their last finite weights, and have no losses; "seconds"
        `(model, run)` of training by the clock on the wall, and "parameters" `(model,)`. Steps and the rates chosen are
        in `about`.

    Raises:
        ValueError: if `trained` names none of the settings.
        FloatingPointError: if a model diverges with every rate.
        KeyboardInterrupt: after an interrupt; where there is a folder, the run in hand is kept.
    """
    cells = [dict(zip(settings, values, strict=True)) for values in product(*settings.values())]
    first, values = next(iter(settings.items()))
    learned = [cell for cell in cells if cell[first] in trained]
    if not learned:
        among = ", ".join(map(str, values))
        raise ValueError(f"answers: trained names those that were learned from of {first} {among}; got {list(trained)}")
    papers = [ask(seed=_REPORTED, **cell) for cell in cells]
    others = [ask(seed=_TUNING, **cell) for cell in learned]
    told = ([_digest(draw(i)) for i in range(12)], [_digest(paper) for paper in papers + others], steps)

    def attempt(one: Attempt) -> tuple[float, _Row | None]:
        score = partial(_surprise, papers=others, device=device)
        try:
            trace = one.train(Fresh(draw, steps, one.seed), asked, steps, score, told)
        except FloatingPointError:
            if one.tunes:
                raise
            return np.inf, _Row(shares(one.model), np.full(steps, np.nan), np.nan, diverged=True)
        if one.tunes:
            return trace["score"][-1], None
        return trace["score"][-1], _Row(shares(one.model), trace["loss"], trace.about["seconds"], diverged=False)

    def shares(model: nn.Module) -> np.ndarray:
        return np.array([right(model, paper.batches()) for paper in papers])

    seeds = range(seed, seed + runs)
    tuned = tuned_runs("answers", entrants, rates, attempt, seeds, seed + APART, folder, device, watch)
    shape = [len(values) for values in settings.values()]
    found = np.array([[row.shares for row in rows] for rows in tuned.found.values()])  # (model, run, cell, 2)
    by_setting = np.moveaxis(found, 1, -1).reshape(len(entrants), *shape, 2, runs)
    arrays = {
        "accuracy": by_setting[..., 0, :],
        "whole": by_setting[..., 1, :],
        "chance": np.reshape([paper.chance for paper in papers], shape),
        "loss": np.array([[row.loss for row in rows] for rows in tuned.found.values()], np.float32),
        "tuning": tuned.tuning,
        "seconds": np.array([[row.seconds for row in rows] for rows in tuned.found.values()]),
        "diverged": np.array([[row.diverged for row in rows] for rows in tuned.found.values()]),
        "parameters": tuned.parameters,
    }
    axes: dict[str, tuple[str, ...]] = {
        "accuracy": ("model", *settings, "run"),
        "whole": ("model", *settings, "run"),
        "chance": tuple(settings),
        "loss": ("model", "run", "step"),
        "tuning": ("model", "rate"),
        "seconds": ("model", "run"),
        "diverged": ("model", "run"),
        "parameters": ("model",),
    }
    labels: dict[str, list[Any]] = {
        "model": list(entrants),
        "rate": list(rates),
        **{axis: list(values) for axis, values in settings.items()},
    }
    about = provenance(
        seed=seed,
        task=papers[0].name,
        steps=steps,
        learned=steps * len(draw(0)),
        asked=len(papers[0]),
        trained=list(trained),
        chosen=tuned.chosen,
    )
    trace = Trace(arrays, axes, labels, about)
    tuned.forget()
    return trace


class _Row(NamedTuple):
    """What a run found: shares `(cell, 2)` of answers and of whole sequences, losses, seconds."""

    shares: np.ndarray
    loss: np.ndarray
    seconds: float
    diverged: bool


def _digest(task: Sequences) -> str:
    """Which tokens and answers these are: `about` need not tell everything, of which text the hay is say."""
    return hashlib.sha256(b"".join(x.cpu().numpy().tobytes() for x in (task.tokens, task.targets))).hexdigest()


def _surprise(model: nn.Module, papers: Sequence[Sequences], device: torch.device | str) -> float:
    """Mean surprise at all answers, in nats, every setting counting alike."""
    each = [
        np.mean([float(asked(model, (tokens.to(device), targets.to(device)))) for tokens, targets in paper.batches()])
        for paper in papers
    ]
    return float(np.mean(each))


def untrained(trace: Trace) -> np.ndarray:
    """Where a model was not trained off chance in its budget: `(model, *settings)`, false where it was not trained.

    It was, where its runs came a third of the way from chance to all right or more, with chance outside the 95 %
    interval of their mean.

    >>> axes = {"accuracy": ("model", "pairs", "run"), "chance": ("pairs",)}
    >>> arrays = {"accuracy": np.array([[[1.0, 0.99], [0.3, 0.3]]]), "chance": np.array([0.5, 0.25])}
    >>> untrained(Trace(arrays, axes, {"pairs": [2, 4]}, {"trained": [2, 4]}))
    array([[False,  True]])
    """
    mean, half = mean_interval(trace["accuracy"], axis=-1)
    chance = trace["chance"]
    short = ((mean - chance) / (1 - chance) < TRAINED) | (mean - half <= chance)
    first = trace.axes["chance"][0]
    learned = np.array([value in trace.about["trained"] for value in trace.along(first)])
    return short & learned.reshape(-1, *[1] * (chance.ndim - 1))


def answer_table(trace: Trace) -> Iterator[str]:
    """What `answers` found, in lines of text: shares with 95 % intervals over runs, and what each model was given.

    "Not trained off chance in this budget" says so of a model that came less than a third of the way from chance to all
    right in a setting it was trained on, or whose interval has chance in it (`untrained`). It is no verdict on the
    model: more steps, or another rate, may train it.

    One setting as a figure: `nl.figures.intervals(dict(zip(trace.along("model"), trace.select(pairs=32)["accuracy"])),
    x="right answers, 32 pairs", chance=1 / 32)`.
    """
    about, models, rates, first = trace.about, trace.along("model"), trace.along("rate"), trace.axes["chance"][0]
    yield from _shares(trace, "accuracy", "right answers, %")
    if not np.array_equal(trace["accuracy"], trace["whole"]):
        yield from ("", *_shares(trace, "whole", "every answer right, %"))
    yield from ("", f"{'':16}{'steps':>8}{'seconds':>9}{'parameters':>12}{'rate':>8}")
    short = untrained(trace).reshape(len(models), -1).sum(1).tolist()
    learned = len(about["trained"]) * trace["chance"][0].size
    columns = (trace["seconds"], trace["parameters"], short, trace["diverged"].sum(1).tolist())
    for name, seconds, size, stars, lost in zip(models, *columns, strict=True):
        rate = about["chosen"][name]
        notes = ["(the edge of the grid)"] * (rate in (min(rates), max(rates)))
        notes += [f"{lost} of {len(seconds)} runs diverged, and are asked as they stood before"] * (lost > 0)
        notes += [f"{NOT_TRAINED}{f' in {stars} of {learned} settings' * (stars < learned)} *"] * (stars > 0)
        told = f"{name:16}{about['steps']:8,}{np.nanmedian(seconds):9.0f}{size:12,}{rate:8g}  {', '.join(notes)}"
        yield told.rstrip()
    yield (
        f"± 95 % over {trace.sizes['run']} runs of {about['steps']:,} steps on {about['learned']:,} fresh sequences, "
        f"{first} {', '.join(map(str, about['trained']))}; {about['asked']} others asked in each setting."
    )
    grid = ", ".join(f"{rate:g}" for rate in rates)
    yield f"Rates of {grid}, chosen on yet others, one run each. Seconds of training on the wall, median of the runs,"
    yield "and what else the machine did meanwhile is in them."
    if any(short):
        yield f"* {NOT_TRAINED}, which is no verdict on the model: less than a third of the way from"
        yield "  chance to all right, or chance within the interval."


def _shares(trace: Trace, which: str, title: str) -> Iterator[str]:
    """A line a setting, a column a model, so many abreast: percent, mean ± half of the 95 % interval."""
    axes = trace.axes["chance"]
    single = which == "accuracy"  # of whole sequences nobody has counted what luck gives
    settings = list(product(*map(trace.along, axes)))
    told = [", ".join(f"{axis} {value}" for axis, value in zip(axes, setting, strict=True)) for setting in settings]
    wide = 2 + max(map(len, (title, *told)))
    shares = trace[which].reshape(len(trace[which]), len(settings), -1)
    means, halves = mean_interval(100 * np.moveaxis(shares, -1, 0))  # (model, setting)
    stars = untrained(trace).reshape(means.shape) & single
    names, chances = trace.along("model"), trace["chance"].reshape(-1)
    for first in range(0, len(names), ABREAST):
        some = range(first, min(first + ABREAST, len(names)))
        if first:
            yield ""
        heads = "".join(f"{names[i]:>13} " for i in some)
        yield (f"{title:{wide}}{heads}" + f"{'chance':>9}" * single).rstrip()
        for j, setting in enumerate(told):
            cells = "".join(f"{f'{means[i, j]:.1f} ± {halves[i, j]:.1f}':>13}{' *'[int(stars[i, j])]}" for i in some)
            yield (f"{setting:{wide}}{cells}" + f"{100 * chances[j]:9.3g}" * single).rstrip()
