"""A log of real writes, and the periods that are recovered from it."""

from __future__ import annotations

import copy
import math
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_levels import OPTIMIZERS, FastWeights, Unseen, perceptron
from torch import nn

import nlviz as nl
from nlviz import __main__ as command_line
from nlviz import experiments
from nlviz.experiments import bench_clocks
from nlviz.nested import (
    Hope,
    MemoryLayer,
    MultiClock,
    NestedCMS,
    SequentialCMS,
    order_levels,
    recover_period,
    recover_periods,
    watch,
)
from nlviz.trace import Trace


def train(model, optimizer, x, steps=16):
    for step in range(steps):
        y = model(x[step % len(x)])
        y = y[0] if isinstance(y, tuple) else y
        optimizer.zero_grad()
        y.square().mean().backward()
        optimizer.step()


def seen(trace):
    return {name: one.period for name, one in recover_periods(trace).items()}


def described(found):
    return {level.name: level.period for level in found if level.clock}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_periods_recovered_from_a_run_are_those_described_for_every_optimizer(name, draw):
    model = perceptron().to(draw(1))
    optimizer = OPTIMIZERS[name][0](model)
    with watch(model, optimizer, tokens_per_step=3) as log:
        train(model, optimizer, draw(4, 3, 4))
    trace = log.trace()
    assert seen(trace) == described(log.levels)
    assert set(seen(trace)) == {level.name for level in log.levels if level.size}
    assert trace.about["not seen"] == trace.about["never written"] == {}


def test_periods_recovered_from_a_transformer_are_those_described(draw):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).to(draw(1))
    optimizer = torch.optim.Adam(model.parameters())
    with watch(model, optimizer, tokens_per_step=5, example=draw(2, 5, 8)) as log:
        train(model, optimizer, draw(4, 2, 5, 8))
    assert seen(log.trace()) == {"exp_avg": 5, "exp_avg_sq": 5, "weights": 5}
    assert log.levels["attention"].period == 0
    assert "attention" not in seen(log.trace())  # it keeps nothing that could be written


@pytest.mark.parametrize("rule", [nl.Hebb(), nl.Delta(keep=0.99), nl.DGD(), nl.Titans(hidden=8), nl.Omega(), nl.Deep()])
def test_periods_recovered_from_a_memory_are_those_described(rule, draw):
    model = MemoryLayer(8, rule, chunk=4).to(draw(1))
    optimizer = torch.optim.Adam(model.parameters())
    with watch(model, optimizer, tokens_per_step=10) as log:
        train(model, optimizer, draw(4, 2, 10, 8), steps=6)
    trace = log.trace()
    assert seen(trace) == described(log.levels)
    assert seen(trace)["memory"] == 1
    assert trace["wrote in context"].shape == (len(log.levels), 10)
    assert not trace.select(level="weights")["wrote in context"].any()  # it is in the other log


def test_periods_recovered_from_a_continuum_memory_are_those_described(draw):
    cms = SequentialCMS(8, periods=(1, 4, 16)).to(draw(1))
    clock = MultiClock(torch.optim.Adam(cms.groups()), [1, 4, 16], average=False)
    with watch(cms, clock, tokens_per_step=2) as log:
        train(cms, clock, draw(4, 3, 8), steps=50)
    assert clock.writes == [50, 12, 3]
    trace = log.trace()
    assert seen(trace) == described(log.levels)
    assert seen(trace)["weights of period 16"] == 32
    assert [trace["wrote"][list(trace.along("level")).index(f"weights of period {p}")].sum() for p in (1, 4, 16)] == [
        50,
        12,
        3,
    ]


def test_periods_recovered_from_fast_weights_are_those_described(draw):
    cms = NestedCMS(8, periods=(1, 2, 4)).to(draw(1))
    with watch(cms, tokens_per_step=3) as log:
        state = cms.init()
        for x in draw(13, 3, 8):
            y, state = cms(x, state)
            state = cms.detach(cms.learn(y.square().mean(), state))
    found = seen(log.trace())
    assert found == {level.name: level.period for level in log.levels if level.kind == "fast weights"}
    assert found["fast weights, start of period 2"] == 12
    assert "learn" not in vars(cms)
    with watch(cms) as log:
        cms(draw(8))
    assert "not called" in log.trace().about["not seen"]["fast weights of period 1"]


