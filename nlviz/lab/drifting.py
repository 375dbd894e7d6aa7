"""A world that changes on two time scales at once: is a fast and a slow level better than one rate?

Experiment C5 of chapter 9: the weights of a linear regression are the sum of a part that is new after ten steps and one
that is new after two thousand. Every method is tuned over 24 settings on other seeds.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import torch
from torch import Tensor

from ..runtime import provenance
from ..tasks.stream_drift import Drift, drifting_regression
from ..trace import Trace
from .additive import Method, Setting
from .side_by_side import Watch

D, SCALES, NOISE = 8, (10, 2000), 0.5

_RATES = [rate / D for rate in (0.04, 0.08, 0.16, 0.24, 0.32, 0.5, 0.8, 1.2)]
_SLOW = [rate / D for rate in (0.01, 0.02, 0.04)]
_ONE: list[Setting] = [((rate,), (keep,)) for rate, keep in product(_RATES, (1.0, 0.99, 0.97))]
_ALL: list[Setting] = [((fast, slow), (1.0, 1.0)) for fast, slow in product(_RATES, _SLOW)]
_LEAKY: list[Setting] = [((fast, slow), (keep, 1.0)) for fast, slow, keep in product(_RATES[2:6], _SLOW, (0.9, 0.95))]
METHODS = {
    "one level": Method((1,), _ONE),
    "periods 1, 1, no decay": Method((1, 1), _ALL),
    "periods 1, 1, fast decays": Method((1, 1), _LEAKY),
    "periods 1, 16, fast decays": Method((1, 16), _LEAKY),
}


def two_scales(runs: int = 16, seed: int = 0, tuning_runs: int = 6, steps: int = 4000, watch: Watch = iter) -> Trace:
    """Linear levels track a regression whose weights drift on scales of 10 and of 2,000 steps.

    Args:
        runs: seeds seed, seed + 1, ...; tuning takes others.
        tuning_runs: seeds for choosing among a method's 24 settings.
        steps: of which the first quarter is not counted.
        watch: goes through the methods, `tqdm` say.

    Returns:
        A Trace with "error" `(method, run)`, the mean squared error of the prediction before noise, over the variance
        of what is to be predicted: 0 is perfect, 1 says nothing. The settings chosen are in `about`.

    >>> two_scales(runs=2, tuning_runs=1, steps=40)["error"].shape
    (4, 2)
    """
    elsewhere = drifting_regression(tuning_runs, seed + 100_000, steps, D, SCALES, NOISE)
    here = drifting_regression(runs, seed, steps, D, SCALES, NOISE)
    found, chosen = [], {}
    for name, method in watch(METHODS.items()):
        tried = _play(method, elsewhere)
        best = method.only(int(tried.mean(1).nan_to_num(math.inf).argmin()))  # a setting that diverged is the worst
        chosen[name] = dict(zip(("rates", "keeps"), map(list, best.settings[0]), strict=True))
        found.append(_play(best, here)[0])
    about: dict[str, Any] = dict(seed=seed, runs=runs, tuning_runs=tuning_runs, steps=steps, chosen=chosen)
    error = torch.stack(found).numpy()
    return Trace({"error": error}, {"error": ("method", "run")}, {"method": list(METHODS)}, provenance(**about))


def _play(method: Method, stream: Drift) -> Tensor:
    """Excess error, (setting, run); all settings and seeds at once."""
    steps, runs = stream.wanted.shape
    memory = method.levels(runs, d_value=1, d_key=D)
    first, missed = steps // 4, torch.zeros(len(method.settings), runs)
    for step, (x, wanted, heard) in enumerate(zip(stream.inputs, stream.wanted, stream.heard, strict=True)):
        error = memory.write(heard[:, None], x)[..., 0]  # of the noisy value
        if step >= first:
            missed += (error - (heard - wanted)).square()
    return missed / stream.wanted[first:].square().sum(0)
