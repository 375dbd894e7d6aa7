"""Continuum Memory Systems: what they read, what they write and when; judged by formulas written out and autograd."""

from __future__ import annotations

import copy
import io
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import gelu, layer_norm, linear

from nlviz.nested import IndependentCMS, MultiClock, NestedCMS, SequentialCMS

NEVER = math.inf
D, HIDDEN = 5, 7
KINDS = [SequentialCMS, NestedCMS, IndependentCMS]


def make(kind, like, periods=(1, 2, 6), **settings):
    settings.setdefault("lr", (0.3, 0.2, 0.1)[: len(periods)])
    return kind(D, periods=periods, hidden=HIDDEN, **settings, **like)


def mlp_by_hand(w, x):
    """MLP(norm(x)) from its six weights, in their order in the module."""
    return linear(gelu(linear(layer_norm(x, (D,), w[0], w[1]), w[2], w[3])), w[4], w[5])


def by_hand(kind, levels, x, share=None):
    if kind is IndependentCMS:
        return x + sum(s * mlp_by_hand(w, x) for s, w in zip(share, levels, strict=True))
    for w in levels:
        x = x + mlp_by_hand(w, x)
    return x


def share_of(cms):
    return cms.network.share if isinstance(cms, IndependentCMS) else None


def sequences(draw, t, batch=3, length=4):
    return draw(batch, length, D, seed=2 * t), draw(batch, length, D, seed=2 * t + 1)


def surprise(y, target):
    """One loss a sequence: (batch,)."""
    return (y - target).square().mean((1, 2))


def learned(cms, draw, steps, batch=3, first_order=False, state=None, since=0):
    state = cms.init(batch) if state is None else state
    for t in range(since, since + steps):
        x, target = sequences(draw, t)
        y, state = cms(x[:batch], state)
        state = cms.learn(surprise(y, target[:batch]), state, first_order)
    return state


def equal(state, other):
    return all(torch.equal(w, other["weights"][name]) for name, w in state["weights"].items())


@pytest.mark.parametrize("kind", KINDS)
def test_reading_is_the_formula_with_the_weights_of_the_state(like, draw, close, kind):
    cms = make(kind, like)
    x, _ = sequences(draw, 0)
    close(cms(x)[0], by_hand(kind, cms.weights(cms.init()), x, share_of(cms)))
    state = learned(cms, draw, 7)
    for i in range(3):
        one = [[w[i] for w in level] for level in cms.weights(state)]
        close(cms(x, state)[0][i], by_hand(kind, one, x[i], share_of(cms)))


