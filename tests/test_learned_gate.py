"""A retention gate that is learned: what it is, how it is learned, and what it is worth in worlds it has not seen."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import nlviz as nl
from nlviz.experiments import gates
from nlviz.experiments.continual import world
from nlviz.learners import Elastic, Gated, LearnedGate, Levels, Network
from nlviz.measure import mean_interval
from nlviz.nested import SlowCopy

RESULTS = Path(nl.__file__).parent.parent / "data" / "results"
OURS = nl.learners.OURS
SMALL = dict(d_in=6, width=8, hidden=5, blocks=3, classes=4)
SHUT = -1e4  # a bias whose sigmoid is 0


def network(seeds, like):
    return Network(seeds, **SMALL, dtype=like["dtype"]).to(like["device"])


def batches(draw, like, runs, steps, every=40):
    """Labels change their meaning for a while, and back."""
    x = draw(steps, runs, 8, 6)
    y = x[..., :4].argmax(-1)
    away = (torch.arange(steps, device=y.device) // every % 2 == 1)[:, None, None]
    return list(zip(x, torch.where(away, 3 - y, y), strict=True))


def same(ours, theirs, close, tol=1e-10):
    for w, v in zip(ours.network.parameters(), theirs.network.parameters(), strict=True):
        close(w.detach(), v.detach(), tol=tol)


# the gate


def test_a_gate_that_never_opens_is_the_learner_without_reset(like, close, draw):
    lr = torch.full((2,), 0.3, **like)
    shut = LearnedGate(network([0, 1], like), lr, torch.zeros(2, 1, **like), torch.full((2,), SHUT, **like))
    plain = Levels(network([0, 1], like), lr, (1, 4, 16), 0.25)
    for x, y in batches(draw, like, runs=2, steps=120):
        assert (shut.learn(x, y)["opened"] == 0).all()
        plain.learn(x, y)
    same(shut, plain, close)


def test_a_gate_with_a_hard_step_is_the_surprise_rule_as_long_as_that_need_not_pause(like, close, draw):
    """The hand-made rule opens at twice the usual loss, and not within four steps of the last time."""
    runs = 6
    lr, seeds, steep = torch.full((runs,), 0.3, **like), list(range(runs)), 1e6
    weights = torch.full((runs, 1), steep, **like)
    hard = LearnedGate(network(seeds, like), lr, weights, -weights[:, 0] * torch.tensor(2.0, **like).log(), share=0.2)
    rule = Gated(network(seeds, like), lr, share=0.2)
    paused = torch.zeros(runs, dtype=torch.bool, device=lr.device)
    opened = torch.zeros(runs, **like)
    for x, y in batches(draw, like, runs, steps=160):
        told = rule.learn(x, y)
        paused |= (told["surprise"] > 2 * told["usual"].clamp(min=0.25)) & ~told["restarted"]
        gate = hard.learn(x, y)["opened"]
        assert torch.equal(gate[~paused], told["restarted"][~paused].to(gate))
        opened += gate * ~paused
    assert (~paused).sum() >= 2
    assert (opened[~paused] >= 1).all()
    assert opened.sum() >= 10
    for w, v in zip(hard.network.parameters(), rule.network.parameters(), strict=True):
        close(w.detach()[~paused], v.detach()[~paused], tol=1e-9)


def test_a_gate_that_looks_at_nothing_is_a_spring(like, close, draw):
    """The elastic twin, only that it pulls before each gradient and not after: it is one pull behind."""
    lr, pull = torch.full((1,), 0.2, **like), 0.1
    bias = torch.logit(torch.tensor([pull], **like))
    gate = LearnedGate(network([0], like), lr, torch.zeros(1, 0, **like), bias, share=0.0)
    spring = Elastic(network([0], like), lr, pull, share=0.0)
    for x, y in batches(draw, like, runs=1, steps=50):
        gate.learn(x, y)
        spring.learn(x, y)
    gate.copy.decay(1 - pull)
    same(gate, spring, close, tol=1e-9)


def test_the_gate_is_its_formula(like, close, draw):
    """Written out for one run with plain numbers and torch's SGD on the parts."""
    numbers = torch.tensor([2.0, 0.3, -0.4], **like)
    learner = LearnedGate(
        network([6], like), torch.tensor([0.4], **like), numbers[None], torch.tensor([-2.0], **like), 0.3, (1, 1, 1)
    )
    twin = network([6], like)
    parts = Levels(twin, torch.tensor([0.4], **like), (1, 1, 1)).clock.weights
    optimizer = torch.optim.SGD([{"params": ws, "lr": 0.4 * 0.25**i} for i, ws in enumerate(parts)])
    slow = [w.detach().clone() for w in parts[0]]
    usual, before, gates = torch.tensor(torch.inf, **like), torch.tensor(0.0, **like), []
    for x, y in batches(draw, like, runs=1, steps=100):
        surprise = cross_entropy(twin(x)[0], y[0]).detach()
        floored = usual.clamp(min=0.25).log()
        above = (surprise.log() - floored).clamp(-5, 5)
        a = torch.sigmoid(2.0 * above + 0.3 * floored.clamp(max=5) - 0.4 * before - 2.0)
        with torch.no_grad():
            for w, s in zip(parts[0], slow, strict=True):
                s += 0.3 * a * (w - s)
                w.copy_((1 - a) * w + a * s)
        optimizer.zero_grad()
        loss = cross_entropy(twin(x)[0], y[0])
        loss.backward()
        torch.nn.utils.clip_grad_value_(twin.parameters(), 5.0)
        optimizer.step()
        loss = loss.detach()
        usual = loss if torch.isinf(usual) else (1 - a) * (0.8 * usual + 0.2 * loss) + a * loss
        before = above
        gates.append(a.item())
        assert learner.learn(x, y)["opened"].item() == pytest.approx(a.item(), rel=1e-3, abs=1e-4)
    assert min(gates) < 0.1
    assert max(gates) > 0.4
    for w, v in zip(learner.network.parameters(), twin.parameters(), strict=True):
        close(w.detach(), v.detach(), tol=1e-6)


