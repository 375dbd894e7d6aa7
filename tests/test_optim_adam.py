"""Adam as a memory: the regression whose exact solution is its step, and where that reading ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from nlviz import optim

Close = Callable[..., None]
Draw = Callable[..., torch.Tensor]


def problem(draw: Draw) -> Callable[[torch.Tensor], torch.Tensor]:
    """Five parameters, a bowl of five different curvatures, and a ripple."""
    curvature, centre = torch.logspace(-1, 1, 5).to(draw(1)), draw(5, seed=3)
    return lambda w: (curvature * (w - centre).square() / 2 + 0.1 * torch.cos(3 * w)).sum()


def torch_steps(draw: Draw, betas: tuple[float, float], steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients and steps of torch's Adam, lr 0.01 and eps 0: both (steps, 5)."""
    loss, w = problem(draw), torch.nn.Parameter(draw(5))
    opt, grads, moved = torch.optim.Adam([w], lr=0.01, betas=betas, eps=0.0), [], []
    for _ in range(steps):
        opt.zero_grad()
        loss(w).backward()
        before = w.detach().clone()
        opt.step()
        grads.append(w.grad.clone())
        moved.append(w.detach() - before)
    return torch.stack(grads), torch.stack(moved)


def test_with_equal_factors_adams_step_is_the_exact_solution_of_a_regression(draw: Draw, close: Close) -> None:
    """Solved by torch.linalg.lstsq, one parameter at a time: gradients to the root of their mean square."""
    beta = 0.9
    grads, moved = torch_steps(draw, (beta, beta), 100)
    for t in (1, 2, 10, 50, 100):
        seen = grads[:t]
        weight = (beta ** torch.arange(t - 1, -1, -1, dtype=seen.dtype, device=seen.device)).sqrt()
        target = optim.root_mean_square(seen, keep=beta)
        slopes = [
            torch.linalg.lstsq((weight * seen[:, j])[:, None], (weight * target[j])[:, None]).solution.squeeze()
            for j in range(5)
        ]
        close(-0.01 * torch.stack(slopes), moved[t - 1], 1e-10)


def test_the_fit_is_torchs_adam_for_a_hundred_steps(draw: Draw, close: Close) -> None:
    grads, moved = torch_steps(draw, (0.95, 0.95), 100)
    for t in range(1, 101):
        target = optim.root_mean_square(grads[:t], keep=0.95)
        close(-0.01 * optim.fit(grads[:t], target, keep=0.95), moved[t - 1], 1e-10)


def test_with_different_factors_no_single_regression_is_adam(draw: Draw) -> None:
    """The gap: the best of 99 keeps stays off Adam's step by more than a twentieth of it."""
    grads, moved = torch_steps(draw, (0.9, 0.999), 100)
    gaps = []
    for keep in torch.linspace(0.02, 1.0, 99).tolist():
        ours = [-0.01 * optim.fit(grads[:t], optim.root_mean_square(grads[:t], keep), keep) for t in (20, 60, 100)]
        theirs = moved[[19, 59, 99]]
        gaps.append(float((torch.stack(ours) - theirs).norm() / theirs.norm()))
    assert min(gaps) > 0.05


def test_with_the_sum_of_squares_as_target_the_regression_is_momentum(draw: Draw, close: Close) -> None:
    grads, rule, state = draw(30, 5), optim.Momentum(momentum=0.8), {"velocity": torch.zeros_like(draw(5))}
    for grad in grads:
        _, state, _ = rule.update(grad, state, grad)
    weight = 0.8 ** torch.arange(29, -1, -1, dtype=grads.dtype, device=grads.device)
    close(optim.fit(grads, (weight[:, None] * grads.square()).sum(0), keep=0.8), state["velocity"])


def test_the_fit_minimises_its_loss_with_a_ridge(draw: Draw, close: Close) -> None:
    grads, target = draw(12, 3, 2), draw(3, 2, seed=1)
    m = optim.fit(grads, target, keep=0.7, ridge=0.3).requires_grad_()
    weight = 0.7 ** torch.arange(11, -1, -1, dtype=grads.dtype, device=grads.device)
    loss = (weight * (m * grads - target).square().sum((1, 2))).sum() + 0.3 * m.square().sum()
    (slope,) = torch.autograd.grad(loss, m)
    close(slope, torch.zeros_like(slope), 1e-11)


@pytest.mark.parametrize("keep", [0.0, 1.1])
def test_a_weight_that_grows_with_age_is_refused(keep: float) -> None:
    with pytest.raises(ValueError, match="keep is the weight"):
        optim.fit(torch.ones(2, 1), torch.ones(1), keep=keep)


def follow(rule: optim.Rule, grads: torch.Tensor) -> torch.Tensor:
    w, state, steps = grads[0], rule.init(grads[0]), []
    for grad in grads:
        step, state, _ = rule.update(grad, state, w)
        steps.append(step)
    return torch.stack(steps)


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.9), (0.95, 0.95), (0.99, 0.5)])
def test_our_adam_is_torchs_for_all_factors(betas: tuple[float, float], draw: Draw, close: Close) -> None:
    grads, moved = torch_steps(draw, betas, 100)
    rule = optim.Adam(lr=0.01, momentum=betas[0], square_keep=betas[1], eps=0.0)
    close(follow(rule, grads), moved, 1e-11)


def test_adams_first_step_is_lr_however_large_the_gradient(draw: Draw, close: Close) -> None:
    grad = draw(40) * torch.logspace(-5, 5, 40).to(draw(1))
    (step,) = follow(optim.Adam(lr=0.3), grad[None])
    far = grad.abs() > 1e-6
    assert far.all()
    close(step, -0.3 * grad / (grad.abs() + 1e-8), 1e-9)


def test_adam_as_printed_cannot_turn_round(draw: Draw) -> None:
    """A hundred slopes up, then down: Adam has turned within ten steps, the printed sums go on for ninety more."""
    slopes = torch.cat([torch.ones(100, 1), -torch.ones(150, 1)]).to(draw(1))
    turned = [int((follow(rule, slopes)[100:, 0] > 0).nonzero()[0]) for rule in (optim.Adam(), optim.AdamPrinted())]
    assert turned[0] < 10
    assert 95 < turned[1] <= 101


def test_adam_as_printed_is_not_adam(draw: Draw, tolerance: Callable[[float], float]) -> None:
    grads = draw(50, 4)
    gap = follow(optim.Adam(), grads) - follow(optim.AdamPrinted(), grads)
    assert gap[1:].abs().max() > 1e-4


def test_adagrad_divides_by_the_root_of_the_sum(draw: Draw, close: Close) -> None:
    grads = draw(30, 4)
    close(follow(optim.AdaGrad(lr=0.2), grads)[-1], -0.2 * grads[-1] / grads.square().sum(0).sqrt(), 1e-9)
