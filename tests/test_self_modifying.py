"""Self-modifying Titans: judged by the paper's equations token by token, whose inner gradients autograd finds."""

from __future__ import annotations

import inspect
import math
import re

import pytest
import torch

from nlviz.lab import self_changes
from nlviz.nested.layers.self_memory import Step, write
from nlviz.nested.layers.self_modifying import SelfModifyingTitans
from nlviz.nested.layers.self_modifying_pace import Pace
from nlviz.nested.layers.self_modifying_write import write_chunk


def make(like, d_model=8, heads=2, **settings):
    """A layer whose rates differ from token to token by more than they do at the start, and that forgets sooner."""
    layer = SelfModifyingTitans(d_model, heads, seed=3, **{"keep": 0.9, **settings}, **like)
    with torch.no_grad():
        layer.read_rates.mul_(10)
    return layer


def unit(x):
    return x / (x.square().sum(-1, keepdim=True) + 1e-6).sqrt()


def silu(x):
    return x * torch.sigmoid(x)


def equations(layer, x):
    """Eqs. 83 to 90 of the paper, token by token, for one layer's parameters; y and what each memory is at the end.

    A memory is read, and its gradient taken, at the weights it had when its chunk began. The gradient is autograd's, of
    ½ ‖M(key) − target‖² for copies of those weights, so that none of it goes through the target.
    """
    p = dict(layer.named_parameters())
    (batch, T, _), (heads, features) = x.shape, p["scale"].shape
    scale = (2 / layer.start[0].shape[-2]) ** 0.5

    def says(weights, z):  # weights (batch, heads, out, in), z (batch, heads, in)
        first = torch.einsum("bhoi,bhi->bho", weights[0], z)
        return first if len(weights) == 1 else z + scale * torch.einsum("bhoi,bhi->bho", weights[1], silu(first))

    start = {name: [W[i].expand(batch, -1, -1, -1) for W in layer.start] for i, name in enumerate(layer.memories)}
    zero = {name: [torch.zeros_like(W) for W in weights] for name, weights in start.items()}
    anchor, now, found = zero if layer.forget_start else start, dict(start), dict(start)
    answers = []
    for t in range(T):
        for name in now:
            every = (layer.main_chunk if name == "main" else layer.chunk) or 1
            if t % every == 0:
                found[name] = now[name]
        mixed = sum(p["taps"][:, 0, 3 - back] * x[:, t - back] for back in range(4) if t >= back)
        token = unit(mixed.view(batch, heads, features))
        key, value = unit(says(found["keys"], token)), unit(says(found["values"], token))
        if "queries" in layer.memories:
            query = unit(says(found["queries"], token))
        else:
            query = unit((mixed @ p["query.weight"].T).view(batch, heads, features))
        logits = [
            (p["read_rates"][:, i] * says(found[name], token)).sum(-1) + p["rates"][:, i]
            for i, name in enumerate(("lr", "keep"))
        ]
        lr, keep = (torch.sigmoid(logit)[..., None, None] for logit in logits)
        lr = layer.lr * lr
        before = dict(now)
        for name in now:
            target = unit(says(found[name], value))
            target = target.detach() if layer.step.stop_targets else target
            copies = [W.view_as(W) for W in found[name]]
            loss = 0.5 * (says(copies, key) - target).square().sum()
            slopes = torch.autograd.grad(loss, copies, create_graph=True)
            inputs = [key]
            if len(copies) == 2:
                inputs.append(scale * silu(torch.einsum("bhoi,bhi->bho", found[name][0], key)))
            for i, (W0, W, z, slope) in enumerate(zip(anchor[name], now[name], inputs, slopes, strict=True)):
                rate = lr / (1 + lr * z.square().sum(-1)[..., None, None]) if layer.step.implicit else lr
                erase = keep * torch.eye(z.shape[-1]).to(z) - rate * z[..., None] * z[..., None, :]
                now[name] = [*now[name][:i], W0 + (W - W0) @ erase - rate * slope, *now[name][i + 1 :]]
        asked = found if layer.read_at_start else before if layer.read_first else now
        answers.append(unit(says(asked["main"], query)) * features**0.5 * p["scale"])
    return torch.stack(answers, 1).flatten(2) @ p["out.weight"].T, now


