"""Any rule as a torch.optim.Optimizer: equal to torch's own, and at home in what is built around them."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import nlviz as nl
from nlviz import optim

Close = Callable[..., None]
Draw = Callable[..., torch.Tensor]
RULES = [
    optim.SGD(lr=0.05),
    optim.Momentum(lr=0.05),
    optim.MomentumEMA(lr=0.05),
    optim.Preconditioned(lr=0.01, every=3),
    optim.AdaGrad(lr=0.05),
    optim.Adam(lr=0.01),
    optim.AdamPrinted(),
    optim.DeltaMomentum(lr=0.05),
    optim.DeltaMomentumPrinted(lr=0.01),
    optim.DeepMomentum(lr=0.05),
    optim.FeatureMomentum(lr=0.01),
    optim.Muon(),
    optim.M3(period=4),
    optim.M3(period=4, second_moment=False),
    optim.M3Printed(period=4),
    optim.DGD(lr=0.05),
]
MATRIX_RULES = [optim.Muon(lr=0.02), optim.M3(lr=0.02), optim.Preconditioned(lr=0.02), optim.M3Printed(lr=0.02)]


def network(like: dict[str, Any]) -> nn.Module:
    """Five linear layers, three of one shape."""
    torch.manual_seed(0)
    layers = [nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 2)]
    return nn.Sequential(*layers).to(**like)


def backward(model: nn.Module, draw: Draw, seed: int) -> torch.Tensor:
    x = draw(8, 5, seed=seed)
    loss = (model(x) - x[:, :2].sin()).square().mean()
    loss.backward()
    return loss.detach()


def adapter(model: nn.Module, rule: optim.Rule, **more: Any) -> optim.Optimizer:
    inputs = optim.inputs(model) if isinstance(rule, optim.DGD) else None
    return optim.Optimizer(model.parameters(), rule, inputs=inputs, **more)


def parameters(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


TWINS = {
    "SGD": (optim.SGD, torch.optim.SGD, {}),
    "Momentum": (optim.Momentum, lambda p, **more: torch.optim.SGD(p, momentum=0.9, **more), {}),
    "AdaGrad": (optim.AdaGrad, torch.optim.Adagrad, {}),
    "Adam": (optim.Adam, torch.optim.Adam, {}),
}
SCHEDULERS: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "cosine": lambda opt: torch.optim.lr_scheduler.CosineAnnealingLR(opt, 100),
    "step": lambda opt: torch.optim.lr_scheduler.StepLR(opt, 30, gamma=0.3),
    "warm-up": lambda opt: torch.optim.lr_scheduler.LinearLR(opt, 0.01, total_iters=40),
}


@pytest.mark.parametrize("schedule", SCHEDULERS.values(), ids=SCHEDULERS.keys())
@pytest.mark.parametrize(("ours", "theirs", "more"), TWINS.values(), ids=TWINS.keys())
def test_our_rule_is_torchs_for_100_steps_with_decay_groups_and_a_scheduler(
    ours: Any, theirs: Any, more: dict[str, Any], schedule: Any, like: dict[str, Any], draw: Draw, close: Close
) -> None:
    models = [network(like), network(like)]
    groups = [
        [
            {"params": list(model[:4].parameters())},
            {"params": list(model[4:].parameters()), "lr": 0.003, "weight_decay": 0.1},
        ]
        for model in models
    ]
    opts = [optim.Optimizer(groups[0], ours(lr=0.02), weight_decay=0.01), theirs(groups[1], lr=0.02, weight_decay=0.01)]
    schedulers = [schedule(opt) for opt in opts]
    for i in range(100):
        for model, opt, scheduler in zip(models, opts, schedulers, strict=True):
            opt.zero_grad()
            backward(model, draw, i)
            opt.step()
            scheduler.step()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        close(one.detach(), other.detach(), 1e-12)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_state_saved_in_the_middle_continues_bit_for_bit(rule: optim.Rule, like: Any, draw: Draw) -> None:
    """Through a file that holds tensors and numbers only, into a fresh optimizer; the scheduler goes along."""

    def steps(model: nn.Module, opt: Any, scheduler: Any, numbers: range) -> None:
        for i in numbers:
            opt.zero_grad()
            backward(model, draw, i)
            opt.step()
            scheduler.step()

    model = network(like)
    opt = adapter(model, rule, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(opt, 4, gamma=0.5)
    steps(model, opt, scheduler, range(7))
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "opt": opt.state_dict(), "scheduler": scheduler.state_dict()}, file)
    steps(model, opt, scheduler, range(7, 14))

    file.seek(0)
    saved = torch.load(file, weights_only=True)
    again = network(like)
    again.load_state_dict(saved["model"])
    opt2 = adapter(again, rule, weight_decay=0.01)
    scheduler2 = torch.optim.lr_scheduler.StepLR(opt2, 4, gamma=0.5)
    opt2.load_state_dict(saved["opt"])
    scheduler2.load_state_dict(saved["scheduler"])
    steps(again, opt2, scheduler2, range(7, 14))
    assert all(torch.equal(a, b) for a, b in zip(parameters(model), parameters(again), strict=True))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_state_of_a_parameter_is_a_flat_dict_of_tensors_and_ints(rule: optim.Rule, like: Any, draw: Draw) -> None:
    model = network(like)
    opt = adapter(model, rule)
    backward(model, draw, 0)
    opt.step()
    for state in opt.state.values():
        assert all(isinstance(value, torch.Tensor | int) for value in state.values())


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_layers_of_one_shape_step_as_the_rule_says_for_each(
    rule: optim.Rule, like: Any, draw: Draw, close: Close
) -> None:
    """The adapter may stack them; the rule alone, parameter by parameter, is the judge."""
    model = network(like)
    opt = adapter(model, rule)
    states: dict[nn.Parameter, Any] = {}
    for i in range(6):
        opt.zero_grad()
        backward(model, draw, i)
        expected = []
        for p in model.parameters():
            own = opt.rule_of(p)
            states.setdefault(p, own.init(p.detach()))
            gram = (opt.inputs.gram(p),) if isinstance(own, optim.DGD) else ()
            step, states[p], _ = own.update(p.grad, states[p], p.detach(), *gram)
            expected.append(p.detach() + step)
        opt.step()
        for p, wanted in zip(model.parameters(), expected, strict=True):
            close(p.detach(), wanted, 1e-10)


@pytest.mark.parametrize("rule", [optim.Adam(lr=0.01), optim.M3(period=4)], ids=repr)
def test_a_parameter_that_misses_steps_keeps_its_own_age(rule: optim.Rule, like: Any, draw: Draw, close: Close) -> None:
    """Two of one shape, one without a gradient every third time: no longer stacked, each counts for itself."""
    ws = [nn.Parameter(draw(3, 4, seed=seed)) for seed in range(2)]
    opt = optim.Optimizer(ws, rule)
    alone = [w.detach().clone() for w in ws]
    states = [rule.init(w) for w in alone]
    for i in range(10):
        for j, w in enumerate(ws):
            w.grad = None if j and i % 3 == 0 else draw(3, 4, seed=10 * i + j)
            if w.grad is not None:
                step, states[j], _ = rule.update(w.grad, states[j], alone[j])
                alone[j] = alone[j] + step
        opt.step()
    for w, expected in zip(ws, alone, strict=True):
        close(w.detach(), expected, 1e-10)
    assert [opt.state[w]["age"] for w in ws] == [10, 6]


def test_a_state_of_another_rule_is_refused(like: dict[str, Any]) -> None:
    model = network(like)
    saved = adapter(model, optim.Momentum()).state_dict()
    with pytest.raises(ValueError, match="saved by Momentum, this optimizer runs MomentumEMA"):
        adapter(model, optim.MomentumEMA()).load_state_dict(saved)
    with pytest.raises(ValueError, match="saved by another optimizer"):
        adapter(model, optim.SGD()).load_state_dict(torch.optim.SGD(model.parameters()).state_dict())


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda opt: pickle.loads(pickle.dumps(opt))], ids=["copy", "pickle"])
def test_a_copy_keeps_its_rule(clone: Any, like: dict[str, Any], draw: Draw) -> None:
    model = network(like)
    opt = adapter(model, optim.Muon(lr=0.1))
    backward(model, draw, 0)
    opt.step()
    twin = clone(opt)
    assert twin.rule == opt.rule
    twin.step()


def test_a_closure_is_called_once_with_gradients_on(like: dict[str, Any], draw: Draw) -> None:
    model, calls = network(like), []
    opt = adapter(model, optim.Adam())

    def closure() -> torch.Tensor:
        opt.zero_grad()
        calls.append(torch.is_grad_enabled())
        return backward(model, draw, 0)

    before = parameters(model)
    first = opt.step(closure)
    assert calls == [True]
    assert float(opt.step(closure)) < float(first)
    assert not torch.equal(before[0], parameters(model)[0])


def test_a_group_may_set_any_field_and_a_scheduler_reaches_it(like: dict[str, Any], draw: Draw, close: Close) -> None:
    """OneCycleLR turns lr and momentum at once; both arrive in the rule."""
    model = network(like)
    groups = [{"params": list(model[:4].parameters())}, {"params": list(model[4:].parameters()), "momentum": 0.3}]
    opt = optim.Optimizer(groups, optim.Momentum(lr=0.1, momentum=0.9))
    assert opt.rule_of(model[6].weight) == optim.Momentum(lr=0.1, momentum=0.3)
    torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.5, total_steps=10)
    group = opt.param_groups[0]
    assert opt.rule_of(model[0].weight) == optim.Momentum(lr=group["lr"], momentum=group["momentum"])
    assert group["lr"] == pytest.approx(0.02)
    assert group["momentum"] == pytest.approx(0.95)


def test_a_clipped_gradient_is_the_one_that_is_used(like: dict[str, Any], draw: Draw, close: Close) -> None:
    model = network(like)
    opt = adapter(model, optim.SGD(lr=1.0))
    backward(model, draw, 0)
    before = parameters(model)
    nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
    opt.step()
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, parameters(model), strict=True)])
    close(moved.norm(), torch.full_like(moved.norm(), 1e-3), 1e-5)


@pytest.mark.parametrize("rule", [optim.Adam(lr=0.01), optim.M3(), optim.DGD()], ids=repr)
def test_a_grad_scaler_unscales_and_skips_what_is_infinite(
    rule: optim.Rule, like: dict[str, Any], draw: Draw, close: Close
) -> None:
    """Mixed precision as PyTorch documents it; on the CPU the scaler is the same, the autocast dtype is bfloat16."""
    kind = like["device"].type
    models = [network(like), network(like)]
    opts = [adapter(model, rule) for model in models]
    scaler = torch.amp.GradScaler(kind, init_scale=2.0**10)
    x = draw(8, 5)
    for i in range(4):
        for model, opt in zip(models, opts, strict=True):
            opt.zero_grad()
            loss = model(x).square().mean()
            if model is models[0]:
                scaler.scale(loss).backward()
                if i == 2:
                    model[0].weight.grad[0, 0] = float("inf")
                before = parameters(model)
                scaler.step(opt)
                scaler.update()
                skipped = all(torch.equal(a, b) for a, b in zip(before, parameters(model), strict=True))
                assert skipped == (i == 2)
            elif i != 2:
                loss.backward()
                opt.step()
    for one, other in zip(*map(parameters, models), strict=True):
        close(one, other, 1e-6)


@pytest.mark.parametrize("rule", [optim.Adam(lr=0.01), optim.M3(), optim.DGD()], ids=repr)
def test_under_autocast_weights_and_memories_keep_their_precision(rule: optim.Rule, like: Any, draw: Draw) -> None:
    model = network(like).float()
    opt = adapter(model, rule)
    with torch.autocast(like["device"].type, dtype=torch.bfloat16):
        loss = model(draw(8, 5).float()).square().mean()
    loss.backward()
    opt.step()
    tensors = [value for state in opt.state.values() for value in state.values() if isinstance(value, torch.Tensor)]
    assert all(t.dtype == torch.float32 for t in [*tensors, *model.parameters()])


@pytest.mark.parametrize("rule", MATRIX_RULES, ids=repr)
def test_where_a_rule_needs_matrices_the_rest_goes_to_adam(
    rule: optim.Rule, like: dict[str, Any], draw: Draw, close: Close
) -> None:
    """Vectors, scalars and convolutions; Adam's lr follows the scheduler in proportion."""
    shapes = {"matrix": (3, 4), "vector": (4,), "scalar": (), "convolution": (2, 3, 3, 3)}
    ws = {name: nn.Parameter(draw(54, seed=1)[: math.prod(shape)].reshape(shape)) for name, shape in shapes.items()}
    twins = {name: nn.Parameter(w.detach().clone()) for name, w in ws.items() if name != "matrix"}
    opt = optim.Optimizer(ws.values(), rule, others=optim.Adam(lr=0.01))
    adam = torch.optim.Adam(twins.values(), lr=0.01)
    schedulers = [torch.optim.lr_scheduler.StepLR(one, 3, gamma=0.2) for one in (opt, adam)]
    for i in range(8):
        for name, w in ws.items():
            w.grad = draw(54, seed=10 + i)[: w.numel()].reshape(w.shape)
            if name in twins:
                twins[name].grad = w.grad.clone()
        for one in (opt, adam):
            one.step()
        for scheduler in schedulers:
            scheduler.step()
    for name, twin in twins.items():
        close(ws[name].detach(), twin.detach())
    assert type(opt.rule_of(ws["matrix"])) is type(rule)
    assert isinstance(opt.rule_of(ws["convolution"]), optim.Adam)
    assert opt.rule_of(ws["convolution"]).lr == pytest.approx(0.01 * 0.2**2)