def test_a_gate_of_one_run_among_many_is_its_own(like, close, draw):
    weights, bias = torch.tensor([[3.0], [0.0]], **like), torch.tensor([-3.0, SHUT], **like)
    lr, share = torch.tensor([0.3, 0.2], **like), torch.tensor([0.1, 0.4], **like)
    both = LearnedGate(network([3, 5], like), lr, weights, bias, share)
    alone = LearnedGate(network([3], like), lr[:1], weights[:1], bias[:1], share[:1])
    for x, y in batches(draw, like, runs=2, steps=80):
        opened = both.learn(x, y)["opened"]
        close(opened[:1], alone.learn(x[:1], y[:1])["opened"], tol=1e-8)
        assert opened[1] == 0


def test_more_weights_than_features_are_explained(like):
    with pytest.raises(ValueError, match="n at most 3"):
        LearnedGate(network([0], like), torch.ones(1), torch.zeros(1, 4), torch.zeros(1))


# the identity


@pytest.mark.parametrize("keep", [1.0, 0.9, 0.3, 0.0])
def test_anchored_retention_in_a_memory_is_the_return_to_the_slow_copy(like, close, draw, keep):
    """M = M₀ + Δ with Δ ← keep Δ: the delta rule on what differs from the start, and a slow copy that stands still."""
    start, rule = draw(5, 8), nl.Delta(lr=0.3)
    deviation = torch.zeros_like(start)
    memory = start.clone()
    copy = SlowCopy([memory])
    for step in range(30):
        key, value = draw(8, seed=2 * step + 10), draw(5, seed=2 * step + 11)
        deviation, _ = replace(rule, keep=keep).write(deviation, key, value - start @ key)
        copy.decay(keep)
        memory.copy_(rule.write(memory, key, value)[0])
        close(memory, start + deviation, tol=1e-9)
    if keep == 0:
        copy.decay(keep)
        close(memory, start)


def test_retention_without_an_anchor_forgets_the_start_too(draw):
    start, key, value = draw(5, 8), torch.zeros_like(draw(8)), torch.zeros_like(draw(5))
    plain, anchored = start.clone(), start.clone()
    copy = SlowCopy([anchored])
    for _ in range(100):
        plain, _ = nl.Delta(keep=0.9).write(plain, key, value)
        copy.decay(0.9)
    assert plain.norm() < 1e-3 * start.norm()
    assert torch.equal(anchored, start)


# evolution


def test_evolution_finds_the_bottom_of_a_bowl_and_leaves_alone_what_is_held(like):
    goal = torch.tensor([3.0, -2.0, 5.0], **like)
    held = torch.tensor([[2.0, 2.0, 0.0], [2.0, 0.0, 2.0]], **like)
    trace = nl.lab.evolve(
        lambda candidates, generation: -(candidates - goal).square().sum(-1),
        start=torch.zeros(2, 3, **like),
        spread=held,
        generations=40,
    )
    assert trace["mean"].shape == (2, 41, 3)
    assert trace["mean"][0, -1] == pytest.approx([3, -2, 0], abs=0.1)
    assert trace["mean"][1, -1] == pytest.approx([3, 0, 5], abs=0.1)


def test_candidates_mirror_each_other_and_a_nan_is_the_worst(like):
    seen = []

    def score(candidates, generation):
        seen.append((candidates.clone(), generation))
        return torch.where(candidates[..., 0] > 0, candidates[..., 0], torch.nan)

    start = torch.zeros(1, 1, **like)
    trace = nl.lab.evolve(score, start, start + 1.0, generations=3, pairs=4, shrink=0.5, seed=1)
    for i, (candidates, generation) in enumerate(seen):
        assert generation == i
        around = candidates[0, :, 0] - float(trace["mean"][0, i, 0])
        torch.testing.assert_close(around[:4], -around[4:], atol=1e-6, rtol=1e-5)
    assert (trace["mean"][0, 1:] > 0).all()
    rank = torch.log(4.5 / torch.arange(1, 5, **like))
    first = seen[0][0][0, :, 0].sort(descending=True).values[:4]
    assert trace["mean"][0, 1, 0] == pytest.approx(float((first * rank).sum() / rank.sum()), rel=1e-5)


