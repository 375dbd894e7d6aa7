"""Clocks: groups of weights that wait for each other's steps, judged by autograd, torch.optim and plain training."""

from __future__ import annotations

import copy
import io
import math

import pytest
import torch
from torch.nn.functional import mse_loss

from nlviz.nested import MultiClock
from nlviz.optim import M3, Muon, Optimizer

NEVER = math.inf


def network(like, seed=0, width=6):
    layers = [torch.nn.Linear(4, width), torch.nn.Tanh(), torch.nn.Linear(width, width), torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, 3))
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for w in model.parameters():
            w.copy_(0.4 * torch.randn(w.shape, generator=draws))
    return model.to(**like)


def groups(model):
    """Three levels: the layers of `network`."""
    return [{"params": list(layer.parameters())} for layer in model if isinstance(layer, torch.nn.Linear)]


def batches(draw, steps, batch=5):
    return [(draw(batch, 4, seed=2 * t), draw(batch, 3, seed=2 * t + 1)) for t in range(steps)]


def sgd(params):
    return torch.optim.SGD(params, lr=0.05)


def train(model, clock, stream, before_step=lambda t: None):
    for t, (x, y) in enumerate(stream):
        mse_loss(model(x), y).backward()
        before_step(t)
        clock.step()


def same(model, other):
    return all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    ("periods", "written", "flushed"), [((4, 16), [17, 4], [18, 5]), ((1, 64), [70, 1], [70, 2])], ids=str
)
def test_seventy_steps_write_once_a_period_and_a_flush_writes_the_rest_once(like, periods, written, flushed):
    fast, slow = (torch.zeros(3, **like, requires_grad=True) for _ in range(2))
    clock = MultiClock(sgd([{"params": [fast]}, {"params": [slow]}]), periods, average=False)
    for _ in range(70):
        (fast.sum() + slow.sum()).backward()
        clock.step()
    assert clock.writes == written
    assert clock.steps == 70
    clock.flush()
    assert clock.writes == flushed
    before = [fast.clone(), slow.clone()]
    clock.flush()
    assert clock.writes == flushed
    assert torch.equal(before[0], fast)
    assert torch.equal(before[1], slow)


def test_after_a_flush_every_gradient_has_counted_exactly_once(like, close):
    w = torch.zeros(3, **like, requires_grad=True)
    clock = MultiClock(sgd([w]), [16], average=False)
    for t in range(70):
        (t * w.sum()).backward()
        clock.step()
    clock.flush()
    close(w.detach(), torch.full((3,), -0.05 * sum(range(70)), **like))


@pytest.mark.parametrize("average", [False, True])
def test_a_write_is_the_rate_times_the_gradients_of_the_period_at_the_weights_it_had(like, close, draw, average):
    periods = (1, 3, 7)
    model, stream = network(like), batches(draw, 21)
    twin = copy.deepcopy(model)
    clock = MultiClock(sgd(groups(model)), periods, average=average)
    waiting = [[torch.zeros_like(w) for w in group["params"]] for group in groups(twin)]
    for t, (x, y) in enumerate(stream, start=1):
        before = [[w.clone() for w in group["params"]] for group in groups(model)]
        mse_loss(model(x), y).backward()
        clock.step()
        levels = [group["params"] for group in groups(twin)]
        slopes = torch.autograd.grad(mse_loss(twin(x), y), [w for level in levels for w in level])
        slopes = [slopes[:2], slopes[2:4], slopes[4:]]
        for i, period in enumerate(periods):
            for kept, slope in zip(waiting[i], slopes[i], strict=True):
                kept += slope
            if t % period == 0:
                for w, kept in zip(levels[i], waiting[i], strict=True):
                    w.data -= 0.05 * kept / (period if average else 1)
                    kept.zero_()
            else:
                held = zip(before[i], groups(model)[i]["params"], strict=True)
                assert all(torch.equal(old, now) for old, now in held)
        for mine, hand in zip(model.parameters(), twin.parameters(), strict=True):
            close(mine.detach(), hand.detach())


