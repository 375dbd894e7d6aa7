"""Lesson 12, beyond the hand-made rule: a retention gate learned by evolution, and what it is worth elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import lab, learners
from ..lab.continual_table import digest, table_lines
from ..lab.side_by_side import Watch
from ..lab.stored import Experiment
from ..learners import OURS, Family, LearnedGate, Levels, Network
from ..learners.learned import FEATURES
from ..trace import Trace
from .continual import WORLDS, settings, world

SEED, TRAINING = 9000, 200_000
"""Of the lives that are reported, and of those that the gates are learned in."""

RUNS, LIVES, STEPS, GENERATIONS, PAIRS, SHRINK, COUNTED = 12, 2, 400, 12, 8, 0.88, 0.3
NUMBERS = ("bias", *FEATURES, "log(share / .1)")
TESTED = ("home and away", "short segments", "long segments", "nothing is contradicted")

SHUT, STEEP = -3.9, 50.0  # a gate that lets 2 % through; a weight that makes a step of a sigmoid
SHARE = 0.1  # where it is not learned
SAME_SHARE = "surprise gate, share .1"  # the hand-made rule with it: its own share may be another

STRATEGIES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "learned gate": ((SHUT, 0, 0, 0, 0), (1.5, 2, 0, 0, 0)),
    "learned gate, second time": ((SHUT, 0, 0, 0, 0), (1.5, 2, 0, 0, 0)),
    "no feature: a fixed decay": ((SHUT, 0, 0, 0, 0), (1.5, 0, 0, 0, 0)),
    "share learned too": ((SHUT, 0, 0, 0, 0), (1.5, 2, 0, 0, 1)),
    "three features": ((SHUT, 0, 0, 0, 0), (1.5, 2, 1, 1, 0)),
    "a threshold, learned": ((-STEEP, STEEP, 0, 0, 0), (0.5 * STEEP, 0, 0, 0, 0)),
}
"""Where each starts (the last number: log of the share over .1), how far candidates spread; 0 is not learned."""


def gates(seeds: list[int], numbers: Tensor, lr: float) -> LearnedGate:
    """A learner for many runs, `numbers` `(runs, 5)`."""
    like = torch.full((len(seeds),), lr)
    share = (SHARE * numbers[:, -1].exp()).clamp(max=1)
    return LearnedGate(Network(seeds), like, weights=numbers[:, 1:-1], bias=numbers[:, 0], share=share)


def learned_gate(watch: Watch) -> Trace:
    """Learn every gate on lives apart; then compare all of them with the hand-made rule on fresh ones."""
    lr, share = settings()[OURS]
    start, spread = (torch.tensor([parts[i] for parts in STRATEGIES.values()]) for i in (0, 1))

    def score(candidates: Tensor, generation: int) -> Tensor:
        seeds = [TRAINING + generation * LIVES + life for life in range(LIVES)]
        each = candidates.flatten(0, 1)
        lives = world()(runs=LIVES, seed=seeds[0], steps=STEPS).repeat(len(each))
        right = lab.follow(gates(seeds * len(each), each.repeat_interleave(LIVES, 0), lr), lives)["right"]
        worth = torch.from_numpy(right[:, int(COUNTED * STEPS) :].mean(1))
        return worth.view(*candidates.shape[:2], LIVES).mean(-1)

    evolved = lab.evolve(score, start, spread, GENERATIONS, PAIRS, SHRINK, seed=SEED, watch=watch)
    rule = learners.home_and_away_table()[OURS].make
    families = {
        OURS: Family(rule),
        SAME_SHARE: Family(rule),
        "no reset": Family(lambda seeds, lr, share: Levels(Network(seeds), lr, (1, 4, 16), 0.25)),
        **{
            name: Family(lambda seeds, *_, row=row: gates(seeds, row.expand(len(seeds), -1), lr))
            for name, row in zip(STRATEGIES, torch.tensor(evolved["mean"][:, -1]), strict=True)
        },
    }
    chosen = {name: (lr, SHARE if name == SAME_SHARE else share) for name in families}
    tested = {}
    for name in watch(TESTED):
        maker, lengths = WORLDS[name]
        tested[name] = digest(lab.compare(families, world(maker, **lengths), chosen, RUNS, SEED))
    joined = Trace.join(tested, axis="world")
    labels: dict[str, Any] = {**joined.labels, "strategy": list(STRATEGIES), "number": list(NUMBERS)}
    about = dict(lives=LIVES, steps=STEPS, generations=GENERATIONS, counted=COUNTED, training_seed=TRAINING)
    return Trace(
        {**evolved.arrays, **joined.arrays},
        {**evolved.axes, **joined.axes},
        labels,
        {**evolved.about, **about, "lr": lr, "share of the rule": share, "share of the gates": SHARE, "runs": RUNS},
    )


def gate_lines(trace: Trace) -> Iterator[str]:
    """What was learned, and what it is worth in each world."""
    yield f"{'':28}" + "".join(f"{number[:18]:>20}" for number in NUMBERS)
    for name, numbers in zip(trace.along("strategy"), trace["mean"][:, -1], strict=True):
        yield f"{name:28}" + "".join(f"{number:20.2f}" for number in np.asarray(numbers))
    for name in trace.along("world"):
        one = trace.select(world=name)
        yield from ("", f"{name}:", *table_lines(one, OURS, "no reset"))


EXPERIMENTS = [
    Experiment(
        "learned_gate",
        "Can evolution learn when to return to the slow copy, and does it hold elsewhere?",
        learned_gate,
        tell=gate_lines,
    ),
]
