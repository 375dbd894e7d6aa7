"""descend: a rule down a loss, step by step, into a Trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nlviz import optim
from nlviz.loops import descend

Draw = Callable[..., torch.Tensor]


def bowl(w: torch.Tensor) -> torch.Tensor:
    return 0.5 * (w * torch.arange(1, w.numel() + 1, dtype=w.dtype, device=w.device).reshape(w.shape) * w).sum()


def test_descend_walks_as_torchs_optimizer_does(like: dict[str, Any]) -> None:
    start = torch.tensor([4.0, -3.0], **like)
    trace = descend(optim.Momentum(lr=0.1, momentum=0.8), bowl, start, steps=30)
    w, path = torch.nn.Parameter(start.clone()), [start.cpu().numpy()]
    opt = torch.optim.SGD([w], lr=0.1, momentum=0.8)
    for _ in range(30):
        opt.zero_grad()
        bowl(w).backward()
        opt.step()
        path.append(w.detach().cpu().numpy().copy())
    np.testing.assert_allclose(trace["path"], np.stack(path), rtol=1e-5 if like["dtype"] is torch.float32 else 1e-12)
    assert torch.equal(start, torch.tensor([4.0, -3.0], **like))


def test_every_record_is_what_its_name_says(draw: Draw) -> None:
    record = ("path", "loss", "gradient", "step size", "state norm", "velocity")
    trace = descend(optim.Momentum(lr=0.1), bowl, draw(2, 3), steps=12, record=record)
    weights = np.arange(1, 7).reshape(2, 3)
    assert trace.sizes == {"step": 13, "weight 0": 2, "weight 1": 3, "memory": 1}
    assert trace.along("memory") == ["velocity"]
    np.testing.assert_allclose(trace["gradient"], weights * trace["path"], rtol=1e-5)
    np.testing.assert_allclose(trace["loss"], 0.5 * (weights * trace["path"] ** 2).sum((1, 2)), rtol=1e-5)
    moved = np.diff(trace["path"], axis=0)
    np.testing.assert_allclose(trace["step size"][1:], np.linalg.norm(moved, axis=(1, 2)), rtol=1e-4)
    assert trace["step size"][0] == 0
    np.testing.assert_allclose(moved, -0.1 * trace["velocity"][1:], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(trace["state norm"][:, 0], np.linalg.norm(trace["velocity"], axis=(1, 2)), rtol=1e-5)


def test_several_losses_are_followed_in_turn(like: dict[str, Any]) -> None:
    """A task switch in the middle: the gradient turns at once, the velocity does not."""
    first, second = torch.eye(2, **like)
    trace = descend(
        optim.Momentum(lr=0.01, momentum=0.9),
        [lambda w: -(first * w).sum(), lambda w: -(second * w).sum()],
        torch.zeros(2, **like),
        steps=40,
        record=("gradient", "velocity"),
    )
    np.testing.assert_array_equal(trace["gradient"][:20], [[-1, 0]] * 20)
    np.testing.assert_array_equal(trace["gradient"][20:], [[0, -1]] * 21)
    assert abs(trace["velocity"][22][0]) > abs(trace["velocity"][22][1])


def test_the_trace_says_where_it_comes_from_and_can_be_kept(tmp_path: Any, draw: Draw) -> None:
    trace = descend(optim.Adam(lr=0.1), bowl, draw(4), steps=5)
    assert trace.about["rule"] == "Adam(lr=0.1, momentum=0.9, square_keep=0.999, eps=1e-08)"
    json.dumps(trace.about)
    assert trace.load(trace.save(tmp_path / "walk.npz")).along("memory") == ["mean", "square"]


def test_a_rule_without_memory_and_a_scalar_can_be_followed(like: dict[str, Any]) -> None:
    trace = descend(optim.SGD(lr=0.5), lambda w: w.square() / 2, torch.tensor(8.0, **like), steps=3)
    assert trace["path"].tolist() == [8, 4, 2, 1]
    assert trace["state norm"].shape == (4, 0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"record": ("speed",)}, "cannot record speed.*'step size'.*of this rule's memory 'velocity'"),
        ({"steps": 0}, "1 step or more"),
        ({"loss": []}, "1 loss or more"),
        ({"loss": lambda w: w.square()}, "one number; got shape"),
    ],
)
def test_what_cannot_be_done_is_said(more: dict[str, Any], said: str, draw: Draw) -> None:
    given = {"loss": bowl, "start": draw(3), **more}
    with pytest.raises(ValueError, match=said):
        descend(optim.Momentum(), **given)


def test_a_descent_in_bfloat16_gives_its_numbers_in_float32() -> None:
    start = torch.tensor([4.0, -3.0], dtype=torch.bfloat16)
    trace = descend(optim.SGD(lr=0.5), lambda w: w.square().sum() / 2, start, steps=2, record=("path", "loss"))
    assert trace["path"].dtype == np.float32
    assert trace["path"].tolist() == [[4, -3], [2, -1.5], [1, -0.75]]