PLAIN = {
    "SGD": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9, weight_decay=0.01),
    "Adam": lambda groups: torch.optim.Adam(groups, lr=0.01),
    "AdamW": lambda groups: torch.optim.AdamW(groups, lr=0.01, amsgrad=True),
    "our Muon": lambda groups: Optimizer(groups, Muon(lr=0.02)),
    "our M3": lambda groups: Optimizer(groups, M3(lr=0.02)),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("average", [False, True])
def test_period_one_everywhere_is_plain_training_bit_for_bit(like, draw, name, average):
    model, stream = network(like), batches(draw, 20)
    twin = copy.deepcopy(model)
    train(model, MultiClock(PLAIN[name](groups(model)), [1, 1, 1], average=average), stream)
    optimizer = PLAIN[name](groups(twin))
    for x, y in stream:
        optimizer.zero_grad()
        mse_loss(twin(x), y).backward()
        optimizer.step()
    assert same(model, twin)


@pytest.mark.parametrize("name", PLAIN)
def test_an_accumulated_step_is_one_big_batch_step(like, close, draw, name):
    model, stream = network(like), batches(draw, 8)
    twin = copy.deepcopy(model)
    train(model, MultiClock(PLAIN[name](groups(model)), [4, 4, 4], average=True), stream)
    optimizer = PLAIN[name](groups(twin))
    for four in (stream[:4], stream[4:]):
        optimizer.zero_grad()
        x, y = (torch.cat(parts) for parts in zip(*four, strict=True))
        mse_loss(twin(x), y).backward()
        optimizer.step()
    for mine, big in zip(model.parameters(), twin.parameters(), strict=True):
        close(mine.detach(), big.detach(), 1e-9)  # Adam and Muon divide by small gradients


OPTIMIZERS = {
    name: kind
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type)
    and issubclass(kind, torch.optim.Optimizer)
    and name not in ("Optimizer", "LBFGS", "SparseAdam")
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_of_pytorch_but_lbfgs_leaves_levels_alone_that_are_not_due(like, draw, name):
    fast, slow = (draw(3, 4, seed=s).requires_grad_() for s in range(2))
    rates = {"weight_decay": 0.1} if name == "AdamW" else {}
    optimizer = OPTIMIZERS[name]([{"params": [fast]}, {"params": [slow]}], lr=0.1, **rates)
    clock = MultiClock(optimizer, [2, 6], average=False)
    for step in range(1, 13):
        before = [fast.detach().clone(), slow.detach().clone()]
        (fast.square().sum() + (slow - 1).square().sum()).backward()
        clock.step()
        for w, old, period in zip((fast, slow), before, (2, 6), strict=True):
            assert torch.equal(w, old) == (step % period != 0)


def test_sparse_gradients_wait_like_dense_ones(like, close):
    table = torch.nn.Embedding(6, 3, sparse=True, **like)
    dense = torch.nn.Embedding(6, 3, **like)
    dense.load_state_dict(table.state_dict())
    for embedding, periods in ((table, [3]), (dense, [3])):
        clock = MultiClock(sgd(embedding.parameters()), periods, average=False)
        for t in range(6):
            embedding(torch.tensor([t % 4, t % 2], device=like["device"])).square().sum().backward()
            clock.step()
    close(table.weight.detach(), dense.weight.detach())
    clock = MultiClock(torch.optim.SparseAdam(table.parameters(), lr=0.1), [2], average=False)
    before = table.weight.detach().clone()
    for _ in range(2):
        table(torch.tensor([1], device=like["device"])).sum().backward()
        clock.step()
    assert (table.weight != before).any(dim=1).tolist() == [False, True, False, False, False, False]


def test_lbfgs_is_refused_with_a_sentence(like):
    with pytest.raises(ValueError, match=r"LBFGS asks for the loss again.*take torch\.optim\.SGD"):
        MultiClock(torch.optim.LBFGS(network(like).parameters()), [1], average=False)