# what is kept, and what may be said


@cache
def kept(world=None):
    trace = nl.Trace.load(RESULTS / "learned_gate.npz")
    return trace if world is None else trace.select(world=world)


def of(method, world="home and away", number="accuracy"):
    return kept(world).select(method=method)[number].astype(float)


def test_the_kept_gates_were_learned_and_tried_as_the_code_says():
    trace = kept()
    assert trace.along("strategy") == list(gates.STRATEGIES)
    assert trace.along("world") == list(gates.TESTED)
    assert trace.sizes["run"] >= 10
    assert trace.sizes["generation"] == gates.GENERATIONS
    start = np.array([first for first, _ in gates.STRATEGIES.values()])
    held = np.array([spread for _, spread in gates.STRATEGIES.values()]) == 0
    np.testing.assert_allclose(trace["mean"][:, 0], start, rtol=1e-6)
    np.testing.assert_allclose(trace["mean"][:, -1][held], start[held], rtol=1e-6)
    assert (trace["answered"] == 1).all()
    assert (RESULTS / "learned_gate.npz").stat().st_size < 300_000


def test_the_kept_numbers_come_from_this_code():
    """The first 160 steps of two runs; later a difference in the last digit grows."""
    numbers = torch.tensor(kept()["mean"][0, -1]).expand(2, -1)
    seeds = [gates.SEED, gates.SEED + 1]
    stream = world()(runs=2, seed=gates.SEED)
    stream = replace(stream, index=stream.index[:160], task=stream.task[:160])
    right = nl.lab.follow(gates.gates(seeds, numbers, kept().about["lr"]), stream)["right"]
    expected = of("learned gate", number="curve")[:2, :4]
    np.testing.assert_allclose(right.reshape(2, 4, 40).mean(-1), expected, atol=0.01)


SAME_SHARE, HERE, HALF, LONG, CALM = gates.SAME_SHARE, *gates.TESTED
LEARNED = ("learned gate", "learned gate, second time")


def better(method, world, than=OURS):
    """The interval of a paired difference in right answers."""
    mean, half = mean_interval(of(method, world) - of(than, world))
    return mean - half, mean + half


def gone(method, world):
    """What is forgotten after one batch of home."""
    return of(method, world, "forgotten")[:, 1].mean()


@pytest.mark.parametrize("gate", LEARNED)
def test_where_it_was_learned_a_gate_is_as_good_as_the_rule_and_forgets_less(gate):
    assert better(gate, HERE)[0] > 0
    assert better(gate, HERE, SAME_SHARE)[0] > 0
    assert gone(gate, HERE) < 0.02 < gone(OURS, HERE) < 0.08


def test_two_evolutions_find_the_same_gate():
    first, second = (kept()["mean"][kept().along("strategy").index(name), -1] for name in LEARNED)
    np.testing.assert_allclose(first, second, atol=0.3)
    np.testing.assert_allclose(np.exp(-first[0] / first[1]), 3.8, atol=0.1)  # times the usual: half open


@pytest.mark.parametrize("gate", LEARNED)
def test_on_segments_half_as_long_a_gate_that_sees_one_feature_loses_its_home(gate):
    assert better(gate, HALF, SAME_SHARE)[1] < -0.01
    assert gone(gate, HALF) > 0.3
    assert gone(SAME_SHARE, HALF) < 0.05


def test_a_gate_that_sees_three_features_holds_there_too_and_forgets_more():
    assert better("three features", HERE)[0] > 0
    assert better("three features", HALF)[0] > 0
    low, high = better("three features", HALF, SAME_SHARE)
    assert (low + high) / 2 > -0.01
    assert gone("three features", HERE) < 0.02
    assert 0.1 < gone("three features", HALF) < 0.2


def test_a_learned_threshold_is_near_that_of_the_rule_and_within_a_hundredth_of_it_everywhere():
    bias, weight = kept()["mean"][kept().along("strategy").index("a threshold, learned"), -1, :2]
    assert 2 < np.exp(-bias / weight) < 3
    for place in gates.TESTED:
        assert sum(better("a threshold, learned", place)) / 2 > -0.01
        assert sum(better("a threshold, learned", place, SAME_SHARE)) / 2 > -0.01


def test_a_gate_that_looks_at_nothing_never_finds_home_at_once():
    assert better("no feature: a fixed decay", HERE)[1] < -0.02
    assert gone("no feature: a fixed decay", HERE) > 0.5


def test_a_learned_share_is_greedy_and_fails_on_segments_half_as_long():
    numbers = kept()["mean"][kept().along("strategy").index("share learned too"), -1]
    assert gates.SHARE * np.exp(numbers[-1]) > 0.2
    assert better("share learned too", HERE)[0] > -0.01
    assert better("share learned too", HALF, SAME_SHARE)[1] < -0.1


@pytest.mark.parametrize("gate", [*LEARNED, "three features"])
def test_on_longer_segments_a_learned_gate_is_better_and_where_nothing_is_contradicted_no_worse(gate):
    assert better(gate, LONG)[0] > 0
    assert sum(better(gate, CALM)) / 2 > -0.01
