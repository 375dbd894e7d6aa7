"""The nested problems that are read from a model and its optimizer, their order, and what is left unknown."""

from __future__ import annotations

import copy
import math
import random

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

import nlviz as nl
from nlviz.nested import (
    AttentionLayer,
    MemoryLayer,
    MultiClock,
    NestedCMS,
    SequentialCMS,
    levels,
    order_levels,
)

ATTENTION, MEAN, SQUARE = "attention", "exp_avg", "exp_avg_sq"


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def ours(rule):
    return lambda model: nl.optim.Optimizer(model.parameters(), rule)


def periods(found):
    return {level.name: level.period for level in found}


OPTIMIZERS = {
    "SGD": (ours(nl.optim.SGD()), {"weights": 1}, [["weights"]]),
    "Momentum": (ours(nl.optim.Momentum()), {"velocity": 1, "weights": 1}, [["velocity"], ["weights"]]),
    "Adam": (
        ours(nl.optim.Adam()),
        {"mean": 1, "square": 1, "weights": 1},
        [["mean", "square"], ["weights"]],
    ),
    "Muon": (
        ours(nl.optim.Muon()),
        {"orthogonal": 0, "velocity": 1, "mean": 1, "square": 1, "weights (Muon)": 1, "weights (Adam)": 1},
        [["orthogonal"], ["velocity", "mean", "square"], ["weights (Muon)", "weights (Adam)"]],
    ),
    "M3": (
        ours(nl.optim.M3(period=5)),
        {
            "orthogonal": 0,
            "fast": 1,
            "square (M3)": 1,
            "slow": 5,
            "mean": 1,
            "square (Adam)": 1,
            "weights (M3)": 1,
            "weights (Adam)": 1,
        },
        [
            ["orthogonal"],
            ["fast", "square (M3)", "mean", "square (Adam)"],
            ["weights (M3)", "weights (Adam)"],
            ["slow"],
        ],
    ),
    "torch SGD": (lambda m: torch.optim.SGD(m.parameters(), lr=0.1), {"weights": 1}, [["weights"]]),
    "torch SGD with momentum": (
        lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9),
        {"momentum_buffer": 1, "weights": 1},
        [["momentum_buffer"], ["weights"]],
    ),
    "torch Adam": (
        lambda m: torch.optim.Adam(m.parameters()),
        {MEAN: 1, SQUARE: 1, "weights": 1},
        [[MEAN, SQUARE], ["weights"]],
    ),
    "torch Adam, fused": (
        lambda m: torch.optim.Adam(m.parameters(), fused=True),
        {MEAN: 1, SQUARE: 1, "weights": 1},
        [[MEAN, SQUARE], ["weights"]],
    ),
    "torch RMSprop": (
        lambda m: torch.optim.RMSprop(m.parameters(), momentum=0.9),
        {"square_avg": 1, "momentum_buffer": 1, "weights": 1},
        [["square_avg"], ["momentum_buffer"], ["weights"]],
    ),
    "torch AdamW": (
        lambda m: torch.optim.AdamW(m.parameters(), amsgrad=True),
        {MEAN: 1, SQUARE: 1, "max_exp_avg_sq": 1, "weights": 1},
        [[MEAN, SQUARE], ["max_exp_avg_sq"], ["weights"]],
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_adds_its_levels_to_an_mlp(name):
    make, expected, order = OPTIMIZERS[name]
    model = perceptron()
    found = levels(model, make(model), example=torch.zeros(3, 4))
    assert periods(found) == expected
    assert found.order == order
    assert sum(level.size for level in found if level.kind == "weights") == sum(p.numel() for p in model.parameters())
    assert found.unknown == ()


def test_what_an_optimizer_remembers_is_as_large_before_the_first_step_as_after():
    for rule in (nl.optim.Adam(), nl.optim.M3(), nl.optim.Preconditioned(), nl.optim.DeepMomentum()):
        model = perceptron()
        optimizer = nl.optim.Optimizer(model.parameters(), rule)
        before = {level.name: level.size for level in levels(model, optimizer)}
        model(torch.ones(4)).sum().backward()
        optimizer.step()
        assert {level.name: level.size for level in levels(model, optimizer)} == before


def test_a_transformer_is_attention_at_every_read_and_weights_at_every_step():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    found = levels(model, torch.optim.Adam(model.parameters()), example=torch.zeros(2, 5, 16), tokens_per_step=5)
    assert periods(found) == {ATTENTION: 0, MEAN: 5, SQUARE: 5, "weights": 5}
    assert found[ATTENTION].of == ("layers.0.self_attn", "layers.1.self_attn")
    assert found[ATTENTION].size == 0
    assert [t.kind for t in found.transfers if t.source == ATTENTION] == ["direct, non-parametric"]
    alone = levels(model)
    assert alone["weights"].period == math.inf  # nothing trains it
    assert alone[ATTENTION].period is None  # and nobody has seen it read
    assert "no example" in alone[ATTENTION].note


MEMORIES = {
    "linear attention": (nl.Hebb(), [["memory"], [MEAN, SQUARE], ["weights"]]),
    "gated delta": (nl.Delta(keep=0.99), [["memory"], [MEAN, SQUARE], ["weights"]]),
    "Titans": (nl.Titans(hidden=8), [["momentum"], ["memory"], [MEAN, SQUARE], ["weights"]]),
    "Omega": (nl.Omega(hidden=8), [["memory"], [MEAN, SQUARE], ["weights"]]),
}


@pytest.mark.parametrize("name", MEMORIES)
def test_a_memory_adds_levels_that_are_written_at_every_token(name):
    rule, order = MEMORIES[name]
    model = MemoryLayer(8, rule)
    found = levels(model, torch.optim.Adam(model.parameters()), example=torch.zeros(2, 6, 8), tokens_per_step=6)
    assert found.order == order
    assert found["memory"].period == 1
    assert found["weights"].period == 6
    learned = any(t.kind == "initialisation" and t.target == "memory" for t in found.transfers)
    assert learned == hasattr(rule, "begin")
    assert found["memory"].size == (sum(w.numel() for w in model.start) if learned else 64)


def test_a_memory_comes_before_the_weights_when_both_are_written_at_every_token():
    model = MemoryLayer(8, nl.Hebb())
    assert levels(model, torch.optim.SGD(model.parameters(), lr=0.1)).order == [["memory"], ["weights"]]


def test_layers_of_one_kind_stand_in_one_row_and_others_in_their_own():
    model = nn.ModuleList([MemoryLayer(8, nl.Hebb()), MemoryLayer(8, nl.Hebb()), MemoryLayer(8), AttentionLayer(8)])
    found = levels(model)
    assert found["memory (Hebb)"].of == ("0", "1")
    assert found["memory (Hebb)"].size == 128
    assert found["memory (Delta)"].of == ("2",)
    assert found[ATTENTION].period == 0


def test_a_continuum_memory_under_a_clock_has_the_periods_of_its_levels():
    cms = SequentialCMS(8, periods=(1, 4, 16))
    clock = MultiClock(torch.optim.SGD(cms.groups(), lr=0.1), [1, 4, 16], average=False)
    found = levels(cms, clock, example=torch.zeros(3, 8), tokens_per_step=10)
    names = [f"weights of period {period}" for period in (1, 4, 16)]
    assert found.order == [[name] for name in names]
    assert [found[name].period for name in names] == [10, 40, 160]
    slow_to_fast = [(names[1], names[0]), (names[2], names[1])]
    assert [(t.source, t.target) for t in found.transfers if t.kind == "backprop"] == slow_to_fast


def test_an_optimizer_under_a_clock_remembers_on_its_clock():
    w = [torch.zeros(4, 4, requires_grad=True) for _ in range(2)]
    model = nn.ParameterList(w)
    groups = [{"params": [p], "name": name} for p, name in zip(model, ("fast", "slow"), strict=True)]
    inner = nl.optim.Optimizer(groups, nl.optim.M3(period=5))
    found = levels(model, MultiClock(inner, [1, 4], average=True))
    assert (found["slow of fast"].period, found["slow of slow"].period) == (5, 20)
    assert found["fast of slow"].period == found["weights of slow"].period == 4
    assert found.order[-1] == ["slow of slow"]


def test_fast_weights_are_levels_whose_start_is_learned():
    cms = NestedCMS(8, periods=(1, 4))
    found = levels(cms, torch.optim.SGD(cms.parameters(), lr=0.1), tokens_per_step=3)
    fast = "fast weights of period 1"
    assert periods(found) == {
        fast: 3,
        "fast weights of period 4": 12,
        "fast weights, start of period 1": 12,
        "weights": 3,
    }
    assert found.order[:2] == [[fast], ["weights"]]
    assert "learn" in found[fast].note
    arrows = {(t.source, t.target) for t in found.transfers if t.kind == "initialisation"}
    assert ("fast weights, start of period 1", fast) in arrows
    assert ("weights", fast) not in arrows


class Unseen(nn.Module):
    """Attention of its own making, tied embeddings, a frozen table, and a tensor that nobody declares."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.place = nn.Embedding(6, 8)
        self.place.weight.requires_grad_(False)
        self.mix = nn.Linear(8, 24)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.embed.weight
        self.spare = nn.Linear(8, 8)
        self.cache = torch.zeros(3)

    def forward(self, tokens):
        x = self.embed(tokens) + self.place(torch.arange(tokens.shape[1]))
        query, key, value = self.mix(x).chunk(3, -1)
        return self.head(scaled_dot_product_attention(query, key, value, is_causal=True))


def test_a_model_never_seen_before_is_read_and_what_cannot_be_known_is_unknown():
    model = Unseen()
    groups = [{"params": [model.embed.weight]}, {"params": [*model.mix.parameters(), *model.spare.parameters()]}]
    optimizer = torch.optim.Adam(groups)
    found = levels(model, optimizer, example=torch.zeros(2, 6, dtype=torch.long), tokens_per_step=6)
    assert periods(found) == {
        ATTENTION: 0,
        MEAN: 6,
        SQUARE: 6,
        "weights": 6,
        "frozen weights": math.inf,
        "loose tensors": None,
        "weights without gradient": None,
    }
    assert "tied: embed.weight = head.weight" in found["weights"].note
    assert found["weights"].size == 80 + 8 * 24 + 24  # the tied one counts once
    assert found["frozen weights"].of == ("place.weight",)
    assert found["weights without gradient"].of == ("spare.weight", "spare.bias")
    assert all(level.note for level in found.unknown)
    assert [level.place for level in found] == [0, 1, 1, 2, 3, None, None]


class FastWeights(nn.Module):
    """A memory of its own that says what it is: written every third token."""

    levels = (
        ("trace", 1, "−⟨trace, x⟩", "its inputs"),
        ("store", 3, "½ ‖store − trace‖²", "traces", ("trace",)),
    )

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.ones(4))
        self.by_hand = nn.Linear(4, 4)

    def init(self, batch):
        return {"trace": torch.zeros(batch, 4), "store": self.start.expand(batch, 4), "age": 0}

    def forward(self, x, state=None):
        state = self.init(x.shape[0]) if state is None else state
        trace, store, age, said = state["trace"], state["store"], state["age"], []
        for token in x.unbind(1):
            trace, age = 0.9 * trace + token, age + 1
            store = 0.5 * (store + trace) if age % 3 == 0 else store
            said.append(self.by_hand(store * token).softmax(-1) * token)
        return torch.stack(said, 1), {"trace": trace, "store": store, "age": age}


def test_a_memory_never_seen_before_may_say_what_it_is():
    model = FastWeights()
    found = levels(model, torch.optim.SGD(model.parameters(), lr=0.1), torch.ones(2, 6, 4), tokens_per_step=6)
    assert found.order == [["trace"], ["store"], ["weights"]]
    assert set(found.reads("store")) == {"trace", "weights"}
    assert {t.kind for t in found.transfers if t.target == "store"} >= {"initialisation", "context generation"}
    assert found["store"].size == 4


def test_a_softmax_by_hand_is_unknown():
    model = nn.Sequential(nn.Linear(4, 4), nn.Softmax(-1))
    found = levels(model, example=torch.zeros(2, 4))
    assert found["softmax"].period is None
    assert "by hand" in found["softmax"].note


def test_a_rule_that_does_not_say_is_unknown():
    class Mute:
        """Remembers, and tells nobody."""

        def init(self, d_key, d_value, batch=(), seed=0, dtype=None, device=None):
            return torch.zeros(*batch, d_value, d_key, dtype=dtype, device=device)

    layer = MemoryLayer(8, Mute())
    assert levels(layer)["memory"].period is None
    assert "Mute" in levels(layer)["memory"].note

    class Lion(torch.optim.Optimizer):
        """Nobody knows it here."""

        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

    model = perceptron()
    [weights] = levels(model, Lion(model.parameters()))
    assert weights.period is None
    assert "Lion" in weights.note

    class Better(torch.optim.Adam):
        """A subclass may do anything."""

    assert levels(model, Better(model.parameters()))["weights"].period is None


def test_frozen_groups_and_groups_that_never_step_are_never_written():
    model = perceptron()
    model[0].bias.requires_grad_(False)
    groups = [
        {"params": [model[0].weight, model[0].bias], "name": "front", "lr": 0.0},
        {"params": model[2].parameters(), "name": "back"},
    ]
    found = levels(model, torch.optim.SGD(groups, lr=0.1, momentum=0.9))
    assert found["weights of front"].period == math.inf
    assert "lr is 0" in found["weights of front"].note
    assert found["momentum_buffer of front"].period == 1  # which goes on remembering
    assert found["frozen weights"].of == ("0.bias",)
    assert found["weights of back"].period == 1
    clock = MultiClock(torch.optim.Adam(groups), [math.inf, 2], average=False)
    assert {level.name for level in levels(model, clock) if level.period == math.inf} == {
        "frozen weights",
        "weights of front",
    }


def test_an_optimizer_made_after_a_move_is_right_and_one_that_holds_other_tensors_is_unknown():
    model = perceptron()
    old = torch.optim.SGD(model.parameters(), lr=0.1)
    model[0].weight = nn.Parameter(model[0].weight.detach().clone())  # as some moves do
    found = levels(model, old)
    assert found["weights in no group"].of == ("0.weight",)
    assert found["tensors of the optimizer"].size == 32
    assert found["weights"].size == 26
    model = model.to(torch.float64)
    found = levels(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert periods(found) == {"weights": 1}


def test_wrappers_are_looked_through():
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters())
    plain = levels(model, optimizer, example=torch.zeros(3, 4))
    for wrapped in (torch.compile(model, backend="eager"), nn.DataParallel(model)):
        assert repr(levels(wrapped, optimizer, example=torch.zeros(3, 4))) == repr(plain)
    inside = nn.Sequential(torch.compile(nn.Linear(4, 4), backend="eager"))
    assert levels(inside, example=torch.zeros(3, 4))["weights"].of == ("0.weight", "0.bias")


def test_states_of_pytorch_modules_are_known_by_their_types():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert levels(model, optimizer, tokens_per_step=7)["running statistics"].period == 7
    assert levels(model.eval(), optimizer)["running statistics"].period == math.inf
    assert levels(nn.LSTM(4, 8, num_layers=2))["hidden state"].size == 32
    assert levels(nn.LSTM(4, 8))["hidden state"].period == 1
    for network in (nn.LSTM(4, 8, 2, proj_size=3), nn.LSTM(4, 8, bidirectional=True), nn.GRU(4, 8)):
        _, state = network.to("meta")(torch.zeros(5, 4, device="meta"))
        assert levels(network)["hidden state"].size == sum(w.numel() for w in torch.utils._pytree.tree_leaves(state))
    assert levels(nn.GRUCell(4, 8))["hidden state"].period is None
    model.register_buffer("mask", torch.ones(3))
    assert levels(model)["buffers"].period is None


def test_reading_a_model_changes_nothing():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(0)
    levels(model, example=torch.randn(5, 4, generator=torch.Generator().manual_seed(1)))
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_wrong_example_is_answered_with_the_cure():
    with pytest.raises(ValueError, match="give example="):
        levels(perceptron(), example=torch.zeros(3, 5))
    with pytest.raises(ValueError, match="1 token or more"):
        levels(perceptron(), tokens_per_step=0)


def test_levels_are_ordered_by_frequency_then_by_need():
    names = ["memory", "w", "m", "frozen", "attention", "a", "b", "?"]
    times = dict(zip(names, (1, 8, 8, math.inf, 0, 2, 2, None), strict=True))
    expected = [["attention"], ["memory"], ["a", "b"], ["m"], ["w"], ["frozen"]]
    needs = {"w": {"m", "frozen"}, "a": {"b"}, "b": {"a"}}  # a circle tells neither from the other
    for seed in range(5):
        mixed = random.Random(seed).sample(names, len(names))
        assert [sorted(one) for one in order_levels({n: times[n] for n in mixed}, needs)] == expected


def test_the_figure_has_a_box_a_level_an_arrow_a_transfer_and_a_clock_that_is_logarithmic():
    cms = SequentialCMS(8, periods=(1, 4, 16))
    model = nn.Sequential(AttentionLayer(8), nn.Linear(8, 8), cms)
    groups = [{"params": [*model[0].parameters(), model[1].bias], "name": "rest"}, *cms.groups()]
    model[1].weight.requires_grad_(False)
    found = levels(model, MultiClock(torch.optim.Adam(groups), [1, 1, 4, 16], average=False), tokens_per_step=8)
    figure = nl.figures.levels(found.trace(), title="What learns in here")
    [ax] = figure.axes
    boxes = {text.get_text().replace("\n", " "): text.get_position() for text in ax.texts if len(text.get_text()) > 1}
    assert list(boxes) == [level.name for level in found]
    assert [y for _, y in boxes.values()] == list(range(len(found)))  # inner ones on top
    at = {every: boxes[f"weights of period {every}"][0] for every in (1, 4, 16)}
    assert at[4] - at[1] == pytest.approx(at[16] - at[4])
    assert boxes[ATTENTION][0] < at[1] < at[16] < boxes["frozen weights"][0]
    ticks = dict(zip((label.get_text() for label in ax.get_xticklabels()), ax.get_xticks(), strict=True))
    assert ticks == pytest.approx({"every read": 0, "8": at[1], "32": at[4], "128": at[16], "never": 1})
    arrows = [patch for patch in ax.patches if type(patch).__name__ == "FancyArrowPatch"]
    assert len(arrows) == len(found.transfers)
    kinds = {text.get_text()[4:] for text in figure.legends[0].get_texts()}
    assert kinds == {t.kind for t in found.transfers}
    assert "weights of period 16: every 128 tokens" in figure.alt


def test_a_linear_layer_is_linear_attention_with_a_learned_start_and_write_rate_0(draw):
    """Nested Learning, section 3.2, eqs. 21 and 69, bit for bit."""
    layer, x = nn.Linear(6, 5, bias=False).to(draw(1)), draw(7, 6)
    rule, keys, values = nl.Hebb(lr=0.0), draw(7, 6, seed=1), draw(7, 5, seed=2)
    start = layer.weight.detach()
    recalled, end = nl.memory.scan(rule, keys, values, x, state=start, chunk=None)
    assert torch.equal(end, start)
    assert torch.equal(recalled, torch.stack([layer(token).detach() for token in x]))


def test_a_continuum_memory_of_one_level_that_is_never_written_is_the_mlp_block_of_a_transformer(draw):
    """Nested Learning, section 7, eq. 70 with k = 1, bit for bit, before and after training steps that are not due."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=True).to(draw(1))
    encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    cms, x = SequentialCMS.from_transformer(encoder, periods=(math.inf,)), draw(2, 5, 8)
    block = encoder.layers[0]
    mlp = SequentialCMS(8, periods=(math.inf,), hidden=16).to(draw(1))
    inner = mlp.network[0].mlp
    y, state = mlp(x, mlp.init(batch=2))
    assert torch.equal(y, x + inner[3](inner[2](inner[1](inner[0](x)))))
    assert torch.equal(cms(x, cms.init(batch=2))[0], encoder(x))
    copied = copy.deepcopy(block)
    copied.activation = torch.nn.functional.gelu
    copied.norm2, copied.linear1, copied.linear2 = inner[0], inner[1], inner[3]
    assert torch.equal(y, x + copied._ff_block(copied.norm2(x)))
    state = mlp.learn(y.square().mean((1, 2)), state)
    assert torch.equal(mlp(x, state)[0], y)