def test_a_rule_that_starts_at_rate_zero_says_what_follows_it(like: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="start with lr above 0"):
        optim.Optimizer(network(like).parameters(), optim.Muon(lr=0.0))


@pytest.mark.parametrize("rule", RULES[:-1], ids=repr)
def test_scalars_empty_frozen_and_unused_parameters_do_no_harm(rule: optim.Rule, like: Any, draw: Draw) -> None:
    shapes = ((), (0,), (0, 3), (3, 4), (1, 1), (2,))
    ws = [nn.Parameter(draw(12)[: math.prod(shape)].reshape(shape)) for shape in shapes]
    frozen, unused = nn.Parameter(draw(3, 4), requires_grad=False), nn.Parameter(draw(3, 4))
    opt = optim.Optimizer([*ws, frozen, unused], rule)
    before = [w.detach().clone() for w in (*ws, frozen, unused)]
    for _ in range(3):
        opt.zero_grad()
        sum(w.square().sum() for w in ws).backward()
        opt.step()
    moved = [not torch.equal(a, b.detach()) for a, b in zip(before, (*ws, frozen, unused), strict=True)]
    assert moved == [True, False, False, True, True, True, False, False]
    assert all(torch.isfinite(w).all() for w in ws)


def test_sparse_gradients_are_refused_before_anything_moves(like: dict[str, Any], draw: Draw) -> None:
    table, w = nn.Embedding(5, 3, sparse=True).to(**like), nn.Parameter(draw(3))
    opt = optim.Optimizer([w, table.weight], optim.Adam())
    (table(torch.tensor([1, 2], device=like["device"])) @ w).sum().backward()
    before = w.detach().clone()
    with pytest.raises(
        RuntimeError, match=r"sparse, and a rule remembers a real number for every entry; .*sparse=False"
    ):
        opt.step()
    assert torch.equal(before, w.detach())


