"""Five orders of pixels in a row: the baselines that are strong there, and clocks alone, which are not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product

from torch import Tensor

from .. import lab, learners, tasks
from ..lab.row_of_tasks import row_lines
from ..lab.side_by_side import Watch
from ..lab.stored import Experiment
from ..learners import OURS
from ..trace import Trace

RUNS, TUNING_RUNS, SEED = 20, 10, 6000
RATES = (0.003, 0.006, 0.009, 0.0125, 0.025, 0.05, 0.1, 0.2)
"""Lower than on home and away: where nothing comes back, it pays to learn little and forget little."""


def permuted(watch: Watch) -> Trace:
    """Every family on permuted digits; EWC also as one that is told when a task ends."""
    stream = partial(tasks.permuted_digits, tasks.digits())

    def told(seeds: Sequence[int], lr: Tensor, strength: Tensor) -> learners.EWC:
        runs = len(set(seeds))  # settings side by side have the same seeds
        ends = stream(runs=runs, seed=seeds[0]).ends.repeat(1, len(seeds) // runs)
        return learners.EWC(learners.Network(seeds), lr, strength, ends=ends)

    rates = [(lr,) for lr in RATES]
    strengths = list(product((0.025, 0.05), (30.0, 100.0, 300.0, 1000.0)))
    single, others, away = learners.single_rates(), learners.references(), learners.home_and_away_table()
    families = {
        "SGD": single["SGD"]._replace(settings=rates),
        "replay 400": others["replay 400"]._replace(settings=rates),
        "EWC": others["EWC"]._replace(settings=strengths),
        "EWC, told": learners.Family(told, strengths),
        "levels, no reset": others["levels, no reset (tuned)"]._replace(settings=[(2 * lr,) for lr in RATES]),
        OURS: away[OURS]._replace(settings=list(product((0.05, 0.1, 0.2, 0.4), (0.1, 0.2)))),
    }
    return lab.in_a_row(families, stream, RUNS, TUNING_RUNS, SEED, watch=watch)


EXPERIMENTS = [
    Experiment(
        "continual_permuted",
        "Five orders of pixels in a row: what is left of the first ones? (C8)",
        permuted,
        tell=row_lines,
    )
]
