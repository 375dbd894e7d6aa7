"""A few gradient directions come again and again: does a richer memory of gradients find them under the noise?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from ..runtime import generator, provenance
from ..trace import Trace
from .side_by_side import Watch, advance, begin, best, demand_equal_budgets

if TYPE_CHECKING:
    from ..memory.base import Rule as Memory
    from ..optim.base import Rule

OFFSET = 100_000
"""Seeds for tuning are this far from those that are reported."""


def recurring_gradients(
    rules: Mapping[str, Sequence[Rule]],
    memories: Mapping[str, Sequence[tuple[float, Memory]]] | None = None,
    noises: Sequence[float] = (1.0, 2.0, 4.0),
    directions: int = 8,
    every: int = 10,
    d: int = 64,
    runs: int = 12,
    tuning_runs: int = 3,
    steps: int = 1500,
    seed: int = 0,
    watch: Watch = iter,
) -> Trace:
    """Gradients are one of `directions` fixed directions, another one every `every` steps, and noise.

    Each rule takes the gradient as one row, or, if it is a rule for matrices, as one column, so that what it learns
    about rows it learns about the gradient's coordinates. A memory is used as follows: a velocity is kept as in
    `MomentumEMA`; at each step the velocity, at norm 1, is written under itself, and the memory is read with it.

    Args:
        rules: method -> the settings it is tuned over, optimizer rules.
        memories: method -> settings, each the velocity's momentum and a rule of `nl.memory`.
        noises: norm of the noise over that of the direction; tuned at each.
        directions: how many there are.
        every: steps until the next direction, never the same.
        d: features of a gradient.
        runs: seeds seed, seed + 1, ...; tuning takes others.
        tuning_runs: seeds for choosing among a method's settings.
        steps: of which the first quarter is not counted.
        watch: goes through all settings, `tqdm` say.

    Returns:
        A Trace with "cosine" `(method, noise, run)`: of the step, turned round, or of what the memory answers, with the
        direction of the moment, averaged over steps. The settings chosen are in `about`.

    Raises:
        ValueError: where methods have unequal numbers of settings.

    Source: after Nested Learning, sections 4.3 and 4.4, which ask optimizers to manage a memory of past gradients.

    >>> import nlviz as nl
    >>> rules = {"EMA": [nl.optim.MomentumEMA(momentum=0.5)], "none": [nl.optim.SGD()]}
    >>> recurring_gradients(rules, noises=[1.0], runs=2, steps=200)["cosine"].mean(-1).round(1)
    array([[0.8],
           [0.7]], dtype=float32)
    """
    methods: dict[str, Sequence[Any]] = {**rules, **(memories or {})}
    demand_equal_budgets(methods)
    draw = partial(_gradients, noises=noises, directions=directions, every=every, d=d, steps=steps)
    elsewhere = draw(range(seed + OFFSET, seed + OFFSET + tuning_runs))
    here = draw(range(seed, seed + runs))
    tried: dict[str, list[Tensor]] = {name: [] for name in methods}
    for name, setting in watch([(name, setting) for name, settings in methods.items() for setting in settings]):
        tried[name].append(_play(setting, *elsewhere))  # (noise, run)
    found, chosen = [], {}
    for name, settings in methods.items():
        picked = [best(1 - torch.stack(tried[name])[:, i]) for i in range(len(noises))]
        played = {i: _play(settings[i], *here) for i in set(picked)}
        found.append(torch.stack([played[i][level] for level, i in enumerate(picked)]))
        chosen[name] = [repr(settings[i]) for i in picked]
    return Trace(
        {"cosine": torch.stack(found).numpy()},
        {"cosine": ("method", "noise", "run")},
        {"method": list(methods), "noise": list(noises)},
        provenance(
            seed=seed,
            runs=runs,
            tuning_runs=tuning_runs,
            directions=directions,
            every=every,
            d=d,
            steps=steps,
            chosen=chosen,
        ),
    )


def _gradients(
    seeds: range, noises: Sequence[float], directions: int, every: int, d: int, steps: int
) -> tuple[Tensor, Tensor]:
    """The direction of each moment (step, run, d), and the gradients (step, noise, run, d)."""
    true, static = [], []
    for draws in map(generator, seeds):
        some = normalize(torch.randn(directions, d, generator=draws), dim=-1)
        turns = torch.randint(1, directions, (-(-steps // every),), generator=draws).cumsum(0) % directions
        true.append(some[turns.repeat_interleave(every)[:steps]])
        static.append(torch.randn(steps, d, generator=draws) / d**0.5)
    at, noise = torch.stack(true, dim=1), torch.stack(static, dim=1)
    return at, at[:, None] + torch.tensor(noises)[:, None, None] * noise[:, None]


def _play(setting: Any, true: Tensor, gradients: Tensor) -> Tensor:
    """The mean cosine, (noise, run); all noises and seeds at once."""
    pointed = _by_memory(setting, gradients) if isinstance(setting, tuple) else _by_rule(setting, gradients)
    cosines = [cosine_similarity(one, at, dim=-1) for one, at in zip(pointed, true, strict=True)]
    return torch.stack(cosines[len(true) // 4 :]).mean(0)


def _by_rule(rule: Rule, gradients: Tensor) -> Iterator[Tensor]:
    """The steps of an optimizer rule, turned round: (noise, run, d) each."""
    w = torch.zeros_like(gradients[0]).flatten(0, 1)
    w = w[:, :, None] if rule.matrices else w[:, None]
    state = begin(rule, w)
    for grad in gradients:
        step, state = advance(rule, grad.reshape(w.shape), state, w)
        yield -step.reshape(grad.shape)


def _by_memory(setting: tuple[float, Memory], gradients: Tensor) -> Iterator[Tensor]:
    """What a memory of velocities recalls of each: (noise, run, d)."""
    momentum, memory = setting
    *batch, d = gradients.shape[1:]
    state, velocity = memory.init(d, d, batch=batch), torch.zeros_like(gradients[0])
    for grad in gradients:
        velocity = momentum * velocity + (1 - momentum) * grad
        key = normalize(velocity, dim=-1)
        state, _ = memory.write(state, key, key)
        yield memory.read(state, key)