@pytest.mark.parametrize("kind", [SequentialCMS, IndependentCMS])
@pytest.mark.parametrize("keep", [(1.0, 1.0, 1.0), (0.7, 0.9, 0.95)], ids=["keeps all", "decays"])
@pytest.mark.parametrize("batch", [None, 3], ids=["shared", "one a sequence"])
def test_learn_takes_the_summed_gradients_of_the_loss_when_a_period_ends(like, draw, close, kind, keep, batch):
    periods, rates = (1, 2, 6), (0.3, 0.2, 0.1)
    cms = make(kind, like, periods, lr=rates, keep=keep)
    state = cms.init(batch)
    hand = [[w.detach().clone() for w in level] for level in cms.weights(state)]
    start = copy.deepcopy(hand)
    waiting = [[torch.zeros_like(w) for w in level] for level in hand]
    for t in range(1, 15):
        x, target = sequences(draw, t)
        y, state = cms(x, state)
        loss = surprise(y, target)
        before = cms.weights(state)
        state = cms.learn(loss.sum() if batch is None else loss, state)
        for i in range(3):
            for j in range(6):
                hand[i][j].requires_grad_()
        runs = [hand] if batch is None else [[[w[b] for w in level] for level in hand] for b in range(batch)]
        answers = [by_hand(kind, run, x if batch is None else x[b], share_of(cms)) for b, run in enumerate(runs)]
        total = surprise(answers[0] if batch is None else torch.stack(answers), target).sum()
        slopes = iter(torch.autograd.grad(total, [w for level in hand for w in level]))
        for i, period in enumerate(periods):
            for j in range(6):
                waiting[i][j] = waiting[i][j] + next(slopes)
                if t % period == 0:
                    kept = start[i][j] + keep[i] * (hand[i][j].detach() - start[i][j])
                    hand[i][j] = kept - rates[i] * waiting[i][j]
                    waiting[i][j] = torch.zeros_like(waiting[i][j])
                else:
                    assert torch.equal(before[i][j], cms.weights(state)[i][j])
                close(cms.weights(state)[i][j].detach(), hand[i][j].detach())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("periods", "written", "flushed"), [((4, 16), [17, 4], [18, 5]), ((1, 64), [70, 1], [70, 2])], ids=str
)
def test_seventy_losses_write_once_a_period_and_a_flush_writes_the_rest_once(
    like, draw, kind, periods, written, flushed
):
    cms = make(kind, like, periods, lr=(0.01, 0.001))
    state = cms.init()
    for t in range(70):
        y, state = cms(draw(2, D, seed=t), state)
        state = cms.detach(cms.learn(y.square().mean(), state))
    assert state["writes"] == written
    once = cms.flush(state)
    assert once["writes"] == flushed
    assert not equal(once, state)
    twice = cms.flush(once)
    assert twice["writes"] == flushed
    assert equal(once, twice)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [None, 2], ids=["shared", "one a sequence"])
def test_the_outer_gradient_through_every_write_is_that_of_finite_differences(draw, kind, batch):
    like = {"dtype": torch.float64, "device": "cpu"}
    cms = make(kind, like, periods=(1, 2), keep=0.9)

    def outer_loss():
        state = cms.init(batch)
        for t in range(5):
            x, target = (part[:2].double().cpu() for part in sequences(draw, t))
            y, state = cms(x, state)
            loss = surprise(y, target)
            state = cms.learn(loss.sum() if batch is None else loss, state)
        return surprise(cms(x, state)[0], target).sum()

    outer_loss().backward()
    for i, w in enumerate(cms.parameters()):
        direction = draw(*w.shape, seed=i).double().cpu()
        with torch.no_grad():
            w += 1e-5 * direction
        up = outer_loss().item()
        with torch.no_grad():
            w -= 2e-5 * direction
        down = outer_loss().item()
        with torch.no_grad():
            w += 1e-5 * direction
        assert (w.grad * direction).sum().item() == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-8)
        assert w.grad.abs().max() > 0


def test_to_first_order_the_outer_gradient_reaches_the_initial_weights_as_if_no_write_lay_between(like, draw, close):
    cms = make(SequentialCMS, like)
    state = learned(cms, draw, 5, batch=3, first_order=True)
    x, target = sequences(draw, 9)
    loss = surprise(cms(x, state)[0], target).sum()
    names = list(state["weights"])
    direct = torch.autograd.grad(loss, [state["weights"][name] for name in names], retain_graph=True)
    loss.backward()
    reached = dict(cms.network.named_parameters())
    for name, slope in zip(names, direct, strict=True):
        close(reached[name].grad, slope.sum(0))


