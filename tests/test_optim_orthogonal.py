"""Newton-Schulz and Muon: what becomes of singular values, for the cubic, the quintic and the paper's eq. 44."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch

from nlviz import optim

Close = Callable[..., None]
Draw = Callable[..., torch.Tensor]
SHAPES = {"64x32": (64, 32), "32x64": (32, 64), "64x64": (64, 64), "1x40": (1, 40), "40x1": (40, 1)}


def matrix(draw: Draw, rows: int, columns: int, values: torch.Tensor) -> torch.Tensor:
    """A matrix with the singular values we say, in random directions."""
    U, _ = torch.linalg.qr(draw(rows, len(values), seed=1))
    V, _ = torch.linalg.qr(draw(columns, len(values), seed=2))
    return (U * values) @ V.mT


def spread(like: dict[str, Any], rank: int) -> torch.Tensor:
    """Singular values over a factor 20 or, where many share the norm, as far as 1.1 % of it allows."""
    values = torch.logspace(0, -1.3, rank, **like)
    return values.clamp_min(0.011 * float(values.norm()) * 1.05)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("full", [True, False], ids=["full rank", "rank deficient"])
def test_five_quintic_steps_put_singular_values_near_one(
    shape: tuple[int, int], full: bool, like: dict[str, Any], draw: Draw
) -> None:
    rank = min(shape) if full else max(1, min(shape) // 2)
    G = matrix(draw, *shape, spread(like, rank))
    before, after = torch.linalg.svdvals(G)[:rank], torch.linalg.svdvals(optim.newton_schulz(G))
    assert before.min() > 0.01 * G.norm()
    assert after[:rank].min() > 0.6
    assert after[:rank].max() < 1.25
    assert (after[rank:] < 1e-3).all()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_gaussian_matrix_is_no_exception(shape: tuple[int, int], draw: Draw) -> None:
    """Seeded so that no singular value is below 1 % of the norm: the condition is asserted, not skipped."""
    G = draw(*shape, seed=11)
    if shape == (64, 64):
        U, values, Vh = torch.linalg.svd(G)
        G = (U * values.clamp_min(0.011 * G.norm())) @ Vh
    assert torch.linalg.svdvals(G).min() > 0.01 * G.norm()
    after = torch.linalg.svdvals(optim.newton_schulz(G))
    assert after.min() > 0.6
    assert after.max() < 1.25


@pytest.mark.parametrize("coefficients", [optim.QUINTIC, optim.CUBIC], ids=["quintic", "cubic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_singular_directions_stay(
    shape: tuple[int, int], coefficients: tuple[float, float, float], like: dict[str, Any], draw: Draw
) -> None:
    G = matrix(draw, *shape, spread(like, min(shape)))
    U, _, Vh = torch.linalg.svd(G, full_matrices=False)
    core = U.mT @ optim.newton_schulz(G, steps=15, coefficients=coefficients) @ Vh.mT
    diagonal = core.diagonal()
    assert (diagonal > 0).all()
    assert diagonal.norm() / core.norm() > 0.9999
    polar = (U @ Vh).flatten()
    ours = optim.newton_schulz(G, steps=15, coefficients=coefficients).flatten()
    assert torch.cosine_similarity(ours, polar, dim=0) > 0.97


def test_the_cubic_climbs_to_one_without_overshooting(like: dict[str, Any], draw: Draw, tolerance: Any) -> None:
    G = matrix(draw, 64, 32, spread(like, 32))
    runs = [torch.linalg.svdvals(optim.newton_schulz(G, k, optim.CUBIC)) for k in range(16)]
    for before, after in pairwise(runs):
        assert (after > before - tolerance(1e-13)).all()
        assert after.max() < 1 + 1e-4
    assert (runs[15] - 1).abs().max() < 1e-3
    assert (runs[5] - 1).abs().max() > 0.1  # five steps of it are too few


def test_it_commutes_with_transposition_and_ignores_scale(draw: Draw, close: Close) -> None:
    G = draw(7, 4)
    close(optim.newton_schulz(G.mT), optim.newton_schulz(G).mT)
    for scale in (1e-3, 1e3):
        close(optim.newton_schulz(scale * G), optim.newton_schulz(G), 1e-10)
    square = draw(5, 5)
    close(optim.newton_schulz(square.mT), optim.newton_schulz(square).mT, 1e-10)


def test_matrices_in_front_are_orthogonalised_each_by_itself(draw: Draw, close: Close) -> None:
    G = draw(3, 6, 4)
    close(optim.newton_schulz(G), torch.stack([optim.newton_schulz(one) for one in G]))


def test_a_zero_matrix_stays_zero(like: dict[str, Any]) -> None:
    assert not optim.newton_schulz(torch.zeros(3, 4, **like)).any()


TABLE = {  # singular value after five steps, from the reference sheet
    "cubic": ((0.02, 0.151), (0.05, 0.366), (0.1, 0.659), (0.3, 0.996), (0.6, 1.000), (1.0, 1.000)),
    "quintic": ((0.02, 0.682), (0.05, 0.758), (0.1, 0.712), (0.3, 1.080), (0.6, 0.723), (1.0, 0.696)),
}


@pytest.mark.parametrize(("name", "coefficients"), [("cubic", optim.CUBIC), ("quintic", optim.QUINTIC)])
def test_five_steps_take_these_singular_values_there(
    name: str, coefficients: tuple[float, float, float], like: dict[str, Any]
) -> None:
    """Beside a value that fills up the norm to 1, so that nothing is rescaled."""
    for start, end in TABLE[name]:
        rest = (1 - start**2) ** 0.5
        G = torch.diag(torch.tensor([start, rest], **like))
        assert float(optim.newton_schulz(G, 5, coefficients)[0, 0]) == pytest.approx(end, abs=6e-4)


def test_the_cubic_is_gradient_descent_with_rate_one_quarter(draw: Draw, close: Close) -> None:
    X = (draw(6, 4) / draw(6, 4).norm()).requires_grad_()
    eye = torch.eye(4, dtype=X.dtype, device=X.device)
    (slope,) = torch.autograd.grad(0.5 * (X.mT @ X - eye).square().sum(), X)
    close(optim.newton_schulz(X.detach(), 1, optim.CUBIC), X.detach() - 0.25 * slope)


def test_the_printed_step_descends_a_loss_that_holds_on_to_the_gradient(draw: Draw, close: Close) -> None:
    G = draw(6, 4) / 4
    O = optim.newton_schulz_printed(G, 3, lr=0.1).requires_grad_()
    eye = torch.eye(4, dtype=G.dtype, device=G.device)
    (slope,) = torch.autograd.grad(0.5 * (O - G).square().sum() + 0.5 * (O.mT @ O - eye).square().sum(), O)
    close(optim.newton_schulz_printed(G, 4, lr=0.1), O.detach() - 0.1 * slope)
    close(optim.newton_schulz_printed(G, 1, lr=0.1), 1.2 * G - 0.2 * G @ G.mT @ G)


@pytest.mark.parametrize(("start", "end"), [(0.02, 0.717), (0.1, 0.753), (0.3, 0.826), (0.6, 0.911), (1.0, 1.0)])
def test_as_printed_it_ends_between_071_and_1_not_at_1(start: float, end: float, like: dict[str, Any]) -> None:
    s = float(optim.newton_schulz_printed(torch.full((1, 1), start, **like), 400))
    assert 2 * s**3 - s == pytest.approx(start, abs=1e-5)
    assert s == pytest.approx(end, abs=6e-4)


def published_muon(grads: torch.Tensor, momentum: float, lr: float) -> torch.Tensor:
    """Written from its description: running mean, look ahead, five quintic steps, √max(1, rows/columns)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    buffer, steps = torch.zeros_like(grads[0]), []
    for grad in grads:
        buffer = momentum * buffer + (1 - momentum) * grad
        X = (1 - momentum) * grad + momentum * buffer
        tall = X.shape[0] > X.shape[1]
        X = X.T if tall else X
        X = X / X.norm()
        for _ in range(5):
            A = X @ X.T
            X = a * X + b * A @ X + c * A @ A @ X
        X = X.T if tall else X
        steps.append(-lr * max(1, grad.shape[0] / grad.shape[1]) ** 0.5 * X)
    return torch.stack(steps)