def test_periods_recovered_from_hope_are_those_described(draw):
    hope = Hope(8, periods=(1, 4), chunk=8).to(draw(1))
    cms = set(hope.cms.parameters())
    rest = {"params": [p for p in hope.parameters() if p not in cms], "name": "rest"}
    clock = MultiClock(torch.optim.SGD([*hope.cms.groups(), rest], lr=1e-3), [1, 4, 1], average=False)
    with watch(hope, clock, tokens_per_step=32) as log:
        train(hope, clock, draw(2, 2, 32, 8), steps=13)
    order = [["main"], ["projections"], ["weights of period 1", "weights of rest"], ["weights of period 4"]]
    assert log.levels.order == order
    assert seen(log.trace()) == described(log.levels)
    assert seen(log.trace())["projections"] == 8
    with watch(hope, tokens_per_step=8) as log:
        state = hope.init(batch=2, learns=True)
        for x in draw(13, 2, 8, 8):
            y, state = hope(x, state)
            state = hope.detach(hope.learn(y.square().mean((1, 2)), state))
    found = seen(log.trace())
    assert (found["fast weights of period 1"], found["fast weights of period 4"], found["main"]) == (8, 32, 1)


def test_periods_recovered_from_models_never_seen_before_are_those_described(draw):
    model = FastWeights().to(draw(1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, tokens_per_step=11) as log:
        train(model, optimizer, draw(4, 2, 11, 4), steps=5)
    assert seen(log.trace()) == {"trace": 1, "store": 3, "weights": 11}

    model = Unseen()
    model.head.weight = nn.Parameter(model.head.weight.detach().clone())
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
    tokens = torch.zeros(1, 2, 6, dtype=torch.long)
    with watch(model, optimizer, example=tokens[0]) as log:
        train(model, optimizer, tokens, steps=5)
        model.cache += 1  # once, behind everybody's back
        train(model, optimizer, tokens, steps=5)
    found = recover_periods(log.trace())
    assert found["frozen weights"].period == found["weights without gradient"].period == math.inf
    assert found["weights"].period == found["exp_avg"].period == 1
    assert found["loose tensors"].why.startswith("only 1 write")


def test_what_is_unknown_is_measured_where_it_can_be(draw):
    class Late(torch.optim.Optimizer):
        """Writes its weights every third step only, and goes round PyTorch's count of writes."""

        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})
            self.steps = 0

        @torch.no_grad()
        def step(self):
            self.steps += 1
            for w in self.param_groups[0]["params"] if self.steps % 3 == 0 else ():
                w.data.add_(w.grad, alpha=-0.1)

    model = perceptron().to(draw(1))
    optimizer = Late(model.parameters())
    with watch(model, optimizer) as log:
        train(model, optimizer, draw(4, 3, 4), steps=12)
    assert log.levels["weights"].period is None
    assert seen(log.trace()) == {"weights": 3}
    assert "unknown" in log.levels.table(log.trace())
    assert "every 3 tokens" in log.levels.table(log.trace())


