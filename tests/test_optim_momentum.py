"""Momentum and its relatives: what the memory holds, and how far back it reaches."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from nlviz import optim

Close = Callable[..., None]
Draw = Callable[..., torch.Tensor]


def velocities(rule: optim.Rule, grads: torch.Tensor, name: str = "velocity") -> torch.Tensor:
    w = torch.zeros_like(grads[0])
    state, seen = rule.init(w), []
    for grad in grads:
        _, state, _ = rule.update(grad, state, w)
        seen.append(state[name])
    return torch.stack(seen)


def test_velocity_is_the_decayed_sum_of_all_surprises(draw: Draw, close: Close) -> None:
    grads, beta = draw(50, 3, 4), 0.9
    expected = sum(beta ** (49 - i) * grads[i] for i in range(50))
    close(velocities(optim.Momentum(momentum=beta), grads)[-1], expected)


def test_velocity_is_fifty_online_steps_on_a_dot_product(draw: Draw, close: Close) -> None:
    grads, beta = draw(50, 3, 4), 0.9
    m = torch.zeros_like(grads[0])
    for grad in grads:
        held = (beta * m).requires_grad_()
        (slope,) = torch.autograd.grad(-(held * grad).sum(), held)
        m = held.detach() - 1.0 * slope
    close(velocities(optim.Momentum(momentum=beta), grads)[-1], m)


def test_one_momentum_step_minimises_its_proximal_problem(draw: Draw, close: Close) -> None:
    """argmin over m of −⟨m, g⟩ + ½ ‖m − βm₀‖²: its gradient vanishes at the new velocity."""
    held, grad = draw(3, 4, seed=1), draw(3, 4, seed=2)
    _, state, _ = optim.Momentum(momentum=0.7).update(grad, {"velocity": held}, held)
    m = state["velocity"].requires_grad_()
    (slope,) = torch.autograd.grad(-(m * grad).sum() + 0.5 * (m - 0.7 * held).square().sum(), m)
    close(slope, torch.zeros_like(slope))


def test_the_average_is_the_sum_times_one_minus_momentum(draw: Draw, close: Close) -> None:
    grads = draw(50, 3, 4)
    close(velocities(optim.MomentumEMA(momentum=0.9), grads), (1 - 0.9) * velocities(optim.Momentum(), grads))


def test_momentum_is_torchs_sgd_with_momentum(draw: Draw, close: Close) -> None:
    grads, rule = draw(50, 3, 4), optim.Momentum(lr=0.1, momentum=0.9)
    w = theirs = draw(3, 4, seed=1)
    theirs = torch.nn.Parameter(theirs.clone())
    opt, state = torch.optim.SGD([theirs], lr=0.1, momentum=0.9), rule.init(w)
    for grad in grads:
        step, state, _ = rule.update(grad, state, w)
        w = w + step
        theirs.grad = grad.clone()
        opt.step()
    close(w, theirs.detach())


@pytest.mark.parametrize(("momentum", "half", "window"), [(0.9, 7, 44), (0.95, 14, 90), (0.99, 69, 459), (0.5, 1, 7)])
def test_half_and_99_percent_of_a_momentum_are_7_and_44_gradients(momentum: float, half: int, window: int) -> None:
    """Counted on the memory itself: what share of its weight the last n gradients carry."""
    steps = 3000
    ones = torch.ones(1, dtype=torch.float64)
    weights = [momentum ** (steps - 1 - i) * ones for i in range(steps)]
    share = torch.cumsum(torch.stack(weights).flip(0).flatten(), 0) / torch.stack(weights).sum()
    assert int((share >= 0.5 - 1e-12).nonzero()[0]) + 1 == half == optim.window(momentum, share=0.5)
    assert int((share >= 0.99).nonzero()[0]) + 1 == window == optim.window(momentum)


def test_the_printed_6_and_43_gradients_fall_short() -> None:
    assert 1 - 0.9**6 < 0.5 < 1 - 0.9**7
    assert 1 - 0.9**43 < 0.99 < 1 - 0.9**44


def test_a_share_met_exactly_is_met() -> None:
    assert optim.window(0.5, share=0.75) == 2
    assert optim.window(0.9, share=1 - 0.9**10) == 10  # where the logarithms give a hair more
    assert optim.window(0.0) == 1
    with pytest.raises(ValueError, match="below 1"):
        optim.window(1.0)


def test_after_a_task_switch_the_velocity_still_points_at_the_old_task(like: dict[str, Any]) -> None:
    """With orthogonal tasks the old share fades by momentum a step: below 1 % of the old velocity after 44."""
    old, new = torch.eye(2, **like)
    seen = velocities(optim.Momentum(momentum=0.9), torch.cat([old.expand(500, 2), new.expand(60, 2)]))
    share = seen[499:, 0] / seen[499, 0]
    assert int((share < 0.01).nonzero()[0]) == 44


def test_features_of_power_one_are_momentum_and_of_power_zero_count_votes(draw: Draw, close: Close) -> None:
    grads = draw(20, 3, 4)
    close(velocities(optim.FeatureMomentum(power=1.0), grads), velocities(optim.Momentum(), grads))
    close(velocities(optim.FeatureMomentum(power=0.0), grads), velocities(optim.Momentum(), grads.sign()))


def test_features_write_phi_of_the_gradient(like: dict[str, Any], draw: Draw, close: Close) -> None:
    """One step on −⟨m, φ(g)⟩."""
    held, grad = draw(4, seed=1), draw(4, seed=2)
    _, state, _ = optim.FeatureMomentum(momentum=0.6, power=0.5).update(grad, {"velocity": held}, held)
    phi = [math.copysign(abs(g) ** 0.5, g) for g in grad.tolist()]
    close(state["velocity"], 0.6 * held + torch.tensor(phi, **like))


def test_whitening_solves_its_inner_problem(draw: Draw, close: Close) -> None:
    """P is where the gradient of tr(P C̄) + tr(P⁻¹) vanishes."""
    rule, grad = optim.Preconditioned(damping=0.1), draw(3, 8)
    _, state, _ = rule.update(grad, rule.init(grad), grad)
    C, P = state["C"], state["P"].clone().requires_grad_()
    shape = C / (C.trace() / 3) + 0.1 * torch.eye(3, dtype=C.dtype, device=C.device)
    (slope,) = torch.autograd.grad((P @ shape).trace() + torch.linalg.inv(P).trace(), P)
    close(slope, torch.zeros_like(slope), 1e-11)


def test_preconditioned_momentum_without_a_preconditioner_is_momentum(draw: Draw, close: Close) -> None:
    """A damping that drowns the shape leaves P a multiple of the identity."""
    grads = draw(20, 3, 4)
    seen = velocities(optim.Preconditioned(damping=1e12), grads)
    close(seen * 1e6, velocities(optim.Momentum(), grads), 1e-10)


def test_the_preconditioner_learns_at_its_own_period(draw: Draw) -> None:
    seen = velocities(optim.Preconditioned(every=5), draw(16, 3, 4), name="P")
    changed = [i for i in range(1, 16) if not torch.equal(seen[i], seen[i - 1])]
    assert changed == [5, 10, 15]
