"""M3: two periods, what each of its memories holds, and why the printed form is not the default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import nlviz as nl
from nlviz import optim

Close = Callable[..., None]
Draw = Callable[..., torch.Tensor]


def follow(rule: optim.Rule, grads: torch.Tensor) -> tuple[list[torch.Tensor], list[dict[str, Any]]]:
    w, state = grads[0], rule.init(grads[0])
    steps, states = [], []
    for grad in grads:
        step, state, _ = rule.update(grad, state, w)
        steps.append(step)
        states.append(state)
    return steps, states


def test_the_memories_weigh_past_gradients_by_an_exponential_and_by_a_staircase(like: Any, close: Close) -> None:
    """Gradient i is the i-th unit vector: entry i of a memory is the weight it gives to step i."""
    steps, period = 12, 4
    rule = optim.M3(momentum=0.8, slow_momentum=0.5, period=period)
    _, states = follow(rule, torch.eye(steps, **like)[:, None, :])
    age = torch.arange(steps - 1, -1, -1, **like)
    close(states[-1]["fast"][0], 0.2 * 0.8**age)
    close(states[-1]["slow"][0], 0.5 / period * 0.5 ** (age // period))


def test_the_slow_memory_moves_at_its_period_and_speaks_a_step_later(draw: Draw, close: Close) -> None:
    rule, grads = optim.M3(period=5, second_moment=False, slow_weight=0.7, lr=1.0), draw(16, 4, 4)
    steps, states = follow(rule, grads)
    moved = [i for i in range(1, 16) if not torch.equal(states[i]["slow"], states[i - 1]["slow"])]
    assert moved == [4, 9, 14]
    close(steps[4], -optim.newton_schulz(states[4]["fast"]))
    slow = 0.1 * grads[:5].mean(0)
    close(steps[5], -optim.newton_schulz(states[5]["fast"]) - 0.7 * optim.newton_schulz(slow), 1e-10)


def test_without_the_slow_memory_and_the_second_moment_it_is_muon(draw: Draw, close: Close) -> None:
    grads = draw(30, 8, 4)
    ours, _ = follow(optim.M3(momentum=0.9, slow_weight=0.0, second_moment=False), grads)
    muon, _ = follow(optim.Muon(momentum=0.9, nesterov=False), grads)
    close(torch.stack(ours), torch.stack(muon), 1e-10)


def test_the_second_moment_divides_by_the_root_over_its_mean(draw: Draw, close: Close) -> None:
    grad, rule = draw(4, 4), optim.M3(lr=1.0, floor=0.5)
    (step,), _ = follow(rule, grad[None])
    relative = grad.abs() / grad.square().mean().sqrt()
    close(step, -optim.newton_schulz(0.05 * grad) / (relative + 0.5), 1e-10)


def test_no_weight_moves_further_with_the_second_moment_than_without(draw: Draw) -> None:
    grads = draw(60, 6, 4) * torch.logspace(-6, 3, 4).to(draw(1))
    with_it, _ = follow(optim.M3(period=7), grads)
    without, _ = follow(optim.M3(period=7, second_moment=False), grads)
    for one, other in zip(with_it, without, strict=True):
        assert (one.abs() <= other.abs() + 1e-12).all()


def test_as_printed_the_step_dies_and_averaged_it_stays(draw: Draw) -> None:
    """Noise of one size for 1,600 steps: printed 0.25 of the step at 100 (√(100/1600)), averaged 1.0. Both pinned."""
    grads = draw(1600, 6, 4)
    ratio = {}
    for rule in (optim.M3(), optim.M3(second_moment=False), optim.M3Printed()):
        sizes = torch.stack([step.norm() for step in follow(rule, grads)[0]])
        ratio[rule] = float(sizes[1500:].mean() / sizes[90:110].mean())
    averaged, plain, printed = ratio.values()
    assert printed == pytest.approx(0.25, abs=0.05)
    assert averaged == pytest.approx(1.0, abs=0.1)
    assert plain == pytest.approx(1.0, abs=0.1)


def test_as_printed_neither_memory_forgets(like: dict[str, Any], close: Close) -> None:
    _, states = follow(optim.M3Printed(momentum=0.9, slow_momentum=0.8, period=4), torch.eye(12, **like)[:, None, :])
    close(states[-1]["fast"], torch.full((1, 12), 0.9, **like))
    close(states[-1]["slow"], torch.full((1, 12), 0.8, **like))


COUNTER_EXAMPLE = [[1.7201, -26.5079], [-0.0731, 3.2441]]


def test_divided_by_the_bare_root_the_first_step_can_point_uphill(like: dict[str, Any]) -> None:
    """Σ O ⊙ sign(G) has no sign of its own. Without the division it is Σ s·NS(s) > 0."""
    G = torch.tensor(COUNTER_EXAMPLE, **like)
    uphill = {
        rule: float((follow(rule, G[None])[0][0] * G).sum())
        for rule in (optim.M3(floor=1e-8), optim.M3(second_moment=False), optim.M3Printed())
    }
    bare, without, printed = uphill.values()
    assert bare > 0
    assert printed > 0
    assert without < 0


def final_loss(rule: optim.Rule, steps: int = 100) -> float:
    """The loss on 200 digits over the first, from a far start."""
    digits = nl.tasks.digits(seed=0, dtype=torch.float64)
    x, y = digits.x[:200], digits.y[:200]
    W = 6 * torch.randn(10, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    trace = nl.loops.descend(rule, lambda w: torch.nn.functional.cross_entropy(x @ w.mT, y), W, steps, ("loss",))
    return float(trace["loss"][-1] / trace["loss"][0])


def test_on_digits_the_bare_root_explodes_and_the_floor_does_not() -> None:
    """Weights of pixels that are almost never on have almost no gradient of their own, but a full share of NS."""
    rates = (1e-3, 1e-2, 1e-1)
    assert min(final_loss(optim.M3(lr=lr, floor=1e-8)) for lr in rates) > 0.5
    assert max(final_loss(optim.M3(lr=lr, floor=1e-8)) for lr in rates) > 5
    assert final_loss(replace(optim.M3(), lr=0.5)) < 0.1
