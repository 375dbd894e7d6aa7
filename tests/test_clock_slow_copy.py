"""Slow copies: restart, consolidation and decay, for one run and for many at once, judged run by run and by formula."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import mse_loss

from nlviz.nested import MultiClock, SlowCopy


def test_consolidate_then_restart_every_five_steps_is_lookahead(like, close, draw):
    """Zhang et al. 2019, Algorithm 1."""
    fast, theta = draw(4, 3).requires_grad_(), draw(4, 3)
    clock = MultiClock(torch.optim.SGD([fast], lr=0.1), [1], average=False)
    copy, phi = SlowCopy([fast]), theta.clone()
    for t in range(1, 21):
        x, y = draw(8, 4, seed=t), draw(8, 3, seed=100 + t)
        mse_loss(x @ fast, y).backward()
        clock.step()
        copy.consolidate(0.5, when=clock.steps % 5 == 0)
        copy.restart(when=clock.steps % 5 == 0)
        theta = theta - 0.1 * 2 * x.T @ (x @ theta - y) / y.numel()
        if t % 5 == 0:
            phi = phi + 0.5 * (theta - phi)
            theta = phi.clone()
        close(fast.detach(), theta)
        close(copy.slow[0], phi)


def test_decay_keeps_a_factor_of_what_was_learned_since_the_start(like, close, draw):
    fast = draw(5, seed=1)
    start, learned = fast.clone(), draw(5, seed=2)
    copy = SlowCopy([fast])
    fast += learned
    for _ in range(10):
        copy.decay(0.9)
    close(fast, start + 0.9**10 * learned)
    copy.decay(1)
    close(fast, start + 0.9**10 * learned)
    copy.decay(0)
    close(fast, start)


@pytest.mark.parametrize("shape", [(4,), (4, 2), (4, 2, 3)], ids=str)
def test_a_trigger_a_run_does_to_each_run_what_a_bool_does_to_one(like, draw, shape):
    fast = draw(*shape)
    together = SlowCopy([fast])
    alone = [SlowCopy([fast[run].clone()]) for run in range(4)]
    rates = torch.tensor([0.1, 0.2, 0.3, 0.4], **like)
    for t in range(12):
        surprised = torch.rand(4, generator=torch.Generator().manual_seed(t)).to(like["device"]) < 0.4
        step = draw(*shape, seed=t + 1)
        fast += step
        together.decay(0.95)
        together.consolidate(rates, when=surprised)
        together.restart(when=surprised)
        for run, copy in enumerate(alone):
            copy.fast[0] += step[run]
            copy.decay(0.95)
            copy.consolidate(rates[run], when=bool(surprised[run]))
            copy.restart(when=bool(surprised[run]))
            assert torch.equal(copy.fast[0], fast[run])
            assert torch.equal(copy.slow[0], together.slow[0][run])


def test_a_trigger_a_run_asks_the_device_for_nothing():
    """Fake tensors have no values: to branch on one is an error."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        fast, surprised = torch.zeros(4, 2), torch.zeros(4, dtype=torch.bool)
        copy = SlowCopy([fast])
        copy.restart(surprised)
        copy.consolidate(0.1, surprised)
        copy.decay(0.9, surprised)


def test_weights_in_training_are_moved_in_place_and_their_graph_stays_clean(like):
    layer = torch.nn.Linear(3, 2, **like)
    copy = SlowCopy(layer.parameters())
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    layer(torch.ones(3, **like)).sum().backward()
    optimizer.step()
    copy.restart()
    assert layer.weight.requires_grad
    assert layer.weight.is_leaf
    assert torch.equal(layer.weight, copy.slow[0])
    assert copy.slow[0].data_ptr() != layer.weight.data_ptr()


def test_a_slow_copy_is_saved_and_loaded(like, draw):
    fast = draw(3)
    copy = SlowCopy([fast])
    fast += 1
    copy.consolidate(0.25)
    saved = copy.state_dict()
    copy.consolidate(0.25)
    other = SlowCopy([fast])
    other.load_state_dict(saved)
    other.consolidate(0.25)
    assert torch.equal(other.slow[0], copy.slow[0])


def test_a_trigger_that_fits_no_axis_of_runs_is_explained(like, draw):
    with pytest.raises(
        ValueError, match=r"needs a first axis of 3 runs in every weight; one of them has shape \(2, 5\)"
    ):
        SlowCopy([draw(2, 5)]).restart(torch.tensor([True, False, True], device=like["device"]))