def gradients(layer, y, x):
    """Of a loss that weighs every output differently: for x and for each parameter."""
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype, device=y.device).view_as(y)
    return torch.autograd.grad((weights * y).sum(), [x, *layer.parameters()], allow_unused=True, materialize_grads=True)


def flat(state):
    """Every tensor of a state, and every number."""
    parts = [state[name] for name in sorted(state)]
    return [torch.as_tensor(x) for part in parts for x in (part if isinstance(part, tuple) else (part,))]


def judge(layer, x, close, tol=1e-12):
    """Outputs, states and gradients are those of the equations."""
    (y, state), (expected, memories) = layer(x), equations(layer, x)
    close(y, expected, tol)
    written = [torch.cat(pair, 2) for pair in zip(state["projections_written"], state["main"], strict=True)]
    for i, name in enumerate(layer.memories):
        for W0, D, W in zip(layer.start, written, memories[name], strict=True):
            close(D[:, :, i] if layer.forget_start else W0[i] + D[:, :, i], W, tol)
    found, wanted = gradients(layer, y, x), gradients(layer, expected, x)
    for one, other in zip(found, wanted, strict=True):
        size = other.abs().max().clamp(min=1.0)
        close(one / size, other / size, tol)


PRINTED = {"forget_start": True, "implicit": False}
RULES = pytest.mark.parametrize("rule", [PRINTED, {}], ids=["as printed", "by default"])
READS = {"before": {}, "after": {"read_first": False}, "at start": {"read_at_start": True}}
KINDS = {
    "networks": {},
    "wide": {"hidden": 7},
    "matrices": {"hidden": 0},
    "adaptive query": {"adaptive_query": True},
    "stopped": {"stop_targets": True},
}


@pytest.mark.parametrize("chunk", [None, 1])
@RULES
@pytest.mark.parametrize("kind", KINDS)
def test_chunk_one_is_the_equations_token_by_token(kind, rule, chunk, like, draw, close):
    judge(make(like, chunk=chunk, **rule, **KINDS[kind]), draw(2, 9, 8).requires_grad_(), close)


@pytest.mark.parametrize("rule", [{"implicit": False}, {"forget_start": True}], ids=str)
@pytest.mark.parametrize("hidden", [None, 0], ids=["networks", "matrices"])
def test_half_of_what_is_printed_has_the_chunk_form_too(rule, hidden, like, draw, close):
    judge(make(like, chunk=4, hidden=hidden, **rule), draw(2, 9, 8).requires_grad_(), close)


@pytest.mark.parametrize("chunks", [(1, 16), (3, 3), (16, 16), (19, 19), (3, 16), (16, 5)], ids=str)
@RULES
@pytest.mark.parametrize("read", READS)
def test_any_chunks_are_the_equations_read_where_the_chunk_began(read, rule, chunks, like, draw, close):
    chunk, main_chunk = chunks
    layer = make(like, chunk=chunk, main_chunk=main_chunk, **rule, **READS[read])
    judge(layer, draw(2, 19, 8).requires_grad_(), close)


