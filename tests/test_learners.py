"""Learners: each judged by the same thing written out for one run, or by torch's own optimizers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

import nlviz as nl
from nlviz.learners import EWC, Elastic, Gated, Levels, Network, PartialFit, Replay, RunRates

SMALL = dict(d_in=6, width=8, hidden=5, blocks=3, classes=4)


def network(seeds, like):
    return Network(seeds, **SMALL, dtype=like["dtype"]).to(like["device"])


def batches(draw, like, runs, steps, n=8):
    """Inputs, and labels that change their meaning after half of the steps: (step, run, batch, ...)."""
    x = draw(steps, runs, n, 6)
    y = x[..., :4].argmax(-1)
    y[steps // 2 :] = 3 - y[steps // 2 :]
    return list(zip(x, y, strict=True))


def column(like, *numbers):
    return torch.tensor(numbers, **like)


LEARNERS = {
    "one rate": lambda net, lr: Levels(net, lr),
    "levels": lambda net, lr: Levels(net, lr, (1, 4, 16), 0.25),
    "last gradient": lambda net, lr: Levels(net, lr, (1, 4, 16), 0.25, last_only=True),
    "momentum": lambda net, lr: Levels(net, lr, rule=nl.optim.Momentum(momentum=0.5)),
    "Adam": lambda net, lr: Levels(net, lr / 30, rule=nl.optim.Adam()),
    "gated": lambda net, lr: Gated(net, lr, share=0.1),
    "elastic": lambda net, lr: Elastic(net, lr, 1 / 24),
    "replay": lambda net, lr: Replay(net, lr, capacity=20),
    "EWC": lambda net, lr: EWC(net, lr, 10 * lr),
}


@pytest.mark.parametrize("make", LEARNERS.values(), ids=LEARNERS)
def test_a_run_among_many_learns_what_it_learns_alone(make, like, close, draw):
    """Seeds, settings and data of other runs change nothing: the control of every batched experiment."""
    seeds, lr = [3, 5, 9], column(like, 0.1, 0.2, 0.3)
    together = make(network(seeds, like), lr)
    alone = [make(network([seed], like), lr[i : i + 1]) for i, seed in enumerate(seeds)]
    for x, y in batches(draw, like, runs=3, steps=60):
        told = together.learn(x, y)
        for i, learner in enumerate(alone):
            own = learner.learn(x[i : i + 1], y[i : i + 1])
            close(told["surprise"][i : i + 1], own["surprise"], tol=1e-8)
    for w, *parts in zip(together.network.parameters(), *(a.network.parameters() for a in alone), strict=True):
        close(w.detach(), torch.cat([part.detach() for part in parts]), tol=1e-8)


@pytest.mark.parametrize("make", LEARNERS.values(), ids=LEARNERS)
def test_predicting_changes_nothing(make, like, draw):
    learner = make(network([0, 1], like), column(like, 0.1, 0.2))
    data = batches(draw, like, runs=2, steps=10)
    for x, y in data:
        learner.learn(x, y)
    before = copy.deepcopy([w.detach() for w in learner.network.parameters()])
    answers = learner.predict(data[0][0])
    assert answers.shape == (2, 8)
    assert torch.equal(answers, learner.predict(data[0][0]))
    assert all(torch.equal(a, b.detach()) for a, b in zip(before, learner.network.parameters(), strict=True))


@pytest.mark.parametrize("make", LEARNERS.values(), ids=LEARNERS)
def test_every_learner_learns(make, like, draw):
    learner = make(network([0, 1], like), column(like, 0.2, 0.2))
    data = batches(draw, like, runs=2, steps=300)[:150]
    first = [(learner.predict(x) == y).to(torch.float64).mean() for x, y in data[:20]]
    for x, y in data:
        learner.learn(x, y)
    last = [(learner.predict(x) == y).to(torch.float64).mean() for x, y in data[-20:]]
    assert sum(last) / 20 > max(0.6, sum(first) / 20 + 0.2)


PEERS = {
    "SGD": (nl.optim.SGD(), lambda ws: torch.optim.SGD(ws, lr=0.1)),
    "momentum": (nl.optim.Momentum(momentum=0.5), lambda ws: torch.optim.SGD(ws, lr=0.1, momentum=0.5)),
    "Adam": (nl.optim.Adam(), lambda ws: torch.optim.Adam(ws, lr=0.1)),
}


@pytest.mark.parametrize(("rule", "peer"), PEERS.values(), ids=PEERS)
def test_the_single_rate_baselines_are_torchs_optimizers(rule, peer, like, close, draw):
    learner, twin = Levels(network([4], like), column(like, 0.1), rule=rule), network([4], like)
    optimizer = peer(twin.parameters())
    for x, y in batches(draw, like, runs=1, steps=20):
        learner.learn(x, y)
        optimizer.zero_grad()
        cross_entropy(twin(x)[0], y[0]).backward()
        torch.nn.utils.clip_grad_value_(twin.parameters(), 5.0)
        optimizer.step()
    for w, v in zip(learner.network.parameters(), twin.parameters(), strict=True):
        close(w.detach(), v.detach(), tol=1e-7)


def test_the_network_is_its_formula(like, close, draw):
    net, x = network([2, 7], like), draw(2, 8, 6)
    for run in range(2):
        W = [matrix[run] for matrix in net.matrices]
        h = x[run] @ W[0]
        for up, down in ((1, 2), (3, 4), (5, 6)):
            h = h + torch.relu(h @ W[up]) @ W[down]
        close(net(x)[run], h @ W[7])
    assert sum(w[0].numel() for w in Network([0]).parameters()) == 17386


def test_levels_write_at_their_ticks_with_the_sum_of_their_gradients(like, close, draw):
    """The slow levels stand still for 16 steps; then they move by rate times all gradients, taken by autograd here."""
    learner = Levels(network([1], like), column(like, 0.2), (1, 4, 16), ratio=0.25)
    slow = learner.clock.weights[2]
    begin, total = [w.detach().clone() for w in slow], [torch.zeros_like(w) for w in slow]
    for step, (x, y) in enumerate(batches(draw, like, runs=1, steps=16), start=1):
        slopes = torch.autograd.grad(cross_entropy(learner.network(x)[0], y[0]), slow)
        total = [t + slope for t, slope in zip(total, slopes, strict=True)]
        learner.learn(x, y)
        for w, start, t in zip(slow, begin, total, strict=True):
            close(w.detach(), start - (0.2 * 0.25**2 * t if step == 16 else 0), tol=1e-10)
    assert learner.clock.writes == [16, 4, 1]


def test_the_last_gradient_control_writes_as_often_and_takes_one(like, close, draw):
    learner = Levels(network([1], like), column(like, 0.2), (1, 4), ratio=0.5, last_only=True)
    slow = learner.clock.weights[1]
    for step, (x, y) in enumerate(batches(draw, like, runs=1, steps=8), start=1):
        before = [w.detach().clone() for w in slow]
        slopes = torch.autograd.grad(cross_entropy(learner.network(x)[0], y[0]), slow)
        learner.learn(x, y)
        for w, start, slope in zip(slow, before, slopes, strict=True):
            close(w.detach(), start - (0.1 * slope if step % 4 == 0 else 0), tol=1e-10)
    assert learner.clock.writes == [8, 2]


def test_levels_begin_at_the_head():
    net = Network([0])
    fast, middle, slow = Levels(net, torch.tensor([0.1]), (1, 4, 16)).clock.weights
    layers = net.layers
    for level, names in ((fast, ["block 3", "head"]), (middle, ["block 2"]), (slow, ["block 1", "input"])):
        assert {id(w) for w in level} == {id(w) for name in names for w in layers[name]}


def test_the_gate_is_its_formula(like, close, draw):
    """Written out for one run with plain numbers, deep copies and torch's SGD on the parts."""
    learner, twin = Gated(network([6], like), column(like, 0.4), (1, 1, 1), share=0.3), network([6], like)
    parts = Levels(twin, column(like, 0.4), (1, 1, 1)).clock.weights
    optimizer = torch.optim.SGD([{"params": ws, "lr": 0.4 * 0.25**i} for i, ws in enumerate(parts)])
    slow = [w.detach().clone() for w in parts[0]]
    usual, since, restarts = None, 0, []
    for step, (x, y) in enumerate(batches(draw, like, runs=1, steps=200)):
        info = learner.learn(x, y)
        surprise = cross_entropy(twin(x)[0], y[0]).item()
        jump = usual is not None and surprise > 2 * max(usual, 0.25) and since >= 4
        if jump:
            with torch.no_grad():
                for w, s in zip(parts[0], slow, strict=True):
                    s += 0.3 * (w - s)
                    w.copy_(s)
            restarts.append(step)
        optimizer.zero_grad()
        loss = cross_entropy(twin(x)[0], y[0])
        loss.backward()
        torch.nn.utils.clip_grad_value_(twin.parameters(), 5.0)
        optimizer.step()
        usual = loss.item() if jump or usual is None else 0.8 * usual + 0.2 * loss.item()
        since = 1 if jump else since + 1
        assert bool(info["restarted"]) == jump
        assert info["surprise"].item() == pytest.approx(surprise, rel=1e-3)
    assert 100 in restarts  # the labels changed there
    for w, v in zip(learner.network.parameters(), twin.parameters(), strict=True):
        close(w.detach(), v.detach(), tol=1e-6)


