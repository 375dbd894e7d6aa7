"""Recording: what each level wrote, when, how much; judged by weights copied by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss

from nlviz.nested import MultiClock, Recording, SequentialCMS


def levels(draw, runs=()):
    return [[draw(*runs, 4, 5, seed=0).requires_grad_(), draw(*runs, 5, seed=1).requires_grad_()]] + [
        [draw(*runs, 5, 3, seed=2).requires_grad_()]
    ]


def train(draw, weights, record, clock, steps=22, runs=()):
    """Gives the weights after every step, copied by hand."""
    (W, b), (V,) = weights
    history = [[[w.detach().clone() for w in level] for level in weights]]
    for t in range(steps):
        x, y = draw(*runs, 6, 4, seed=10 + t), draw(*runs, 6, 3, seed=50 + t)
        mse_loss(torch.tanh(x @ W + b.unsqueeze(-2)) @ V, y, reduction="sum").backward()
        clock.step()
        if record is not None:
            record.note(clock.writes, clock.weights)
        history.append([[w.detach().clone() for w in level] for level in weights])
    return history


def clock_of(weights, periods=(1, 4)):
    return MultiClock(torch.optim.SGD([{"params": level} for level in weights], lr=0.01), periods, average=False)


@pytest.mark.parametrize("runs", [(), (3,)], ids=["one run", "three runs"])
def test_a_recording_holds_when_each_level_wrote_and_how_far_it_moved(like, draw, tolerance, runs):
    weights = levels(draw, runs)
    clock = clock_of(weights)
    record = Recording(clock.names, clock.weights, tensors=True, runs=runs[0] if runs else None)
    history = train(draw, weights, record, clock, runs=runs)
    trace = record.trace(seed=0)
    assert trace.along("level") == ["period 1", "period 4"]
    assert trace["wrote"][0].tolist() == [1] * 22
    assert np.flatnonzero(trace["wrote"][1]).tolist() == [3, 7, 11, 15, 19]
    for i in range(2):
        for t in range(22):
            moved = [now - old for now, old in zip(history[t + 1][i], history[t][i], strict=True)]
            flat = torch.cat([m.flatten(len(runs)) for m in moved], dim=-1)
            np.testing.assert_allclose(trace["size"][i, t], flat.norm(dim=-1).cpu().numpy(), rtol=1e-5)
    slow = trace["change of period 4"]
    total = torch.cat([(a - b).flatten(len(runs)) for a, b in zip(history[-1][1], history[0][1], strict=True)], dim=-1)
    np.testing.assert_allclose(slow.sum(-2), total.cpu().numpy(), atol=tolerance(1e-12))
    assert trace.along("write of period 4") == [4, 8, 12, 16, 20]


def test_fast_weights_are_recorded_sequence_by_sequence(like, draw):
    cms = SequentialCMS(5, periods=(1, 3), hidden=4, **like)
    state = cms.init(batch=2)
    record = Recording(cms.names, cms.weights(state), runs=2)
    sizes = []
    for t in range(6):
        y, state = cms(draw(2, 4, 5, seed=t), state)
        before, state = state, cms.detach(cms.learn(y.square().mean((1, 2)), state))
        record.note(state["writes"], cms.weights(state))
        moved = {name: (w - before["weights"][name]).flatten(1) for name, w in state["weights"].items()}
        sizes.append(torch.cat([moved[name] for name in moved if name.startswith("1.")], dim=1).norm(dim=1))
    trace = record.trace()
    assert trace["wrote"].tolist() == [[1] * 6, [0, 0, 1] * 2]
    np.testing.assert_allclose(trace["size"][1], torch.stack(sizes).detach().cpu().numpy(), rtol=1e-5)
    assert (trace["size"][1, [2, 5]] > 0).all()


def test_recording_changes_nothing(like, draw):
    plain, noted = levels(draw), levels(draw)
    train(draw, plain, None, clock_of(plain))
    clock = clock_of(noted)
    train(draw, noted, Recording(clock.names, clock.weights), clock)
    for a, b in zip(plain, noted, strict=True):
        assert all(torch.equal(w, v) for w, v in zip(a, b, strict=True))


def test_an_empty_write_is_a_write_of_size_zero(like):
    w = torch.ones(2, **like, requires_grad=True)
    clock = MultiClock(torch.optim.SGD([w], lr=0.1), [2], average=False)
    record = Recording(clock.names, clock.weights)
    for t in range(4):
        ((t < 2) * w.sum()).backward()
        clock.step()
        record.note(clock.writes, clock.weights)
    trace = record.trace()
    assert trace["wrote"].tolist() == [[0, 1, 0, 1]]
    assert trace["size"][0, 1] > 0
    assert trace["size"][0, 3] == 0


def test_a_recording_asks_the_device_for_nothing_before_the_end():
    """Fake tensors have no values: to look at one is an error."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        weights = [[torch.zeros(3, 2)], [torch.zeros(2)]]
        record = Recording(["fast", "slow"], weights, tensors=True)
        for t in range(1, 9):
            record.note([t, t // 4], [[w + 1 for w in level] for level in weights])


def test_a_recording_is_saved_as_a_trace(like, draw, tmp_path):
    weights = levels(draw)
    clock = clock_of(weights)
    record = Recording(clock.names, clock.weights, tensors=True)
    train(draw, weights, record, clock, steps=5)
    trace = record.trace(command="test")
    again = type(trace).load(trace.save(tmp_path / "levels.npz"))
    assert again.along("level") == trace.along("level")
    assert np.array_equal(again["size"], trace["size"])
