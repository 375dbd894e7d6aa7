"""scan, loop and chunks: judged by a token loop that knows nothing of the package, gradients included."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize, silu
from torch.utils._python_dispatch import TorchDispatchMode

from nlviz.memory import DGD, Attention, Deep, Delta, Hebb, Omega, Titans, scan

EXACT = [Hebb(), Hebb(lr=0.7, keep=0.9), Delta(lr=0.8), Delta(lr=0.6, keep=0.95), DGD(lr=0.3, keep=0.9)]
EXACT += [
    DGD(lr=2.0, implicit=True),
    DGD(lr=0.4, keep=0.9, dot_product=True),
    Attention(),
    Attention(window=5, scale=2.0),
]
FROZEN = [Deep(lr=0.1), Deep(lr=0.1, hidden=6), Titans(lr=0.1, keep=0.95, momentum=0.6), Titans(lr=0.05, hidden=6)]
FROZEN += [Omega(lr=0.05, keep=0.98, window=3, fade=0.7), Omega(lr=0.02, window=4, hidden=6)]
RATES = {"lr": (0.05, 0.3), "keep": (0.85, 0.15), "momentum": (0.2, 0.5)}  # per step: from, and how much more at most
Rates = Mapping[str, Tensor]


def network(weights: list[Tensor], x: Tensor) -> Tensor:
    """The memory networks, written once more: x is (..., d), the weights lead with the same batch."""
    if len(weights) == 1:
        return torch.einsum("...vk,...k->...v", weights[0], x)
    inner = torch.einsum("...hk,...k->...h", weights[0], x)
    return x + math.sqrt(2 / inner.shape[-1]) * torch.einsum("...vh,...h->...v", weights[1], silu(inner))


def descent(weights: list[Tensor], keys: list[Tensor], values: list[Tensor], counts: list[float]) -> list[Tensor]:
    """Minus the gradient of Σ counts ½ ‖M(k) − v‖², by autograd, differentiable itself."""
    loss = torch.zeros((), dtype=keys[0].dtype, device=keys[0].device)
    for count, key, value in zip(counts, keys, values, strict=True):
        loss = loss + count * 0.5 * (network(weights, key) - value).square().sum()
    return [-g for g in torch.autograd.grad(loss, weights, create_graph=True)]


def judge(
    rule: Any, state: Any, keys: Tensor, values: Tensor, queries: Tensor, rates: Rates, chunk: int
) -> tuple[Tensor, Tensor, Tensor]:
    """One token after the other: what is recalled before each write, after it, and the final memory in one row."""
    before, after, T = [], [], keys.shape[-2]
    size = keys.shape[-1]
    eye = torch.eye(size, dtype=keys.dtype, device=keys.device)
    now: Any = state if isinstance(state, Tensor) else None
    if isinstance(rule, Deep | Titans | Omega):
        now = list(state["memory"])
        speed = [torch.zeros_like(W) for W in now]
    start = now
    for t in range(T):
        k, v, q = keys[..., t, :], values[..., t, :], queries[..., t, :]
        lr, keep, momentum = (rates[n][..., t, None, None] if n in rates else None for n in ("lr", "keep", "momentum"))
        kk, vk = k[..., :, None] * k[..., None, :], v[..., :, None] * k[..., None, :]

        def look(at: Any, last: int, q: Tensor = q) -> Tensor:
            if isinstance(rule, Attention):
                first = max(0, last - rule.window) if rule.window else 0
                if first == last:
                    return torch.zeros_like(values[..., 0, :])
                scale = rule.scale if rule.scale is not None else 1 / math.sqrt(size)
                weight = (scale * torch.einsum("...tk,...k->...t", keys[..., first:last, :], q)).exp()
                total = torch.einsum("...t,...tv->...v", weight, values[..., first:last, :])
                return total / weight.sum(-1, keepdim=True)
            return network([at] if isinstance(at, Tensor) else at, q)

        before.append(look(now, t))
        if isinstance(rule, Hebb):
            now = keep * now + lr * vk
        elif isinstance(rule, Delta):
            now = keep * now @ (eye - lr * kk) + lr * vk
        elif isinstance(rule, DGD):
            step = lr / (1 + lr * k.square().sum(-1)[..., None, None]) if rule.implicit else lr
            target = v if rule.dot_product else v - network([now], k)
            now = now @ (keep * eye - step * kk) + step * target[..., :, None] * k[..., None, :]
        elif isinstance(rule, Deep | Titans | Omega):
            if t % chunk == 0:
                start = now
            back = range(max(0, t - rule.window + 1), t + 1) if isinstance(rule, Omega) else [t]
            counts = [rule.fade ** (t - i) if isinstance(rule, Omega) else 1.0 for i in back]
            G = descent(start, [keys[..., i, :] for i in back], [values[..., i, :] for i in back], counts)
            if isinstance(rule, Titans):
                speed = [momentum * S + lr * g for S, g in zip(speed, G, strict=True)]
                now = [keep * W + S for W, S in zip(now, speed, strict=True)]
            else:
                now = [(W if keep is None else keep * W) + lr * g for W, g in zip(now, G, strict=True)]
        after.append(look(now, t + 1))
    if now is None:
        now = keys[..., -1, :], values[..., -1, :]
    return torch.stack(before, -2), torch.stack(after, -2), flat(now)


def flat(memory: Any) -> Tensor:
    """A memory, whatever it is made of, as one row of numbers."""
    if isinstance(memory, dict):
        memory = memory["memory"] if "memory" in memory else (memory["keys"][..., -1, :], memory["values"][..., -1, :])
    parts = [memory] if isinstance(memory, Tensor) else list(memory)
    return torch.cat([part.flatten() for part in parts])


def problem(
    draw: Callable[..., Tensor], rule: Any, batch: tuple[int, ...], T: int, d: int, per_step: bool, seed: int = 0
) -> tuple[list[Tensor], dict[str, Tensor], Any]:
    """Unit keys and queries, values, the rule's rates step by step, and a state to start from; all require grad."""
    keys, values, queries = (draw(*batch, T, d, seed=seed + i) for i in range(3))
    rates = {}
    for i, (name, (least, more)) in enumerate(RATES.items()):
        if hasattr(rule, name):
            own = torch.full_like(keys[..., 0], getattr(rule, name))
            rates[name] = least + more * draw(*batch, T, seed=seed + 5 + i).sigmoid() if per_step else own
    start = rule.init(d, d, batch=batch, seed=seed, dtype=keys.dtype, device=keys.device)
    if isinstance(start, Tensor):
        start = 0.3 * draw(*start.shape, seed=seed + 9)
    elif "memory" in start:
        start = rule.begin(tuple(0.3 * draw(*W.shape, seed=seed + 9 + i) for i, W in enumerate(start["memory"])))
    tensors = [normalize(keys, dim=-1), values, normalize(queries, dim=-1)]
    leaves = [start] if isinstance(start, Tensor) else list(start.get("memory", ()))
    for leaf in [*tensors, *rates.values(), *leaves]:
        leaf.requires_grad_()
    return tensors, rates, start


