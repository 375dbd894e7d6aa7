"""Optimizer rules as trainers of small networks, each tuned over the same number of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..runtime import generator, provenance
from ..trace import Trace
from .problems import Problem, outputs
from .recurring import OFFSET
from .side_by_side import Watch, advance, begin, best, by_rate, demand_equal_budgets

if TYPE_CHECKING:
    from ..optim.base import Rule


def trainers(
    families: Mapping[str, Sequence[Rule]],
    problem: Problem,
    runs: int = 12,
    tuning_runs: int = 4,
    steps: int = 300,
    batch: int = 16,
    every: int = 20,
    seed: int = 0,
    watch: Watch = iter,
) -> Trace:
    """Train one small problem with every method: first tuned, then, on other seeds, compared.

    The learning rate falls linearly to 0 in every run, which spares those that take steps of a fixed size from ending
    at their step size. All matrices of a network get the same rule. A run has the same first weights and the same
    batches under every method, so that methods can be compared run by run.

    Args:
        families: method -> the settings it is tuned over, as many for each; optimizer rules.
        problem: of `problems.py`.
        runs: seeds seed, seed + 1, ...; tuning takes others.
        tuning_runs: seeds for choosing among a method's settings, by the mean of log10 of the last loss; a setting
            that diverges on one of them, that is, does not end below its first loss, is out.
        steps: of training.
        batch: inputs a step.
        every: steps between two measurements; divides `steps`.
        watch: goes through the settings, `tqdm` say.

    Returns:
        A Trace with "loss" `(method, run, step)` on all inputs, at the start and after each `every` steps; "loss apart"
        `(method, run)`, the last one on inputs kept apart; "diverged" `(method, run)`; and "tuning" `(method,
        setting)`, the mean log10 of the last loss on the tuning seeds, infinite for a setting that diverged on one. The
        settings chosen are in `about`.

    Raises:
        ValueError: for unequal numbers of settings, a method that diverges at all of its settings, or steps that
            `every` does not divide.

    >>> import nlviz as nl
    >>> families = {"SGD": [nl.optim.SGD(0.1), nl.optim.SGD(0.3)], "Adam": [nl.optim.Adam(0.1), nl.optim.Adam(0.3)]}
    >>> trace = trainers(families, nl.lab.scaled_regression(), runs=2, tuning_runs=1, steps=40)
    >>> trace.sizes
    {'method': 2, 'run': 2, 'step': 3, 'setting': 2}
    """
    demand_equal_budgets(families)
    if steps % every:
        raise ValueError(f"trainers measures every {every} steps, which must divide all {steps}; change one of them")
    elsewhere = _Course(problem, range(seed + OFFSET, seed + OFFSET + tuning_runs), steps, batch)
    tried = {name: torch.full((len(rules), tuning_runs), torch.inf) for name, rules in families.items()}
    for name, rule, which in watch([(name, *group) for name, rules in families.items() for group in by_rate(rules)]):
        loss, _ = elsewhere.train(rule, [families[name][i].lr for i in which], every=steps)
        fell = loss[..., -1] < loss[..., 0]
        tried[name][which] = loss[..., -1].log10().where(fell, torch.inf).float()
    chosen = {name: rules[best(tried[name])] for name, rules in families.items()}
    here = _Course(problem, range(seed, seed + runs), steps, batch)
    trained = [here.train(replace(rule, lr=1.0), [rule.lr], every) for rule in chosen.values()]
    losses, apart = (torch.cat(parts).float().numpy() for parts in zip(*trained, strict=True))
    return Trace(
        {
            "loss": losses,
            "loss apart": apart,
            "diverged": ~(losses[..., -1] < losses[..., 0]),
            "tuning": torch.stack([each.mean(1) for each in tried.values()]).numpy(),
        },
        {
            "loss": ("method", "run", "step"),
            "loss apart": ("method", "run"),
            "diverged": ("method", "run"),
            "tuning": ("method", "setting"),
        },
        {"method": list(families), "step": list(range(0, steps + 1, every))},
        provenance(
            seed=seed,
            runs=runs,
            tuning_runs=tuning_runs,
            batch=batch,
            problem=problem.name,
            chosen={name: repr(rule) for name, rule in chosen.items()},
        ),
    )


class _Course:
    """What every method goes through: for each seed its first weights, its data and the order of its batches."""

    def __init__(self, problem: Problem, seeds: range, steps: int, batch: int) -> None:
        drawn = [problem.draw(seed) for seed in seeds]
        self.loss, self.steps = problem.loss, steps
        self.weights = [torch.stack(layer) for layer in zip(*(each.weights for each in drawn), strict=True)]
        data = [torch.stack(parts) for parts in zip(*(each[1:] for each in drawn), strict=True)]
        self.x, self.y, *self.apart = data  # (run, n, d), (run, n, ...)
        n = self.x.shape[1]
        orders = [torch.randint(n, (steps, batch), generator=generator(seed + 10_007)) for seed in seeds]
        self.order = torch.stack(orders, dim=1)  # (step, run, batch)

    def train(self, rule: Rule, rates: Sequence[float], every: int) -> tuple[Tensor, Tensor]:
        """Losses (rate, run, measurement), and the last one apart (rate, run); all as one batched network."""
        many, runs = len(rates), len(self.x)
        lr = torch.tensor(rates, dtype=self.x.dtype).repeat_interleave(runs)[:, None, None]
        weights = [W.repeat(many, 1, 1) for W in self.weights]
        states = [begin(rule, W) for W in weights]
        run, measured = torch.arange(runs)[:, None], [self._measure(weights, many, self.x, self.y)]
        for t, index in enumerate(self.order):
            x, y = (part[run, index] for part in (self.x, self.y))
            grads = self._gradients(weights, _repeated(x, many), _repeated(y, many))
            for i, grad in enumerate(grads):
                step, states[i] = advance(rule, grad, states[i], weights[i])
                weights[i] = weights[i] + (1 - t / self.steps) * lr * step
            if (t + 1) % every == 0:
                measured.append(self._measure(weights, many, self.x, self.y))
        return torch.stack(measured, dim=-1), self._measure(weights, many, *self.apart)

    def _gradients(self, weights: Sequence[Tensor], x: Tensor, y: Tensor) -> Sequence[Tensor]:
        leaves = [W.detach().requires_grad_() for W in weights]
        return torch.autograd.grad(self.loss(outputs(leaves, x), y).sum(), leaves)  # the nets share no weight

    def _measure(self, weights: Sequence[Tensor], many: int, x: Tensor, y: Tensor) -> Tensor:
        """(rate, run)"""
        parts = zip(*(W.unflatten(0, (many, -1)) for W in weights), strict=True)
        return torch.stack([self.loss(outputs(part, x), y) for part in parts])


def _repeated(data: Tensor, many: int) -> Tensor:
    """Each run's data once a rate, (rate * run, ...)."""
    return data.expand(many, *data.shape).flatten(0, 1)