@pytest.mark.parametrize(
    "given",
    [
        *({"read_first": False}, {"read_at_start": True}, {"adaptive_query": True}, {"forget_start": True}),
        *(
            {"implicit": False},
            {"chunk": 5},
            {"main_chunk": 5},
            {"lr": 0.2},
            {"keep": 0.8},
            {"hidden": 7},
            {"heads": 4},
            {"seed": 4},
        ),
        *({"chunk": None, "main_chunk": None}, {"width": 3}),
    ],
    ids=str,
)
def test_every_argument_changes_what_comes_out(given, like, draw):
    """The equations above are told by the layer how it is set; here it is told."""
    plain = {"heads": 2, "chunk": 3, "main_chunk": 4, "seed": 3, **like}
    layer, x = SelfModifyingTitans(8, **{**plain, **given}), draw(2, 19, 8)
    assert (layer(x)[0] - SelfModifyingTitans(8, **plain)(x)[0]).abs().max() > 1e-6
    for name, value in given.items():
        assert not hasattr(layer, name) or name == "keep" or getattr(layer, name) == value


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "networks"])
def test_every_kind_of_memory_has_the_chunk_form(kind, like, draw, close):
    judge(make(like, chunk=4, main_chunk=7, **KINDS[kind]), draw(2, 19, 8).requires_grad_(), close)


def test_one_sequence_alone_has_the_chunk_form(like, draw, close):
    judge(make(like, chunk=4), draw(1, 11, 8).requires_grad_(), close)


@pytest.mark.parametrize(("T", "settings"), [(37, {"chunk": 16}), (9, {"chunk": 1, **PRINTED})], ids=str)
def test_the_equations_hold_at_the_default_width(T, settings, like, draw, close):
    judge(make(like, 128, 1, **settings), draw(1, T, 128).requires_grad_(), close, 1e-11)


VARIANTS = {**KINDS, "as printed": PRINTED, "two chunks": {"chunk": 3, "main_chunk": 5}, **READS}


def streamed(layer, x, lengths=(1, 4, 7)):
    """The same tokens in calls of these lengths, over and over."""
    state, answers, t, turn = None, [], 0, 0
    while t < x.shape[1]:
        y, state = layer(x[:, t : t + lengths[turn % len(lengths)]], state)
        answers.append(y)
        t, turn = t + y.shape[1], turn + 1
    return torch.cat(answers, 1), state