def test_full_and_first_order_write_the_same_weights_but_not_the_same_outer_gradient(like, draw, close):
    grads = {}
    for first_order in (False, True):
        cms = make(SequentialCMS, like)
        state = learned(cms, draw, 4, first_order=first_order)
        sum(w.square().sum() for w in state["weights"].values()).backward()
        grads[first_order] = (state, [w.grad for w in cms.parameters()])
    assert equal(grads[True][0], grads[False][0])
    assert any((a - b).abs().max() > 1e-3 for a, b in zip(grads[True][1], grads[False][1], strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_two_outer_steps_in_a_row_train_the_start(like, draw, kind):
    cms = make(kind, like)
    optimizer = torch.optim.SGD(cms.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        state, total = cms.init(3), 0
        for t in range(3):
            x, target = sequences(draw, t)
            y, state = cms(x, state)
            loss = surprise(y, target)
            state, total = cms.learn(loss, state), total + loss.mean()
        optimizer.zero_grad()
        total.backward()
        assert all(w.grad.abs().max() > 0 for w in cms.parameters())
        optimizer.step()
        losses.append(total.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_forward_pass_writes_nothing_counts_nothing_and_skips_no_level(like, draw, kind):
    cms = make(kind, like)
    x, _ = sequences(draw, 0)
    module = copy.deepcopy(cms.state_dict())
    for age in range(7):
        state = learned(cms, draw, age)
        kept = {name: w.clone() for name, w in state["weights"].items()}
        first, after = cms(x, state)
        assert after is state
        assert torch.equal(cms(x, state)[0], first)
        assert torch.equal(cms.eval()(x, state)[0], cms.train()(x, state)[0])
        assert all(torch.equal(w, kept[name]) for name, w in state["weights"].items())
        for i in range(3):
            silent = {n: torch.zeros_like(w) if cms._level[n] == i else w for n, w in state["weights"].items()}
            assert not torch.equal(cms(x, {**state, "weights": silent})[0], first)
    assert all(torch.equal(w, module[name]) for name, w in cms.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", [1, 4, 7])
def test_streaming_is_one_call(like, draw, close, kind, call):
    cms = make(kind, like)
    state = learned(cms, draw, 7)
    x = draw(3, 37, D)
    whole, _ = cms(x, state)
    pieces = []
    for piece in x.split(call, dim=1):
        y, state = cms(piece, state)
        pieces.append(y)
    close(torch.cat(pieces, dim=1), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_one_memory_a_sequence_and_nothing_crosses_the_batch(like, draw, close, kind):
    cms = make(kind, like)
    together = learned(cms, draw, 7)
    first_alone = learned(cms, draw, 7, batch=1)
    for name, w in together["weights"].items():
        close(w[:1], first_alone["weights"][name])
    x, _ = sequences(draw, 3)
    close(cms(x, together)[0][:1], cms(x[:1], first_alone)[0])

    def others_changed(*shape, seed=0):
        numbers = draw(*shape, seed=seed)
        return torch.cat([numbers[:1], 5 * numbers[1:]]) if shape[0] == 3 else numbers

    changed = learned(cms, others_changed, 7)
    for name, w in together["weights"].items():
        assert torch.equal(w[0], changed["weights"][name][0])
        assert not torch.equal(w[1], changed["weights"][name][1])


@pytest.mark.parametrize("batch", [None, 3])
def test_one_level_that_never_ticks_is_the_plain_mlp_block_bit_for_bit(like, draw, batch):
    cms = make(SequentialCMS, like, periods=(NEVER,))
    block = cms.network[0]
    x, target = sequences(draw, 0)
    state = cms.init(batch)
    for _ in range(3):
        y, state = cms(x, state)
        assert torch.equal(y, x + block.mlp(x))
        loss = surprise(y, target)
        state = cms.learn(loss.sum() if batch is None else loss, state)
    assert state["writes"] == [0]
    assert torch.equal(cms(x)[0], x + block.mlp(x))


def test_levels_side_by_side_are_the_sum_of_levels_run_alone(like, draw, close):
    cms = make(IndependentCMS, like)
    x, _ = sequences(draw, 0)
    alone = [mlp(x) for mlp in cms.network.mlps]
    close(cms(x)[0], x + sum(alone) / 3)
    with torch.no_grad():
        cms.network.share.copy_(torch.tensor([0.5, 0.0, 2.0], **like))
    close(cms(x)[0], x + 0.5 * alone[0] + 2 * alone[2])


def test_the_nested_variant_restarts_its_fast_level_from_the_start_a_slow_tick_has_learned(like, draw, close):
    cms = make(NestedCMS, like, periods=(1, 4), lr=(0.3, 0.1))
    state, slopes = cms.init(3), []
    begin = {name: w.detach().clone() for name, w in state["weights"].items()}
    for t in range(1, 9):
        x, target = sequences(draw, t)
        y, state = cms(x, state)
        loss = surprise(y, target)
        fast = [name for name in state["weights"] if name.startswith("0.")]
        found = torch.autograd.grad(loss.sum(), [state["weights"][name] for name in fast], retain_graph=True)
        slopes.append(dict(zip(fast, found, strict=True)))
        state = cms.learn(loss, state)
        if t % 4 == 0:
            for name in fast:
                begin[name] = begin[name] - 0.1 * sum(slope[name] for slope in slopes)
                close(state["start"][name].detach(), begin[name])
                assert torch.equal(state["weights"][name], state["start"][name])
            slopes = []
    assert state["writes"] == [8, 2]


def test_the_variants_part_after_one_slow_period(like, draw):
    nested, chain = (make(kind, like, periods=(1, 4), lr=(0.3, 0.1)) for kind in (NestedCMS, SequentialCMS))
    assert equal(learned(nested, draw, 3), learned(chain, draw, 3))
    assert not equal(learned(nested, draw, 4), learned(chain, draw, 4))
    x, _ = sequences(draw, 0)
    assert not torch.equal(make(IndependentCMS, like)(x)[0], make(SequentialCMS, like)(x)[0])
    default = {"lr": 0.3}  # one number: slower levels take less of it
    nested, chain = (make(kind, like, periods=(1, 4), **default) for kind in (NestedCMS, SequentialCMS))
    assert not equal(learned(nested, draw, 4), learned(chain, draw, 4))


def test_at_equal_rates_a_restart_with_a_whole_step_is_no_restart(like, draw, close):
    """Reptile with an outer step of 1 is gradient descent; and one level has no faster one to restart."""
    nested, chain = (make(kind, like, periods=(1, 4), lr=(0.2, 0.2)) for kind in (NestedCMS, SequentialCMS))
    states = learned(nested, draw, 9), learned(chain, draw, 9)
    for name, w in states[0]["weights"].items():
        close(w, states[1]["weights"][name])
    one, plain = (make(kind, like, periods=(3,)) for kind in (NestedCMS, SequentialCMS))
    assert equal(learned(one, draw, 9), learned(plain, draw, 9))


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_in_one_group_and_a_clock_trains_each_level_on_its_own_period(like, draw, kind):
    cms = make(kind, like, periods=(1, 4, 16))
    groups = cms.groups()
    assert [g["period"] for g in groups[:3]] == [1, 4, 16]
    listed = [id(w) for group in groups for w in group["params"]]
    assert sorted(listed) == sorted(id(w) for w in cms.parameters())
    optimizer = torch.optim.SGD(groups, lr=0.01)
    clock = MultiClock(optimizer, [g["period"] for g in optimizer.param_groups], average=False)
    for t in range(1, 71):
        before = [[w.clone() for w in level] for level in clock.weights]
        x, target = sequences(draw, t)
        surprise(cms(x)[0], target).mean().backward()
        clock.step()
        for level, old, period in zip(clock.weights, before, clock.periods, strict=True):
            assert all(torch.equal(w, was) == (t % period != 0) for w, was in zip(level, old, strict=True))
    assert clock.writes[:3] == [70, 17, 4]


def test_a_restart_touches_only_the_sequences_and_levels_it_is_asked_for(like, draw):
    cms = make(SequentialCMS, like, periods=(2, 8, 16))
    state = learned(cms, draw, 19)
    again = cms.restart(state, torch.tensor([True, False, True], device=like["device"]), below=16)
    for name, w in again["weights"].items():
        was, start = state["weights"][name], state["start"][name]
        slow = name.startswith("2.")
        assert torch.equal(w[0], was[0] if slow else start[0])
        assert torch.equal(w[1], was[1])
        assert not torch.equal(was[1], start[1])
        waits = again["waiting"][name]
        assert (waits[0].abs().max() == 0) == (not slow)
        assert torch.equal(waits[1], state["waiting"][name][1])
    assert cms.restart(state, False) is state
    assert equal(cms.restart(state), cms.init(3))


def test_a_state_is_saved_and_goes_on_bit_for_bit_in_the_middle_of_a_period(like, draw):
    for kind in KINDS:
        cms = make(kind, like)
        whole = learned(cms, draw, 11)
        file = io.BytesIO()
        torch.save(cms.detach(learned(cms, draw, 5)), file)
        file.seek(0)
        saved = cms.detach(torch.load(file, weights_only=True))
        assert equal(learned(cms, draw, 6, state=saved, since=5), whole)


def test_detach_ends_the_history_and_leaves_the_numbers(like, draw):
    cms = make(NestedCMS, like, periods=(1, 2))
    state = cms.detach(learned(cms, draw, 3))
    x, target = sequences(draw, 4)
    surprise(cms(x, state)[0], target).sum().backward()
    assert all(w.grad is None for w in cms.parameters())
    assert equal(state, learned(cms, draw, 3))
    for other in (state, cms.restart(state)):
        for first_order in (False, True):
            assert learned(cms, draw, 3, state=other, first_order=first_order)["age"] == 6
    with torch.no_grad():
        other = cms.flush(cms.restart(state, below=2))
    assert learned(cms, draw, 3, state=other)["age"] == 6


def test_frozen_parameters_still_give_fast_weights_that_learn(like, draw):
    cms = make(SequentialCMS, like)
    reference = learned(cms, draw, 6)
    cms.requires_grad_(False)
    assert equal(learned(cms, draw, 6), reference)


def test_a_cms_lists_its_nested_problems(like):
    cms = make(NestedCMS, like, periods=(1, 4, NEVER))
    assert [level[:2] for level in cms.levels] == [
        ("period 1", 1),
        ("period 4", 4),
        ("period inf", NEVER),
        ("start of period 1", 4),
    ]
    assert all(isinstance(word, str) for level in cms.levels for word in level[2:])


def test_what_does_not_fit_is_explained(like, draw):
    cms = make(SequentialCMS, like)
    x, target = sequences(draw, 0)
    state = cms.init(2)
    with pytest.raises(
        ValueError, match=r"x holds 3 sequences, this state was made for 2; make it with init\(batch=3\)"
    ):
        cms(x, state)
    y, state = cms(x, cms.init(3))
    with pytest.raises(ValueError, match="Sum or average over each sequence, not over the batch"):
        cms.learn(surprise(y, target).mean(), state)
    with pytest.raises(ValueError, match="does not depend on the fast weights"):
        cms.learn(surprise(cms(x)[0], target), state)
    with torch.no_grad(), pytest.raises(ValueError, match=r"outside torch\.no_grad"):
        cms.learn(surprise(cms(x, state)[0], target), state)
    with pytest.raises(ValueError, match="2 values of lr for 3 levels"):
        make(SequentialCMS, like, lr=(0.1, 0.1))
    with pytest.raises(ValueError, match="keep is the factor that stays"):
        make(SequentialCMS, like, keep=1.5)
    with pytest.raises(ValueError, match="whole number of steps"):
        make(SequentialCMS, like, periods=(0, 1, 2))


def test_the_seed_alone_decides_the_initial_weights(like):
    a, b, c = (make(SequentialCMS, like, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(v, w) for v, w in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.network[0].mlp[1].weight, c.network[0].mlp[1].weight)
    assert not torch.equal(a.network[0].mlp[1].weight, a.network[1].mlp[1].weight)
    assert isinstance(a.network[0].mlp[0], nn.LayerNorm)
