"""A memory asked to answer what it made up itself (DGD): where that finds the map, and where it stops half way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..memory import apply, outer
from ..runtime import generator, provenance
from ..trace import Trace
from .recurring import OFFSET
from .side_by_side import Watch, advance, best, demand_equal_budgets

if TYPE_CHECKING:
    from ..optim.base import Rule
    from ..optim.dgd import DGD

Move = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The step from W (run, d, d), the error at its output (run, d) and the input (run, d)."""


def self_made_targets(
    descent: Sequence[Rule],
    delta: Sequence[DGD],
    decays: Sequence[float] = (0.1, 0.3, 1.0),
    likeness: Sequence[float] = (0.0, 0.9, 0.99),
    runs: int = 12,
    tuning_runs: int = 3,
    steps: int = 2000,
    d: int = 16,
    seed: int = 0,
    watch: Watch = iter,
) -> Trace:
    """A linear map V is learned from a stream x, V x by gradient descent and by delta gradient descent.

    Two losses: the dot product −⟨W x, V x⟩ and the squared error ½ ‖W x − V x‖². On the first gradient descent is
    Hebb's rule, with a control that also decays; on the second it is the delta rule.

    Args:
        descent: settings of plain gradient descent. The control takes every n-th of them, with each of n decays.
        delta: settings of `DGD`, as many.
        decays: weight decay of the control, on the scale of the inputs' mean square: times 1 / d.
        likeness: correlation of each input with the one before; all inputs have norm 1.
        runs: seeds seed, seed + 1, ...; tuning takes others.
        tuning_runs: seeds for choosing among the settings, for each likeness and loss.
        steps: one input each.
        d: features of an input and of V x.
        watch: goes through all settings, `tqdm` say.

    Returns:
        A Trace with, at the end, "error" `(method, likeness, run)`, ‖W − V‖ / ‖V‖, and "share" `(method, likeness,
        run)`, ⟨W, V⟩ / ‖V‖²: 1 is all of V. The settings chosen are in `about`.

    Raises:
        ValueError: for unequal numbers of settings.

    Source: Nested Learning, section 4.5 and eqs. 56-57; the fixed point at one half is ours.

    >>> import nlviz as nl
    >>> rates = (0.1, 1.0, 100.0)
    >>> settings = [nl.optim.SGD(lr) for lr in rates], [nl.optim.DGD(lr) for lr in rates]
    >>> trace = self_made_targets(*settings, likeness=[0.0], runs=2, tuning_runs=1, steps=400)
    >>> trace.select(method="DGD, squared error")["share"].round(1)
    array([[0.5, 0.5]])
    """
    n = len(decays)
    plain = [_descend(rule) for rule in descent]
    fading = [_descend(rule, rate / d) for rate in decays for rule in descent[::n]]
    made = [_delta(rule) for rule in delta]
    methods = {
        "GD, dot product": (plain, False),
        "GD with decay, dot product": (fading, False),
        "DGD, dot product": (made, False),
        "GD, squared error": (plain, True),
        "DGD, squared error": (made, True),
    }
    demand_equal_budgets({name: ways for name, (ways, _) in methods.items()})
    elsewhere = _streams(range(seed + OFFSET, seed + OFFSET + tuning_runs), likeness, steps, d)
    here = _streams(range(seed, seed + runs), likeness, steps, d)
    tried: dict[str, list[Tensor]] = {name: [] for name in methods}
    for name, way in watch([(name, way) for name, (ways, _) in methods.items() for way in ways]):
        tried[name].append(_play(way.move, methods[name][1], *elsewhere)[0])
    found, chosen = [], {}
    for name, (ways, squared) in methods.items():
        picked = [best(torch.stack(tried[name])[:, i]) for i in range(len(likeness))]
        played = {i: _play(ways[i].move, squared, *here) for i in set(picked)}
        found.append(torch.stack([played[i][:, level] for level, i in enumerate(picked)], dim=1))
        chosen[name] = [ways[i].label for i in picked]
    error, share = torch.stack(found, dim=1).numpy()
    axes = ("method", "likeness", "run")
    return Trace(
        {"error": error, "share": share},
        {"error": axes, "share": axes},
        {"method": list(methods), "likeness": list(likeness)},
        provenance(seed=seed, runs=runs, tuning_runs=tuning_runs, steps=steps, d=d, chosen=chosen),
    )


class _Way(NamedTuple):
    label: str
    move: Move


def _descend(rule: Rule, decay: float = 0.0) -> _Way:
    def move(W: Tensor, error: Tensor, x: Tensor) -> Tensor:
        return advance(rule, outer(error, x) + decay * W, {}, W)[0]

    return _Way(f"{rule!r}, decay {decay:.3g}", move)


def _delta(rule: DGD) -> _Way:
    alone = torch.func.vmap(lambda grad, W, gram: rule.update(grad, {}, W, gram)[0])
    return _Way(repr(rule), lambda W, error, x: alone(outer(error, x), W, outer(x, x)))


def _streams(seeds: range, likeness: Sequence[float], steps: int, d: int) -> tuple[Tensor, Tensor]:
    """Maps V (run, d, d), and inputs of norm 1 (step, likeness, run, d)."""
    draws = [generator(s) for s in seeds]
    V = torch.stack([torch.randn(d, d, generator=g, dtype=torch.float64) for g in draws])
    pushes = torch.stack([torch.randn(steps, d, generator=g, dtype=torch.float64) for g in draws], dim=1)
    like = torch.tensor(likeness, dtype=torch.float64)[:, None, None]
    x = [pushes[0].expand(len(likeness), -1, -1)]
    for push in pushes[1:]:
        x.append(like * x[-1] + (1 - like.square()).sqrt() * push)
    return V, normalize(torch.stack(x), dim=-1)


def _play(move: Move, squared: bool, V: Tensor, inputs: Tensor) -> Tensor:
    """Error and share at the end, (2, likeness, run)."""
    shape = inputs.shape[1:3]
    V = V.expand(*shape, -1, -1).flatten(0, 1)
    W = torch.zeros_like(V)
    for x in inputs.flatten(1, 2):
        error = (apply(W, x) if squared else 0.0) - apply(V, x)
        W = W + move(W, error, x)
    size = V.square().sum((1, 2))
    missed, along = (W - V).square().sum((1, 2)) / size, (W * V).sum((1, 2)) / size
    return torch.stack([missed.sqrt().view(shape), along.view(shape)])