def test_a_restart_leaves_the_slow_levels_and_what_waits_there(like, draw):
    learner = Gated(network([0], like), column(like, 0.3))
    restarted = 0
    for step, (x, y) in enumerate(batches(draw, like, runs=1, steps=120), start=1):
        before = [w.detach().clone() for w in learner.clock.weights[2]]
        restarted += int(learner.learn(x, y)["restarted"])
        if step % 16:
            assert all(torch.equal(a, w.detach()) for a, w in zip(before, learner.clock.weights[2], strict=True))
    assert restarted > 0
    assert learner.clock.writes == [120, 30, 7]


def test_the_elastic_twin_is_a_spring(like, close, draw):
    learner, plain = Elastic(network([0], like), column(like, 0.2), 0.25, 0.5), None
    fast, slow = learner.clock.weights[0], learner.copy.slow
    for x, y in batches(draw, like, runs=1, steps=3):
        plain = copy.deepcopy(learner.network)
        phi = [s.clone() for s in slow]
        twin = Levels(plain, column(like, 0.2), (1, 4, 16), 0.25)  # a first step of its own, with the same fast rates
        twin.learn(x, y)
        learner.learn(x, y)
        for w, s, theta, was in zip(fast, slow, twin.clock.weights[0], phi, strict=True):
            pulled = theta.detach() + 0.25 * (was - theta.detach())
            close(w.detach(), pulled, tol=1e-10)
            close(s, was + 0.125 * (pulled - was), tol=1e-10)