@pytest.mark.parametrize("name", ["SGD", "Adam", "our Muon"])
@pytest.mark.parametrize("periods", [(1, 4, 16), (3, 5, NEVER)], ids=str)
def test_a_clock_saved_in_the_middle_of_a_period_continues_bit_for_bit(like, draw, name, periods):
    stream = batches(draw, 40)
    whole, model = network(like), network(like)
    train(whole, MultiClock(PLAIN[name](groups(whole)), periods, average=False), stream)
    clock = MultiClock(PLAIN[name](groups(model)), periods, average=False)
    train(model, clock, stream[:22])
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "clock": clock.state_dict()}, file)
    train(model, clock, stream[22:25])  # what goes on must not reach into what was saved
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    fresh = network(like, seed=1)
    fresh.load_state_dict(saved["model"])
    clock = MultiClock(PLAIN[name](groups(fresh)), periods, average=False)
    clock.load_state_dict(saved["clock"])
    train(fresh, clock, stream[22:])
    assert same(fresh, whole)
    assert clock.steps == 40


def test_a_clock_of_other_periods_does_not_take_the_state(like):
    model = network(like)
    saved = MultiClock(sgd(groups(model)), [1, 4, 16], average=False).state_dict()
    with pytest.raises(ValueError, match=r"saved with periods=\[1, 4, 16\], average=False; this clock has"):
        MultiClock(sgd(groups(model)), [1, 4, 16], average=True).load_state_dict(saved)


def test_a_model_and_its_clock_copied_together_go_on_alike(like, draw):
    model, stream = network(like), batches(draw, 9)
    clock = MultiClock(PLAIN["Adam"](groups(model)), [1, 2, 4], average=False)
    torch.optim.lr_scheduler.StepLR(clock, 3)
    train(model, clock, stream[:5])
    other, ticking = copy.deepcopy((model, clock))
    train(model, clock, stream[5:])
    assert not same(model, other)
    train(other, ticking, stream[5:])
    assert same(model, other)


@pytest.mark.parametrize("periods", [(1, 4, 16), (3, 5, 7)], ids=str)
@pytest.mark.parametrize("bad", [float("inf"), -float("inf"), float("nan")])
def test_a_step_with_an_infinite_gradient_changes_neither_accumulator_nor_clock(like, draw, periods, bad):
    stream = batches(draw, 22)
    model, twin = network(like), network(like)
    train(twin, MultiClock(PLAIN["Adam"](groups(twin)), periods, average=False), stream)
    clock = MultiClock(PLAIN["Adam"](groups(model)), periods, average=False)
    spoiled = [0, 1, 5, 8, 9, 10, 21]
    longer = [batch for t, batch in enumerate(stream) for batch in [batch] * (1 + (t in spoiled))]
    strikes = {t + sum(s < t for s in spoiled) for t in spoiled}  # the first of each repeated batch

    def spoil(t):
        if t in strikes:
            model[2].weight.grad[0, 0] = bad

    train(model, clock, longer, spoil)
    assert same(model, twin)
    assert clock.steps == len(stream)


@pytest.mark.parametrize("periods", [(1, 4, 16), (4, 4, 8)], ids=str)
def test_scaled_gradients_are_unscaled_before_they_are_added_up(like, draw, periods):
    stream = batches(draw, 20)
    model, twin = network(like), network(like)
    train(twin, MultiClock(PLAIN["Adam"](groups(twin)), periods, average=False), stream)
    clock = MultiClock(PLAIN["Adam"](groups(model)), periods, average=False)
    scaler = torch.amp.GradScaler(like["device"].type, init_scale=2.0**12, growth_interval=3)
    overflows = 0
    for t, (x, y) in enumerate(stream):
        for attempt in range(2 if t in (2, 7, 8) else 1):
            scaler.scale(mse_loss(model(x), y)).backward()
            if t in (2, 7, 8) and attempt == 0:
                model[0].bias.grad[1] = float("inf")
                overflows += 1
            if t == 11:
                scaler.unscale_(clock)  # as one does to clip
            scaler.step(clock)
            scaler.update()
    assert same(model, twin)
    assert (clock.steps, overflows) == (20, 3)


def test_the_host_looks_at_the_gradients_only_when_a_level_may_be_due():
    """Fake tensors have no values: to look at one is an error."""
    from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

    with FakeTensorMode():
        w = torch.zeros(3, requires_grad=True)
        clock = MultiClock(sgd([w]), [4], average=False)
        for _ in range(3):
            w.sum().backward()
            clock.step()
        w.sum().backward()
        with pytest.raises((DataDependentOutputException, DynamicOutputShapeException)):
            clock.step()