@pytest.mark.parametrize("kind", ["torch", "ours", "clock", "memory"])
def test_watching_changes_no_number(kind, draw):
    first = MemoryLayer(8, nl.Titans(hidden=8)) if kind == "memory" else nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3))
    first = first.to(draw(1))
    results = []
    for watched in (False, True):
        model = copy.deepcopy(first)
        torch.manual_seed(0)
        if kind == "ours":
            optimizer = nl.optim.Optimizer(model.parameters(), nl.optim.M3(period=3))
        else:
            optimizer = torch.optim.Adam(model.parameters())
        if kind == "clock":
            optimizer = MultiClock(optimizer, [3], average=False)
        if watched:
            with watch(model, optimizer, example=draw(2, 5, 8)):
                train(model, optimizer, draw(4, 2, 5, 8))
        else:
            train(model, optimizer, draw(4, 2, 5, 8))
        results.append((model.state_dict(), optimizer.state_dict()["state"] if kind != "clock" else {}, torch.rand(2)))
    flat = [torch.utils._pytree.tree_leaves(one) for one in results]
    assert len(flat[0]) == len(flat[1]) > 1
    for a, b in zip(*flat, strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_when_it_is_over_nothing_is_left_behind(draw):
    model = MemoryLayer(8).to(draw(1))
    clock = MultiClock(torch.optim.Adam(model.parameters()), [2], average=False)
    with watch(model, clock) as log:
        train(model, clock, draw(4, 2, 5, 8), steps=8)
    assert "step" not in vars(clock)
    assert not model._forward_hooks
    train(model, clock, draw(4, 2, 5, 8), steps=3)
    assert log.trace().sizes["step"] == 8
    with watch(model, clock) as log:  # a scheduler that comes while it watches stands before it, and stays
        schedule = torch.optim.lr_scheduler.StepLR(clock, 3)
    train(model, clock, draw(4, 2, 5, 8), steps=4)
    schedule.step()
    assert log.trace().sizes["step"] == 0


def test_a_frozen_group_a_resting_group_and_a_tied_parameter_are_seen_as_they_are(draw):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)).to(draw(1))
    model[3].weight = model[2].weight
    model[0].weight.requires_grad_(False)
    groups = [
        {"params": [model[0].weight, model[0].bias], "lr": 0.0, "name": "resting"},
        {"params": [*model[1].parameters(), model[2].weight, model[2].bias, model[3].bias], "name": "moving"},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    with watch(model, optimizer) as log:
        train(model, optimizer, draw(4, 3, 4))
    assert seen(log.trace()) == described(log.levels)
    assert seen(log.trace())["weights of resting"] == seen(log.trace())["frozen weights"] == math.inf


def test_a_parameter_that_gets_no_gradient_is_named(draw):
    model = nn.ModuleDict({"used": nn.Linear(4, 2), "spare": nn.Linear(4, 2)}).to(draw(1))
    optimizer = torch.optim.Adam(model.parameters())
    with watch(model, optimizer) as log:
        for x in draw(4, 3, 4):
            model["used"](x).sum().backward()
            optimizer.step()
    names = ["spare.weight", "spare.bias"]
    assert log.trace().about["never written"] == {"exp_avg": names, "exp_avg_sq": names, "weights": names}


def test_a_parameter_that_is_put_back_in_its_place_unchanged_was_never_written(draw):
    """On an accelerator the host does not wait for the numbers that tell; what was asked there counts the same."""

    class Hidden(torch.optim.Optimizer):
        """Goes round PyTorch's count of writes, so that numbers alone tell."""

        def __init__(self, params):
            super().__init__(params, {})

        @torch.no_grad()
        def step(self):
            for w in self.param_groups[0]["params"]:
                w.data = w - w.grad if w.grad is not None else w.clone()

    model = nn.ModuleDict({"used": nn.Linear(4, 2), "spare": nn.Linear(4, 2)}).to(draw(1))
    optimizer = Hidden(model.parameters())
    with watch(model, optimizer) as log:
        for x in draw(4, 3, 4):
            model["used"](x).sum().backward()
            optimizer.step()
    for _ in range(2):  # asking changes nothing
        trace = log.trace()
        assert trace["wrote"].sum() == 4
        assert trace.about["never written"] == {"weights": ["spare.weight", "spare.bias"]}


def test_a_call_under_autocast_is_gone_through_under_autocast(draw):
    model = MemoryLayer(8).to(draw(1).device)
    x = draw(2, 6, 8).float()
    with watch(model) as log, torch.autocast(x.device.type, dtype=torch.bfloat16):
        _, state = model(x)
        model(x, state)
    assert seen(log.trace()) == {"memory": 1}
    assert log.trace().about["not seen"] == {}

    dtypes = []

    class Notes(FastWeights):
        def forward(self, x, state=None):
            dtypes.append((x @ x.mT).dtype)
            return super().forward(x, state)

    model = Notes().to(draw(1).device)
    on, off = (torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=enabled) for enabled in (True, False))
    with on, watch(model), off:
        model(x[..., :4])
    with watch(model), on:
        model(x[..., :4])
    assert dtypes == [torch.float32] * 7 + [torch.bfloat16] * 7


