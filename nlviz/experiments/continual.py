"""Lesson 12: the trained continual learner beside all that could explain it away, where it holds and where it fails."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from .. import lab, learners, tasks
from ..lab.continual_table import contest, table_lines
from ..lab.side_by_side import Watch
from ..lab.stored import Experiment
from ..learners import OURS
from ..runtime import provenance
from ..trace import Trace

RUNS, TUNING_RUNS = 20, 5
SEED, WORLDS_SEED, FLIGHT, EDGE = 6500, 7000, 8000, 400_000
"""Of the table, of the other worlds, of the one flight, of the search for the edge."""

BROKEN = 0.8
"""Right answers: less than plain descent has."""

RATES, MANY = (0.3, 0.4, 0.5, 0.6), 60
"""Of the search for the edge: a run in thirty is not to be seen among the five that tuning takes."""

TABLE = "continual_table"


def world(maker: Callable[..., tasks.Stream] = tasks.home_and_away, **lengths: tuple[int, int]) -> Any:
    """A stream of digits, to be called with `runs=` and `seed=`."""
    return partial(maker, tasks.digits(), **lengths)


WORLDS: dict[str, tuple[Callable[..., tasks.Stream], dict[str, tuple[int, int]]]] = {
    "home and away": (tasks.home_and_away, {}),
    "short segments": (tasks.home_and_away, dict(home=(20, 40), away=(8, 15))),
    "long segments": (tasks.home_and_away, dict(home=(80, 160), away=(30, 60))),
    "mixed segments": (tasks.home_and_away, dict(home=(20, 160), away=(8, 60))),
    "nothing is contradicted": (tasks.home_and_scrambled, {}),
    "home never mastered": (tasks.home_too_hard, {}),
}
"""The schedules were named in the tests before anything was run on them; the last two are made to fail."""

HERE = "SGD, tuned on this stream"
BESIDE = (OURS, "SGD", "restart of all levels", "elastic twin, periods 1, 4, 16")

FLIGHTS = {"surprise_gate": OURS, "sgd": "SGD", "all_levels": "restart of all levels", "no_reset": "no reset"}
"""File name -> method, each recorded on the same stream."""


def settings() -> dict[str, tuple[float, ...]]:
    """What the kept table has chosen, so that nothing is tuned anew where the point is that nothing is."""
    return {name: tuple(setting) for name, setting in lab.kept(TABLE).about["chosen"].items()}


def table(watch: Watch) -> Trace:
    """All rows on home and away."""
    return contest(learners.home_and_away_table(), world(), RUNS, TUNING_RUNS, SEED, watch=watch)


def other_worlds(watch: Watch) -> Trace:
    """The settings of the table on other streams; there the baseline alone is tuned anew."""
    rows, chosen = learners.home_and_away_table(), settings()
    families = {**{name: rows[name] for name in BESIDE}, HERE: rows["SGD"]}
    kept = {name: chosen[name] for name in BESIDE}
    found = {
        name: contest(families, world(maker, **lengths), RUNS, TUNING_RUNS, WORLDS_SEED, kept)
        for name, (maker, lengths) in watch(WORLDS.items())
    }
    joined = Trace.join(found, axis="world")
    errors = {name: 1 - joined.select(method=name)["accuracy"].astype(float) for name in (OURS, HERE)}
    arrays = {**joined.arrays, "error ratio": errors[OURS] / errors[HERE]}
    tuned = {name: trace.about["chosen"][HERE] for name, trace in found.items()}
    about = provenance(seed=WORLDS_SEED, runs=RUNS, tuning_runs=TUNING_RUNS, chosen=kept, tuned_here=tuned)
    return Trace(arrays, {**joined.axes, "error ratio": ("world", "run")}, joined.labels, about)


def edge(watch: Watch) -> Trace:
    """Where our learner begins to break down: many seeds at each rate, by tens so that all stays in the cache."""
    make, steps = learners.home_and_away_table()[OURS].make, len(world()(runs=1, seed=0))
    found = np.zeros((len(RATES), MANY), np.float32)
    for first in watch(range(0, MANY, 10)):
        seeds = list(range(EDGE + first, EDGE + first + 10))
        worlds = world()(runs=10, seed=seeds[0])
        for row, lr in enumerate(RATES):
            columns = torch.full((10,), lr), torch.full((10,), 0.1)
            right = lab.follow(make(seeds, *columns), worlds)["right"]
            found[row, first : first + 10] = right[:, steps // 2 :].mean(1)
    about = provenance(seed=EDGE, method=OURS, share=0.1)
    return Trace({"accuracy": found}, {"accuracy": ("lr", "run")}, {"lr": list(RATES)}, about)


def edge_lines(trace: Trace) -> list[str]:
    """Each rate: its mean, its worst runs, and how many broke down."""
    return [
        f"lr {lr}: mean {runs.mean():.3f}, worst {np.sort(runs)[:5].round(3)}, {(runs < BROKEN).sum()} broke down"
        for lr, runs in zip(trace.along("lr"), trace["accuracy"], strict=True)
    ]


def flight(method: str) -> Trace:
    """One run of a method, with what each level wrote when."""
    setting = settings()[method]
    columns = [torch.tensor([number]) for number in setting]
    learner = learners.home_and_away_table()[method].make([FLIGHT], *columns)
    trace = lab.follow(learner, world()(runs=1, seed=FLIGHT), record=True)
    return Trace(trace.arrays, trace.axes, trace.labels, {**trace.about, "method": method, "setting": list(setting)})


def _flown(method: str) -> Callable[[Watch], Trace]:
    return lambda watch: flight(method)


def world_lines(trace: Trace) -> list[str]:
    """Each world's table, one below the other."""
    lines = []
    for name in trace.along("world"):
        one = trace.select(world=name)
        chosen = {**trace.about["chosen"], HERE: trace.about["tuned_here"][name]}
        lines += ["", f"{name}:", *table_lines(Trace(one.arrays, one.axes, one.labels, {"chosen": chosen}), OURS, HERE)]
    return lines


EXPERIMENTS = [
    Experiment(
        TABLE,
        "Home, away, home again: which learner is quick abroad and still at home? (C7)",
        table,
        tell=lambda trace: table_lines(trace, OURS, "SGD"),
    ),
    Experiment(
        "continual_schedules",
        "Do the same settings hold on other schedules, and fail on two streams where they should?",
        other_worlds,
        tell=world_lines,
    ),
    Experiment("continual_edge", "At which rate does the surprise gate begin to break down?", edge, tell=edge_lines),
    *(
        Experiment(f"flight_{file}", f"What does each level write in one run, and when? ({method})", _flown(method))
        for file, method in FLIGHTS.items()
    ),
]