def many_calls(layer, x, close):
    (whole, end), (parts, state) = layer(x), streamed(layer, x)
    close(parts, whole, 1e-10)
    for one, other in zip(flat(state), flat(end), strict=True):
        close(one, other, 1e-10)
    for one, other in zip(gradients(layer, parts, x), gradients(layer, whole, x), strict=True):
        size = other.abs().max().clamp(min=1.0)
        close(one / size, other / size, 1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_many_calls_are_one_call(variant, like, draw, close):
    many_calls(make(like, **{"chunk": 5, **VARIANTS[variant]}), draw(2, 37, 8).requires_grad_(), close)


def test_many_calls_are_one_call_at_the_default_width(like, draw, close):
    many_calls(make(like, 128, 1, chunk=16), draw(2, 37, 128).requires_grad_(), close)


def test_a_call_without_tokens_changes_nothing_and_no_call_changes_a_state(like, draw):
    layer = make(like, chunk=4)
    _, state = layer(draw(2, 6, 8))
    before = [part.clone() for part in flat(state)]
    y, after = layer(draw(2, 0, 8), state)
    layer(draw(2, 20, 8, seed=1), state)
    assert y.shape == (2, 0, 8)
    for one, other, third in zip(before, flat(state), flat(after), strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, third)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
def test_sequences_of_a_batch_do_not_meet(d_model, training, like, draw, close):
    layer, x = make(like, d_model, chunk=5).train(training), draw(3, 20, d_model)
    y, state = layer(x)
    replaced, _ = layer(torch.cat([x[:1], draw(2, 20, d_model, seed=1)]))
    close(replaced[0], y[0])
    for b in range(3):
        alone, own = layer(x[b : b + 1])
        close(alone[0], y[b])
        for one, many in zip(flat(own), flat(state), strict=True):
            if one.ndim:
                close(one[0], many[b])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
def test_nothing_sees_the_future(d_model, training, like, draw):
    layer, x = make(like, d_model, chunk=5, main_chunk=7).train(training), draw(2, 37, d_model)
    y, _ = layer(x)
    for t in (1, 15, 23, 36):
        changed = x.clone()
        changed[:, t:] = draw(2, 37 - t, d_model, seed=t)
        later, _ = layer(changed)
        assert torch.equal(later[:, :t], y[:, :t])
        assert not torch.equal(later[:, t], y[:, t])


def learned(layer, x):
    """The gradient of a loss for each parameter; those of the memories' starts by memory and layer."""
    layer.zero_grad()
    y, _ = layer(x)
    (y - x.roll(1, 1)).square().mean().backward()
    found = {name: p.grad for name, p in layer.named_parameters() if not name.startswith("start")}
    for i, memory in enumerate(layer.memories):
        found |= {f"start of {memory}, layer {j}": W.grad[i] for j, W in enumerate(layer.start)}
    return found


@pytest.mark.parametrize("settings", [{}, {"adaptive_query": True}, {"hidden": 0}, {"read_at_start": True}], ids=str)
@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
def test_a_gradient_reaches_every_parameter_and_the_start_of_every_memory(d_model, settings, like, draw):
    layer, x = SelfModifyingTitans(d_model, chunk=16, **settings, **like), draw(2, 50, d_model)
    for _ in range(2):  # two passes in a row raise nothing
        for name, grad in learned(layer, x).items():
            assert grad.isfinite().all(), name
            assert grad.abs().max() > 1e-9, name


def test_stopping_the_targets_takes_the_gradient_from_the_values_alone(like, draw):
    layer, x = SelfModifyingTitans(8, chunk=4, stop_targets=True, **like), draw(2, 20, 8)
    without = {name for name, grad in learned(layer, x).items() if not grad.any()}
    assert without == {"start of values, layer 0", "start of values, layer 1"}


def test_memories_that_begin_as_the_identity_learn_nothing_outside(like, draw):
    layer, x = SelfModifyingTitans(32, **like), draw(2, 192, 32)
    torch.nn.init.zeros_(layer.start[1])
    grads = learned(layer, x)
    for memory in layer.memories:  # M(x) = x: keys are values, every target is met
        assert grads[f"start of {memory}, layer 0"].abs().max() < 1e-6
    for memory in ("lr", "keep"):
        assert grads[f"start of {memory}, layer 1"].abs().max() < 1e-6


@pytest.mark.parametrize("settings", [{}, PRINTED, {"hidden": 0, "read_first": False}], ids=str)
def test_gradients_are_those_of_finite_differences(settings, draw):
    here = {"dtype": torch.float64, "device": "cpu"}
    layer = make(here, 4, 1, chunk=4, **settings)
    names = [name for name, _ in layer.named_parameters()]

    def through(x, *parameters):
        y, state = torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))
        return y, *state["main"], *state["projections_written"]

    x = draw(1, 6, 4).to(**here).requires_grad_()
    inputs = (x, *(p.detach().requires_grad_() for p in layer.parameters()))
    assert torch.autograd.gradcheck(through, inputs, fast_mode=bool(settings))  # along random directions


@pytest.mark.parametrize("d_model", [32, 128], ids="d{}".format)
def test_freezing_any_memory_changes_what_comes_out(d_model, like, draw):
    layer, x = SelfModifyingTitans(d_model, **like), draw(1, 192, d_model)
    with torch.no_grad():
        y, _ = layer(x)
        change = {}
        for name in layer.memories:
            layer.frozen = (name,)
            frozen, state = layer(x)
            i = layer.memories.index(name)
            assert not layer.moved(state)[:, :, i].any()
            assert layer.moved(state)[:, :, [j for j in range(5) if j != i]].all()
            change[name] = ((frozen - y)[:, 64:].norm() / y[:, 64:].norm()).item()
    assert min(change["keys"], change["values"], change["main"]) > 1e-3
    assert min(change["lr"], change["keep"]) > 1e-5


