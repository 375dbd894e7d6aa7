"""A memory as a layer: judged by the loop written out token by token, and by what streaming and causality demand."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from nlviz.memory import DGD, Attention, Deep, Delta, Hebb, Omega, Titans
from nlviz.nested.layers.attention import AttentionLayer
from nlviz.nested.layers.convolved import Convolved, taps
from nlviz.nested.layers.layer import MemoryLayer, gates
from nlviz.nested.layers.self_modifying import SelfModifyingTitans

EXACT = [Hebb(lr=0.5), Hebb(keep=0.9), Delta(), Delta(keep=0.9), DGD(keep=0.9), DGD(implicit=True, dot_product=True)]
AT_START = [Deep(), Deep(hidden=6), Titans(keep=0.9), Titans(keep=0.9, hidden=6), Omega(keep=0.9, window=3)]
LISTS = [Attention(), Attention(window=5)]
RULES = [*EXACT, *AT_START, *LISTS]


def make(rule, like, d_model=8, heads=2, **settings):
    """A layer whose gates differ from token to token by more than they do at the start."""
    layer = MemoryLayer(d_model, rule, heads=heads, seed=3, **settings, **like)
    if layer.gates:
        with torch.no_grad():
            layer.rates.weight.mul_(10)
    return layer


def flat(state):
    """Every tensor of a state, and every number."""
    if isinstance(state, dict):
        return [part for name in sorted(state) for part in flat(state[name])]
    return [part for member in state for part in flat(member)] if isinstance(state, tuple) else [state]


def gradients(layer, y, x):
    """Of a loss that weighs every output differently: for x and for each parameter."""
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype, device=y.device).view_as(y)
    return torch.autograd.grad((weights * y).sum(), [x, *layer.parameters()])


def five_lines(layer, x):
    """The lines of the layer's docstring token by token, for one layer's parameters; y, and the memory at the end."""
    rule, weights, (batch, T, _) = layer.rule, dict(layer.named_parameters()), x.shape
    heads, features = weights["scale"].shape
    if hasattr(rule, "begin"):
        memory = rule.begin(tuple(W.expand(batch, *W.shape) for W in layer.start))
    else:
        memory = rule.init(features, features, batch=(batch, heads), dtype=x.dtype, device=x.device)
    answers = []
    for t in range(T):
        if t % layer.chunk == 0 and rule in AT_START:
            start = memory["memory"]
        now = sum(weights["taps"][:, 0, 3 - back] * x[:, t - back] for back in range(4) if t >= back)
        pair = (now @ weights["project.weight"].T).view(batch, 3, heads, features)
        key, value, query = (pair / (pair.square().sum(-1, keepdim=True) + 1e-6).sqrt()).unbind(1)
        rates = {}
        if layer.gates:
            share = torch.sigmoid(now @ weights["rates.weight"].T + weights["rates.bias"]).view(batch, heads, -1)
            rates = {name: share[..., i] * most for i, (name, (most, _)) in enumerate(layer.gates.items())}
        at = {"at": start} if rule in AT_START else {}
        memory, _ = rule.write(memory, key, value, **rates, **at)
        said = rule.read(memory, query)
        said = said / (said.square().sum(-1, keepdim=True) + 1e-6).sqrt() * features**0.5 * weights["scale"]
        gate = now @ weights["gate.weight"].T
        answers.append((said.flatten(1) * gate * torch.sigmoid(gate)) @ weights["out.weight"].T)
    return torch.stack(answers, 1), memory


def judge(layer, x, close, tol=1e-11):
    """Outputs, memories and gradients are those of the five lines."""
    (y, state), (expected, memory) = layer(x), five_lines(layer, x)
    close(y, expected, tol)
    for name in ("memory", "momentum", "keys", "values"):
        if isinstance(memory, dict) and name in memory:
            for part, wanted in zip(flat(state["memory"][name]), flat(memory[name]), strict=True):
                close(part, wanted, tol)
    if isinstance(memory, torch.Tensor):
        close(state["memory"], memory, tol)
    for one, other in zip(gradients(layer, y, x), gradients(layer, expected, x), strict=True):
        size = other.abs().max().clamp(min=1.0)
        close(one / size, other / size, tol)


@pytest.mark.parametrize("chunk", [1, 3, 16, 19], ids="chunk{}".format)
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_layer_is_its_five_lines_token_by_token(rule, chunk, like, draw, close):
    judge(make(rule, like, chunk=chunk), draw(2, 19, 8).requires_grad_(), close)


@pytest.mark.parametrize(
    "given", [{"heads": 4}, {"chunk": 5}, {"read_first": True}, {"width": 3}, {"seed": 4}, {"rule": Titans()}], ids=str
)
def test_every_argument_changes_what_comes_out(given, like, draw):
    """Layers that are compared are built alike; here one is not."""
    plain = {"rule": Titans(keep=0.5, hidden=6), "heads": 2, "chunk": 3, **like}
    layer, x = MemoryLayer(8, **{**plain, **given}), draw(2, 19, 8)
    assert (layer(x)[0] - MemoryLayer(8, **plain)(x)[0]).abs().max() > 1e-6


@pytest.mark.parametrize("rule", [Delta(keep=0.9), Titans(keep=0.9)], ids=repr)
def test_who_reads_first_hears_nothing_of_the_first_token(rule, like, draw):
    x = draw(2, 5, 8)
    for first in (False, True):
        layer = make(rule, like, read_first=first)
        if layer.start:
            torch.nn.init.zeros_(layer.start[0])
        assert layer(x)[0][:, 0].any() != first
        assert layer(x)[0][:, 1:].any(-1).all()


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_five_lines_hold_at_the_default_width(rule, like, draw, close):
    judge(make(rule, like, 128), draw(1, 19, 128).requires_grad_(), close)


@pytest.mark.parametrize("chunk", [1, 3, 16, 37], ids="chunk{}".format)
@pytest.mark.parametrize("read_first", [False, True])
@pytest.mark.parametrize("rule", [*EXACT, *LISTS], ids=repr)
def test_any_chunk_is_the_loop(rule, chunk, read_first, like, draw, close):
    x = draw(2, 37, 8).requires_grad_()
    loop = make(rule, like, chunk=None, read_first=read_first)
    layer = make(rule, like, chunk=chunk, read_first=read_first)
    (slow, slow_state), (fast, fast_state) = loop(x), layer(x)
    close(fast, slow, 1e-9)
    for one, other in zip(flat(fast_state), flat(slow_state), strict=True):
        close(one, other, 1e-9)
    for one, other in zip(gradients(layer, fast, x), gradients(loop, slow, x), strict=True):
        close(one, other, 1e-9)


@pytest.mark.parametrize("rule", AT_START, ids=repr)
def test_chunk_one_is_the_loop_where_gradients_are_taken_at_the_start(rule, like, draw, close):
    x = draw(2, 11, 8).requires_grad_()
    loop, layer = make(rule, like, chunk=None), make(rule, like, chunk=1)
    (slow, _), (fast, _) = loop(x), layer(x)
    close(fast, slow, 1e-9)
    for one, other in zip(gradients(layer, fast, x), gradients(loop, slow, x), strict=True):
        close(one, other, 1e-9)


def streamed(layer, x, lengths=(1, 4, 7)):
    """The same tokens in calls of these lengths, over and over."""
    state, answers, t, turn = None, [], 0, 0
    while t < x.shape[1]:
        y, state = layer(x[:, t : t + lengths[turn % len(lengths)]], state)
        answers.append(y)
        t, turn = t + y.shape[1], turn + 1
    return torch.cat(answers, 1), state


@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_many_calls_are_one_call(rule, d_model, like, draw, close):
    layer, x = make(rule, like, d_model), draw(2, 37, d_model).requires_grad_()
    (whole, end), (parts, state) = layer(x), streamed(layer, x)
    close(parts, whole, 1e-10)
    for one, other in zip(flat(state), flat(end), strict=True):
        close(one, other, 1e-10)
    for one, other in zip(gradients(layer, parts, x), gradients(layer, whole, x), strict=True):
        close(one, other, 1e-9)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_call_without_tokens_changes_nothing(rule, like, draw):
    layer = make(rule, like)
    _, state = layer(draw(2, 5, 8))
    y, after = layer(draw(2, 0, 8), state)
    assert y.shape == (2, 0, 8)
    assert all(
        torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(flat(after), flat(state), strict=True)
    )


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_state_is_not_written_in_place(rule, like, draw):
    layer = make(rule, like)
    _, state = layer(draw(2, 5, 8))
    before = [torch.as_tensor(part).clone() for part in flat(state)]
    layer(draw(2, 20, 8, seed=1), state)
    assert all(torch.equal(torch.as_tensor(a), b) for a, b in zip(flat(state), before, strict=True))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_sequences_of_a_batch_do_not_meet(rule, d_model, training, like, draw, close):
    layer, x = make(rule, like, d_model).train(training), draw(3, 20, d_model)
    y, state = layer(x)
    other = torch.cat([x[:1], draw(2, 20, d_model, seed=1)])
    replaced, _ = layer(other)
    assert torch.equal(replaced[0], y[0])
    for b in range(3):
        alone, own = layer(x[b : b + 1])
        close(alone[0], y[b], 1e-12)
        for one, many in zip(flat(own["memory"]), flat(state["memory"]), strict=True):
            if isinstance(one, torch.Tensor):
                close(one[0], many[b], 1e-12)


@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_nothing_sees_the_future(rule, d_model, like, draw):
    layer, x = make(rule, like, d_model), draw(2, 37, d_model)
    for training in (True, False):
        y, _ = layer.train(training)(x)
        for t in (1, 16, 23, 36):
            changed = x.clone()
            changed[:, t:] = draw(2, 37 - t, d_model, seed=t)
            later, _ = layer(changed)
            assert torch.equal(later[:, :t], y[:, :t])
            assert not torch.equal(later[:, t], y[:, t])


@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_gradient_reaches_every_parameter_and_every_initial_memory(rule, d_model, like, draw):
    layer, x = MemoryLayer(d_model, rule, heads=2, **like), draw(2, 50, d_model)
    assert len(layer.start) == (0 if rule in [*EXACT, *LISTS] else 1 if rule.hidden is None else 2)
    for _ in range(2):  # two passes in a row raise nothing
        layer.zero_grad()
        y, _ = layer(x)
        (y - draw(2, 50, d_model, seed=1)).square().mean().backward()
        for name, parameter in layer.named_parameters():
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_gradients_are_those_of_finite_differences(rule, draw):
    """Along random directions, except for three rules number by number."""
    here = {"dtype": torch.float64, "device": "cpu"}
    layer, by_number = make(rule, here, 4, heads=1, chunk=4), [Delta(keep=0.9), Titans(keep=0.9), Deep(hidden=6)]
    x = draw(1, 6, 4).to(**here).requires_grad_()
    names = [name for name, _ in layer.named_parameters()]

    def through(x, *parameters):
        y, state = torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))
        return y, *(part for part in flat(state["memory"]) if isinstance(part, torch.Tensor))

    inputs = (x, *(p.detach().requires_grad_() for p in layer.parameters()))
    assert torch.autograd.gradcheck(through, inputs, fast_mode=rule not in by_number)


def test_a_gate_starts_where_the_rule_says(like, draw, close):
    layer = MemoryLayer(8, Delta(lr=0.3, keep=0.98), heads=2, **like)
    torch.nn.init.zeros_(layer.rates.weight)
    rates = layer._rates(draw(1, 5, 8))
    assert set(rates) == {"lr", "keep"}
    close(rates["lr"], torch.full((1, 2, 5), 0.3, **like))
    close(rates["keep"], torch.full((1, 2, 5), 0.98, **like), 1e-8)


def test_a_rule_gets_gates_for_the_rates_it_has_and_may_change():
    assert list(gates(Delta(), 16)) == ["lr"]
    assert list(gates(Delta(keep=0.9), 16)) == ["keep", "lr"]
    assert list(gates(Titans(), 16)) == ["keep", "momentum", "lr"]
    assert list(gates(Titans(momentum=0.0, keep=1.0), 16)) == ["lr"]
    assert gates(Attention(), 16) == {}
    assert not [name for name, _ in MemoryLayer(8, Attention()).named_parameters() if "rates" in name]


def test_equal_keys_of_one_chunk_are_corrected_once_at_the_start():
    assert gates(Titans(lr=0.1, momentum=0.5), 64)["lr"] == (
        2 * 0.5 / 64,
        0.0,
    )  # lr · 64 / (1 − momentum) is 1 in the middle
    assert gates(Titans(lr=0.001, momentum=0.5), 64)["lr"] == (0.002, 0.0)  # the rule asks for less
    assert gates(Omega(lr=0.1, window=8), 16)["lr"] == (2 / (8 * 16), 0.0)
    assert gates(Deep(lr=0.1), None)["lr"] == (0.2, 0.0)


DEFAULTS = [Hebb(), Delta(), Delta(keep=0.99), DGD(), Deep(), Deep(hidden=32), Titans(), Titans(hidden=32), Omega()]


@pytest.mark.parametrize("chunk", [16, 64], ids="chunk{}".format)
@pytest.mark.parametrize("rule", [rule for rule in DEFAULTS if rule != Hebb()], ids=repr)
def test_a_fresh_layer_stays_sane_for_thousands_of_tokens(rule, chunk, like, draw):
    """All but the sum of Hebb, which grows as it must."""
    layer = MemoryLayer(32, rule, chunk=chunk, **like)
    noise, one = draw(1, 4096, 32), draw(1, 1, 32, seed=1).expand(1, 4096, 32)
    with torch.no_grad():
        for x in (noise, one):
            y, state = layer(x)
            memory = state["memory"]["memory"] if isinstance(state["memory"], dict) else (state["memory"],)
            assert y.isfinite().all()
            assert all(W.norm() < 100 for W in memory)


@pytest.mark.parametrize("d_model", [32, 128], ids="d{}".format)
@pytest.mark.parametrize("rule", DEFAULTS, ids=repr)
def test_a_fresh_memory_is_after_64_tokens_about_its_start_or_at_most_what_was_written(rule, d_model, like, draw):
    layer = MemoryLayer(d_model, rule, **like)
    with torch.no_grad():
        y, state = layer(draw(1, 64, d_model))
        starts = layer.init(1)["memory"]
    assert y.isfinite().all()
    if isinstance(starts, torch.Tensor):
        starts, memory = [starts], [state["memory"]]
    else:
        starts, memory = starts["memory"], state["memory"]["memory"]
    for start, W in zip(starts, memory, strict=True):
        if start.any():
            assert 0.5 < W.norm() / start.norm() < 2
        else:
            assert 0 < W.norm() <= 64  # values have norm 1


@pytest.mark.parametrize("d_model", [32, 128], ids="d{}".format)
def test_a_layer_by_default_remembers_and_stays_finite_for_4096_tokens(d_model, like, draw):
    with torch.no_grad():
        y, state = MemoryLayer(d_model, **like)(draw(1, 4096, d_model))
    assert y.isfinite().all()
    assert 0 < state["memory"].norm() < 100


def test_what_forgets_by_default_has_a_half_life_beyond_its_chunk():
    for rule in DEFAULTS:
        keep = gates(rule, 16).get("keep")
        if keep is not None and rule != Delta(keep=0.99):
            assert log(0.5) / log(1 / (1 + exp(-keep[1]))) == pytest.approx(138, abs=1)  # Titans: 0.995


def test_half_precision_is_close_to_single(draw):
    x = draw(2, 40, 32).to("cpu", torch.float32)
    for rule in (Delta(keep=0.95), Titans(hidden=8, keep=0.95)):
        layer = MemoryLayer(32, rule, heads=2)
        y, _ = layer(x)
        with torch.autocast("cpu", torch.bfloat16):
            mixed, state = layer(x)
        assert (mixed.float() - y).abs().max() < 0.1 * y.abs().max()
        assert all(part.dtype == torch.float32 for part in flat(state["memory"]) if isinstance(part, torch.Tensor))


def test_errors_say_what_to_type(like, draw):
    with pytest.raises(ValueError, match="3 heads do not divide d_model=8"):
        MemoryLayer(8, heads=3)
    with pytest.raises(ValueError, match="type width=1"):
        MemoryLayer(8, width=0)
    layer = make(Delta(), like)
    with pytest.raises(ValueError, match=r"x is \(batch, T, 8\)"):
        layer(draw(2, 5, 7))
    _, state = layer(draw(2, 5, 8))
    with pytest.raises(ValueError, match=r"the state is of 2 sequences, x of 3.*init\(batch=3\)"):
        layer(draw(3, 5, 8), state)
    behind = Convolved(AttentionLayer(8, **like), 8)
    with pytest.raises(ValueError, match=r"Convolved: x is \(batch, T, 8\)"):
        behind(draw(2, 5, 7))
    with pytest.raises(ValueError, match=r"Convolved: the state is of 2 sequences, x of 3"):
        behind(draw(3, 5, 8), behind.init(2))
    with pytest.raises(ValueError, match="AttentionLayer: 3 heads"):
        AttentionLayer(8, heads=3)
    with pytest.raises(ValueError, match="with the batch of the state, 2; got"):
        AttentionLayer(8, **like)(draw(3, 5, 8), AttentionLayer(8, **like).init(2))


def test_attention_is_torchs_with_a_causal_mask(like, draw, close):
    layer, x = AttentionLayer(8, heads=2, **like), draw(2, 11, 8)
    keys, values, queries = (x @ layer.project.weight.T).view(2, 11, 3, 2, 4).permute(2, 0, 3, 1, 4)
    scores = (queries @ keys.mT / 2).masked_fill(torch.ones(11, 11, **like).triu(1) > 0, -torch.inf)
    expected = (scores.softmax(-1) @ values).transpose(1, 2).reshape(2, 11, 8) @ layer.out.weight.T
    close(layer(x)[0], expected)
    close(scaled_dot_product_attention(queries, keys, values, is_causal=True), scores.softmax(-1) @ values)


@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
def test_attention_streams_sees_no_future_and_keeps_sequences_apart(d_model, like, draw, close):
    layer, x = AttentionLayer(d_model, heads=2, **like), draw(2, 37, d_model).requires_grad_()
    (whole, end), (parts, state) = layer(x), streamed(layer, x)
    close(parts, whole, 1e-10)
    for one, other in zip(flat(state), flat(end), strict=True):
        close(one, other, 1e-10)
    for one, other in zip(gradients(layer, parts, x), gradients(layer, whole, x), strict=True):
        close(one, other, 1e-9)
    changed = x.detach().clone()
    changed[:, 20:] += 1
    for training in (True, False):
        assert torch.equal(layer.train(training)(changed)[0][:, :20], whole[:, :20])
        close(layer(torch.cat([x[:1], changed[1:]]))[0][0], whole[0])
        close(layer(x[1:])[0][0], whole[1])
    assert all(gradient.abs().max() > 0 for gradient in gradients(layer, layer(x)[0], x))


def test_the_gradients_of_attention_behind_a_convolution_are_those_of_finite_differences(draw):
    here = {"dtype": torch.float64, "device": "cpu"}
    layer, x = Convolved(AttentionLayer(4, **here), 4), draw(1, 6, 4).to(**here).requires_grad_()
    names = [name for name, _ in layer.named_parameters()]

    def through(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))[0]

    assert torch.autograd.gradcheck(through, (x, *(p.detach().requires_grad_() for p in layer.parameters())))


@pytest.mark.parametrize(("width", "d_model"), [(1, 8), (4, 8), (4, 128)])
def test_a_convolution_in_front_of_a_layer_is_causal_streams_and_keeps_sequences_apart(
    like, draw, close, width, d_model
):
    layer = Convolved(AttentionLayer(d_model, heads=2, **like), d_model=d_model, width=width)
    x = draw(3, 11, d_model)
    y, whole = layer(x)
    changed = x.clone()
    changed[:, 7:] += 1
    assert torch.equal(layer(changed)[0][:, :7], y[:, :7])
    parts, state = [], None
    for piece in x.split([1, 2, 0, 5, 3], dim=1):
        part, state = layer(piece, state)
        parts.append(part)
    close(torch.cat(parts, 1), y, 1e-10)
    close(state["tail"], whole["tail"])
    close(layer(x[1:2])[0][0], y[1])
    y.square().sum().backward()
    assert all(w.grad.isfinite().all() and w.grad.abs().max() > 0 for w in layer.parameters())


def test_a_convolution_of_one_token_is_none(like, draw):
    layer = AttentionLayer(8, heads=2, **like)
    x = draw(2, 6, 8)
    assert torch.equal(Convolved(layer, d_model=8, width=1)(x)[0], layer(x)[0])
    with pytest.raises(ValueError, match="type width=1"):
        Convolved(layer, d_model=8, width=0)


def test_every_convolution_starts_with_the_same_draws_and_the_newest_token_as_it_is():
    drawn = taps(8, 4, torch.Generator().manual_seed(3))
    layers = (MemoryLayer(8, seed=3), Convolved(AttentionLayer(8), 8, seed=3), SelfModifyingTitans(8, seed=3))
    for layer in layers:
        assert torch.equal(layer.taps, drawn)
    assert (drawn[..., -1] == 1).all()
    assert torch.equal(
        drawn[..., :-1], 0.1 * torch.randn(8, 1, 4, generator=torch.Generator().manual_seed(3))[..., :-1]
    )