def follow(rule: optim.Rule, grads: torch.Tensor) -> torch.Tensor:
    w, state, steps = grads[0], rule.init(grads[0]), []
    for grad in grads:
        step, state, _ = rule.update(grad, state, w)
        steps.append(step)
    return torch.stack(steps)


@pytest.mark.parametrize("shape", [(8, 4), (4, 8), (6, 6)])
def test_muon_is_its_published_definition(shape: tuple[int, int], draw: Draw, close: Close) -> None:
    grads = draw(20, *shape)
    close(follow(optim.Muon(lr=0.02, momentum=0.95), grads), published_muon(grads, 0.95, 0.02), 1e-9)


def test_muon_without_looking_ahead_reads_the_velocity_alone(draw: Draw, close: Close) -> None:
    """Nested Learning, eq. 42."""
    grads = draw(5, 4, 6)
    m = sum(0.9 ** (4 - i) * grads[i] for i in range(5))
    step = follow(optim.Muon(lr=0.1, momentum=0.9, nesterov=False), grads)[-1]
    close(step, -0.1 * optim.newton_schulz(m), 1e-10)


def test_muon_agrees_with_torchs_up_to_its_half_precision(draw: Draw) -> None:
    """torch.optim.Muon runs Newton-Schulz in bfloat16, ours in the dtype of the weights."""
    grads = draw(10, 16, 8)
    theirs = torch.nn.Parameter(torch.zeros_like(grads[0]))
    opt = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.0, momentum=0.95)
    for grad in grads:
        theirs.grad = grad.clone()
        opt.step()
    ours = follow(optim.Muon(lr=0.02, momentum=0.95), grads).sum(0)
    assert (ours - theirs.detach()).norm() / ours.norm() < 0.02


@pytest.mark.parametrize("rule", [optim.Muon(), optim.M3(), optim.M3Printed(), optim.Preconditioned()], ids=repr)
def test_rules_for_matrices_say_so(rule: optim.Rule) -> None:
    with pytest.raises(ValueError, match="rule for matrices"):
        rule.init(torch.zeros(3))