@RULES
def test_a_frozen_memory_is_the_same_in_chunks_and_in_the_loop(rule, like, draw, close):
    x = draw(2, 9, 8)
    for name in ("keys", "main"):
        loop, fast = (make(like, chunk=chunk, **rule) for chunk in (None, 1))
        loop.frozen = fast.frozen = (name,)
        (slow, end), (quick, state) = loop(x), fast(x)
        close(quick, slow)
        for one, other in zip(flat(state), flat(end), strict=True):
            close(one, other)


@RULES
@pytest.mark.parametrize("read", READS)
def test_a_main_memory_that_stays_as_it_is_answers_alike_whatever_its_chunk(read, rule, like, draw, close):
    x, more, answers = draw(2, 9, 8), draw(2, 13, 8, seed=1), []
    for main_chunk in (1, 4):
        layer = make(like, chunk=3, main_chunk=main_chunk, **rule, **READS[read])
        state = {**layer(x)[1], "main_found": make(like, chunk=1, **rule)(x)[1]["main_found"]}
        state["main"] = (
            state["main_found"]
            if layer.forget_start
            else tuple(W - W0.transpose(0, 1)[:, -1:] for W, W0 in zip(state["main_found"], layer.start, strict=True))
        )
        layer.frozen = ("main",)
        answers.append(layer(more, state)[0])
    close(answers[1], answers[0])


def tokens(kind, draw, T=4096, d_model=32):
    noise = draw(1, T, d_model)
    if kind == "noise":
        return noise
    if kind == "one token":
        return noise[:, :1].expand(1, T, d_model)
    drifting = [noise[:, 0]]
    for now in noise[:, 1:].unbind(1):
        drifting.append(0.9 * drifting[-1] + (1 - 0.9**2) ** 0.5 * now)
    return torch.stack(drifting, 1)


@pytest.mark.parametrize(("kind", "d_model"), [("noise", 32), ("noise", 128), ("drifting", 32), ("one token", 32)])
def test_default_memories_stay_near_their_start_for_thousands_of_tokens(kind, d_model, like, draw):
    layer = SelfModifyingTitans(d_model, **like)
    with torch.no_grad():
        for T in (64, 4096):
            y, state = layer(tokens(kind, draw, T, d_model))
            assert y.isfinite().all()
            for W, projections, main in zip(layer.start, state["projections_written"], state["main"], strict=True):
                now = W.transpose(0, 1) + torch.cat([projections, main], 2)
                ratio = now.norm(dim=(-2, -1)) / W.transpose(0, 1).norm(dim=(-2, -1))
                assert ratio.min() > 0.5
                assert ratio.max() < 2


@pytest.mark.parametrize(("lr", "longer"), [(1.0, 1.0), (100.0, 1.0), (1.0, 8.0)])
@pytest.mark.parametrize("kind", ["noise", "drifting", "one token"])
def test_large_rates_and_long_features_carry_explicit_memories_away_and_not_implicit_ones(kind, lr, longer, like, draw):
    """Where a run of parity with explicit steps diverged, training had made hidden features some eight times longer."""
    x, moved = tokens(kind, draw, 1024), {}
    with torch.no_grad():
        for implicit in (True, False):
            layer = SelfModifyingTitans(32, lr=lr, implicit=implicit, **like)
            layer.rates[:, 0] = 10.0  # sigmoid(10) is 1: every token is written with all of lr
            layer.start[0].mul_(longer)
            _, state = layer(x)
            moved[implicit] = layer.moved(state).nan_to_num(math.inf).max()
    assert moved[True] < 3
    assert moved[False] < 1 if lr * longer == 1 else moved[False] > 1e6


