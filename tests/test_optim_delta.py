"""Delta momentum forgets along what it writes; deep momentum asks a network. Judged by autograd."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch

from nlviz import optim

Close = Callable[..., None]
Draw = Callable[..., torch.Tensor]


def test_delta_momentum_is_a_gradient_step_on_a_regression(draw: Draw, close: Close) -> None:
    """½ ‖m Uᵀ − P‖² with P = (‖G‖ / erase) I, rate erase, after keeping `momentum` of the memory."""
    G, held, rule = draw(3, 5), draw(3, 5, seed=1), optim.DeltaMomentum(momentum=0.9, erase=0.4)
    U, P = G / G.norm(), G.norm() / 0.4 * torch.eye(3, dtype=G.dtype, device=G.device)
    m = held.clone().requires_grad_()
    (slope,) = torch.autograd.grad(0.5 * (m @ U.mT - P).square().sum(), m)
    _, state, _ = rule.update(G, {"velocity": held}, G)
    close(state["velocity"], 0.9 * held - 0.4 * slope)


def test_as_printed_it_is_the_same_step_without_a_rate_for_the_decay(draw: Draw, close: Close) -> None:
    """The gradient of ½ ‖m Gᵀ + lr I‖² beside the kept memory: rate 1 and target −lr."""
    G, held = draw(3, 5), draw(3, 5, seed=1)
    m = held.clone().requires_grad_()
    (slope,) = torch.autograd.grad(
        0.5 * (m @ G.mT + 0.01 * torch.eye(3, dtype=G.dtype, device=G.device)).square().sum(), m
    )
    step, _, _ = optim.DeltaMomentumPrinted(lr=0.01, momentum=0.9).update(G, {"m": held}, G)
    close(step, 0.9 * held - slope)


def contraction(rule: optim.Rule, grad: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """By how much a step multiplies what the memory holds along a direction: the write cancels in a difference."""
    (name,) = rule.init(grad)
    with_it = rule.update(grad, {name: direction}, grad)[1][name]
    without = rule.update(grad, {name: torch.zeros_like(grad)}, grad)[1][name]
    return ((with_it - without) * direction).sum() / direction.square().sum()


def test_along_a_constant_gradient_the_memory_shrinks_more_than_across(draw: Draw, close: Close) -> None:
    g, across = draw(6), draw(6, seed=1)
    across = across - (across @ g) / (g @ g) * g
    rule = optim.DeltaMomentum(momentum=0.9, erase=0.5)
    close(contraction(rule, g, g), torch.full_like(g[0], 0.4))
    close(contraction(rule, g, across), torch.full_like(g[0], 0.9))
    printed, small = optim.DeltaMomentumPrinted(momentum=0.9), 0.5 * g / g.norm()
    close(contraction(printed, small, small), 0.9 - small.square().sum())
    close(contraction(printed, small, across), torch.full_like(g[0], 0.9))


def test_the_gradient_of_one_token_erases_along_its_input(draw: Draw, close: Close) -> None:
    """G = δ xᵀ: what the memory answers for x fades by momentum − erase, for other inputs by momentum."""
    x, delta, held = draw(5), draw(3, seed=1), draw(3, 5, seed=2)
    other = draw(5, seed=3)
    other = other - (other @ x) / (x @ x) * x
    _, state, _ = optim.DeltaMomentum(momentum=0.9, erase=0.5).update(torch.outer(delta, x), {"velocity": held}, held)
    kept = state["velocity"] - torch.outer(delta, x)
    close(kept @ x, 0.4 * held @ x)
    close(kept @ other, 0.9 * held @ other)


def test_without_erasing_it_is_momentum(draw: Draw, close: Close) -> None:
    grad, held = draw(3, 5), draw(3, 5, seed=1)
    ours = optim.DeltaMomentum(momentum=0.8, erase=0.0).update(grad, {"velocity": held}, grad)[0]
    close(ours, optim.Momentum(momentum=0.8).update(grad, {"velocity": held}, grad)[0])


def test_it_erases_no_more_than_it_keeps() -> None:
    with pytest.raises(ValueError, match="at most momentum"):
        optim.DeltaMomentum(momentum=0.5, erase=0.6)


@pytest.mark.parametrize("rule", [optim.DeltaMomentum(lr=1e-4), optim.DeltaMomentumPrinted(lr=1e-4)])
def test_for_a_small_rate_delta_momentum_goes_down_a_quadratic(rule: optim.Rule, draw: Draw) -> None:
    """Every one of twenty steps points down, and the loss falls. Climbing is the usual sign error."""
    w = 0.3 * draw(4) / draw(4).norm()
    state, loss = rule.init(w), [0.5 * w.square().sum()]
    for _ in range(20):
        step, state, _ = rule.update(w, state, w)
        assert (step * w).sum() < 0
        w = w + step
        loss.append(0.5 * w.square().sum())
    assert all(after < before for before, after in pairwise(loss))


def test_as_printed_it_explodes_where_its_factor_says_so(like: dict[str, Any]) -> None:
    """From the paper's own start (-3.5, 2) on a bowl: the flag is below −1, and ten steps later all is lost."""
    rule, w = optim.DeltaMomentumPrinted(lr=0.004), torch.tensor([-3.5, 2.0], **like)
    state = rule.init(w)
    _, _, info = rule.update(w, state, w)
    assert info["factor"] < -1
    for _ in range(10):
        step, state, _ = rule.update(w, state, w)
        w = w + step
    assert not torch.isfinite(w).all() or w.norm() > 1e6
    calm = torch.tensor([0.5, 0.0], **like)
    assert abs(rule.update(calm, rule.init(calm), calm)[2]["factor"]) < 1