def whole_then_error(layer, x):
    layer(x)
    raise RuntimeError("the user's own")


def test_an_error_in_the_block_comes_through_and_one_in_going_again_is_a_reason(draw):
    class Whole(FastWeights):
        """Takes 6 tokens and no fewer."""

        def forward(self, x, state=None):
            if x.shape[1] < 6:
                raise RuntimeError("6 tokens or none")
            return super().forward(x, state)

    model = nn.ModuleDict({"whole": Whole(), "memory": MemoryLayer(4)}).to(draw(1))
    log = watch(model)
    with pytest.raises(RuntimeError, match="the user's own"), log:
        whole_then_error(model["whole"], draw(2, 6, 4))
    assert "ends without an error" in log.trace().about["not seen"]["store"]
    with watch(model) as log:
        model["whole"](draw(2, 6, 4))
        model["memory"](draw(2, 6, 4))
    assert "6 tokens or none" in log.trace().about["not seen"]["store"]
    assert seen(log.trace())["memory"] == 1


def test_wrapped_models_are_seen_or_the_reason_is_given(draw):
    for wrap in (lambda m: torch.compile(m, backend="eager"), nn.DataParallel):
        model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)).to(draw(1))
        optimizer, wrapped = torch.optim.Adam(model.parameters()), wrap(model)
        with watch(wrapped, optimizer) as log:
            train(wrapped, optimizer, draw(4, 2, 8), steps=4)
        assert seen(log.trace()) == described(log.levels)
    model = MemoryLayer(8, nl.Hebb()).to(draw(1))
    with watch(nn.DataParallel(model)) as log:
        model(draw(2, 6, 8))
    assert seen(log.trace()) == {"memory": 1}
    with watch(torch.compile(model, backend="eager")) as log:
        model(draw(2, 6, 8))
    assert "torch.compile" in log.trace().about["not seen"]["memory"]
    with watch(model) as log:
        pass
    assert "no call" in log.trace().about["not seen"]["memory"]


def test_pytorchs_own_recurrent_layers_write_at_every_token(draw):
    for model, shape in ((nn.LSTM(8, 4), (6, 2, 8)), (nn.GRU(8, 4, batch_first=True), (2, 6, 8))):
        with watch(model.to(draw(1))) as log:
            model(draw(*shape))
        assert seen(log.trace()) == {"hidden state": 1}


def test_a_stored_log_says_everything_by_itself(tmp_path, draw):
    model = perceptron().to(draw(1))
    optimizer = torch.optim.Adam(model.parameters())
    with watch(model, optimizer) as log:
        train(model, optimizer, draw(4, 3, 4))
    trace = Trace.load(log.trace(seed=0).save(tmp_path / "log.npz"))
    assert seen(trace) == seen(log.trace())
    assert trace.about["seed"] == 0
    assert trace.about["context"]["weights"] == log.levels["weights"].context
    assert ["exp_avg", "weights", "direct, parametric"] in trace.about["transfers"]
    assert trace.select(level="weights")["wrote"].sum() == 16


