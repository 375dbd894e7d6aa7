"""What holds for every rule: downhill at first, home in the end, pure, finite, and each memory at its own period."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nlviz as nl
from nlviz import optim

Draw = Callable[..., torch.Tensor]
RULES = [
    optim.SGD(),
    optim.Momentum(),
    optim.MomentumEMA(),
    optim.Preconditioned(),
    optim.AdaGrad(),
    optim.Adam(),
    optim.DeltaMomentum(),
    optim.DeepMomentum(),
    optim.FeatureMomentum(),
    optim.Muon(),
    optim.Muon(coefficients=optim.CUBIC, steps=10),
    optim.M3(),
    optim.M3(second_moment=False),
]
DGDS = [optim.DGD(), optim.DGD(exact=False)]
PRINTED = [optim.AdamPrinted(), optim.DeltaMomentumPrinted(), optim.M3Printed()]
each = pytest.mark.parametrize("rule", RULES, ids=repr)


def one(rule: optim.Rule, grad: torch.Tensor, state: Any, w: torch.Tensor, gram: torch.Tensor | None = None) -> Any:
    return rule.update(grad, state, w, gram) if isinstance(rule, optim.DGD) else rule.update(grad, state, w)


entries = st.one_of(
    st.just(0.0), st.builds(lambda sign, power: sign * 10.0**power, st.sampled_from([-1, 1]), st.floats(-3, 3))
)
matrices = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(entries, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


@each
@settings(max_examples=60, deadline=None)
@given(drawn=matrices.filter(lambda rows: any(any(row) for row in rows)))
def test_the_first_step_goes_downhill(rule: optim.Rule, like: dict[str, Any], drawn: list[list[float]]) -> None:
    """⟨step, gradient⟩ < 0 from a fresh state. DGD and M3 by the bare root have their counter-examples elsewhere."""
    grad = torch.tensor(drawn, **like)
    step, _, _ = rule.update(grad, rule.init(grad), torch.zeros_like(grad))
    assert (step * grad).sum() < 0


def bowl(like: dict[str, Any]) -> tuple[Callable[[torch.Tensor], torch.Tensor], torch.Tensor, torch.Tensor]:
    """A linear layer on inputs whose features differ tenfold in size, so its loss a hundredfold in curvature."""
    seeded = torch.Generator().manual_seed(0)
    x = torch.randn(64, 16, generator=seeded, dtype=torch.float64) * torch.logspace(0, -1, 16, dtype=torch.float64)
    best = torch.randn(8, 16, generator=seeded, dtype=torch.float64)
    start = best + 10 * torch.randn(8, 16, generator=seeded, dtype=torch.float64)
    x, best, start = x.to(**like), best.to(**like), start.to(**like)
    return lambda w: 0.5 * (x @ (w - best).mT).square().sum(1).mean(), start, x.mT @ x / len(x)


def digits(like: dict[str, Any]) -> tuple[Callable[[torch.Tensor], torch.Tensor], torch.Tensor, torch.Tensor]:
    """Softmax regression on 200 real digits."""
    data = nl.tasks.digits(seed=0, dtype=torch.float64)
    x, y = data.x[:200].to(**like), data.y[:200].to(like["device"])
    start = 10 * torch.randn(10, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return lambda w: torch.nn.functional.cross_entropy(x @ w.mT, y), start.to(**like), x.mT @ x / len(x)


RATES = (0.12, 0.35, 1.0)


@pytest.mark.parametrize("task", [bowl, digits])
@pytest.mark.parametrize("rule", [*RULES, *DGDS], ids=repr)
def test_200_steps_end_below_a_tenth_of_the_first_loss(rule: optim.Rule, task: Any, like: dict[str, Any]) -> None:
    """From one far start, at a rate of one grid for all."""
    loss, start, gram = task(like)
    ends = []
    for lr in RATES:
        tuned, w = replace(rule, lr=lr), start
        state = tuned.init(w)
        for _ in range(200):
            at = w.clone().requires_grad_()
            (grad,) = torch.autograd.grad(loss(at), at)
            if not torch.isfinite(grad).all():
                break
            step, state, _ = one(tuned, grad, state, w, gram)
            w = w + step
        ends.append(float(loss(w) / loss(start)))
    assert min(end for end in ends if end == end) < 0.1


@pytest.mark.parametrize("rule", [*RULES, *DGDS], ids=repr)
def test_4000_steps_of_noise_leave_nothing_infinite(rule: optim.Rule, like: dict[str, Any]) -> None:
    seeded = torch.Generator().manual_seed(0)
    noise = torch.randn(4000, 3, 4, generator=seeded, dtype=torch.float64)
    noise *= 10 ** torch.randn(4000, 1, 1, generator=seeded, dtype=torch.float64)  # and of very different sizes
    noise = noise.to(**like)
    w, gram = torch.zeros(3, 4, **like), torch.eye(4, **like)
    state = rule.init(w)
    for grad in noise:
        step, state, _ = one(rule, grad, state, w, gram)
        w = w + step
    assert torch.isfinite(w).all()
    assert all(torch.isfinite(value).all() for value in state.values() if isinstance(value, torch.Tensor))


@pytest.mark.parametrize("rule", [*RULES, *DGDS, *PRINTED], ids=repr)
def test_a_rule_changes_nothing_it_is_given_and_repeats_itself(rule: optim.Rule, draw: Draw) -> None:
    w, grad, gram = draw(3, 4), draw(3, 4, seed=1), torch.eye(4).to(draw(1))
    _, state, _ = one(rule, draw(3, 4, seed=2), rule.init(w), w, gram)
    before = copy.deepcopy((w, grad, state))
    first, second = one(rule, grad, state, w, gram), one(rule, grad, state, w, gram)
    torch.testing.assert_close((w, grad, state), before, rtol=0, atol=0)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("rule", [*RULES, *DGDS, *PRINTED], ids=repr)
def test_a_zero_gradient_from_a_fresh_state_moves_nothing_but_by_decay(rule: optim.Rule, draw: Draw) -> None:
    w = torch.zeros_like(draw(3, 4))
    step, state, _ = one(rule, torch.zeros_like(w), rule.init(w), w, torch.eye(4).to(w))
    assert not step.any()
    assert all(torch.isfinite(value).all() for value in state.values() if isinstance(value, torch.Tensor))


@pytest.mark.parametrize("rule", [*RULES, *PRINTED, optim.M3(period=3), optim.Preconditioned(every=4)], ids=repr)
def test_each_memory_is_written_at_its_own_period(rule: optim.Rule, draw: Draw) -> None:
    """`periods` tells the truth: a tensor of the state changes once in a period, at the same beat, and never else."""
    w = draw(3, 4)
    state = rule.init(w)
    changed: dict[str, list[int]] = {name: [] for name in rule.periods if name in state}
    for i in range(1, 65):
        _, after, _ = rule.update(draw(3, 4, seed=i), state, w)
        for name, steps in changed.items():
            if not torch.equal(after[name], state[name]):
                steps.append(i)
        state = after
    for name, steps in changed.items():
        late = steps[2:] if isinstance(rule, optim.DeepMomentum) else steps  # its network has nothing to learn at first
        assert len(late) >= 3, name
        assert late == list(range(late[0], 65, rule.periods[name])), name
    assert all(period == 0 for name, period in rule.periods.items() if name not in state)


@pytest.mark.parametrize("rule", [*RULES, *DGDS], ids=repr)
def test_a_step_can_be_differentiated(rule: optim.Rule) -> None:
    """Optimizers are functions: one may learn through them. Checked by finite differences, in float64."""
    seeded = torch.Generator().manual_seed(0)
    w, held = (torch.randn(2, 3, generator=seeded, dtype=torch.float64) for _ in range(2))
    _, state, _ = one(rule, held, rule.init(w), w, torch.eye(3, dtype=torch.float64))
    grad = torch.randn(2, 3, generator=seeded, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda g: one(rule, g, state, w, torch.eye(3, dtype=torch.float64))[0], grad, eps=1e-7, atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("rule", [rule for rule in [*RULES, *PRINTED] if rule.stacks], ids=repr)
def test_stacked_tensors_step_as_they_would_alone(rule: optim.Rule, draw: Draw, close: Callable[..., None]) -> None:
    w = draw(5, 3, 4)
    together, apart = rule.init(w), [rule.init(one) for one in w]
    for i in range(25):
        grads = draw(5, 3, 4, seed=i) * torch.logspace(-2, 2, 5).to(w)[:, None, None]
        steps, together, _ = rule.update(grads, together, w)
        for j in range(5):
            step, apart[j], _ = rule.update(grads[j], apart[j], w[j])
            close(steps[j], step, 1e-9)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: optim.SGD(lr=-1), "SGD: lr must be 0 or more; got -1"),
        (lambda: optim.Momentum(momentum=1.0), "momentum must be from 0 to below 1; got 1.0"),
        (lambda: optim.Adam(lr=float("nan")), "Adam: lr must be 0 or more; got nan"),
        (lambda: optim.M3(period=0), "period must be 1 or more; got 0"),
        (lambda: optim.DeepMomentum(hidden=0), "hidden must be 1 or more"),
    ],
)
def test_a_field_out_of_range_is_named(wrong: Callable[[], optim.Rule], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wrong()


@pytest.mark.parametrize("size", [2, 4])
def test_a_diverged_preconditioner_is_nan_as_other_rules_are(size: int, like: dict[str, Any]) -> None:
    broken = torch.full((size, size), torch.nan, **like)
    for rule in (optim.Preconditioned(), optim.Momentum(), optim.Muon()):
        assert rule.update(broken, rule.init(broken), broken)[0].isnan().all()


def test_a_rule_without_update_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="give it update"):
        optim.Rule(lr=1.0).update(torch.zeros(1), {}, torch.zeros(1))