def test_complex_gradients_are_refused_with_a_sentence() -> None:
    w = nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    opt = optim.Optimizer([w], optim.SGD())
    w.abs().sum().backward()
    with pytest.raises(RuntimeError, match="is complex"):
        opt.step()


def test_a_parameter_of_no_group_and_a_negative_decay_are_named(draw: Draw) -> None:
    opt = optim.Optimizer([nn.Parameter(draw(2))], optim.SGD())
    with pytest.raises(ValueError, match="in no group"):
        opt.rule_of(draw(2))
    with pytest.raises(ValueError, match="weight_decay must be 0 or more"):
        optim.Optimizer([nn.Parameter(draw(2))], optim.SGD(), weight_decay=-0.1)


def test_a_group_added_later_gets_the_rules_fields(like: dict[str, Any], draw: Draw) -> None:
    model = network(like)
    opt = optim.Optimizer(model[:4].parameters(), optim.Adam(lr=0.01))
    opt.add_param_group({"params": list(model[4:].parameters()), "lr": 0.5})
    backward(model, draw, 0)
    opt.step()
    assert opt.rule_of(model[6].weight) == optim.Adam(lr=0.5)
    assert {"rule", "lr", "momentum", "square_keep", "eps", "weight_decay"} < set(opt.param_groups[1])


TRAINED = [
    optim.SGD(lr=0.3),
    optim.Momentum(lr=0.05),
    optim.MomentumEMA(lr=0.3),
    optim.Preconditioned(lr=0.05),
    optim.AdaGrad(lr=0.05),
    optim.Adam(lr=0.01),
    optim.DeltaMomentum(lr=0.05),
    optim.DeepMomentum(lr=0.3),
    optim.FeatureMomentum(),
    optim.Muon(),
    optim.M3(),
]


@pytest.mark.parametrize("rule", TRAINED, ids=repr)
def test_a_network_learns_to_read_digits(rule: optim.Rule, like: dict[str, Any]) -> None:
    """100 steps on real digits; nine in ten right on images kept apart."""
    data = nl.tasks.digits(seed=0, dtype=like["dtype"])
    x, y, x_test, y_test = (t.to(like["device"]) for t in (data.x, data.y, data.x_test, data.y_test))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).to(**like)
    opt = adapter(model, rule)
    for i in range(100):
        at = slice(100 * (i % 14), 100 * (i % 14) + 100)
        opt.zero_grad()
        nn.functional.cross_entropy(model(x[at]), y[at]).backward()
        opt.step()
    assert (model(x_test).argmax(1) == y_test).double().mean() > 0.9