def test_bench_clocks_measures_every_row_keeps_it_and_prints_its_table(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    monkeypatch.setenv("NLVIZ_PROJECT", str(tmp_path))
    tiny = {"turns": 2, "layers": 4, "width": 8, "tokens": 4, "batch": 2}
    small = replace(bench_clocks.EXPERIMENTS[0], make=lambda watch: nl.lab.step_overhead(bench_clocks.rows(), **tiny))
    monkeypatch.setattr(experiments, "EXPERIMENTS", [small])
    assert command_line.main(["bench", "clocks"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in bench_clocks.rows())
    kept = Trace.load(tmp_path / "data" / "results" / "bench_clocks.npz")
    assert (kept["cpu"] > 0).all()
    assert set(nl.lab.overheads(kept)) == {name for name, (base, _) in bench_clocks.rows().items() if base}


def test_in_the_bench_every_row_comes_right_after_every_other_one_and_no_order_is_kept():
    steps = []

    def noting(name):
        return lambda model: nullcontext(lambda: steps.append(name))

    rows = {name: ("", noting(name)) for name in "abcd"}
    for _ in range(2):
        nl.lab.step_overhead(rows, turns=58, layers=1, width=4, tokens=2, batch=1, seed=3)
    first, again = np.array(steps).reshape(2, 60, 4)
    assert first.tolist() == again.tolist()
    assert np.sort(first).tolist() == [list("abcd")] * 60
    pairs = Counter(zip(first[:, :-1].flatten(), first[:, 1:].flatten(), strict=True))
    assert len(pairs) == 12
    assert max(pairs.values()) < 30  # 15 on average


def test_the_kept_bench_says_that_clocks_and_logs_cost_at_most_a_tenth_of_a_step():
    kept = Trace.load(Path(nl.__file__).parent.parent / "data" / "results" / "bench_clocks.npz")
    assert kept.along("row") == list(bench_clocks.rows())
    assert kept.sizes["turn"] >= 400
    assert max(nl.lab.overheads(kept).values()) <= 0.1


@pytest.mark.parametrize("period", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("phase", [0, 1])
def test_a_regular_log_has_its_period_whatever_its_phase(period, phase):
    phase = min(phase, period - 1)
    wrote = (np.arange(1, 60) + phase) % period == 0
    assert recover_period(wrote, tick=4).period == 4 * period


def test_a_log_without_a_tick_has_no_period_and_says_why():
    assert recover_period([]) == nl.nested.Recovered(None, 0, math.inf, "no tick in the log")


def test_a_short_log_has_no_period():
    assert recover_period(np.zeros(9)).period == math.inf
    assert recover_period([0, 0, 1, 0, 0, 1, 0]).why.startswith("only 2 writes")
    assert recover_period([0, 1]).why.startswith("only 1 write:")
    late = np.r_[np.zeros(30), np.tile([0, 1], 5)]  # regular once it has begun; as a whole it is not
    assert recover_period(late).why.startswith("irregular")
    assert recover_period(np.r_[np.tile([0, 1], 5), np.zeros(30)]).why.startswith("irregular")


PERIODS = {"period 1": 1, "period 4": 4, "period 16": 16}


def raster(steps=480):
    return np.stack([np.arange(1, steps + 1) % period == 0 for period in PERIODS.values()])


def as_log(wrote):
    arrays = {"wrote": wrote.astype(np.uint8), "clock": np.array(["step"] * len(wrote))}
    axes = {"wrote": ("level", "step"), "clock": ("level",)}
    return Trace(arrays, axes, {"level": list(PERIODS)}, {"tokens_per_step": 1})


@pytest.mark.parametrize("seed", range(5))
def test_writes_handed_to_levels_at_random_give_equal_periods_and_no_order(seed):
    assert order_levels(seen(as_log(raster()))) == [[name] for name in PERIODS]
    draws = np.random.default_rng(seed)
    writes = np.argwhere(raster())[:, 1]
    shuffled = np.zeros_like(raster(), dtype=int)
    np.add.at(shuffled, (draws.integers(len(PERIODS), size=len(writes)), writes), 1)
    shuffled = shuffled > 0
    found = recover_periods(as_log(shuffled))
    rates = np.array([1 / one.mean for one in found.values()])
    spread = 3.5 * np.sqrt(2 * rates.mean() * (1 - rates.mean()) / shuffled.shape[1])
    assert np.ptp(rates) < spread  # as alike as chance makes them; before, 1 to 1/16
    assert np.ptp([1 / one.mean for one in recover_periods(as_log(raster())).values()]) > 5 * spread
    assert all(one.period is None and one.why.startswith("irregular") for one in found.values())
    assert order_levels({name: one.period for name, one in found.items()}) == []


@pytest.mark.parametrize("seed", range(5))
def test_jittered_times_are_irregular_and_get_no_period(seed):
    draws = np.random.default_rng(seed)
    for period in (4, 16):
        times = np.arange(period, 480, period) + draws.integers(-1, 2, size=len(range(period, 480, period)))
        wrote = np.zeros(482, bool)
        wrote[times] = True
        found = recover_period(wrote)
        assert found.period is None
        assert found.why.startswith("irregular")
        assert found.mean == pytest.approx(period, rel=0.05)
