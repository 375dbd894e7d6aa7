"""Every mistake has its sentence: the check of an exercise, judged by answers known to be right or wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import nlviz as nl
from nlviz.course import exercise
from nlviz.course.attempt import attempt, unwritten
from nlviz.course.checking import judge

EXERCISES = [one for lesson in exercise.lessons() for one in exercise.of_lesson(lesson).EXERCISES]
MUTANTS = [(one, mutant) for one in EXERCISES for mutant in one.mutants]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


# Right answers, differently written ------------------------------------------------------------------------------


def onehot_subtracted(W, x, y):
    return torch.softmax(W @ x, dim=0) - torch.nn.functional.one_hot(y, len(W))


def exponentials_by_hand(weights, image, label):
    e = torch.exp(torch.mv(weights, image))
    u = e / e.sum()
    u[label] -= 1
    return u


def autograd_does_it(W, x, y):
    output = torch.nn.functional.linear(x, W).requires_grad_()
    torch.nn.functional.cross_entropy(output[None], y[None]).backward()
    return output.grad


def outer_product(W, x, u, lr):
    return W - lr * torch.outer(u, x)


def a_loop_over_the_rows(W, x, u, lr):
    return torch.stack([row - lr * error * x for row, error in zip(W, u, strict=True)])


def added_to_a_copy(W, x, u, lr=0.1):
    new = W.clone()
    new -= u.unsqueeze(1) @ x.unsqueeze(0) * lr
    return new


def autograd_step(W, x, u, lr):
    W = W.clone().requires_grad_()
    (W @ x).backward(u)
    return W - lr * W.grad


def broadcast(u, x):
    return u[:, None] * x


def python_lists(u, x):
    return torch.tensor([[float(a * b) for b in x] for a in u], dtype=u.dtype)


def written_then_read(w, v, g, lr, momentum):
    v = momentum * v + g
    return w - lr * v, v


def with_alpha(w, v, g, lr, momentum):
    velocity = torch.add(g, v, alpha=momentum)
    return torch.sub(w, velocity, alpha=lr), velocity


def descends_on_the_inner_problem(weights, velocity, gradient, rate, beta):
    velocity = velocity.clone().requires_grad_()
    (slope,) = torch.autograd.grad(two_sums(velocity, gradient, beta), velocity)
    return weights - rate * (velocity - slope), velocity - slope


def the_packages_rule(w, v, g, lr, momentum):
    step, state, _ = nl.optim.Momentum(lr=lr, momentum=momentum).update(g, {"velocity": v}, w)
    return w + step, state["velocity"]


def two_dots(v, g, momentum):
    return -v.dot(g) + 0.5 * (1 - momentum) * v.dot(v)


def two_sums(v, g, momentum):
    return (v.square() * (1 - momentum) / 2 - v * g).sum()


def one_product(velocity, gradient, beta):
    return velocity @ (0.5 * (1.0 - beta) * velocity - gradient)


def squared_length(v, g, momentum):
    return torch.linalg.vector_norm(v) ** 2 * (1 - momentum) / 2 - torch.einsum("i,i->", v, g)


RIGHT = [
    *(("03.A", fn) for fn in (written_then_read, with_alpha, descends_on_the_inner_problem, the_packages_rule)),
    *(("03.B", fn) for fn in (two_dots, two_sums, one_product, squared_length)),
    *(("01.A", fn) for fn in (onehot_subtracted, exponentials_by_hand, autograd_does_it)),
    *(("01.B", fn) for fn in (outer_product, a_loop_over_the_rows, added_to_a_copy, autograd_step)),
    *(("00.A", fn) for fn in (torch.outer, broadcast, python_lists)),
]


@pytest.mark.parametrize(("name", "fn"), RIGHT, ids=lambda v: getattr(v, "__name__", v))
def test_differently_written_right_answers_pass(name: str, fn: Any) -> None:
    verdict = nl.check(name, fn)
    assert verdict.passed, verdict
    assert str(verdict).startswith(f"✓ pass {name}: right on 3 seeded cases")


# Usual mistakes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "mutant"), MUTANTS, ids=lambda v: getattr(v, "id", None) or v.name.replace(" ", "-"))
def test_every_mutant_fails_with_its_own_hint(one: exercise.Exercise, mutant: exercise.Mutant) -> None:
    verdict = nl.check(one.id, mutant.fn)
    assert verdict.status == "not yet"
    assert verdict.message.endswith(f". {mutant.hint}")
    assert [other.name for other in one.mutants if other.hint in verdict.message] == [mutant.name]


@pytest.mark.parametrize("one", EXERCISES, ids=lambda one: one.id)
def test_every_property_is_broken_by_some_mutant_and_hints_grow(one: exercise.Exercise) -> None:
    for words, holds in one.properties:
        assert holds(one.truth) is True, words
        assert any(holds(mutant.fn) is not True for mutant in one.mutants if _runs(mutant.fn, holds)), words
    assert len(one.hints) >= 2
    assert len(set(one.hints)) == len(one.hints)


def _runs(fn: Any, holds: Any) -> bool:
    try:
        holds(fn)
    except (RuntimeError, ValueError):  # what torch says, what unpacking says
        return False
    return True


def _twice_at(W, i, j):
    factor = torch.ones_like(W)
    factor[i, j] = 2
    return factor


def test_a_mistake_nobody_foresaw_is_told_with_the_learners_own_numbers() -> None:
    verdict = nl.check("01.B", lambda W, x, u, lr: W - lr * torch.outer(u, x) * _twice_at(W, 2, 2))
    W, x, u, lr = exercise.find("01.B").cases(0)
    right = float(W[2, 2] - lr * u[2] * x[2])
    yours = right - float(lr * u[2] * x[2])
    expected = f"yours gives {yours:.3g} at [2, 2] where {right:.3g} is right (the only difference)"
    assert verdict.message == f"at seed 0 {expected}"


def test_a_broken_property_is_told_in_its_words() -> None:
    one = exercise.find("01.A")
    seen = [one.cases(seed)[1] for seed in (0, 1, 2)]

    def right_on_the_cases_alone(W, x, y):
        u = onehot_subtracted(W, x, y)
        return u if any(torch.equal(x, other) for other in seen) else u + 0.25

    verdict = nl.check("01.A", right_on_the_cases_alone)
    assert verdict.message == "it should hold that the entries sum to zero, but yours sum to 0.75"


# Symptoms --------------------------------------------------------------------------------------------------------


def raises(W, x, y):
    return W[99]


def indirectly(W, x, y):
    return raises(W, x, y)


def changes_in_place(W, x, y):
    x *= 2
    return onehot_subtracted(W, x / 2, y)


def forgets_return(W, x, y):
    onehot_subtracted(W, x, y)


def endless(W, x, y):
    while True:
        x = x + 1


def endless_and_stubborn(W, x, y):
    while True:
        try:
            x = x + 1
        except Exception:
            x = 0


def itself(W, x, y):
    return itself(W, x, y)


def quits(W, x, y):
    sys.exit("enough")


SYMPTOMS = {
    "3": (3, 'give the function itself, without brackets: `nl.check("01.A", surprise)`; this is an int'),
    "two arguments": (lambda W, x: W @ x, "is called with 3 arguments, (W, x, y); yours takes (W, x)"),
    "an exception": (
        raises,
        "your function raised IndexError (index 99 is out of bounds for dimension 0 with size 10)",
    ),
    "its line": (indirectly, ": `return W[99]`"),
    "a list": (lambda W, x, y: [1.0], "your function returns a list; a tensor of shape (10,) is asked for"),
    "an array": (lambda W, x, y: x.numpy(), "your function returns a ndarray; a tensor"),
    "the dots": (lambda W, x, y: ... if len(x) else y, "your function returns `...`, the dots of the stub"),
    "nothing": (forgets_return, "your function returns None: is there a return?"),
    "wrong shape": (lambda W, x, y: x, "at seed 0 yours has shape (64,) where (10,) is asked for"),
    "float32": (
        lambda W, x, y: onehot_subtracted(W, x, y).float(),
        "yours is torch.float32 where torch.float64 is asked for",
    ),
    "a step in float32": (
        lambda W, x, y: onehot_subtracted(W, x, y).float().double(),
        "this close, a step in float32 is likely",
    ),
    "in place": (changes_in_place, "your function changed its argument x in place: work on a new tensor"),
    "NaN": (lambda W, x, y: x[: len(W)] * float("nan"), "10 of your 10 numbers are NaN or infinite: look for 0/0"),
    "endless": (endless, "still running after 0.2 seconds in line"),
    "endless and stubborn": (endless_and_stubborn, "does every loop in it end?"),
    "itself": (itself, "RecursionError (it calls itself without end) in line"),
    "quits": (quits, "SystemExit (leave out exit() and quit(): the check should go on)"),
}


@pytest.mark.parametrize("name", SYMPTOMS)
def test_every_symptom_gets_a_sentence(name: str) -> None:
    fn, words = SYMPTOMS[name]
    verdict = nl.check("01.A", fn, seconds=0.2 if "endless" in name else 60)
    assert verdict.status == "not yet"
    assert words in verdict.message
    assert "\n" not in str(verdict)


def test_wrong_dtype_of_a_mutant_is_told_before_the_mutant() -> None:
    assert "float32" in nl.check("01.A", lambda W, x, y: -onehot_subtracted(W, x, y).float()).message


def test_an_unknown_id_is_a_sentence_with_those_there_are() -> None:
    assert nl.check("01.Z", outer_product).message == "there is no exercise '01.Z'; lesson 01 has 01.A, 01.B"
    assert "there are 00.A, 01.A, 01.B" in nl.check("surprise", outer_product).message
    assert not nl.check("77.A", outer_product).passed


def test_what_a_learner_prints_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    def talkative(W, x, u, lr):
        print("W has", tuple(W.shape))
        return outer_product(W, x, u, lr)

    assert nl.check("01.B", talkative).passed
    assert "W has (5, 5)" in capsys.readouterr().out


def test_the_stop_button_passes_through() -> None:
    def stopped_by_hand(W, x, y):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nl.check("01.A", stopped_by_hand)


def test_gradients_may_be_switched_off_in_the_notebook() -> None:
    with torch.no_grad():
        assert nl.check("01.A", onehot_subtracted).passed


# Several results -------------------------------------------------------------------------------------------------


def _with(change):
    """The right step, and what `change` makes of its two results."""
    return lambda w, v, g, lr, momentum: change(*written_then_read(w, v, g, lr, momentum))


def changes_both(w, v, g, lr, momentum):
    v.mul_(momentum).add_(g)
    return w.sub_(lr * v) + 1, v


def forgets_to_return_them(w, v, g, lr, momentum):
    written_then_read(w, v, g, lr, momentum)


ASKED = "2 results are asked for, as in `return a, b`: the new weights, then the new velocity"
SEVERAL = {
    "one tensor": (_with(lambda w, v: v), f"your function returns a Tensor; {ASKED}"),
    "one stacked": (_with(lambda w, v: torch.stack([w, v])), f"your function returns a Tensor; {ASKED}"),
    "a list": (_with(lambda w, v: [w, v]), f"your function returns a list; {ASKED}"),
    "too few": (_with(lambda w, v: (v,)), f"your function returns a tuple of 1; {ASKED}"),
    "too many": (_with(lambda w, v: (w, v, v)), f"your function returns a tuple of 3; {ASKED}"),
    "nothing": (forgets_to_return_them, "your function returns None: is there a return?"),
    "one is nothing": (
        _with(lambda w, v: (w, None)),
        "for the new velocity your function returns None; a tensor of shape (6,) is asked for",
    ),
    "one of another shape": (
        _with(lambda w, v: (w[:2], v)),
        "at seed 0 for the new weights yours has shape (2,) where (6,) is asked for",
    ),
    "one in float32": (
        _with(lambda w, v: (w, v.float())),
        "for the new velocity yours is torch.float32 where torch.float64 is asked for: keep the dtype",
    ),
    "one with NaN": (
        _with(lambda w, v: (w, v * float("nan"))),
        "at seed 0 for the new velocity 6 of your 6 numbers are NaN or infinite",
    ),
    "in place": (changes_both, "your function changed its arguments w and v in place: work on a new tensor"),
    "the first": (_with(lambda w, v: (w + 1, v)), "(the largest of 6 differences); none in the new velocity"),
    "the second": (_with(lambda w, v: (w, v + 1)), "(the largest of 6 differences); none in the new weights"),
    "both": (_with(lambda w, v: (w + 1, v + 1)), "(the largest of 6 differences); others in the new velocity"),
    "swapped": (_with(lambda w, v: (v, w)), "others in the new velocity. Both are right, but they come in the wrong"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_of_several_results_the_wrong_one_is_named(name: str) -> None:
    fn, words = SEVERAL[name]
    verdict = nl.check("03.A", fn)
    assert verdict.status == "not yet"
    assert words in verdict.message
    assert "\n" not in str(verdict)


def test_a_wrong_entry_of_one_result_is_told_with_its_name_and_place() -> None:
    def slips(w, v, g, lr, momentum):
        after, velocity = written_then_read(w, v, g, lr, momentum)
        return after, torch.cat([velocity[:1], 2 * velocity[1:2], velocity[2:]])

    right = float(exercise.find("03.A").truth(*exercise.find("03.A").cases(0))[1][1])
    told = f"at seed 0 for the new velocity yours gives {2 * right:.3g} at [1] where {right:.3g} is right"
    assert nl.check("03.A", slips).message == f"{told} (the only difference); none in the new weights"


def test_swapped_results_of_different_shapes_are_told_by_their_shapes() -> None:
    one = exercise.Exercise(
        id="99.A",
        name="spread",
        task="The mean of some numbers, and how far each is from it.",
        cases=lambda seed: (torch.arange(3.0, dtype=torch.float64) + seed,),
        truth=lambda x: (x.mean(), x - x.mean()),
        properties=(),
        mutants=(exercise.Mutant("swapped", lambda x: (x - x.mean(), x.mean()), "The mean comes first."),),
        hints=(),
        gives=("the mean", "the distances"),
    )
    assert judge(one, lambda x: (x.sum() / 3, x - x.sum() / 3)).passed
    told = judge(one, lambda x: (x - x.mean(), x.mean())).message
    assert told == "at seed 0 for the mean yours has shape (3,) where () is asked for. The mean comes first."


def test_several_results_where_one_is_asked_for() -> None:
    told = nl.check("01.A", lambda W, x, y: (onehot_subtracted(W, x, y), W)).message
    assert told == "your function returns a tuple; a tensor of shape (10,) is asked for"


def test_a_property_may_ask_autograd_and_says_when_it_finds_no_way() -> None:
    def number_only(v, g, momentum):
        return torch.tensor(two_dots(v, g, momentum).item(), dtype=v.dtype)

    assert "but autograd finds no way from yours back to v" in nl.check("03.B", number_only).message


# Stubs -----------------------------------------------------------------------------------------------------------

STUBS = {
    "dots": "    ...",
    "doc and dots": '    """What."""\n    ...  # about two lines',
    "pass": "    pass",
    "doc alone": '    """What."""',
    "not implemented": '    """What."""\n    raise NotImplementedError',
    "with words": '    raise NotImplementedError("write me")',
    "returns none": "    return None",
}
WRITTEN = {
    "a number": "    return 0",
    "an argument": "    return W",
    "partly": "    W + x\n    ...",
    "sometimes": "    if y > 99:\n        raise NotImplementedError\n    return W",
}


def _made(body: str) -> Any:
    space: dict[str, Any] = {}
    exec(f"def surprise(W, x, y):\n{body}\n", space)
    return space["surprise"]


@pytest.mark.parametrize("body", STUBS.values(), ids=STUBS)
def test_a_stub_is_not_written_yet_and_counts_as_no_try(body: str, home: Path) -> None:
    verdict = nl.check("01.A", _made(body))
    assert str(verdict).startswith("○ not written yet 01.A: write `surprise(W, x, y)`")
    assert not verdict.passed
    assert not home.exists()


@pytest.mark.parametrize("body", WRITTEN.values(), ids=WRITTEN)
def test_a_function_with_code_is_no_stub(body: str) -> None:
    assert not unwritten(_made(body))


# Looks -----------------------------------------------------------------------------------------------------------


def test_a_verdict_says_its_state_in_words_and_is_safe_html() -> None:
    verdict = nl.check("01.A", lambda W, x, y: {}["<script>"])
    html = verdict._repr_html_()
    assert "✗ not yet 01.A:" in html
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "<code>" in html  # the learner's line
    assert 'role="status"' in html
    assert "color: var(--jp-" in html  # follows JupyterLab's theme


def test_a_judgement_leaves_no_trace_on_its_cases() -> None:
    one = exercise.find("01.B")
    before = [one.cases(seed) for seed in (0, 1, 2)]
    in_place = next(mutant.fn for mutant in one.mutants if mutant.name == "in place")
    judge(one, in_place)
    after = [one.cases(seed) for seed in (0, 1, 2)]
    assert all(torch.equal(a[0], b[0]) for a, b in zip(before, after, strict=True))
    assert attempt(in_place, dict(zip(one.arguments, before[0], strict=True)), 1.0).changed == ("W",)


def test_importing_the_course_brings_no_jupyter() -> None:
    heavy = "{'jupytext', 'nbformat', 'nbclient', 'IPython', 'ipywidgets', 'platformdirs'}"
    code = f"import sys, nlviz.course; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