def test_schedulers_drive_a_clock_as_they_drive_an_optimizer(like, recwarn):
    w = torch.zeros(1, **like, requires_grad=True)
    clock = MultiClock(torch.optim.SGD([w], lr=1.0), [2], average=False)
    schedule = torch.optim.lr_scheduler.StepLR(clock, step_size=2, gamma=0.1)
    moved = []
    for _ in range(6):
        before = w.item()
        w.sum().backward()
        clock.step()
        schedule.step()
        moved.append(before - w.item())
    assert moved == pytest.approx([0, 2, 0, 0.2, 0, 0.02], abs=1e-6)
    assert not recwarn.list


def test_a_level_that_never_ticks_never_moves_and_nothing_waits_there(like, draw):
    model = network(like)
    before = [w.detach().clone() for w in model[0].parameters()]
    clock = MultiClock(PLAIN["AdamW"](groups(model)), [NEVER, 1, 4], average=False)
    train(model, clock, batches(draw, 6))
    clock.flush()
    assert clock.writes == [0, 6, 2]
    assert all(torch.equal(w, old) for w, old in zip(model[0].parameters(), before, strict=True))
    assert clock.state_dict()["clock"]["waiting"][0] == [None, None]


def test_the_mean_at_a_flush_is_over_the_gradients_that_waited(like, close):
    w = torch.zeros(1, **like, requires_grad=True)
    clock = MultiClock(torch.optim.SGD([w], lr=1.0), [4], average=True)
    for t in range(1, 7):
        (t * w.sum()).backward()
        clock.step()
    close(w.detach(), torch.tensor([-2.5], **like))  # the mean of 1, 2, 3, 4
    clock.flush()
    close(w.detach(), torch.tensor([-2.5 - 5.5], **like))  # and of 5, 6


def test_a_forgotten_zero_grad_counts_no_gradient_twice(like, draw):
    model, stream = network(like), batches(draw, 6)
    twin = copy.deepcopy(model)
    train(model, MultiClock(sgd(groups(model)), [1, 2, 3], average=False), stream)
    clock = MultiClock(sgd(groups(twin)), [1, 2, 3], average=False)
    for x, y in stream:
        clock.zero_grad()
        mse_loss(twin(x), y).backward()
        clock.step()
    assert same(model, twin)


def test_weights_without_a_gradient_are_left_alone(like):
    used, unused = (torch.ones(2, **like, requires_grad=True) for _ in range(2))
    clock = MultiClock(torch.optim.AdamW([used, unused], weight_decay=0.5), [2], average=False)
    for _ in range(2):
        used.sum().backward()
        clock.step()
    assert torch.equal(unused.detach(), torch.ones(2, **like))
    assert not torch.equal(used.detach(), torch.ones(2, **like))


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16], ids=str)
def test_gradients_of_half_precision_are_added_up_in_single_precision(like, half):
    w = torch.zeros(1, dtype=half, device=like["device"], requires_grad=True)
    clock = MultiClock(torch.optim.SGD([w], lr=1.0), [4097], average=True)
    for t in range(4097):
        ((4097 if t == 0 else 1) * w.float()).sum().backward()  # in half precision 4097 + 1 + 1 ... stands still
        clock.step()
    assert w.item() == -2.0


@pytest.mark.parametrize("period", [0, -1, 1.5, True, float("nan"), "4"])
def test_a_period_is_a_whole_number_or_never(like, period):
    with pytest.raises(ValueError, match="a period is a whole number of steps, 1 or more"):
        MultiClock(sgd(network(like).parameters()), [period], average=False)


def test_what_a_clock_cannot_do_it_says(like):
    model = network(like)
    with pytest.raises(ValueError, match="2 periods for 3 parameter groups"):
        MultiClock(sgd(groups(model)), [1, 4], average=False)
    clock = MultiClock(sgd(groups(model)), [1, 4, 4], average=False)
    assert clock.names == ["period 1", "period 4", "period 4 (2)"]
    with pytest.raises(ValueError, match="a new group needs a period"):
        clock.add_param_group({"params": []})
    with pytest.raises(ValueError, match="call backward"):
        clock.step(lambda: 0.0)