@pytest.mark.parametrize("implicit", [True, False])
def test_a_write_takes_back_twice_what_a_matrix_said_at_the_key(implicit, like, draw, close):
    """By erasing and by the pull, which looks at the same error: erratum E-12."""
    start, lr, keep, learned = draw(1, 1, 4, 4), draw(1).exp(), draw(1, seed=1).sigmoid(), draw(1, 1, 4, 1, seed=2)
    key, value = torch.eye(4).to(start)[:2, None]

    def said(learned):  # at the key after the write, of what was learned there before; none of it is in the target
        written = (learned * key,)
        (after,) = write(written, (start + written[0],), key, value, lr, keep, Step(implicit))
        return after @ key.mT

    step = lr / (1 + lr) if implicit else lr
    close(said(learned) - said(torch.zeros_like(learned)), (keep - 2 * step) * learned)


def test_by_default_a_step_is_at_most_four_fifths_and_an_explicit_one_a_half():
    assert [SelfModifyingTitans(4, implicit=implicit).lr for implicit in (True, False)] == [4.0, 0.5]
    assert SelfModifyingTitans(4, lr=0.0).lr == 0.0


def carried_away(like, x, lr, keep=0.995, second=1.0, **settings):
    """How far memories move that are written with all of lr, under a keep that stays."""
    layer = SelfModifyingTitans(32, lr=lr, keep=keep, **settings, **like)
    layer.frozen = ("keys",)
    with torch.no_grad():
        layer.rates[:, 0] = 10.0
        layer.read_rates.zero_()
        layer.start[-1].mul_(second)
        return layer.moved(layer(x)[1]).nan_to_num(math.inf).max()


def test_implicit_steps_overshoot_too_where_much_is_forgotten(like, draw):
    one = tokens("one token", draw, 64)
    for lr, keep, gone in ((4.0, 0.7, False), (100.0, 0.5, True)):  # 2 step − 1 is 0.6 and 0.98
        assert (carried_away(like, one, lr, keep, hidden=0, chunk=1) > 1e3) == gone
    assert carried_away(like, one, 0.9, hidden=0, chunk=1, implicit=False) < 1  # explicit ones up to 1
    assert carried_away(like, one, 1.5, hidden=0, chunk=1, implicit=False) > 1e3


def test_implicit_steps_overshoot_too_where_second_layers_are_long(like, draw):
    x = tokens("noise", draw, 512)
    short, long = (carried_away(like, x, 4.0, second=second, heads=4, chunk=16) for second in (1.0, 32.0))
    assert short < 5
    assert long > 1e3


def test_a_large_rate_makes_the_outer_gradients_of_many_full_writes_explode(like, draw):
    x, slopes = tokens("noise", draw, 512), []
    for lr in (1.0, 100.0):
        layer = SelfModifyingTitans(32, chunk=16, lr=lr, **like)
        with torch.no_grad():
            layer.rates[:, 0] = 10.0
        slopes.append(max(slope.norm() for slope in gradients(layer, layer(x.requires_grad_())[0], x)))
    assert slopes[1] > 100 * slopes[0]


@pytest.mark.parametrize("d_model", [32, 128], ids="d{}".format)
def test_as_printed_the_first_layers_are_gone_after_thousands_of_tokens(d_model, like, draw):
    layer = SelfModifyingTitans(d_model, **PRINTED, **like)
    with torch.no_grad():
        _, early = layer(draw(1, 64, d_model))
        _, late = layer(draw(1, 4096, d_model))
    start = layer.start[0].transpose(0, 1).norm(dim=(-2, -1))
    share = [torch.cat([s["projections"][0], s["main"][0]], 2).norm(dim=(-2, -1)) / start for s in (early, late)]
    assert share[0].max() < 0.9
    assert share[1].max() < 0.01
    assert "after 4,096 tokens" in " ".join(inspect.getmodule(SelfModifyingTitans).__doc__.split())  # and it is told