def test_replay_keeps_an_even_sample_of_all_that_came(like):
    kept = torch.zeros(50)
    for seed in range(12):
        learner = Replay(network([0], like), column(like, 0.0), capacity=50, seed=seed)
        for step in range(50):
            x = torch.full((1, 16, 6), float(step), **like)
            learner.learn(x, torch.zeros(1, 16, dtype=torch.long, device=like["device"]))
        assert learner.kept_x.shape == (1, 50, 6)
        kept += torch.bincount(learner.kept_x[0, :, 0].long().cpu(), minlength=50)
    assert kept[:25].sum() / kept.sum() == pytest.approx(0.5, abs=0.07)


def test_replay_learns_each_example_with_its_own_label(like, draw):
    learner = Replay(network([0, 1], like), column(like, 0.1, 0.1), capacity=30)
    for x, y in batches(draw, like, runs=2, steps=60)[:30]:
        learner.learn(x, y)
    assert torch.equal(learner.kept_y, learner.kept_x[..., :4].argmax(-1))
    assert not torch.equal(learner.kept_x[0], learner.kept_x[1])


def test_ewc_is_its_formula_and_without_strength_plain_descent(like, close, draw):
    """One run written out, with the solution of the pull found by setting its slope to zero."""
    data = batches(draw, like, runs=2, steps=160)
    learner = EWC(network([5, 5], like), column(like, 0.2, 0.2), column(like, 0.0, 30.0))
    plain, twin = network([5], like), network([5], like)
    weights = list(twin.parameters())
    anchor, importance, square = ([0 * w.detach() for w in weights] for _ in range(3))
    when = []
    for step, (x, y) in enumerate(data):
        x, y = x[:1].expand(2, -1, -1), y[:1].expand(2, -1)
        consolidated = bool(learner.learn(x, y)["consolidated"][1])
        when += [step] * consolidated
        free = torch.autograd.grad(cross_entropy(plain(x[:1])[0], y[0]), list(plain.parameters()))
        for w, slope in zip(plain.parameters(), free, strict=True):
            w.data -= 0.2 * slope.clamp(-5, 5)
        slopes = torch.autograd.grad(cross_entropy(twin(x[:1])[0], y[0]), weights)
        for i, (w, slope) in enumerate(zip(weights, slopes, strict=True)):
            if consolidated:
                importance[i] += square[i]
                anchor[i] = w.detach().clone()
            slope = slope.clamp(-5, 5)
            square[i] = 0.98 * square[i] + 0.02 * slope**2
            stepped, stiff = w.detach() - 0.2 * slope, 0.2 * 30.0 * importance[i]
            w.data = stepped - stiff / (1 + stiff) * (stepped - anchor[i])
    assert 80 in when  # the labels changed there
    for w, v, u in zip(learner.network.parameters(), plain.parameters(), weights, strict=True):
        close(w.detach(), torch.cat([v, u]).detach(), tol=1e-7)


