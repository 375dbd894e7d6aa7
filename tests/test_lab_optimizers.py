"""What memories of gradients do and do not do, and that the numbers kept in data/results/ belong to the code."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz import __main__ as command_line
from nlviz import experiments, lab, memory, optim
from nlviz.experiments import optimizers
from nlviz.lab import kept, side_by_side
from nlviz.lab.stored import Experiment, store
from nlviz.lab.valleys import BY_STEP, _slope
from nlviz.measure import mean_interval

RESULTS = Path(nl.__file__).parent.parent / "data" / "results"
MINE = [experiment.name for experiment in experiments.EXPERIMENTS if "optim" in experiment.name]
RULES = [
    optim.SGD(lr=1.0),
    optim.Momentum(lr=1.0),
    optim.MomentumEMA(lr=1.0),
    optim.AdaGrad(lr=1.0),
    optim.Adam(lr=1.0),
    optim.DeltaMomentum(lr=1.0),
    optim.DeepMomentum(lr=1.0),
    optim.FeatureMomentum(lr=1.0),
    optim.Preconditioned(lr=1.0, every=3),
    optim.Muon(lr=1.0),
    optim.M3(lr=1.0, period=3),
    optimizers.LookAhead(lr=1.0),
]
each_rule = pytest.mark.parametrize("rule", RULES, ids=repr)


def only(families: Any, chosen: Any) -> Any:
    """Each method with the one setting that was chosen, found by its repr."""
    return {name: [s for s in settings if repr(s) == chosen[name]] for name, settings in families.items()}


@each_rule
def test_runs_side_by_side_step_as_each_would_alone(rule: optim.Rule, draw: Any, close: Callable[..., None]) -> None:
    w = draw(4, 3, 5)
    together, apart = side_by_side.begin(rule, w), [rule.init(one) for one in w]
    for t in range(8):
        grads = draw(4, 3, 5, seed=t) * torch.logspace(-1, 1, 4).to(w)[:, None, None]
        steps, together = side_by_side.advance(rule, grads, together, w)
        for i in range(4):
            step, apart[i], _ = rule.update(grads[i], apart[i], w[i])
            close(steps[i], step, 1e-9)


@each_rule
def test_a_step_is_lr_times_the_step_at_rate_one(rule: optim.Rule, draw: Any, close: Callable[..., None]) -> None:
    """Why all rates of a grid can be trained as one batch."""
    w, slow = draw(3, 5), replace(rule, lr=0.03)
    state, own = rule.init(w), slow.init(w)
    for t in range(8):
        one, state, _ = rule.update(draw(3, 5, seed=t), state, w)
        other, own, _ = slow.update(draw(3, 5, seed=t), own, w)
        close(other, 0.03 * one, 1e-12)
    assert side_by_side.by_rate([slow, rule]) == [(rule, [0, 1])]


def test_look_ahead_is_torchs_nesterov(draw: Any, close: Callable[..., None]) -> None:
    w = torch.nn.Parameter(draw(3, 4))
    rule, ours = optimizers.LookAhead(lr=0.1, momentum=0.8), w.detach().clone()
    theirs, state = torch.optim.SGD([w], lr=0.1, momentum=0.8, nesterov=True), rule.init(ours)
    for t in range(20):
        w.grad = draw(3, 4, seed=t)
        theirs.step()
        step, state, _ = rule.update(draw(3, 4, seed=t), state, ours)
        ours = ours + step
        close(ours, w.detach(), 1e-12)


def test_unequal_budgets_are_refused_by_name() -> None:
    families = {"SGD": [optim.SGD()], "Adam": [optim.Adam(), optim.Adam(0.1)]}
    for run in (lambda: lab.trainers(families, lab.scaled_regression()), lambda: lab.recurring_gradients(families)):
        with pytest.raises(ValueError, match="same number of settings, 1 or more; got SGD 1, Adam 2"):
            run()
    with pytest.raises(ValueError, match="same number of settings"):
        lab.self_made_targets([optim.SGD()], [optim.DGD(), optim.DGD(1.0)])


def test_a_setting_that_dies_on_one_tuning_seed_is_out_and_counted() -> None:
    assert side_by_side.best(torch.tensor([[0.1, torch.nan], [0.2, torch.inf], [5.0, 5.0], [4.0, 7.0]])) == 2
    families = {"SGD": [optim.SGD(lr) for lr in (0.5, 50.0)], "Momentum": [optim.Momentum(lr) for lr in (0.1, 50.0)]}
    trace = lab.trainers(families, lab.scaled_regression(), runs=2, tuning_runs=1, steps=60)
    assert np.isinf(trace["tuning"][:, 1]).all()
    assert np.isfinite(trace["tuning"][:, 0]).all()
    with pytest.raises(ValueError, match="every setting of this method diverged"):
        lab.trainers({"SGD": [optim.SGD(50.0)]}, lab.scaled_regression(), runs=2, tuning_runs=1, steps=60)
    with pytest.raises(ValueError, match="must divide all 50"):
        lab.trainers({"SGD": [optim.SGD(0.1)]}, lab.scaled_regression(), steps=50)


# What holds


def test_no_single_momentum_is_good_at_two_time_scales() -> None:
    rules = {b: optim.MomentumEMA(momentum=b) for b in (0.0, 0.5, 0.8, 0.9, 0.95)}
    cosine = lab.one_time_scale(rules, runs=3, noises=[1.0], seed=7000, steps=2400)["cosine"][0].mean(-1)
    assert cosine.argmax(0).tolist()[:3] == [0, 1, 2]  # 0 for 1 step, 0.5 for 8, 0.8 for 64
    assert cosine.argmax(0)[3] >= 3  # 0.9 or more for 400
    lost = cosine.max(0) - cosine
    assert lost.max(1).min() > 0.08  # whichever factor, somewhere it costs that much of a cosine


def test_a_matrix_memory_of_velocities_finds_recurring_directions_and_our_optimizer_rules_do_not() -> None:
    rules = {
        "EMA": [optim.MomentumEMA(momentum=0.72)],
        "DeltaMomentum": [optim.DeltaMomentum(momentum=0.8, erase=0.8)],
        "Preconditioned": [optim.Preconditioned(momentum=0.7, damping=1.0, every=50)],
        "DeepMomentum": [optim.DeepMomentum(momentum=0.5, keep=1.0, inner_lr=0.03, hidden=64)],
    }
    memories = {"Delta": [(0.5, memory.Delta(0.01))], "Deep": [(0.7, memory.Deep(0.1, hidden=16))]}
    trace = lab.recurring_gradients(rules, memories, noises=[2.0], runs=3, tuning_runs=1, steps=1000, seed=7000)
    better = {m: trace["cosine"][i, 0] - trace["cosine"][0, 0] for i, m in enumerate(trace.along("method"))}
    assert better["Delta"].min() > 0.15
    assert 0 < better["DeltaMomentum"].mean() < 0.04
    assert better["Preconditioned"].max() < -0.05  # whitening shrinks just what comes again and again
    assert better["DeepMomentum"].max() < 0
    assert abs(better["Deep"]).max() < 0.02  # an MLP that begins as the identity stays there


def test_dgd_on_the_dot_product_is_the_delta_rule_and_on_the_squared_error_stops_half_way() -> None:
    lr = 0.5
    settings = [optim.SGD(lr / (1 + lr))], [optim.DGD(lr)]
    trace = lab.self_made_targets(
        *settings,
        decays=[0.0],
        likeness=[0.0, 0.9],
        runs=3,
        tuning_runs=1,
        steps=1500,
    )
    error = dict(zip(trace.along("method"), trace["error"], strict=True))
    np.testing.assert_allclose(error["DGD, dot product"], error["GD, squared error"], atol=1e-10)
    assert error["DGD, dot product"].max() < 1e-3
    assert error["GD, dot product"].min() > 0.1
    np.testing.assert_allclose(trace.select(method="DGD, squared error")["share"], 0.5, atol=0.01)


def test_the_valleys_slope_is_the_gradient_of_its_loss(draw: Any, close: Callable[..., None]) -> None:
    w = draw(6, 2).requires_grad_()
    k, a, omega = draw(3, 6, seed=1).unbind()
    loss = lab.valley(w, k, a, omega)
    (grad,) = torch.autograd.grad(loss.sum(), w)
    ours, slope = _slope(w.detach(), k, a, omega)
    close(ours, loss.detach(), 1e-12)
    close(slope, grad, 1e-11)


def test_momentum_arrives_first_in_the_toy_valley() -> None:
    """At the setting of the public reproduction, its three figures: 670, 4,556 and 719 steps."""
    rules = {"Momentum": optim.Momentum, "DeltaMomentum": lambda lr, momentum: optim.DeltaMomentum(lr, momentum, 0.5)}
    trace = lab.toy_valley(rules, [10.0], [1.0], [2.0], rates=[0.004], momenta=[0.9])
    assert dict(zip(trace.along("method"), trace["steps"].ravel().tolist(), strict=True)) == {
        "Momentum": 670,
        "DeltaMomentum": 4556,
        BY_STEP: 719,
    }


@pytest.mark.parametrize(("centred", "low", "high"), [(False, -0.5, -0.1), (True, -0.1, 0.1)])
def test_delta_momentum_beats_momentum_while_all_images_share_a_direction(
    centred: bool, low: float, high: float
) -> None:
    problem = lab.digit_network(nl.tasks.digits(), centred=centred)
    chosen = kept(f"optim_trainers_{'centred' if centred else 'digits'}").about["chosen"]
    families = only(optimizers.trained(), chosen)
    pair = {name: families[name] for name in ("Momentum", "DeltaMomentum")}
    trace = lab.trainers(pair, problem, runs=6, tuning_runs=1, seed=7000, every=300)
    plain, delta = np.log10(trace["loss"][..., -1])
    assert low < (delta - plain).mean() < high


# What is kept in data/results/


@pytest.mark.parametrize("name", MINE)
def test_a_kept_trace_is_small_and_says_where_it_comes_from(name: str) -> None:
    path = RESULTS / f"{name}.npz"
    assert path.stat().st_size < 1_000_000
    about = kept(name).about
    assert about["command"] == f"python -m nlviz experiments {name}"
    assert {"seed", "versions", "date", "machine", "question"} <= set(about)
    assert {"python", "torch", "numpy"} <= set(about["versions"])


def test_kept_time_scales_come_from_this_code() -> None:
    stored = kept("optim_time_scales")
    again = lab.one_time_scale({0.8: optim.MomentumEMA(momentum=0.8)}, lasts=[64], noises=[2.0], runs=2)
    expected = stored.select(factor=0.8, lasts=64, noise=2.0)["cosine"][:2]
    np.testing.assert_allclose(again["cosine"].ravel(), expected, atol=1e-4)
    assert stored.sizes == {"noise": 3, "factor": 11, "lasts": 4, "run": 12}


def test_kept_recurring_gradients_come_from_this_code() -> None:
    stored = kept("optim_recurring")
    level = stored.along("noise").index(2.0)
    chosen = {name: settings[level] for name, settings in stored.about["chosen"].items()}
    rules, memories = (only(families, chosen) for families in optimizers.recalling())
    again = lab.recurring_gradients(rules, memories, noises=[2.0], runs=2, tuning_runs=1)
    np.testing.assert_allclose(again["cosine"][:, 0], stored.select(noise=2.0)["cosine"][:, :2], atol=2e-3)
    assert stored.sizes == {"method": 6, "noise": 3, "run": 12}


def test_kept_self_made_targets_come_from_this_code() -> None:
    stored = kept("optim_dgd")
    level = stored.along("likeness").index(0.99)
    descent, delta = (
        [rule for rule in rules if repr(rule) == stored.about["chosen"][method][level].split(", decay")[0]]
        for rules, method in zip(optimizers.descents(), ("GD, squared error", "DGD, dot product"), strict=True)
    )
    again = lab.self_made_targets(descent, delta, decays=[0.1], likeness=[0.99], runs=2, tuning_runs=1)
    for method in ("GD, squared error", "DGD, dot product"):
        expected = stored.select(method=method, likeness=0.99)["error"][:2]
        np.testing.assert_allclose(again.select(method=method, likeness=0.99)["error"], expected, rtol=1e-5)
    assert stored.sizes == {"method": 5, "likeness": 3, "run": 12}


def test_kept_valleys_come_from_this_code() -> None:
    stored = kept("optim_valley")
    again = lab.toy_valley({"Momentum": optim.Momentum}, [20.0], [1.0], [1.0, 3.0], rates=[0.002], momenta=[0.9])
    at = {"k": 20.0, "a": 1.0, "lr": 0.002, "momentum": 0.9}
    for method in ("Momentum", BY_STEP):
        expected = stored.select(method=method, **at)["steps"][[0, 2]]
        np.testing.assert_allclose(again.select(method=method, **at)["steps"], expected, atol=2)
    assert stored["steps"].size == 5 * 162


PROBLEMS: dict[str, Callable[[], lab.Problem]] = {
    "digits": lambda: lab.digit_network(nl.tasks.digits()),
    "centred": lambda: lab.digit_network(nl.tasks.digits(), centred=True),
    "scaled": lab.scaled_regression,
    "turned": lambda: lab.scaled_regression(rotated=True),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_kept_trainings_come_from_this_code(name: str) -> None:
    stored = kept(f"optim_trainers_{name}")
    families = only(optimizers.trained(), stored.about["chosen"])
    assert all(len(settings) == 1 for settings in families.values())
    again = lab.trainers(families, PROBLEMS[name](), runs=2, tuning_runs=1)
    np.testing.assert_allclose(again["loss"][..., :6], stored["loss"][:, :2, :6], rtol=0.02)
    assert stored.sizes == {"method": 8, "run": 12, "step": 16, "setting": 48}


@pytest.mark.parametrize("name", PROBLEMS)
def test_no_kept_training_was_tuned_at_the_edge_or_hides_a_dead_run(name: str) -> None:
    stored = kept(f"optim_trainers_{name}")
    chosen = only(optimizers.trained(), stored.about["chosen"])
    assert all(optimizers.RATES[0] < rule.lr < optimizers.RATES[-1] for (rule,) in chosen.values())
    assert not stored["diverged"].any()
    assert np.isinf(stored["tuning"]).any()  # the grid goes to where rules die


def test_every_rule_is_in_the_bench() -> None:
    stored = kept("bench_optim")
    assert {"Momentum", "Adam", "M3", "M3, a slow step", "Muon", "DGD", "Newton-Schulz alone"} <= set(
        stored.along("row")
    )
    assert stored.about["parameters"] == 40 * 512 * 512 + 80 * 512
    assert np.isfinite(stored["cpu"]).sum(1).min() >= 2
    lines = list(lab.cost_table(stored))
    assert "10,526,720 parameters" in lines[0]
    assert lines[2].startswith("torch's Adam (foreach)")
    assert " 1.00×" in lines[2]


def paired(name: str, method: str, baseline: str, loss: str = "loss") -> str:
    """The mean difference of two methods in log10 of their last loss and its 95 % interval, as it is printed."""
    stored = kept(f"optim_trainers_{name}")
    ours, theirs = (np.log10(stored.select(method=m)[loss].reshape(12, -1)[:, -1]) for m in (method, baseline))
    return "{:+.2f} ± {:.2f}".format(*mean_interval(ours - theirs)).replace("-", "−")


def missed(method: str, likeness: float) -> str:
    return "{:.3f} ± {:.3f}".format(*mean_interval(kept("optim_dgd").select(method=method, likeness=likeness)["error"]))


SAID = [
    (optim.DeltaMomentum, lambda: paired("digits", "DeltaMomentum", "Momentum")),
    (optim.DeltaMomentum, lambda: paired("centred", "DeltaMomentum", "Momentum")),
    (optim.DeltaMomentum, lambda: paired("turned", "DeltaMomentum", "Momentum")),
    (optim.DeltaMomentum, lambda: paired("turned", "Momentum, look ahead", "Momentum")),
    (optim.DeepMomentum, lambda: paired("digits", "DeepMomentum", "SGD")),
    (optim.DeepMomentum, lambda: paired("digits", "DeepMomentum", "Momentum")),
    (optim.DeepMomentum, lambda: paired("turned", "DeepMomentum", "SGD")),
    (optim.DeepMomentum, lambda: paired("turned", "DeepMomentum", "Momentum")),
    (optim.M3, lambda: paired("digits", "M3", "Muon")),
    (optim.M3, lambda: paired("centred", "M3", "Muon")),
    (optim.M3, lambda: paired("turned", "M3", "Muon")),
    (optim.Muon, lambda: paired("digits", "Muon", "Adam")),
    (optim.Muon, lambda: paired("digits", "Muon", "Adam", "loss apart")),
    (optim.Muon, lambda: paired("centred", "Muon", "Adam")),
    (optim.Muon, lambda: paired("turned", "Muon", "Adam")),
    (optim.Muon, lambda: paired("scaled", "Muon", "Adam")),
    (optim.DGD, lambda: missed("DGD, dot product", 0.99)),
    (optim.DGD, lambda: missed("GD, dot product", 0.99)),
    (optim.DGD, lambda: missed("GD, squared error", 0.99)),
    (optim.DGD, lambda: missed("DGD, squared error", 0.0)),
]


@pytest.mark.parametrize(("rule", "figure"), SAID)
def test_a_figure_in_a_docstring_is_the_one_that_is_kept(rule: type, figure: Callable[[], str]) -> None:
    assert figure() in " ".join((rule.__doc__ or "").split())


def test_in_the_kept_valleys_delta_momentum_never_arrives_first_once_each_is_tuned() -> None:
    steps = np.nan_to_num(kept("optim_valley")["steps"], nan=np.inf)
    plain, *delta, _ = steps.min((1, 2))  # over rates and momenta: (k, a, omega) of each method
    assert all((tuned >= plain).all() for tuned in delta)
    assert (steps[1:-1] < steps[0]).sum() == 1  # of 486 settings
    assert (steps[-1] < steps[0]).sum() < 81  # of 162


def test_a_step_is_timed_for_every_row(tmp_path: Path) -> None:
    rows = {
        "Adam": lambda model: torch.optim.Adam(model.parameters()),
        "DGD": lambda model: optim.Optimizer(model.parameters(), optim.DGD(), inputs=optim.inputs(model)),
    }
    threads = torch.get_num_threads()
    trace = lab.step_cost(rows, {"products": optim.newton_schulz}, blocks=2, width=8, turns=4, patience=0.0)
    assert torch.get_num_threads() == threads
    assert trace.along("row") == ["Adam", "DGD", "products"]
    assert trace.about["parameters"] == 2 * (8 * 8 + 2 * 8)
    for clock in ("cpu", "wall"):
        assert np.isfinite(trace[clock][:, :2]).all()
        assert np.isnan(trace[clock][:, 2:]).all()  # without patience: two turns


# Running and keeping


def answer(size: int = 1, **about: Any) -> Experiment:
    drawn = np.random.default_rng(0).standard_normal(size)
    made = nl.trace.Trace({"answer": drawn}, {"answer": ("n",)}, about=about)
    return Experiment("answer", "What is it?", lambda watch: (list(watch(range(3))), made)[1])


WHOLE = {"seed": 0, "versions": {"torch": "2"}, "date": "2026-01-01"}


def test_what_is_kept_is_not_run_again_unless_asked(tmp_path: Path) -> None:
    path = store(answer(**WHOLE), tmp_path / "new")
    os.utime(path, (1, 1))
    store(answer(**WHOLE), tmp_path / "new")
    assert path.stat().st_mtime == 1
    store(answer(**WHOLE), tmp_path / "new", again=True)
    assert path.stat().st_mtime > 1
    assert nl.trace.Trace.load(path).about["question"] == "What is it?"
    assert [p.name for p in path.parent.iterdir()] == ["answer.npz"]


def test_a_trace_without_a_seed_or_too_big_is_not_kept_and_harms_nothing(tmp_path: Path) -> None:
    path = store(answer(**WHOLE), tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="answer: about lacks seed"):
        store(answer(versions={}, date=""), tmp_path, again=True)
    with pytest.raises(ValueError, match="a stored Trace has less than 1,000,000; record less"):
        store(answer(200_000, **WHOLE), tmp_path, again=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_line_lists_runs_and_skips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    monkeypatch.setenv("NLVIZ_PROJECT", str(tmp_path))
    monkeypatch.setattr(experiments, "EXPERIMENTS", [answer(**WHOLE)])
    said = []
    for arguments in (["--list"], ["answer"], [], ["--list"]):
        assert command_line.main(["experiments", *arguments]) == 0
        said.append(" ".join(capsys.readouterr().out.split()))
    assert said[0] == "answer What is it?"
    assert "bytes in" in said[1]
    assert said[2] == "answer is kept; --again runs it again"
    assert said[3] == "answer kept What is it?"
    with pytest.raises(SystemExit):
        command_line.main(["experiments", "nothing"])
    assert "there is no experiment nothing; --list says which there are" in capsys.readouterr().err


def test_bench_optim_runs_anew_and_prints_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    monkeypatch.setenv("NLVIZ_PROJECT", str(tmp_path))
    rows = {"Adam": lambda model: torch.optim.Adam(model.parameters())}
    small = Experiment(
        "bench_optim", "?", lambda watch: lab.step_cost(rows, {}, blocks=1, width=4, turns=2), lab.cost_table
    )
    monkeypatch.setattr(experiments, "EXPERIMENTS", [small])
    for _ in range(2):
        assert command_line.main(["bench", "optim"]) == 0
        said = capsys.readouterr().out
        assert "bytes in" in said
        assert "24 parameters, one thread" in said


def test_every_experiment_has_a_name_of_its_own_and_asks_something() -> None:
    names = [experiment.name for experiment in experiments.EXPERIMENTS]
    assert len(set(names)) == len(names)
    assert all("?" in experiment.question for experiment in experiments.EXPERIMENTS)


def test_an_interrupt_keeps_nothing_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(watch: object) -> nl.Trace:
        raise KeyboardInterrupt("stopped after step 3")

    monkeypatch.setattr(experiments, "EXPERIMENTS", [Experiment("long", "?", stopped)])
    monkeypatch.setattr(experiments, "project", lambda: tmp_path)
    assert command_line.main(["experiments", "long"]) == 130
    assert "long is not kept: stopped after step 3" in capsys.readouterr().out
    assert not list(tmp_path.rglob("*.npz"))