@RULES
def test_without_writes_memories_fade_to_their_start_or_as_printed_to_nothing(rule, like, draw, close):
    layer, still = (SelfModifyingTitans(8, chunk=4, **rule, **like) for _ in range(2))
    still.lr = 0.0
    with torch.no_grad():
        for one in (layer, still):
            one.read_rates.zero_()
            one.rates[:, 1] = math.log(0.9 / 0.1)  # keep is 0.9 at every token
        _, written = layer(draw(1, 9, 8))
        _, faded = still(draw(1, 20, 8, seed=1), written)
    for name in ("projections_written", "main"):
        for before, after in zip(written[name], faded[name], strict=True):
            close(after, 0.9**20 * before)  # W − W₀, or as printed W itself
    assert layer.moved(written).min() > 1e-6
    if rule:
        assert 0.8 < layer.moved(faded).min() <= layer.moved(faded).max() < 1.2  # W₀ itself is all but gone
    else:
        close(layer.moved(faded), 0.9**20 * layer.moved(written))


def test_half_of_what_is_learned_outlives_the_default_chunk():
    layer = SelfModifyingTitans(8)
    keep = layer.rates[0, 1].sigmoid().item()
    assert round(math.log(0.5) / math.log(keep)) == 138
    assert max(layer.chunk, layer.main_chunk) <= 138


def test_near_identical_keys_are_told_apart_in_single_precision(draw):
    d, C = 16, 64
    keys = unit(draw(1, 1, d).to("cpu", torch.float64) + 1e-4 * draw(1, C, d, seed=1).to("cpu", torch.float64)).mT
    found = (torch.eye(d, dtype=torch.float64).expand(1, 1, d, d),)
    ones = torch.ones(1, 1, C, dtype=torch.float64)
    pace = Pace(ones, ones.expand(1, C, C).tril(-1), ones, ones, ones[..., :1])  # lr 1, nothing forgotten
    values = unit(draw(1, C, d, seed=2).to("cpu", torch.float64)).mT
    ends = []
    for dtype in (torch.float64, torch.float32):
        given = [tuple(x.to(dtype) for x in part) for part in ((torch.zeros(1, 1, d, d),), found, (keys, values), pace)]
        ends.append(write_chunk(given[0], given[1], *given[2], Pace(*given[3]), 1.0, False).end[0].double())
    assert (ends[1] - ends[0]).norm() < 1e-5 * ends[0].norm()


def test_without_rates_the_layer_is_one_fixed_map(like, draw, close):
    layer, x = SelfModifyingTitans(8, heads=2, lr=0.0, chunk=4, **like), draw(2, 11, 8)
    p = dict(layer.named_parameters())
    padded = torch.cat([torch.zeros_like(x[:, :3]), x], 1)
    mixed = sum(p["taps"][:, 0, i] * padded[:, i : i + 11] for i in range(4))
    q = unit((mixed @ p["query.weight"].T).view(2, 11, 2, 4))
    hidden = silu(torch.einsum("hoi,bthi->btho", layer.start[0][-1], q))
    recalled = q + (2 / 4) ** 0.5 * torch.einsum("hoi,bthi->btho", layer.start[1][-1], hidden)
    close(layer(x)[0], (2 * p["scale"] * unit(recalled)).flatten(2) @ p["out.weight"].T)


def test_projections_say_what_the_next_token_will_be_written_with(like, draw, close):
    layer, x = make(like, chunk=3), draw(2, 7, 8)
    with torch.no_grad():
        layer.taps.zero_()[:, :, -1] = 1.0  # each token alone
    _, state = layer(x[:, :6])
    said = layer.project(x[:, 6:], state)
    assert [*said] == ["keys", "values", "lr", "keep"]
    assert said["keys"].shape == (2, 2, 1, 4)
    assert said["lr"].shape == (2, 2, 1)
    token = unit(x[:, 6].view(2, 2, 4))
    first, second = (W[:, :, 0] for W in state["projections"])
    hidden = silu(torch.einsum("bhoi,bhi->bho", first, token))
    close(said["keys"][:, :, 0], unit(token + 0.5**0.5 * torch.einsum("bhoi,bhi->bho", second, hidden)))


