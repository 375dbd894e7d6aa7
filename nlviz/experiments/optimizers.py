"""Lesson 3 and the docstrings of `nl.optim`: what memories of gradients are good for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from .. import lab, memory, optim, tasks
from ..lab.side_by_side import Watch
from ..lab.stored import Experiment
from ..optim.base import Info, Rule, State
from ..trace import Trace

RATES = [2.0**power for power in range(-7, 5)]
"""One grid of learning rates for all trainers. With four variants each a method has 48 settings."""


@dataclass(frozen=True)
class LookAhead(optim.Momentum):
    """Nesterov's momentum, as `torch.optim.SGD(nesterov=True)`: a control, for damping along the new gradient."""

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """Write the gradient, read the velocity one step ahead."""
        velocity = self.momentum * state["velocity"] + grad
        return -self.lr * (grad + self.momentum * velocity), {"velocity": velocity}, {}


def _variants(*rules: Rule) -> list[Rule]:
    return [replace(rule, lr=lr) for rule in rules for lr in RATES]


def trained() -> dict[str, list[Rule]]:
    """The methods that are compared as trainers, each with 48 settings over one range of rates."""
    factors = (0.65, 0.8, 0.9, 0.95)
    two_scales = partial(optim.M3, second_moment=False)
    return {
        "SGD": [optim.SGD(lr) for lr in np.geomspace(RATES[0], RATES[-1], 4 * len(RATES)).tolist()],
        "Momentum": _variants(*(optim.Momentum(momentum=b) for b in factors)),
        "Momentum, look ahead": _variants(*(LookAhead(momentum=b) for b in factors)),
        "Adam": _variants(optim.Adam(), *(optim.Adam(momentum=b, square_keep=0.99) for b in factors[:3])),
        "DeltaMomentum": _variants(
            *(
                optim.DeltaMomentum(momentum=b, erase=erase)
                for b, erase in ((0.9, 0.2), (0.9, 0.6), (0.95, 0.5), (0.98, 0.5))
            )
        ),
        "DeepMomentum": _variants(
            *(optim.DeepMomentum(momentum=b, inner_lr=rate) for b in (0.9, 0.98) for rate in (0.03, 0.1))
        ),
        "Muon": _variants(*(optim.Muon(momentum=b) for b in factors)),
        "M3": _variants(
            optim.M3(momentum=0.8, period=10),
            optim.M3(momentum=0.9, period=10),
            two_scales(momentum=0.8, period=10),
            two_scales(momentum=0.8, period=50),
        ),
    }


def _trainers(problem: Callable[[], lab.Problem]) -> Callable[[Watch], Trace]:
    return lambda watch: lab.trainers(trained(), problem(), runs=12, tuning_runs=6, watch=watch)


def _time_scales(watch: Watch) -> Trace:
    factors = (0.0, 0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99)
    return lab.one_time_scale({b: optim.MomentumEMA(momentum=b) for b in factors}, watch=watch)


def recalling() -> tuple[dict[str, list[Rule]], dict[str, list[tuple[float, memory.Rule]]]]:
    """Memories of recurring gradients, 24 settings each: optimizer rules, and memories of velocities."""
    factors = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    rules: dict[str, list[Rule]] = {
        "EMA": [optim.MomentumEMA(momentum=i / 25) for i in range(24)],
        "DeltaMomentum": [
            optim.DeltaMomentum(momentum=b, erase=share * b) for b in factors for share in (0.25, 0.5, 0.75, 1.0)
        ],
        "Preconditioned": [
            optim.Preconditioned(momentum=b, damping=damping, every=50)
            for b in factors
            for damping in (0.01, 0.1, 1.0, 10.0)
        ],
        "DeepMomentum": [
            optim.DeepMomentum(momentum=b, keep=keep, inner_lr=rate, hidden=hidden)
            for b in (0.3, 0.5, 0.7, 0.9)
            for keep in (0.99, 1.0)
            for hidden, rate in ((16, 0.1), (64, 0.03), (256, 0.008))
        ],
    }
    memories: dict[str, list[tuple[float, memory.Rule]]] = {
        "Delta, a matrix memory of velocities": [
            (b, memory.Delta(lr)) for b in factors for lr in (0.003, 0.01, 0.03, 0.1)
        ],
        "Deep, an MLP memory of velocities": [
            (b, memory.Deep(lr, hidden=hidden)) for b in factors for lr in (0.01, 0.1) for hidden in (16, 64)
        ],
    }
    return rules, memories