def test_deep_momentum_begins_as_plain_descent(draw: Draw, close: Close) -> None:
    grad, rule = draw(3, 5), optim.DeepMomentum(lr=0.2)
    close(rule.update(grad, rule.init(grad), grad)[0], -0.2 * grad)


def test_the_network_of_deep_momentum_takes_a_gradient_step_on_its_own_loss(draw: Draw, close: Close) -> None:
    rule = optim.DeepMomentum(keep=0.97, inner_lr=0.3, hidden=4)
    state, grad = rule.init(draw(3, 5)), draw(3, 5, seed=9)
    for seed in range(5):
        _, state, _ = rule.update(draw(3, 5, seed=seed), state, grad)
    W_in, W_out = (state[name].clone().requires_grad_() for name in ("W_in", "W_out"))
    u = grad / grad.norm(dim=1, keepdim=True)
    loss = 0.5 * (torch.tanh(u @ W_in.mT) @ W_out.mT - state["past"]).square().sum(1).mean()
    slope_in, slope_out = torch.autograd.grad(loss, (W_in, W_out))
    _, after, info = rule.update(grad, state, grad)
    start = state["start"]
    close(after["W_in"], start + 0.97 * (W_in.detach() - start) - 0.3 * slope_in)
    close(after["W_out"], 0.97 * W_out.detach() - 0.3 * slope_out)
    close(info["loss"], loss.detach())


def test_deep_momentum_recalls_a_gradient_it_saw_often(draw: Draw, tolerance: Callable[[float], float]) -> None:
    """Two gradients in turns: asked with one, the network answers closer to what usually comes than nothing does."""
    pair, rule = (draw(1, 8), draw(1, 8, seed=1)), optim.DeepMomentum(momentum=0.9, keep=1.0)
    state, losses = rule.init(pair[0]), []
    for i in range(400):
        before = state["past"]
        _, state, info = rule.update(pair[i % 2], state, pair[0])
        losses.append(float(2 * info["loss"] / before.square().sum().clamp_min(1e-9)))
    assert losses[1] == pytest.approx(1.0, abs=0.2)
    assert sum(losses[-20:]) / 20 < 0.1
