"""Hope and its relatives: a sequence layer, then levels; what is demanded of each alone must hold of both together."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from nlviz.memory import DGD, Delta
from nlviz.nested import (
    CMS,
    AttentionLayer,
    Block,
    Hope,
    HopeAttention,
    IndependentCMS,
    MemoryBlock,
    MemoryLayer,
    MultiClock,
    NestedCMS,
    SelfModifyingTitans,
    SequentialCMS,
)
from nlviz.nested.layers.block import detached
from nlviz.nested.layers.convolved import Convolved


def hope(like, d_model=8, **settings):
    return Hope(d_model, heads=settings.pop("heads", 2), chunk=settings.pop("chunk", 5), seed=3, **settings, **like)


BLOCKS = {
    "Hope": hope,
    "Hope, adaptive query, as printed": lambda like, d_model=8: Hope(
        d_model,
        heads=2,
        chunk=5,
        memories={"adaptive_query": True, "forget_start": True, "implicit": False, "keep": 0.9},
        **like,
    ),
    "HopeAttention": lambda like, d_model=8: HopeAttention(d_model, heads=2, seed=3, **like),
    "HopeAttention, convolved": lambda like, d_model=8: HopeAttention(d_model, (1, 4), 2, width=4, **like),
    "gated Delta": lambda like, d_model=8: MemoryBlock(d_model, Delta(keep=0.9), heads=2, seed=3, **like),
}


def flat(state):
    if isinstance(state, dict):
        return [part for name in sorted(state) for part in flat(state[name])]
    if isinstance(state, (tuple, list)):
        return [part for member in state for part in flat(member)]
    return [] if state is None else [torch.as_tensor(state)]


def streamed(block, x, state, learn=False, lengths=(1, 4, 7)):
    answers, t, turn = [], 0, 0
    while t < x.shape[1]:
        y, state = block(x[:, t : t + lengths[turn % len(lengths)]], state)
        answers.append(y)
        t, turn = t + y.shape[1], turn + 1
    return torch.cat(answers, 1), state


def gradients(block, y, x):
    """Of a loss that weighs every output differently: for x and for each parameter."""
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype, device=y.device).view_as(y)
    return torch.autograd.grad((weights * y).sum(), [x, *block.parameters()])


@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize(("kind", "chunk"), [(Hope, None), (Hope, 1), (Hope, 16), (HopeAttention, None)])
def test_a_block_is_its_mixer_and_then_its_levels(kind, d_model, chunk, like, draw, close):
    """In Hope the mixer is the loop, chunk None, which the tests of self-modifying Titans judge, or a chunk form."""
    block = hope(like, d_model, chunk=chunk) if kind is Hope else HopeAttention(d_model, heads=2, **like)
    x = draw(2, 19, d_model).requires_grad_()
    y, state = block(x)
    mixer = block.mixer
    if chunk == 1:
        mixer = hope(like, d_model, chunk=None).mixer
        mixer.load_state_dict(block.mixer.state_dict())
    mixed, end = mixer(x / (x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt() * block.norm.weight)
    expected = x + mixed
    for level in block.cms.network:
        expected = expected + level.mlp(expected)
    close(y, expected, 1e-11)
    for one, other in zip(flat(state["mixer"]), flat(end), strict=True):
        close(one, other, 1e-11)


@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("name", BLOCKS)
def test_many_calls_are_one_call(name, learns, d_model, like, draw, close):
    block, x = BLOCKS[name](like, d_model), draw(2, 37, d_model).requires_grad_()
    (whole, end), (parts, state) = block(x, block.init(2, learns)), streamed(block, x, block.init(2, learns))
    close(parts, whole, 1e-10)
    for one, other in zip(flat(state), flat(end), strict=True):
        close(one, other, 1e-10)
    for one, other in zip(gradients(block, parts, x), gradients(block, whole, x), strict=True):
        size = other.abs().max().clamp(min=1.0)
        close(one / size, other / size, 1e-10)


def learned(block, x, state, calls=(7,)):
    """Three losses of seven tokens, each giving the levels an error signal; what came out, and the state."""
    answers = []
    for part in x.split(7, 1):
        said = []
        for piece in part.split(calls, 1):
            y, state = block(piece, state)
            said.append(y)
        answers.append(torch.cat(said, 1))
        state = block.learn(answers[-1].square().mean((1, 2)), state)
    return torch.cat(answers, 1), state


@pytest.mark.parametrize("name", BLOCKS)
def test_many_calls_are_one_call_also_between_the_writes_of_the_levels(name, like, draw, close):
    block, x = BLOCKS[name](like), draw(2, 21, 8)
    whole, end = learned(block, x, block.init(2, learns=True))
    parts, state = learned(block, x, block.init(2, learns=True), calls=(1, 4, 2))
    close(parts, whole, 1e-10)
    assert end["cms"]["waiting"] or len(block.cms.periods) == 1
    for one, other in zip(flat(state), flat(end), strict=True):
        close(one, other, 1e-10)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("name", BLOCKS)
def test_sequences_of_a_batch_do_not_meet_also_while_the_levels_learn(name, d_model, training, like, draw, close):
    block, x = BLOCKS[name](like, d_model).train(training), draw(3, 21, d_model)
    y, state = learned(block, x, block.init(3, learns=True))
    other, _ = learned(block, torch.cat([x[:1], draw(2, 21, d_model, seed=1)]), block.init(3, learns=True))
    close(other[0], y[0])
    for b in range(3):
        alone, own = learned(block, x[b : b + 1], block.init(1, learns=True))
        close(alone[0], y[b])
        for name, W in own["cms"]["weights"].items():
            close(W[0], state["cms"]["weights"][name][b])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("name", BLOCKS)
def test_nothing_sees_the_future(name, d_model, training, like, draw):
    block, x = BLOCKS[name](like, d_model).train(training), draw(2, 37, d_model)
    y, _ = block(x)
    for t in (1, 16, 36):
        changed = x.clone()
        changed[:, t:] = draw(2, 37 - t, d_model, seed=t)
        later, _ = block(changed)
        assert torch.equal(later[:, :t], y[:, :t])
        assert not torch.equal(later[:, t], y[:, t])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", BLOCKS)
def test_nothing_sees_the_future_while_the_levels_learn(name, training, like, draw):
    block, x = BLOCKS[name](like).train(training), draw(2, 21, 8)
    y, _ = learned(block, x, block.init(2, learns=True))
    for t in (3, 7, 16):
        changed = x.clone()
        changed[:, t:] = draw(2, 21 - t, 8, seed=t)
        later, _ = learned(block, changed, block.init(2, learns=True))
        assert torch.equal(later[:, :t], y[:, :t])
        assert not torch.equal(later[:, t], y[:, t])


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("name", BLOCKS)
def test_a_gradient_reaches_every_parameter(name, d_model, learns, like, draw):
    block, x = BLOCKS[name](like, d_model), draw(2, 42, d_model)
    for _ in range(2):  # two passes in a row raise nothing
        block.zero_grad()
        y = learned(block, x, block.init(2, learns=True))[0] if learns else block(x)[0]
        (y - x.roll(1, 1)).square().mean().backward()
        for name, parameter in block.named_parameters():
            assert parameter.grad.isfinite().all(), name
            memories = parameter.grad if name.startswith("mixer.start") else parameter.grad[None]
            assert all(memory.abs().max() > 0 for memory in memories), name


@pytest.mark.parametrize("block", [Hope, HopeAttention, MemoryBlock])
def test_gradients_are_those_of_finite_differences(block, draw):
    """Along random directions; a model of Hope is asked number by number in test_language."""
    here = {"dtype": torch.float64, "device": "cpu"}
    layer = block(4, periods=(1, 2), hidden=3, **here)
    if block is Hope:
        layer = Hope(4, periods=(1, 2), hidden=3, chunk=4, memory_hidden=3, **here)
    names = [name for name, _ in layer.named_parameters()]

    def through(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))[0]

    x = draw(1, 6, 4).to(**here).requires_grad_()
    inputs = (x, *(p.detach().requires_grad_() for p in layer.parameters()))
    assert torch.autograd.gradcheck(through, inputs, fast_mode=block is not HopeAttention)


@pytest.mark.parametrize("name", ["Hope", "HopeAttention"])
def test_levels_write_when_they_are_due_and_reading_never_writes(name, like, draw):
    block, x = BLOCKS[name](like), draw(2, 3, 8)
    state = block.init(2, learns=True)
    for turn in range(1, 18):
        y, state = block(x, state)
        before = copy.deepcopy(block.cms.detach(state["cms"])["weights"])
        block(x, state)
        again, _ = block(x, state)
        state = block.detach(block.learn(y.square().mean((1, 2)), state))
        for key, W in state["cms"]["weights"].items():
            period = block.cms.periods[block.cms._level[key]]
            assert torch.equal(W, before[key]) == (turn % period > 0)
    assert state["cms"]["writes"] == [17, 4, 1]
    assert again.shape == y.shape


def test_with_rates_of_zero_hope_is_one_fixed_map(like, draw, close):
    block = Hope(8, heads=2, chunk=5, memories={"lr": 0.0}, lr=0.0, **like)
    x, p = draw(2, 21, 8), dict(block.mixer.named_parameters())
    normed = x / (x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt()
    padded = torch.cat([torch.zeros_like(x[:, :3]), normed], 1)
    mixed = sum(p["taps"][:, 0, i] * padded[:, i : i + 21] for i in range(4))

    def unit(x):
        return x / (x.square().sum(-1, keepdim=True) + 1e-6).sqrt()

    query = unit((mixed @ p["query.weight"].T).view(2, 21, 2, 4))
    first, second = block.mixer.start[0][-1], block.mixer.start[1][-1]
    hidden = torch.nn.functional.silu(torch.einsum("hoi,bthi->btho", first, query))
    recalled = query + 0.5**0.5 * torch.einsum("hoi,bthi->btho", second, hidden)
    expected = x + (2 * p["scale"] * unit(recalled)).flatten(2) @ p["out.weight"].T
    for level in block.cms.network:
        expected = expected + level.mlp(expected)
    y, _ = learned(block, x, block.init(2, learns=True))
    close(y, expected, 1e-11)


def test_with_one_level_hope_attention_is_a_transformers_block(like, draw, close):
    block, x = HopeAttention(8, periods=(1,), heads=2, **like), draw(2, 11, 8)
    mixed, _ = block.mixer(torch.nn.functional.rms_norm(x, (8,), block.norm.weight))
    (level,) = block.cms.network
    close(block(x)[0], x + mixed + level.mlp(x + mixed))


MIXERS = {
    "Hope": hope,
    "HopeAttention": lambda like, d_model=8, **more: HopeAttention(d_model, heads=2, **more, **like),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("name", MIXERS)
def test_with_one_level_that_never_writes_the_levels_are_a_plain_mlp_bit_for_bit(name, d_model, training, like, draw):
    block, x = MIXERS[name](like, d_model, periods=(math.inf,)).train(training), draw(2, 11, d_model)
    state = block.init(2, learns=True)
    y, _ = block(x, state)
    mixed, _ = block.mixer(block.norm(x))
    (level,) = block.cms.network
    assert torch.equal(y, (x + mixed) + level.mlp(x + mixed))
    assert torch.equal(y, block(x)[0])  # without weights of their own


@pytest.mark.parametrize("kind", [SequentialCMS, NestedCMS])
@pytest.mark.parametrize("name", MIXERS)
def test_stacked_levels_take_the_place_of_a_trained_mlp(name, kind, like, draw):
    mlp = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 8)).to(**like)
    block, x = MIXERS[name](like), draw(2, 11, 8)
    mixed, _ = block.mixer(block.norm(x))
    block.cms = kind.from_mlp(mlp, periods=(1, 4))
    assert isinstance(block.cms, CMS)
    assert torch.equal(block(x)[0], mlp(x + mixed))


@pytest.mark.parametrize("name", MIXERS)
def test_nested_levels_part_from_a_chain_when_the_slow_one_writes_and_not_before(name, like, draw):
    mixer = MIXERS[name](like).mixer
    chain, nested = (Block(8, mixer, kind(8, (1, 4), seed=4, **like)) for kind in (SequentialCMS, NestedCMS))
    states = [block.init(2, learns=True) for block in (chain, nested)]
    for turn in range(1, 6):
        x = draw(2, 3, 8, seed=turn)
        answers = [block(x, state) for block, state in zip((chain, nested), states, strict=True)]
        assert torch.equal(answers[0][0], answers[1][0]) == (turn <= 4), turn
        states = [
            block.detach(block.learn(y.square().mean((1, 2)), state))
            for block, (y, state) in zip((chain, nested), answers, strict=True)
        ]


@pytest.mark.parametrize("name", MIXERS)
def test_independent_levels_are_levels_that_run_apart_and_are_added_up(name, like, draw, close):
    mixer = MIXERS[name](like).mixer
    block, x = Block(8, mixer, IndependentCMS(8, (1, 4), seed=4, **like)), draw(2, 11, 8)
    mixed, _ = mixer(block.norm(x))
    network = block.cms.network
    apart = [share * mlp(x + mixed) for share, mlp in zip(network.share, network.mlps, strict=True)]
    close(block(x)[0], x + mixed + sum(apart))


@pytest.mark.parametrize("d_model", [8, 128], ids="d{}".format)
@pytest.mark.parametrize("name", BLOCKS)
def test_training_and_asking_are_the_same_map_while_nothing_is_due(name, d_model, like, draw):
    block, x = BLOCKS[name](like, d_model), draw(2, 11, d_model)
    for state in (None, block.init(2, learns=True)):
        assert torch.equal(block.train()(x, state)[0], block.eval()(x, state)[0])


def test_stopping_the_targets_in_hope_takes_the_gradient_from_the_values_alone(like, draw):
    block, x = hope(like, memories={"stop_targets": True}), draw(2, 20, 8)
    (block(x)[0] - x.roll(1, 1)).square().mean().backward()
    values = block.mixer.memories.index("values")
    for name, parameter in block.named_parameters():
        parts = enumerate(parameter.grad) if name.startswith("mixer.start") else [(None, parameter.grad)]
        for i, part in parts:
            assert part.any() == (i != values), (name, i)


@pytest.mark.parametrize("memory", ["keys", "values", "lr", "keep", "main"])
def test_freezing_any_memory_of_hope_changes_what_comes_out(memory, like, draw):
    block, x = Hope(128, **like), draw(1, 192, 128)
    with torch.no_grad():
        y, _ = block(x)
        block.mixer.frozen = (memory,)
        frozen, _ = block(x)
    change = (frozen - y)[:, 64:].norm() / (y - x)[:, 64:].norm()
    assert change > (1e-3 if memory in ("keys", "values", "main") else 1e-6), change


DEFAULT = {
    "Hope": Hope,
    "HopeAttention": HopeAttention,
    "gated Delta": lambda d, **more: MemoryBlock(d, Delta(keep=0.99), **more),
}


@pytest.mark.parametrize("d_model", [32, 128], ids="d{}".format)
@pytest.mark.parametrize("name", DEFAULT)
def test_by_default_a_block_stays_sane_for_4096_tokens_of_noise(name, d_model, like, draw):
    block, x = DEFAULT[name](d_model, **like), draw(1, 4096, d_model)
    with torch.no_grad():
        y, state = block(x)
        assert y.isfinite().all()
        assert 0.5 < y[:, -64:].norm() / y[:, :64].norm() < 2
        if name == "Hope":
            start = block.mixer.start
            written = zip(state["mixer"]["projections_written"], state["mixer"]["main"], strict=True)
            for W, parts in zip(start, written, strict=True):
                now = W.transpose(0, 1) + torch.cat(parts, 2)
                ratio = now.norm(dim=(-2, -1)) / W.transpose(0, 1).norm(dim=(-2, -1))
                assert ratio.min() > 0.5
                assert ratio.max() < 2


def test_the_levels_of_hope_train_on_clocks_of_their_own(like, draw):
    block, x = hope(like), draw(2, 9, 8)
    mine = {id(p) for p in block.cms.parameters()}
    groups = [*block.cms.groups(), {"params": [p for p in block.parameters() if id(p) not in mine]}]
    clock = MultiClock(torch.optim.SGD(groups, lr=0.1), [*block.cms.periods, 1], average=False)
    for _ in range(16):
        block(x)[0].square().mean().backward()
        clock.step()
    assert clock.writes == [16, 4, 1, 16]


def test_every_argument_of_a_block_reaches_the_layer_or_the_levels_it_is_for(like, draw):
    x, cms = draw(2, 21, 8), {"periods": (1, 2), "hidden": 5, "lr": 0.3, "keep": 0.7}
    titans = SelfModifyingTitans(8, 2, 6, 3, 4, seed=2, **like)
    attention = Convolved(AttentionLayer(8, 2, seed=2, **like), 8, width=3, seed=4)
    memory = MemoryLayer(8, DGD(keep=0.9), 2, chunk=3, seed=2, **like)
    for block, layer in (
        (Hope(8, heads=2, memory_hidden=6, chunk=3, main_chunk=4, seed=2, **cms, **like), titans),
        (HopeAttention(8, heads=2, width=3, seed=2, **cms, **like), attention),
        (MemoryBlock(8, DGD(keep=0.9), heads=2, chunk=3, seed=2, **cms, **like), memory),
    ):
        own = Block(8, layer, SequentialCMS(8, seed=3, **cms, **like))
        assert torch.equal(learned(block, x, block.init(2, True))[0], learned(own, x, own.init(2, True))[0])
        if layer is memory:
            assert (block.mixer.rule, block.mixer.chunk) == (layer.rule, 3)


def test_further_arguments_of_the_memories_reach_them_and_a_ready_made_layer_goes_into_a_block(like, draw):
    x = draw(2, 5, 8)
    block = Hope(8, (1,), heads=2, chunk=3, memories={"keep": 0.9, "adaptive_query": True}, seed=3, **like)
    titans = SelfModifyingTitans(8, 2, chunk=3, keep=0.9, adaptive_query=True, seed=3, **like)
    own = Block(8, titans, SequentialCMS(8, (1,), seed=4, **like))
    assert torch.equal(block(x)[0], own(x)[0])
    with pytest.raises(TypeError, match=r"A layer that is there already goes into Block\(d_model, layer, cms\)"):
        Hope(8, memories=titans)
    with pytest.raises(TypeError, match="multiple values for argument 'heads'"):
        Hope(8, heads=2, memories={"heads": 4})


def test_levels_learn_through_a_block_behind_them_with_first_order_alone(like, draw, close):
    first, second = hope(like, periods=(1,)), hope(like)
    before = first.init(2, learns=True)
    y, state = first(draw(2, 7, 8), before)
    loss = second(y)[0].square().mean((1, 2))
    weights = before["cms"]["weights"]
    slopes = torch.autograd.grad(loss.sum(), list(weights.values()), retain_graph=True)
    after = first.learn(loss, state, first_order=True)
    for (name, w), slope in zip(weights.items(), slopes, strict=True):
        close(after["cms"]["weights"][name], w - first.cms.lr[0] * slope)
    second(first(draw(2, 7, 8, seed=1), after)[0])[0].square().mean().backward()
    for block in (first, second):
        assert all(w.grad.isfinite().all() for w in block.parameters())
    through_writes = first.learn(loss, state)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        second(first(draw(2, 7, 8, seed=1), through_writes)[0])[0].square().mean().backward()


def test_a_detached_state_has_no_history_in_dicts_tuples_or_lists():
    w = torch.ones(2, requires_grad=True) * 2
    cut = detached({"memory": (w, [w, {"inner": [w]}]), "age": 3, "none": None})
    assert not any(
        leaf.requires_grad for leaf in torch.utils._pytree.tree_leaves(cut) if isinstance(leaf, torch.Tensor)
    )
    assert isinstance(cut["memory"][1], list)
    assert (cut["age"], cut["none"]) == (3, None)


def test_errors_say_what_to_type(like, draw):
    block, x = hope(like), draw(2, 5, 8)
    y, state = block(x)
    with pytest.raises(ValueError, match=r"begin with init\(batch=2, learns=True\)"):
        block.learn(y.square().mean((1, 2)), state)