def leaves_of(tensors: list[Tensor], rates: Rates, start: Any, per_step: bool) -> list[Tensor]:
    weights = [start] if isinstance(start, Tensor) else list(start.get("memory", ()))
    return [*tensors, *(rates.values() if per_step else ()), *weights]


def worth(parts: Sequence[Tensor], draw: Callable[..., Tensor]) -> Tensor:
    """Some number that everything counts in."""
    return sum((part * draw(*part.shape, seed=77 + i)).sum() for i, part in enumerate(parts))


def compare(
    rule: Any, draw: Any, close: Any, batch: tuple[int, ...], T: int, d: int, chunks: list[int | None], per_step: bool
) -> None:
    """scan against the judge: what is recalled before and after each write, the final memory, every gradient."""
    tensors, rates, start = problem(draw, rule, batch, T, d, per_step)
    leaves = leaves_of(tensors, rates, start, per_step)
    now = rates if per_step else {}

    def gradient(parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return torch.autograd.grad(worth(parts, draw), leaves, allow_unused=True, materialize_grads=True)

    verdicts: dict[int, Any] = {}
    for chunk in chunks:
        key = chunk or 1 if rule in FROZEN else 0  # the exact rules know no chunk
        if key not in verdicts:
            parts = judge(rule, start, *tensors, rates, key)
            verdicts[key] = [*(part.detach() for part in parts), *gradient(parts)]
        before, _ = scan(rule, *tensors, state=start, chunk=chunk, read_first=True, **now)
        after, state = scan(rule, *tensors, state=start, chunk=chunk, **now)
        found = before, after, flat(state)
        for actual, expected in zip([*found, *gradient(found)], verdicts[key], strict=True):
            close(actual, expected, 1e-11)


@pytest.mark.parametrize("per_step", [False, True], ids=["numbers", "per step"])
@pytest.mark.parametrize("T", [1, 5, 37, 64], ids="T{}".format)
@pytest.mark.parametrize("rule", EXACT, ids=repr)
def test_any_chunk_equals_the_loop(rule: Any, T: int, per_step: bool, draw: Any, close: Any) -> None:
    compare(rule, draw, close, (2,), T, 4, [None, 1, 3, 16, T], per_step)


@pytest.mark.parametrize("per_step", [False, True], ids=["numbers", "per step"])
@pytest.mark.parametrize("T", [1, 5, 37, 64], ids="T{}".format)
@pytest.mark.parametrize("rule", FROZEN, ids=repr)
def test_a_chunk_takes_its_gradients_at_its_start(rule: Any, T: int, per_step: bool, draw: Any, close: Any) -> None:
    compare(rule, draw, close, (2,), T, 4, [None, 1, 3, 16, T], per_step)


@given(
    rule=st.sampled_from(EXACT + FROZEN),
    batch=st.sampled_from([(), (1,), (3,), (2, 2)]),
    T=st.integers(1, 20),
    d=st.integers(1, 5),
    chunk=st.integers(1, 24),
    per_step=st.booleans(),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_shape_works(
    draw: Any, close: Any, rule: Any, batch: Any, T: int, d: int, chunk: int, per_step: bool
) -> None:
    compare(rule, draw, close, batch, T, d, [chunk], per_step)


@pytest.mark.parametrize("rule", EXACT + FROZEN, ids=repr)
@pytest.mark.parametrize("chunk", [None, 1, 5, 16])
def test_many_calls_equal_one(rule: Any, chunk: int | None, draw: Any, close: Any) -> None:
    tensors, rates, start = problem(draw, rule, (2,), 37, 4, per_step=True)
    keys, values, queries = tensors
    whole, end = scan(rule, keys, values, queries, start, chunk, **rates)
    parts, state, t = [], start, 0
    for length in (1, 4, 7, 0, 2, 16, 7):
        here = slice(t, t + length)
        now = {name: rate[:, here] for name, rate in rates.items()}
        part, state = scan(rule, keys[:, here], values[:, here], queries[:, here], state, chunk, **now)
        parts.append(part)
        t += length
    assert t == 37
    close(torch.cat(parts, 1), whole, 1e-12)
    if isinstance(end, dict):
        assert end.get("age") == state.get("age")
        for name in set(end) - {"age"}:
            close(flat(state[name]), flat(end[name]), 1e-12)
    close(flat(state), flat(end), 1e-12)
    leaves = leaves_of(tensors, rates, start, per_step=True)
    numbers = (worth([torch.cat(parts, 1), flat(state)], draw), worth([whole, flat(end)], draw))
    close(*(torch.autograd.grad(number, leaves) for number in numbers), 1e-11)  # through the carried state


@pytest.mark.parametrize("rule", EXACT + FROZEN, ids=repr)
@pytest.mark.parametrize("chunk", [None, 4])
def test_each_sequence_has_a_memory_of_its_own(rule: Any, chunk: int | None, draw: Any, close: Any) -> None:
    (keys, values, queries), rates, _ = problem(draw, rule, (3,), 10, 4, per_step=True)
    both, _ = scan(rule, keys, values, queries, None, chunk, **rates)
    others = [torch.cat([x[:1], 5 * x[1:] + 1]) for x in (keys, values, queries)]
    replaced, _ = scan(rule, *others, None, chunk, **rates)
    assert torch.equal(replaced[0], both[0])
    for i in range(3):
        alone, _ = scan(
            rule, keys[i], values[i], queries[i], None, chunk, **{name: rate[i] for name, rate in rates.items()}
        )
        close(alone, both[i], 1e-12)


@pytest.mark.parametrize("rule", EXACT + FROZEN, ids=repr)
@pytest.mark.parametrize("read_first", [False, True], ids=["write first", "read first"])
def test_nothing_sees_the_future(rule: Any, read_first: bool, draw: Any) -> None:
    (keys, values, queries), rates, start = problem(draw, rule, (2,), 20, 4, per_step=True)
    t = 11
    changed = [torch.cat([x[:, :t], x[:, t:].flip(1) * 2 + 1], 1) for x in (keys, values, queries)]
    other = {name: torch.cat([rate[:, :t], rate[:, t:] * 0.5], 1) for name, rate in rates.items()}
    for chunk in (None, 1, 8, 20):
        now, _ = scan(rule, keys, values, queries, start, chunk, read_first, **rates)
        then, _ = scan(rule, *changed, start, chunk, read_first, **other)
        assert torch.equal(now[:, :t], then[:, :t])
        assert not torch.equal(now[:, t:], then[:, t:])


@pytest.mark.parametrize(
    "rule", [Delta(lr=0.8, keep=0.9), DGD(implicit=True), Titans(lr=0.1), Omega(lr=0.1, hidden=2)], ids=repr
)
def test_gradcheck_in_every_input(rule: Any, draw: Any) -> None:
    (keys, values, queries), rates, start = problem(draw, rule, (), 5, 2, per_step=True)
    if keys.dtype is not torch.float64:
        keys, values, queries = keys.double(), values.double(), queries.double()
        rates = {name: rate.double() for name, rate in rates.items()}
    begin = [x.double().detach().requires_grad_() for x in ([start] if isinstance(start, Tensor) else start["memory"])]

    def run(keys: Tensor, values: Tensor, queries: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        now = dict(zip(rates, rest, strict=False))
        weights = rest[len(rates) :]
        state = weights[0] if isinstance(start, Tensor) else rule.begin(tuple(weights))
        recalled, state = scan(rule, keys, values, queries, state, 3, **now)
        return recalled, flat(state)

    assert torch.autograd.gradcheck(run, (keys, values, queries, *rates.values(), *begin))


@pytest.mark.parametrize("rule", [r for r in EXACT + FROZEN if not isinstance(r, Attention)], ids=repr)
def test_one_rate_may_be_given_per_step_and_the_others_as_numbers(rule: Any, draw: Any, close: Any) -> None:
    tensors, rates, start = problem(draw, rule, (2, 3), 7, 4, per_step=True)
    for name, rate in rates.items():
        own = {other: torch.full_like(rate, getattr(rule, other)) for other in rates}
        expected, _ = scan(rule, *tensors, start, 3, **{**own, name: rate})
        recalled, _ = scan(rule, *tensors, start, 3, **{name: rate})
        close(recalled, expected, 1e-12)
        worth = expected.square().sum(), recalled.square().sum()
        close(*(torch.autograd.grad(number, [rate, *tensors]) for number in worth), 1e-12)
        for broadcast in (rate[0, 0], rate[:, :1]):  # one row for all sequences, one for the heads of each
            full = broadcast.expand(2, 3, 7)
            close(*(scan(rule, *tensors, start, 3, **{name: given})[0] for given in (broadcast, full)), 1e-12)


@pytest.mark.parametrize("rule", EXACT + FROZEN, ids=repr)
def test_an_empty_sequence_changes_nothing(rule: Any, draw: Any) -> None:
    (keys, values, queries), _, start = problem(draw, rule, (2,), 3, 4, per_step=False)
    _, state = scan(rule, keys, values, queries, start)
    for chunk in (None, 1, 8):
        recalled, after = scan(rule, keys[:, :0], values[:, :0], queries[:, :0], state, chunk)
        assert recalled.shape == (2, 0, 4)
        assert torch.equal(flat(after), flat(state))


@pytest.mark.parametrize("rule", EXACT + FROZEN, ids=repr)
@pytest.mark.parametrize("chunk", [None, 3])
def test_the_callers_tensors_are_left_alone(rule: Any, chunk: int | None, draw: Any) -> None:
    tensors, rates, start = problem(draw, rule, (2,), 8, 4, per_step=True)
    _, start = scan(rule, *tensors, start, 4, **rates)
    given = [*tensors, *rates.values(), *([start] if isinstance(start, Tensor) else [])]
    given += [
        W for part in (start.values() if isinstance(start, dict) else ()) if isinstance(part, tuple) for W in part
    ]
    versions, copies = [x._version for x in given], [x.detach().clone() for x in given]
    recalled, _ = scan(rule, *tensors, start, chunk, **rates)
    recalled.sum().backward()
    assert versions == [x._version for x in given]
    assert all(torch.equal(x, copy) for x, copy in zip(given, copies, strict=True))


@pytest.mark.parametrize("rule", EXACT + FROZEN, ids=repr)
def test_layout_in_memory_does_not_matter(rule: Any, draw: Any, close: Any) -> None:
    (keys, values, queries), rates, start = problem(draw, rule, (2,), 9, 4, per_step=True)
    strewn = [x.mT.contiguous().mT for x in (keys, values, queries)]
    assert not strewn[0].is_contiguous()
    turned = {name: rate.t().contiguous().t() for name, rate in rates.items()}
    for chunk in (None, 4):
        expected, _ = scan(rule, keys, values, queries, start, chunk, **rates)
        close(scan(rule, *strewn, start, chunk, **turned)[0], expected, 1e-12)


@pytest.mark.parametrize("rule", EXACT + FROZEN, ids=repr)
@pytest.mark.parametrize("chunk", [None, 8])
def test_half_precision_is_computed_in_single(rule: Any, chunk: int | None, draw: Any) -> None:
    tensors, rates, _ = problem(draw, rule, (2,), 20, 4, per_step=True)
    for half in (torch.bfloat16, torch.float16):
        halves = [x.detach().to(half) for x in tensors]
        slow = {name: rate.detach().to(half) for name, rate in rates.items()}
        recalled, state = scan(rule, *halves, None, chunk, **slow)
        expected, _ = scan(rule, *(x.float() for x in halves), None, chunk, **{n: r.float() for n, r in slow.items()})
        assert recalled.dtype is half
        assert flat(state).dtype is torch.float32
        assert torch.equal(recalled, expected.to(half))


@pytest.mark.parametrize("rule", [Delta(), Titans(hidden=8)], ids=repr)
def test_autocast_leaves_the_solves_in_single_precision(rule: Any, like: Any, draw: Any) -> None:
    tensors = [x.detach().float() for x in problem(draw, rule, (2,), 20, 4, per_step=False)[0]]
    expected, _ = scan(rule, *tensors, chunk=8)
    with torch.autocast(like["device"].type, dtype=torch.bfloat16):
        recalled, _ = scan(rule, *tensors, chunk=8)
    assert torch.equal(recalled, expected)


@pytest.mark.parametrize(
    "rule", [Hebb(keep=0.5), Delta(keep=0.5), DGD(keep=0.5), Titans(keep=0.5), Omega(keep=0.5)], ids=repr
)
@pytest.mark.parametrize("chunk", [64, 300])
def test_half_of_everything_forgotten_at_each_of_4096_steps(rule: Any, chunk: int, draw: Any, close: Any) -> None:
    keys = normalize(draw(4096, 2, seed=0), dim=-1).requires_grad_()
    values, rate = draw(4096, 2, seed=1), torch.full_like(keys.detach()[..., 0], 0.5).requires_grad_()
    expected, _ = scan(rule, keys, values, keys, chunk=chunk)
    recalled, _ = scan(rule, keys, values, keys, chunk=chunk, keep=rate)
    close(recalled, expected, 1e-12)
    for gradient in torch.autograd.grad(recalled.square().sum(), (keys, rate)):
        assert gradient.isfinite().all()
    if isinstance(rule, Hebb | Delta | DGD):
        with torch.no_grad():
            close(recalled, scan(rule, keys, values, keys, chunk=None)[0], 1e-11)


@pytest.mark.parametrize("rule", [Hebb(), Delta(lr=0.5), DGD(lr=0.3), Titans(lr=0.1), Omega(lr=0.1)], ids=repr)
def test_a_keep_or_momentum_of_zero_forgets_everything_and_has_the_right_gradient(
    rule: Any, draw: Any, close: Any
) -> None:
    (keys, values, queries), rates, start = problem(draw, rule, (2,), 12, 3, per_step=True)
    for name in ("keep", "momentum"):
        if name not in rates:
            continue
        holes = rates[name].detach().clone()
        holes[:, 3::4] = 0.0
        holes[0, 4] = 0.0
        now = {**rates, name: holes.requires_grad_()}
        results = []
        for chunk in (None, 1, 5, 12) if isinstance(rule, Hebb | Delta | DGD) else (None, 1):
            recalled, _ = scan(rule, keys, values, queries, start, chunk, **now)
            results.append((recalled, torch.autograd.grad(recalled.square().sum(), (holes, keys))))
        for recalled, gradients in results[1:]:
            close(recalled, results[0][0], 1e-11)
            for actual, expected in zip(gradients, results[0][1], strict=True):
                close(actual, expected, 1e-10)


@pytest.mark.parametrize("rule", EXACT + FROZEN, ids=repr)
def test_empty_and_repeated_keys_are_nothing_special(rule: Any, draw: Any, close: Any) -> None:
    (keys, values, queries), rates, start = problem(draw, rule, (2,), 16, 4, per_step=True)
    same = torch.cat([torch.zeros_like(keys[:, :4]), keys[:, :1].expand(-1, 8, -1), torch.zeros_like(keys[:, :4])], 1)
    same = same.detach().requires_grad_()
    for chunk in (None, 4, 16):
        recalled, state = scan(rule, same, values, queries, start, chunk, **rates)
        _, expected, memory = judge(rule, start, same, values, queries, rates, chunk or 1)
        close(recalled, expected, 1e-11)
        close(flat(state), memory, 1e-11)
        (gradient,) = torch.autograd.grad(recalled.square().sum(), same)
        assert gradient.isfinite().all()


def test_64_nearly_equal_keys_in_single_precision(draw: Any, like: Any) -> None:
    keys = normalize(draw(1, 4, seed=0) + 1e-4 * draw(64, 4, seed=1), dim=-1).double()
    values = draw(64, 4, seed=2).double()
    exact, _ = scan(Delta(), keys, values, keys, chunk=64)
    single, _ = scan(Delta(), keys.float(), values.float(), keys.float(), chunk=64)
    assert (single - exact).abs().max() / exact.abs().max() < 1e-5


def test_a_begun_chunk_goes_on_in_the_next_call(draw: Any) -> None:
    (keys, values, queries), _, start = problem(draw, Titans(), (2,), 11, 4, per_step=False)
    _, state = scan(Titans(), keys, values, queries, start, chunk=4)
    assert state["age"] == 11
    assert not torch.equal(state["start"][0], state["memory"][0])
    _, state = scan(Titans(), keys[:, :1], values[:, :1], queries[:, :1], state, chunk=4)
    assert torch.equal(state["start"][0], state["memory"][0])


class Counted(TorchDispatchMode):
    """How many numbers all operations inside have made."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.numbers += sum(x.numel() for x in torch.utils._pytree.tree_leaves(made) if isinstance(x, Tensor))
        return made


def test_attention_with_a_window_costs_the_same_per_token_also_backwards() -> None:
    cost = []
    for T in (64, 256):
        keys, values, queries = torch.ones(3, 1, T, 2, requires_grad=True).unbind()  # CPU: backwards in this thread
        with Counted() as forwards:
            loss = scan(Attention(window=8), keys, values, queries, chunk=8)[0].sum()
        with Counted() as backwards:
            loss.backward()
        cost.append((forwards.numbers / T, backwards.numbers / T))
    assert cost[1] == pytest.approx(cost[0], rel=0.1)


def test_a_rate_that_the_rule_lacks_is_an_error(draw: Any) -> None:
    x = draw(3, 4)
    with pytest.raises(ValueError, match="Delta has no momentum, it has lr, keep; leave momentum out"):
        scan(Delta(), x, x, x, momentum=0.5)
    with pytest.raises(ValueError, match="Deep has no keep"):
        scan(Deep(), x, x, x, keep=0.5, chunk=None)
    with pytest.raises(ValueError, match="Attention has no lr, it has no rates"):
        scan(Attention(), x, x, x, lr=0.5)


def test_shapes_that_do_not_fit_are_named(draw: Any) -> None:
    x = draw(3, 4)
    with pytest.raises(ValueError, match=r"same batch and T; got \(3, 4\), \(2, 4\) and \(3, 4\)"):
        scan(Delta(), x, x[:2], x)
    with pytest.raises(ValueError, match=r"lr has shape \(2,\); .* \(3,\) here"):
        scan(Delta(), x, x, x, lr=torch.ones(2))
    with pytest.raises(ValueError, match="1 or more, or None for the loop; got 0"):
        scan(Delta(), x, x, x, chunk=0)
    with pytest.raises(ValueError, match="made for 5; make it with init"):
        scan(Delta(), x, x, x, state=draw(4, 5))


def test_a_rule_without_a_chunk_form_says_so(draw: Any) -> None:
    class Last:
        """Remembers the last value."""

        def init(self, d_key: int, d_value: int, batch: Any = (), **how: Any) -> Tensor:
            return torch.zeros(*batch, d_value, **how)

        def write(self, state: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            return value, {"error": value - state}

        def read(self, state: Tensor, query: Tensor) -> Tensor:
            return state

    x = draw(3, 4)
    assert torch.equal(scan(Last(), x, x, x, chunk=None)[0], x)
    with pytest.raises(ValueError, match="Last has no chunk form; call scan"):
        scan(Last(), x, x, x)