def test_a_proximal_pull_solves_its_little_problem(like, close, draw):
    """The w that minimises ½ ‖w − w₀‖² + ½ lr · strength · importance (w − anchor)²."""
    learner = EWC(network([0], like), column(like, 0.0), column(like, 0.0))
    learner.pull = column(like, 2.0)
    x, y = batches(draw, like, runs=1, steps=2)[0]
    weights = list(learner.network.parameters())
    for importance, anchor in zip(learner.importance, learner.anchor, strict=True):
        importance += 3.0
        anchor += 1.0
    before = [w.detach().clone() for w in weights]
    pulled = [(w + 2.0 * 3.0 * (w + 1.0)) / 7.0 for w in before]
    learner.learn(x, y)
    for w, expected in zip(weights, pulled, strict=True):
        close(w.detach(), expected, tol=1e-10)


def test_a_run_that_diverges_says_so_and_holds_up_no_other(like, draw):
    learner = Levels(network([0, 1], like), column(like, 1e200 if like["dtype"] == torch.float64 else 1e30, 0.2))
    data = batches(draw, like, runs=2, steps=240)[:120]
    for x, y in data:
        learner.learn(x, y)
    learner.learn(*data[-1])
    x, y = data[-1]
    answers = learner.predict(x)
    assert (answers[0] == -1).all()
    assert (answers[1] == y[1]).to(torch.float64).mean() > 0.6


def test_a_model_of_scikit_learn_is_a_learner(draw):
    from sklearn.linear_model import SGDClassifier

    learner = PartialFit([SGDClassifier(loss="log_loss", random_state=seed) for seed in (0, 1)], classes=4)
    peer = SGDClassifier(loss="log_loss", random_state=1)
    like = {"dtype": torch.float64, "device": "cpu"}
    data = [(x.cpu(), y.cpu()) for x, y in batches(draw, like, runs=2, steps=30)]
    assert (learner.predict(data[0][0]) == -1).all()
    for x, y in data:
        learner.learn(x, y)
        peer.partial_fit(x[1].numpy(), y[1].numpy(), classes=[0, 1, 2, 3])
    x, _ = data[-1]
    assert learner.predict(x)[1].tolist() == peer.predict(x[1].numpy()).tolist()


def test_rates_of_runs_change_no_other_run(like, close, draw):
    w = draw(3, 4, 2).requires_grad_()
    begin = w.detach().clone()
    w.grad = draw(3, 4, 2, seed=1)
    RunRates([{"params": [w], "lr": column(like, 0.0, 0.5, 1.0)}], nl.optim.SGD(lr=7.0)).step()
    close(w.detach(), begin - torch.tensor([0.0, 0.5, 1.0], **like)[:, None, None] * w.grad)


def test_a_learner_that_cannot_be_is_explained(like):
    with pytest.raises(ValueError, match="one rate a run"):
        Levels(network([0, 1], like), column(like, 0.1))
    with pytest.raises(ValueError, match="fills 1 to 4 levels"):
        Levels(network([0], like), column(like, 0.1), (1, 2, 3, 4, 5))
    with pytest.raises(ValueError, match="x is \\(runs, batch, d\\) with 2 runs"):
        network([0, 1], like)(torch.zeros(3, 8, 6, **like))


def test_every_family_of_the_table_has_the_same_budget_and_can_be_built():
    table = nl.learners.home_and_away_table()
    for name, family in table.items():
        settings = table[family.setting_of].settings if family.setting_of else family.settings
        assert len(settings) == 8, name
        assert len(set(settings)) == 8, name
        columns = [torch.tensor(numbers) for numbers in zip(*settings, strict=True)]
        learner = family.make(list(range(8)), *columns)
        learner.learn(torch.zeros(8, 8, 64), torch.zeros(8, 8, dtype=torch.long))
        assert learner.predict(torch.zeros(8, 2, 64)).shape == (8, 2)
