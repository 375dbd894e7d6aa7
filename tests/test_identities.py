"""What the course claims as identities, each judged by something that knows nothing of our code."""

from __future__ import annotations

import pytest
import torch
from torch.autograd.functional import hessian, jacobian
from torch.nn.functional import cross_entropy

from nlviz import Delta, Hebb
from nlviz.memory import apply, outer


def newton(problem, start, jumps=1):
    """The minimiser of a smooth bowl, from autograd's slope and curvature alone."""
    V = start.flatten()
    for _ in range(jumps):
        V = V - torch.linalg.solve(hessian(problem, V), jacobian(problem, V))
    return V.view_as(start)


@pytest.mark.parametrize("seed", range(5))
def test_a_gradient_step_is_the_argmin_of_its_proximal_problem(draw, close, seed):
    """Nested Learning, eqs. 2 and 9."""
    W, x, u = draw(3, 4, seed=seed), draw(4, seed=seed + 10), draw(3, seed=seed + 20)
    exact = newton(lambda V: (V.view_as(W) @ x) @ u + (V - W.flatten()).square().sum() / (2 * 0.3), W)
    close(exact, W - 0.3 * outer(u, x))


def test_the_argmin_of_the_loss_itself_is_not_a_gradient_step(draw):
    W, x, y = draw(3, 4), draw(4, seed=1), torch.tensor(1, device=draw(1).device)
    gaps = []
    for lr in (0.01, 0.1, 1.0):
        exact = newton(
            lambda V, lr=lr: cross_entropy(V.view_as(W) @ x, y) + (V - W.flatten()).square().sum() / (2 * lr), W, 30
        )
        u = torch.softmax(W @ x, -1) - torch.nn.functional.one_hot(y, 3)
        gaps.append(torch.dist(exact, W - lr * outer(u, x)) / (lr * outer(u, x)).norm())
    assert gaps[0] > 1e-4
    assert gaps[0] < gaps[1] < gaps[2]
    assert gaps[1] / gaps[0] == pytest.approx(10, rel=0.2)  # of the order of the step size


def test_follow_the_regularised_leader_is_gradient_descent(draw, close):
    """Nested Learning, eq. 3: all past slopes and one distance, to the start."""
    W0, keys, wanted, lr = draw(3, 4), draw(6, 4, seed=1), draw(6, 3, seed=2), 0.1
    W, slopes = W0, torch.zeros_like(W0)
    for key, value in zip(keys, wanted, strict=True):
        slope = outer(W @ key - value, key)
        W, slopes = W - lr * slope, slopes + slope
    leader = newton(
        lambda V: (V * slopes.flatten()).sum() + (V - W0.flatten()).square().sum() / (2 * lr), torch.zeros_like(W0)
    )
    close(W, leader)


def test_sgd_on_a_linear_layer_is_a_hebbian_write(draw, close, like):
    layer = torch.nn.Linear(8, 5, bias=False, **like)
    before = layer.weight.detach().clone()
    x = draw(8)
    y = layer(x)
    y.retain_grad()
    cross_entropy(y, torch.tensor(2, device=y.device)).backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()
    written, _ = Hebb(lr=0.1).write(before, key=x, value=-y.grad)
    close(layer.weight.detach(), written)


def test_the_sum_of_rank_one_updates_is_what_training_changed(draw, close, like):
    layer = torch.nn.Linear(6, 4, bias=False, **like)
    start = layer.weight.detach().clone()
    sgd = torch.optim.SGD(layer.parameters(), lr=0.05)
    tiles = torch.zeros_like(start)
    for step in range(40):
        sgd.zero_grad()
        x = draw(6, seed=step)
        y = layer(x)
        y.retain_grad()
        (y - draw(4, seed=1000 + step)).square().sum().backward()
        tiles -= 0.05 * outer(y.grad, x)
        assert torch.linalg.matrix_rank(outer(y.grad, x)) == 1
        sgd.step()
    close(layer.weight.detach() - start, tiles)


def test_every_layer_of_a_network_stores_its_input_against_its_surprise(draw, close):
    """Nested Learning, eqs. 29-31."""
    A, B, x = draw(5, 4).requires_grad_(), draw(3, 5, seed=1).requires_grad_(), draw(4, seed=2)
    inside = A @ x
    outside = B @ torch.tanh(inside)
    loss = cross_entropy(outside, torch.tensor(2, device=x.device))
    g_A, g_B, u_inside, u_outside = torch.autograd.grad(loss, (A, B, inside, outside))
    close(g_A, outer(u_inside, x))
    close(g_B, outer(u_outside, torch.tanh(inside).detach()))


@pytest.mark.parametrize("keep", [1.0, 0.9])
def test_a_delta_write_is_a_gradient_step(draw, close, keep):
    M, key, value = draw(5, 8), draw(8, seed=1), draw(5, seed=2)
    kept = (keep * M).requires_grad_()
    loss = 0.5 * (value - apply(kept, key)).square().sum()
    (slope,) = torch.autograd.grad(loss, kept)
    close(Delta(lr=0.3, keep=keep).write(M, key, value)[0], kept.detach() - 0.3 * slope)


def test_a_hebbian_write_is_a_gradient_step_on_minus_the_dot_product(draw, close):
    M, key, value = draw(5, 8).requires_grad_(), draw(8, seed=1), draw(5, seed=2)
    (slope,) = torch.autograd.grad(-(value @ apply(M, key)), M)
    close(Hebb(lr=0.3).write(M.detach(), key, value)[0], M.detach() - 0.3 * slope)


def test_writing_twice_under_one_key_delta_overwrites_and_hebb_adds(draw, close):
    key = torch.nn.functional.normalize(draw(8), dim=-1)
    old, new = draw(5, seed=1), draw(5, seed=2)
    for rule, expected in ((Delta(), new), (Hebb(), old + new)):
        M = rule.init(8, 5, dtype=key.dtype, device=key.device)
        for value in (old, new):
            M, _ = rule.write(M, key, value)
        close(rule.read(M, key), expected)
