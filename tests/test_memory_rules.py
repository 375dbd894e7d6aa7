"""What each rule claims of one write or read, judged by autograd, a linear solve, torch.optim or a closed form."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import elu, normalize, scaled_dot_product_attention, silu

from nlviz.memory import (
    DGD,
    Attention,
    Deep,
    Delta,
    Hebb,
    Omega,
    Titans,
    delta_chunk,
    elu_plus_one,
    identity,
    outer,
    quadratic,
    scan,
)
from nlviz.memory.network import gain, pulls, pulls_gradient, recall

RULES = [Attention(), Hebb(), Delta(), DGD(), Deep(), Titans(), Omega()]
NETWORKS = [Deep(lr=0.3), Deep(lr=0.3, hidden=7), Titans(lr=0.3, hidden=7), Omega(lr=0.3, window=3, hidden=7)]


@pytest.fixture
def pair(draw: Any) -> tuple[Tensor, Tensor, Tensor]:
    """A memory, a key of any norm, a value."""
    return draw(3, 5, seed=0), 1.7 * draw(5, seed=1), draw(3, seed=2)


def slope(loss: Any, M: Tensor) -> Tensor:
    M = M.detach().requires_grad_()
    return torch.autograd.grad(loss(M), M)[0]


def test_hebbs_write_is_a_gradient_step_on_minus_the_overlap(pair: Any, close: Any) -> None:
    M, key, value = pair
    close(Hebb(lr=0.3).write(M, key, value)[0], M - 0.3 * slope(lambda M: -(M @ key) @ value, M))


def test_deltas_write_is_a_gradient_step_on_the_squared_error(pair: Any, close: Any) -> None:
    M, key, value = pair
    expected = M - 0.3 * slope(lambda M: 0.5 * (value - M @ key).square().sum(), M)
    close(Delta(lr=0.3).write(M, key, value)[0], expected)
    faded = 0.8 * M
    expected = faded - 0.3 * slope(lambda M: 0.5 * (value - M @ key).square().sum(), faded)
    close(Delta(lr=0.3, keep=0.8).write(M, key, value)[0], expected)


def test_at_moves_the_gradient_and_not_what_is_written_to(pair: Any, draw: Any, close: Any) -> None:
    M, key, value = pair
    at = draw(3, 5, seed=9)
    loss = lambda M: 0.5 * (value - M @ key).square().sum()  # noqa: E731
    close(Delta(lr=0.3).write(M, key, value, at=at)[0], M - 0.3 * slope(loss, at))
    close(Hebb(lr=0.3).write(M, key, value, at=at)[0], Hebb(lr=0.3).write(M, key, value)[0])
    close(DGD(lr=0.3).write(M, key, value, at=at)[0], M - 0.3 * outer(M @ key, key) - 0.3 * slope(loss, at))
    for rule in (Deep(lr=0.3), Titans(lr=0.3, keep=1.0), Omega(lr=0.3)):
        state, info = rule.write(rule.begin((M,)), key, value, at=(at,))
        close(state["memory"][0], M - 0.3 * slope(loss, at))
        close(info["error"], value - at @ key)
        assert state["start"][0] is at


@pytest.mark.parametrize("norm", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("dot_product", [False, True])
def test_the_implicit_dgd_step_solves_its_proximal_problem(
    norm: float, dot_product: bool, draw: Any, close: Any
) -> None:
    W, x, value, lr = draw(3, 5, seed=0), norm * normalize(draw(5, seed=1), dim=0), draw(3, seed=2), 0.7
    g = -value if dot_product else W @ x - value  # the outer loss's gradient at y = W x
    eye = torch.eye(5, dtype=W.dtype, device=W.device)
    expected = torch.linalg.solve(eye + lr * torch.outer(x, x), W - lr * torch.outer(g, x), left=False)
    written, _ = DGD(lr=lr, implicit=True, dot_product=dot_product).write(W, x, value)
    close(written, expected)
    shorter = lr / (1 + lr * norm**2)
    close(written, DGD(lr=shorter, dot_product=dot_product).write(W, x, value)[0])
    twice_damped = (W - shorter * torch.outer(g, x)) @ (eye - shorter * torch.outer(x, x))
    assert (twice_damped - expected).abs().max() > 1e-5
    assert (written - W + shorter * torch.outer(W @ x, x)).abs().max() > 1e-4  # more than erasure: the gradient counts


def test_the_explicit_dgd_step_is_a_gradient_step_towards_its_own_target(pair: Any, close: Any) -> None:
    M, key, value = pair
    target = value - M @ key
    expected = M - 0.2 * slope(lambda M: 0.5 * (M @ key - target).square().sum(), M)
    close(DGD(lr=0.2).write(M, key, value)[0], expected)


def test_dgd_rests_at_half_the_value_and_with_a_dot_product_at_all_of_it(draw: Any, close: Any) -> None:
    key, value = normalize(draw(5, seed=0), dim=0), draw(3, seed=1)
    for rule, share in ((DGD(lr=0.3), 0.5), (DGD(lr=0.3, implicit=True), 0.5), (DGD(lr=0.3, dot_product=True), 1.0)):
        M = rule.init(5, 3, dtype=key.dtype, device=key.device)
        for _ in range(200):
            M, _ = rule.write(M, key, value)
        close(rule.read(M, key), share * value, 1e-11)


@pytest.mark.parametrize(
    ("rule", "stable"),
    [
        *((DGD(lr=0.99), True), (DGD(lr=1.01), False)),
        *((DGD(lr=0.74, keep=0.5), True), (DGD(lr=0.76, keep=0.5), False)),  # the edge is (1 + keep) / 2
        *((DGD(lr=1e4, implicit=True), True), (DGD(lr=4.0, keep=0.5, implicit=True), False)),
    ],
    ids=str,
)
def test_dgd_is_stable_below_the_edge_that_is_told(rule: DGD, stable: bool, like: dict[str, Any]) -> None:
    key, value = torch.eye(2, **like)
    M = torch.ones(2, 2, **like)
    for _ in range(1000):
        M, _ = rule.write(M, key, value)
    assert (M[:, 0].abs().max() < 2).item() == stable


def test_delta_with_a_dot_product_is_dgd(pair: Any, close: Any) -> None:
    close(DGD(lr=0.3, dot_product=True).write(*pair)[0], Delta(lr=0.3).write(*pair)[0])


def test_delta_overwrites_and_hebb_adds(draw: Any, close: Any) -> None:
    M, key = torch.zeros_like(draw(3, 5)), normalize(draw(5, seed=1), dim=0)
    first, second = draw(3, seed=2), draw(3, seed=3)
    for rule, expected in ((Delta(), second), (Hebb(), first + second)):
        state = M
        for value in (first, second):
            state, _ = rule.write(state, key, value)
        close(rule.read(state, key), expected)
    erased = M - outer(M @ key, key)
    assert (erased @ key - second).abs().max() > 0.1  # a rule that only erases fails this test


def test_a_write_beside_a_key_leaves_its_answer_alone(draw: Any, close: Any) -> None:
    keys = torch.linalg.qr(draw(6, 6, seed=0))[0]
    values = draw(6, 4, seed=1)
    for rule in (Hebb(), Delta(), DGD(dot_product=True, lr=1.0), Deep(lr=1.0), Attention(scale=500.0)):
        _, state = scan(rule, keys, values, keys, chunk=None)
        close(torch.stack([rule.read(state, key) for key in keys]), values)


@pytest.mark.parametrize("rule", NETWORKS, ids=repr)
def test_a_network_is_written_by_gradient_descent(rule: Any, draw: Any, close: Any) -> None:
    keys, values = draw(2, 4, 5, seed=0), draw(2, 4, 5, seed=1)
    state = rule.init(5, 5, batch=(2,), dtype=keys.dtype, device=keys.device)
    weights = [W.clone().requires_grad_() for W in state["memory"]]
    momentum = getattr(rule, "momentum", 0.0)
    judge = torch.optim.SGD(weights, lr=rule.lr, momentum=momentum)
    rule = Titans(lr=rule.lr, keep=1.0, momentum=momentum, hidden=rule.hidden) if isinstance(rule, Titans) else rule
    for t in range(4):
        window = slice(max(0, t + 1 - getattr(rule, "window", 1)), t + 1)
        x = keys[:, window]
        guess = x @ weights[0].mT
        if len(weights) == 2:
            guess = x + (2 / 7) ** 0.5 * silu(guess) @ weights[1].mT
        judge.zero_grad()
        (0.5 * (guess - values[:, window]).square().sum()).backward()
        judge.step()
        state, info = rule.write(state, keys[:, t], values[:, t])
        close(list(state["memory"]), [W.detach() for W in weights], 1e-11)
        close(info["error"], (values[:, window] - guess)[:, -1].detach(), 1e-11)


@pytest.mark.parametrize("hidden", [None, 6])
def test_gradients_written_by_hand_equal_autograds(hidden: int | None, draw: Any, close: Any) -> None:
    keys, values = draw(2, 7, 4, seed=0).requires_grad_(), draw(2, 7, 4, seed=1).requires_grad_()
    shapes = [(4, 4)] if hidden is None else [(hidden, 4), (4, hidden)]
    weights = tuple(draw(2, *shape, seed=2 + i).requires_grad_() for i, shape in enumerate(shapes))
    loss = 0.5 * (values - recall(weights, keys)).square().sum()
    expected = torch.autograd.grad(loss, weights)
    pairs, between = pulls(weights, keys, values)
    close([-gain(weights) * errors.mT @ inputs for inputs, errors in pairs], list(expected), 1e-10)

    worth = [draw(*x.shape, seed=20 + i) for i, x in enumerate(x for pair in pairs for x in pair)]
    expected = torch.autograd.grad(
        sum((x * w).sum() for x, w in zip((x for pair in pairs for x in pair), worth, strict=True)),
        (keys, values, *weights),
    )
    with torch.no_grad():
        d_weights = [torch.zeros_like(W) for W in weights]
        d_pairs = [(worth[2 * i].clone(), worth[2 * i + 1].clone()) for i in range(len(weights))]
        d_keys, d_values = pulls_gradient(weights, pairs, between, d_pairs, d_weights)
    close([d_keys, d_values, *d_weights], list(expected), 1e-10)


def test_titans_without_momentum_and_forgetting_is_deep(draw: Any, close: Any) -> None:
    keys, values = normalize(draw(2, 20, 4, seed=0), dim=-1), draw(2, 20, 4, seed=1)
    for hidden in (None, 6):
        for chunk in (None, 1, 6, 20):
            deep, _ = scan(Deep(lr=0.1, hidden=hidden), keys, values, keys, chunk=chunk)
            titans, _ = scan(Titans(lr=0.1, keep=1.0, momentum=0.0, hidden=hidden), keys, values, keys, chunk=chunk)
            close(titans, deep)


def test_linear_titans_without_either_is_delta_at_chunk_1(draw: Any, close: Any) -> None:
    keys, values = normalize(draw(2, 20, 4, seed=0), dim=-1), draw(2, 20, 4, seed=1)
    delta, _ = scan(Delta(lr=0.4), keys, values, keys)
    for chunk in (None, 1):
        close(scan(Titans(lr=0.4, keep=1.0, momentum=0.0), keys, values, keys, chunk=chunk)[0], delta)
        close(scan(Omega(lr=0.4, window=1), keys, values, keys, chunk=chunk)[0], delta)
    chunked, _ = scan(Titans(lr=0.4, keep=1.0, momentum=0.0), keys, values, keys, chunk=5)
    assert (chunked - delta).abs().max() > 0.01  # gradients at the chunk's start are another rule


def test_a_gradient_at_the_chunks_start_strays_further_the_longer_the_chunk(draw: Any) -> None:
    keys, values = normalize(draw(8, 64, 16, seed=0), dim=-1), draw(8, 64, 16, seed=1)
    online, _ = scan(Deep(lr=0.05), keys, values, keys, chunk=1)
    strays = [(scan(Deep(lr=0.05), keys, values, keys, chunk=C)[0] - online).norm() for C in (2, 8, 32)]
    assert 0 < strays[0] < strays[1] < strays[2]


@pytest.mark.parametrize(
    "rule", [Delta(lr=0.7), Deep(lr=0.7), Deep(lr=0.9, hidden=64), Omega(lr=0.35, window=2)], ids=repr
)
def test_surprise_falls_on_repetition_unless_gradients_are_taken_at_the_chunks_start(rule: Any, draw: Any) -> None:
    key, value = normalize(draw(8, seed=0), dim=0), draw(8, seed=1)

    def surprises(frozen: bool) -> Tensor:
        state = rule.init(8, 8, dtype=key.dtype, device=key.device)
        start = state["memory"] if isinstance(state, dict) else state
        found = []
        for _ in range(8):
            state, info = rule.write(state, key, value, at=start if frozen else None)
            found.append(info["error"].norm())
        return torch.stack(found) / found[0]

    falling = surprises(frozen=False)
    assert (falling.diff() < 0).all()
    assert falling[-1] < 1e-3
    assert (surprises(frozen=True) == 1).all()


def test_eight_equal_pairs_in_one_chunk_add_up_where_gradients_are_frozen_and_converge_where_not(
    draw: Any, close: Any
) -> None:
    key, value, lr = normalize(draw(8, seed=0), dim=0), draw(8, seed=1), 0.7
    keys, values = key.expand(8, 8), value.expand(8, 8)
    for chunk, written in ((1, 1 - 0.3**8), (8, 8 * lr)):
        close(scan(Deep(lr=lr), keys, values, keys, chunk=chunk)[0][-1], written * value)
        close(scan(Delta(lr=lr), keys, values, keys, chunk=chunk)[0][-1], (1 - 0.3**8) * value)


def test_a_triangular_system_is_a_chunk_of_delta(draw: Any, close: Any) -> None:
    M, keys, values = draw(2, 3, 5, seed=0), normalize(draw(2, 9, 5, seed=1), dim=-1), draw(2, 9, 3, seed=2)
    end, errors = delta_chunk(M, keys, values, lr=0.6)
    for t in range(9):
        M, info = Delta(lr=0.6).write(M, keys[:, t], values[:, t])
        close(errors[:, t], info["error"])
    close(end, M)


def test_softmax_attention_is_the_least_squares_answer_weighted_by_similarity(draw: Any, close: Any) -> None:
    keys, values, query = draw(7, 5, seed=0), draw(7, 3, seed=1), draw(5, seed=2)
    rule = Attention()
    state = {"keys": keys, "values": values}
    s = (keys @ query / 5**0.5).exp()
    answer = torch.linalg.lstsq(s.sqrt()[:, None], s.sqrt()[:, None] * values).solution[0]  # min Σ s ‖v − y‖²
    close(rule.read(state, query), answer)
    close(slope(lambda y: (s[:, None] * (values - y).square()).sum(), rule.read(state, query)), 0 * answer, 1e-11)


@pytest.mark.parametrize("chunk", [None, 4, 64])
def test_a_scan_of_attention_is_torchs_causal_attention(chunk: int | None, draw: Any, close: Any) -> None:
    keys, values, queries = (draw(2, 3, 21, 4, seed=i) for i in range(3))
    expected = scaled_dot_product_attention(queries, keys, values, is_causal=True)
    close(scan(Attention(), keys, values, queries, chunk=chunk)[0], expected)
    t = torch.arange(21, device=keys.device)
    seen = (t[:, None] >= t) & (t[:, None] < t + 6)
    expected = scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
    recalled, state = scan(Attention(window=6), keys, values, queries, chunk=chunk)
    close(recalled, expected)
    assert state["keys"].shape == (2, 3, 6, 4)


def test_attention_recalls_nothing_before_anything_was_written(draw: Any) -> None:
    x = draw(2, 5, 4)
    for chunk in (None, 2, 5):
        assert (scan(Attention(), x, x, x, chunk=chunk, read_first=True)[0][:, 0] == 0).all()


def test_feature_maps_are_kernels(draw: Any, close: Any) -> None:
    k, q = draw(9, 4, seed=0), draw(9, 4, seed=1)
    overlap = (k * q).sum(-1)
    close((identity(k) * identity(q)).sum(-1), overlap)
    close((quadratic(k) * quadratic(q)).sum(-1), 1 + overlap + overlap**2 / 2)
    assert quadratic(k).shape == (9, 1 + 4 + 10)
    close(elu_plus_one(k), elu(k) + 1)
    assert (elu_plus_one(10 * k) > 0).all()


def test_a_memory_of_squares_holds_more_pairs_than_its_keys_have_features(draw: Any) -> None:
    keys, values = normalize(draw(8, 16, 6, seed=0), dim=-1), draw(8, 16, 6, seed=1)
    left = {}
    for name, feature in (("plain", identity), ("squares", quadratic)):
        features = normalize(feature(keys), dim=-1).repeat(1, 40, 1)
        _, M = scan(Delta(), features, values.repeat(1, 40, 1), features)
        left[name] = (values - features[:, :16] @ M.mT).square().mean()
    assert left["squares"] < 0.1 * left["plain"]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_rule_is_a_frozen_record_whose_repr_is_its_label(rule: Any) -> None:
    assert eval(repr(rule)) == rule
    for field in vars(rule):
        with pytest.raises(FrozenInstanceError):
            setattr(rule, field, 0.5)


@pytest.mark.parametrize("rule", [*RULES, Titans(hidden=8), Deep(hidden=8), Omega(hidden=8)], ids=repr)
def test_4096_steps_of_noise_leave_every_rule_finite_at_its_defaults(rule: Any, draw: Any) -> None:
    length = 512 if isinstance(rule, Attention) else 4096
    keys, values = normalize(draw(length, 16, seed=0), dim=-1), normalize(draw(length, 16, seed=1), dim=-1)
    for chunk in (16, 64):
        recalled, _ = scan(rule, keys, values, keys, chunk=chunk)
        assert recalled.isfinite().all()
        assert recalled[-64:].norm(dim=-1).mean() < 30


def test_a_young_titans_memory_still_has_its_start(draw: Any) -> None:
    rule = Titans(hidden=32)
    assert torch.tensor(0.5).log() / torch.tensor(rule.keep).log() >= 64  # the half-life, in steps
    keys, values = normalize(draw(64, 16, seed=0), dim=-1), normalize(draw(64, 16, seed=1), dim=-1)
    start = rule.init(16, 16, dtype=keys.dtype, device=keys.device)
    _, state = scan(rule, keys, values, keys, start)
    for W, W0 in zip(state["memory"], start["memory"], strict=True):
        assert 0.5 < W.norm() / W0.norm() < 2


def test_every_sequence_starts_from_the_same_network(like: Any) -> None:
    state = Titans(hidden=8).init(4, 4, batch=(3, 2), seed=5, **like)
    first, second = state["memory"]
    assert first.shape == (3, 2, 8, 4)
    assert second.shape == (3, 2, 4, 8)
    assert torch.equal(first, first[:1, :1].expand_as(first))
    assert torch.equal(first[0, 0], Deep(hidden=8).init(4, 4, seed=5, **like)["memory"][0])
    assert not torch.equal(first[0, 0], Deep(hidden=8).init(4, 4, seed=6, **like)["memory"][0])


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_widths_that_do_not_fit_are_named(rule: Any, draw: Any) -> None:
    state = rule.init(4, 3)
    with pytest.raises(ValueError, match=f"{type(rule).__name__}: the key has 5 features, .* made for 4; make it with"):
        rule.write(state, torch.zeros(5), torch.zeros(3))
    with pytest.raises(ValueError, match="the value has 4 features, this memory was made for 3"):
        rule.write(state, torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match="the key has 2 features"):
        rule.read(state, torch.zeros(2))


def test_settings_that_cannot_be_are_named() -> None:
    for make in (Hebb, Delta, DGD, Titans, Omega):
        with pytest.raises(ValueError, match=r"keep is the factor that stays, from 0 to 1; got 1.2"):
            make(keep=1.2)
    with pytest.raises(ValueError, match="Titans: momentum is the factor that stays"):
        Titans(momentum=-0.1)
    for make in (Attention, Omega):
        with pytest.raises(ValueError, match="1 or more; got 0"):
            make(window=0)
    with pytest.raises(ValueError, match="keys and values need one width; got d_key=4, d_value=3"):
        Deep(hidden=8).init(4, 3)
