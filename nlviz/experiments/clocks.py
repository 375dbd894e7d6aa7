"""Lesson 9: what a spectrum of clocks is good for, and which of its knobs does it. 20 seeds each."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import lab
from ..lab.side_by_side import Watch
from ..lab.stored import Experiment
from ..runtime import provenance
from ..trace import Trace

RUNS, SEED = 20, 9000

FAST = (1, 0.8, 0.95)
"""Period, rate and keep of the fast level of chapter 9; the slow one beside it has period 8, rate .15 and keep 1."""

MIXES: dict[str, dict[str, Any]] = {
    "fast and slow": dict(levels=(FAST, (8, 0.15, 1.0))),
    "fast alone": dict(levels=(FAST,)),
    "slow alone": dict(levels=((8, 0.15, 1.0),)),
    **{
        f"slow period {period}, {'mean' if average else 'sum'}": dict(
            levels=(FAST, (period, 0.15, 1.0)), average=average
        )
        for average in (False, True)
        for period in (1, 4, 8, 16, 32, 64)
    },
    **{f"fast keeps {keep}": dict(levels=((1, 0.8, keep), (8, 0.15, 1.0))) for keep in (1.0, 0.99, 0.95, 0.8)},
    "last gradient": dict(levels=(FAST, (8, 0.15, 1.0)), last_only=True),
}

WORLDS: dict[str, dict[str, Any]] = {
    "drift .05": {},
    "drift .05, memory keeps .99": dict(keep=0.99),
    "drift .02": dict(drift=0.02),
    "drift .01": dict(drift=0.01),
    "random walk, .2 a step": dict(drift=0.2, walk=True),
}


def recoveries(watch: Watch) -> Trace:
    """What is believed after A, B and silence, each knob turned alone; writes of the slow level beside it."""
    traces = [lab.spectrum(**mix, streams=RUNS, seed=SEED) for mix in watch(MIXES.values())]
    ends = {"after B": 439, "after the silence": 559}  # steps of 400 of A, 40 of B and 120 of silence
    arrays = {
        "total": np.stack([[trace["total"][:, step] for step in ends.values()] for trace in traces]),
        "writes": np.array([trace["writes"][-1] for trace in traces]),
    }
    axes = {"total": ("mix", "when", "run"), "writes": ("mix",)}
    about = provenance(seed=SEED, mixes=MIXES, note="writes are those of the last level of a mix")
    return Trace(arrays, axes, {"mix": list(MIXES), "when": list(ends)}, about)


def staircases(watch: Watch) -> Trace:
    """Recall from a memory whose encoder drifts, moves by steps, or is averaged, with three ways to write anew."""
    traces = [lab.staircase(**world, runs=RUNS, seed=SEED) for world in watch(WORLDS.values())]
    about = provenance(seed=SEED, worlds=WORLDS)
    recall = np.stack([trace["recall"] for trace in traces])
    labels = {"world": list(WORLDS), "way": traces[0].along("way")}
    return Trace({"recall": recall}, {"recall": ("world", "way", "run")}, labels, about)


EXPERIMENTS = [
    Experiment("clocks_recovery", "Which knob of a spectrum brings the old map back in silence?", recoveries),
    Experiment(
        "clocks_override",
        "Facts are overridden for a while: is the default back afterwards? (C4)",
        lambda watch: lab.overriding(RUNS, SEED, watch=watch),
    ),
    Experiment(
        "clocks_two_scales",
        "A regression drifts on two time scales: which levels follow? (C5)",
        lambda watch: lab.two_scales(RUNS, SEED, watch=watch),
    ),
    Experiment("clocks_staircase", "Does an encoder held still between ticks help a memory?", staircases),
]