def descents() -> tuple[list[optim.SGD], list[optim.DGD]]:
    """Plain and delta gradient descent at the same 24 rates."""
    rates = np.geomspace(0.001, 100.0, 24).tolist()
    return [optim.SGD(lr) for lr in rates], [optim.DGD(lr) for lr in rates]


def _toy_valley(watch: Watch) -> Trace:
    erasing = {
        f"DeltaMomentum, erase = {erase}": lambda lr, momentum, erase=erase: optim.DeltaMomentum(lr, momentum, erase)
        for erase in (0.1, 0.5, 0.8)
    }
    return lab.toy_valley({"Momentum": optim.Momentum, **erasing}, watch=watch)


def _step_cost(watch: Watch) -> Trace:
    """Every rule on one model of ten million parameters, torch's Adam, and Newton-Schulz alone."""
    rules: dict[str, Rule] = {
        "SGD": optim.SGD(),
        "Momentum": optim.Momentum(),
        "MomentumEMA": optim.MomentumEMA(),
        "FeatureMomentum": optim.FeatureMomentum(),
        "AdaGrad": optim.AdaGrad(),
        "Adam": optim.Adam(),
        "DeltaMomentum": optim.DeltaMomentum(),
        "DeepMomentum": optim.DeepMomentum(),
        "Preconditioned": optim.Preconditioned(every=1000),
        "Preconditioned, a step that solves": optim.Preconditioned(every=1),
        "Muon": optim.Muon(),
        "M3": optim.M3(period=1000),
        "M3, a slow step": optim.M3(period=1),
    }
    optimizers: dict[str, lab.Build] = {
        "torch's Adam (foreach)": lambda model: torch.optim.Adam(model.parameters(), foreach=True),
        **{name: partial(_optimizer, rule) for name, rule in rules.items()},
        "DGD": lambda model: optim.Optimizer(model.parameters(), optim.DGD(), inputs=optim.inputs(model)),
    }
    return lab.step_cost(optimizers, {"Newton-Schulz alone": optim.newton_schulz}, watch=watch)


def _optimizer(rule: Rule, model: nn.Module) -> torch.optim.Optimizer:
    return optim.Optimizer(model.parameters(), rule)


EXPERIMENTS = [
    Experiment("optim_time_scales", "Which momentum is best for directions that last 1 to 400 steps?", _time_scales),
    Experiment(
        "optim_recurring",
        "Do richer memories of gradients find eight recurring directions under noise?",
        lambda watch: lab.recurring_gradients(*recalling(), watch=watch),
    ),
    Experiment(
        "optim_dgd",
        "Where does delta gradient descent find a map, and where half of it?",
        lambda watch: lab.self_made_targets(*descents(), watch=watch),
    ),
    Experiment("optim_valley", "Does delta momentum arrive sooner in the toy valley of Figure 4?", _toy_valley),
    Experiment(
        "optim_trainers_digits",
        "Which optimizer trains a small network on digits best?",
        _trainers(lambda: lab.digit_network(tasks.digits())),
    ),
    Experiment(
        "optim_trainers_centred",
        "The same without the mean image, which all digits share?",
        _trainers(lambda: lab.digit_network(tasks.digits(), centred=True)),
    ),
    Experiment(
        "optim_trainers_scaled",
        "Which optimizer solves a badly scaled regression best?",
        _trainers(lab.scaled_regression),
    ),
    Experiment(
        "optim_trainers_turned",
        "The same with the inputs turned, so that no weight has a scale of its own?",
        _trainers(lambda: lab.scaled_regression(rotated=True)),
    ),
    Experiment(
        "bench_optim", "What does a step of each optimizer cost? (about five minutes)", _step_cost, lab.cost_table
    ),
]