def test_half_precision_is_close_to_single(draw):
    x, layer = draw(2, 40, 32).to("cpu", torch.float32), SelfModifyingTitans(32, heads=2, chunk=16)
    y, _ = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        mixed, state = layer(x)
    assert (mixed.float() - y).abs().max() < 0.1 * y.abs().max()
    assert all(W.dtype == torch.float32 for W in state["main"])
    y, state = layer.to(torch.bfloat16)(x.to(torch.bfloat16))
    assert y.dtype == torch.bfloat16
    assert all(W.dtype == torch.float32 for W in state["main"])
    assert (y.float() - mixed.float()).abs().max() < 0.1 * mixed.float().abs().max()


def test_levels_are_written_as_often_as_they_say(like, draw):
    layer, state = SelfModifyingTitans(8, chunk=4, **like), None
    every = {name: period for name, period, *_ in layer.levels}
    assert every == {"main": 1, "projections": 4}
    for t, x in enumerate(draw(1, 9, 8).split(1, 1), 1):
        before, (_, state) = state or layer.init(1), layer(x, state)
        for name, period in every.items():
            assert torch.equal(state[name][0], before[name][0]) == (t % period > 0), name


def test_every_choice_between_the_printed_and_another_reading_says_its_equation():
    told = inspect.getdoc(SelfModifyingTitans).split("Raises:")[0]
    switches = [name for name, p in inspect.signature(SelfModifyingTitans).parameters.items() if p.annotation == "bool"]
    assert switches == ["read_first", "read_at_start", "adaptive_query", "forget_start", "implicit", "stop_targets"]
    for name in switches:
        line = re.search(rf"^    {name}: (.*?)^    \w+: ", told, flags=re.M | re.S)
        assert line, name
        assert re.search(r"\beqs?\. \d", line[1]), name


def test_errors_say_what_to_type(like, draw):
    for settings, words in (
        ({"heads": 3}, "3 heads do not divide d_model=8"),
        ({"chunk": 0}, "chunk, main_chunk and width are 1 or more"),
        ({"keep": 1.0}, "keep starts above 0 and below 1"),
        ({"chunk": None, "main_chunk": 8}, "chunk=None is the loop.*type chunk=1 for a main_chunk of its own"),
    ):
        with pytest.raises(ValueError, match=words):
            SelfModifyingTitans(8, **settings)
    layer = make(like)
    with pytest.raises(ValueError, match=r"x is \(batch, T, 8\)"):
        layer(draw(2, 5, 7))
    _, state = layer(draw(2, 5, 8))
    with pytest.raises(ValueError, match=r"the state is of 2 sequences, x of 3.*init\(batch=3\)"):
        layer(draw(3, 5, 8), state)
    layer.frozen = ("kees",)
    with pytest.raises(ValueError, match="no memory is called"):
        layer(draw(2, 5, 8))


def test_the_keys_of_one_token_part_in_two_contexts_unless_their_memory_is_frozen(like):
    layer = SelfModifyingTitans(64, chunk=16, **like)
    trace = self_changes(layer)
    assert trace["parted"].min() > 5  # degrees
    assert trace["moved"][..., 1, -1].min() > 0.2
    assert trace["moved"][..., 0, -1].max() < trace["moved"][..., 1, -1].min()  # first layers move less
    assert trace["change"][:, :, -1].min() > 1e-4
    layer.frozen = ("keys",)
    still = self_changes(layer, length=64)
    assert layer.frozen == ("keys",)
    assert not still["parted"].any()
    assert not still["moved"][:, 0].any()
    assert not still["change"][:, 0].any()
    with pytest.raises(ValueError, match="choose a length that it divides"):
        self_changes(layer, length=30)
