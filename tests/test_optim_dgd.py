"""Delta gradient descent: its closed form, its resting point, and what it needs of a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nlviz import optim

Close = Callable[..., None]
Draw = Callable[..., torch.Tensor]


def written(rule: optim.DGD, W: torch.Tensor, x: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """W after one token (x, δ)."""
    step, _, _ = rule.update(torch.outer(delta, x), {}, W, torch.outer(x, x))
    return W + step


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), norm=st.floats(0.01, 10.0), lr=st.floats(0.01, 5.0))
def test_dgd_is_the_closed_form_for_inputs_of_any_norm(
    draw: Draw, close: Close, seed: int, norm: float, lr: float
) -> None:
    W, x, delta = draw(3, 5, seed=seed), draw(5, seed=seed + 1), draw(3, seed=seed + 2)
    x = norm * x / x.norm()
    rate = lr / (1 + lr * norm**2)
    eye = torch.eye(5, dtype=x.dtype, device=x.device)
    closed = W @ (eye - rate * torch.outer(x, x)) - rate * torch.outer(delta, x)
    solved = torch.linalg.solve(eye + lr * torch.outer(x, x), W - lr * torch.outer(delta, x), left=False)
    close(written(optim.DGD(lr=lr), W, x, delta), closed, 1e-12)
    close(solved, closed, 1e-12)


def test_dgd_minimises_its_proximal_problem(draw: Draw, close: Close) -> None:
    """argmin over V of ½ ‖V x − u‖² + 1/(2 lr) ‖V − W‖² with u = −δ: the gradient vanishes there."""
    W, x, delta, lr = draw(3, 5), 2 * draw(5, seed=1), draw(3, seed=2), 0.7
    V = written(optim.DGD(lr=lr), W, x, delta).requires_grad_()
    loss = 0.5 * (V @ x + delta).square().sum() + (V - W).square().sum() / (2 * lr)
    (slope,) = torch.autograd.grad(loss, V)
    close(slope, torch.zeros_like(slope), 1e-11)


def test_a_gradient_damped_twice_is_another_rule(draw: Draw) -> None:
    W, x, delta = draw(3, 5), draw(5, seed=1), draw(3, seed=2)
    rate = 0.5 / (1 + 0.5 * x.square().sum())
    damp = torch.eye(5, dtype=x.dtype, device=x.device) - rate * torch.outer(x, x)
    twice = (W - rate * torch.outer(delta, x)) @ damp
    assert (written(optim.DGD(lr=0.5), W, x, delta) - twice).norm() > 0.1 * (rate * torch.outer(delta, x)).norm()


def test_one_token_always_writes_where_the_gradient_is_not_zero(draw: Draw) -> None:
    """The decay acts on the weights, not on the gradient, which lies along x and would vanish."""
    W, x, delta = torch.zeros_like(draw(3, 5)), draw(5, seed=1), draw(3, seed=2)
    assert written(optim.DGD(), W, x, delta).norm() > 0.01 * torch.outer(delta, x).norm()


def test_one_inner_gradient_step_is_the_same_form_with_lr_itself(draw: Draw, close: Close) -> None:
    W, x, delta = draw(3, 5).requires_grad_(), draw(5, seed=1), draw(3, seed=2)
    (slope,) = torch.autograd.grad(0.5 * (W @ x + delta).square().sum(), W)
    W = W.detach()
    close(written(optim.DGD(lr=0.1, exact=False), W, x, delta), W - 0.1 * slope)


def test_a_batch_is_the_mean_and_its_solution_is_exact(draw: Draw, close: Close) -> None:
    W, X, D, lr = draw(3, 5), draw(7, 5, seed=1), draw(7, 3, seed=2), 0.4
    step, _, _ = optim.DGD(lr=lr).update(D.mT @ X / 7, {}, W, X.mT @ X / 7)
    V = (W + step).requires_grad_()
    loss = 0.5 * (X @ V.mT + D).square().sum(1).mean() + (V - W).square().sum() / (2 * lr)
    (slope,) = torch.autograd.grad(loss, V)
    close(slope, torch.zeros_like(slope), 1e-11)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(("loss", "ratio"), [("squares", 0.5), ("dot product", 1.0)])
def test_a_pair_written_often_rests_at_half_for_squares_and_whole_for_dot_products(
    exact: bool, loss: str, ratio: float, draw: Draw, close: Close
) -> None:
    W, x, v = draw(3, 5), draw(5, seed=1), draw(3, seed=2)
    x = x / x.norm()
    for _ in range(400):
        delta = W @ x - v if loss == "squares" else -v
        W = written(optim.DGD(lr=0.3, exact=exact), W, x, delta)
    close(W @ x, ratio * v, 1e-10)


def test_dgd_on_a_dot_product_is_the_delta_rule(draw: Draw, close: Close) -> None:
    W, x, v = draw(3, 5), draw(5, seed=1), draw(3, seed=2)
    delta_rule = W + 0.3 * torch.outer(v - W @ x, x)
    close(written(optim.DGD(lr=0.3, exact=False), W, x, -v), delta_rule)


def test_dgd_may_climb_because_its_decay_does_not_ask_the_loss(like: dict[str, Any]) -> None:
    """At 0.9 with the target at 1 the gradient says up; the decay says down, louder."""
    W, x, v = torch.tensor([[0.9]], **like), torch.ones(1, **like), torch.ones(1, **like)
    delta = W @ x - v
    step = written(optim.DGD(lr=0.1), W, x, delta) - W
    assert (step * torch.outer(delta, x)).sum() > 0


@pytest.mark.parametrize("gram", [None, torch.eye(3)])
def test_dgd_without_a_gram_that_fits_says_how_to_get_one(gram: torch.Tensor | None) -> None:
    with pytest.raises(ValueError, match=r"inputs=nl\.optim\.inputs"):
        optim.DGD().update(torch.zeros(2, 5), {}, torch.zeros(2, 5), gram)


def network(like: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)).to(**like)


def test_the_hooks_collect_the_mean_of_x_xt_of_every_linear_layer(like: Any, draw: Draw, close: Close) -> None:
    model, x = network(like), draw(3, 6, 5)
    seen = optim.inputs(model)
    model(x).square().mean().backward()
    flat = x.reshape(18, 5)
    hidden = torch.tanh(model[0](flat)).detach()
    close(seen.gram(model[0].weight), flat.mT @ flat / 18)
    close(seen.gram(model[2].weight), hidden.mT @ hidden / 18)


def test_inputs_are_collected_as_gradients_are(like: Any, draw: Draw, close: Close) -> None:
    """Two backward passes add up, evaluation leaves nothing, zero_grad clears even after the forward pass."""
    model, x = network(like), draw(6, 5)
    opt = optim.Optimizer(model.parameters(), optim.DGD(), inputs=optim.inputs(model))
    weight = model[0].weight
    with torch.no_grad():
        model(10 * x)
    model(10 * x)
    for part in (x[:2], x[2:]):
        model(part).mean().backward()
    close(opt.inputs.gram(weight), x.mT @ x / 6)
    loss = model(x[:3]).mean()
    opt.zero_grad()
    loss.backward()
    close(opt.inputs.gram(weight), x[:3].mT @ x[:3] / 3)
    opt.step()
    with pytest.raises(ValueError, match="no input was seen"):
        opt.inputs.gram(weight)


def test_a_layer_under_dgd_takes_the_rules_step_and_its_bias_plain_descent(like: Any, draw: Draw, close: Close) -> None:
    layer, x, v = nn.Linear(5, 2).to(**like), draw(8, 5), draw(8, 2, seed=1)
    opt = optim.Optimizer(layer.parameters(), optim.DGD(lr=0.2), inputs=optim.inputs(layer))
    W, b = layer.weight.detach().clone(), layer.bias.detach().clone()
    (0.5 * (layer(x) - v).square().sum(1).mean()).backward()
    error = (layer(x) - v).detach()
    opt.step()
    expected, _, _ = optim.DGD(lr=0.2).update(error.mT @ x / 8, {}, W, x.mT @ x / 8)
    close(layer.weight.detach(), W + expected)
    close(layer.bias.detach(), b - 0.2 * error.mean(0))


def test_dgd_asks_for_inputs_and_others_refuse_them(like: dict[str, Any]) -> None:
    model = network(like)
    with pytest.raises(ValueError, match=r"inputs=nl\.optim\.inputs\(model\)"):
        optim.Optimizer(model.parameters(), optim.DGD())
    with pytest.raises(ValueError, match="leave inputs= out"):
        optim.Optimizer(model.parameters(), optim.SGD(), inputs=optim.inputs(model))
    with pytest.raises(ValueError, match=r"no nn\.Linear"):
        optim.inputs(nn.LayerNorm(3))


def test_hooks_can_be_taken_off(like: Any, draw: Draw) -> None:
    model = network(like)
    seen = optim.inputs(model)
    seen.remove()
    model(draw(3, 5)).mean().backward()
    with pytest.raises(ValueError, match="no input was seen"):
        seen.gram(model[0].weight)


def test_a_layer_that_is_not_due_goes_on_collecting_its_inputs(like: Any, draw: Draw, close: Close) -> None:
    """A slow level steps with the inputs of its whole period, not with those of its last step."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 3, **like), torch.nn.Linear(3, 2, **like))
    seen = optim.inputs(model)
    opt = optim.Optimizer(model.parameters(), optim.DGD(lr=0.1), inputs=seen)
    fast, slow = model[1].weight, model[0].weight
    batches = [draw(4, 3, seed=s) for s in range(2)]
    for x in batches:
        model(x).square().mean().backward()
        slow.grad = None
        opt.step()
    assert fast not in seen._sums
    close(seen.gram(slow), torch.cat(batches).mT @ torch.cat(batches) / 8)
