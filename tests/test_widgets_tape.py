"""The Gradient tape without a browser: its numbers against torch and linear algebra, its words, and `fn=`."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.widgets.gradient_tape import ACROSS, MOMENTA, RATES, SWITCHES, GradientTape, little, percent, tape
from nlviz.widgets.gradient_tape_model import (
    CURVATURE,
    MINIMA,
    STEPS,
    descend,
    drift,
    old_ink,
    outlook,
    window,
)

WALL = [-1.0, -3.0]


def a_state(**some: Any) -> dict[str, Any]:
    return tape(**some).state


def by_torch(state: dict[str, Any]) -> list[np.ndarray]:
    """The path, gradients and velocities by autograd and the package's own rule."""
    rule = nl.optim.Momentum(lr=state["lr"], momentum=state["momentum"])
    w = torch.tensor(state["start"], dtype=torch.float64)
    memory = rule.init(w)
    path, gradients, velocities = [w], [], []
    for t in range(STEPS):
        minimum = torch.tensor(MINIMA[state["switch"] is not None and t >= state["switch"]], dtype=torch.float64)
        w = w.detach().requires_grad_()
        (0.5 * (torch.tensor(CURVATURE, dtype=torch.float64) * (w - minimum) ** 2).sum()).backward()
        moved, memory, _ = rule.update(w.grad, memory, w.detach())
        gradients.append(w.grad)
        velocities.append(memory["velocity"])
        w = w.detach() + moved
        path.append(w)
    return [torch.stack(rows).numpy() for rows in (path, gradients, velocities)]


SETTINGS = [
    a_state(momentum=momentum, lr=lr, switch=switch, start=start)
    for (momentum, lr), switch, start in zip(
        itertools.product((0.0, 0.81, 0.9, 0.99, 0.999), (0.01, 0.25, 3.0, 10.0)),
        itertools.cycle((None, 20, 75, 140)),
        itertools.cycle((WALL, [1.5, 10.0], [-0.1, 0.0])),
        strict=False,
    )
]


@pytest.mark.parametrize("state", SETTINGS, ids=lambda state: f"{state['momentum']} {state['lr']} {state['switch']}")
def test_the_path_is_that_of_the_momentum_rule(state: dict[str, Any]) -> None:
    for ours, theirs in zip(descend(state), by_torch(state), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_the_window_is_the_one_of_the_optimizers() -> None:
    for momentum, share in itertools.product(MOMENTA, (0.5, 0.99)):
        assert window(momentum, share) == nl.optim.window(momentum, share)
    assert [window(0.9, share) for share in (0.5, 0.99)] == [7, 44]


def test_what_kind_of_movement_it_is_follows_from_the_eigenvalues() -> None:
    for momentum, lr in itertools.product(MOMENTA, RATES):
        kind, left = outlook(lr, momentum, WALL)
        steep, flat = (
            np.linalg.eigvals([[1 - lr * curvature, -lr * momentum], [curvature, momentum]]) for curvature in CURVATURE
        )
        # what is hardly visible from a double root is left to the formula
        near = abs(momentum - (1 - np.sqrt(lr * CURVATURE[1])) ** 2) < 1e-9 or abs(2 * (1 + momentum) - lr) < 1e-9
        largest = max(abs(steep).max(), abs(flat).max())
        assert (kind == "diverges") == (largest > 1 + 1e-9 and not near), (momentum, lr)
        if kind != "diverges":
            assert np.isfinite(left)
        if kind in ("settles", "slow", "swings") and not near:
            assert largest < 1
            assert (kind == "swings") == bool(abs(flat.imag).max() > 0), (momentum, lr)
    assert outlook(2.0, 0.0, WALL)[0] == "edge"
    assert outlook(1.0, 0.81, WALL)[0] == "settles"  # on the critical line itself


def test_what_is_left_is_the_loss_at_the_end_of_the_path() -> None:
    for state in SETTINGS:
        kind, left = outlook(state["lr"], state["momentum"], state["start"])
        if kind == "diverges":
            continue
        path, _, _ = descend({**state, "switch": None})
        losses = (CURVATURE * (path - MINIMA[0]) ** 2).sum(axis=1)
        assert left == pytest.approx(losses[-1] / losses[0], rel=1e-6, abs=1e-12)


def test_the_old_ink_is_what_gradients_from_before_the_switch_add_to_the_step() -> None:
    state = a_state(momentum=0.9, switch=30, start=WALL)
    _, gradients, velocities = descend(state)
    t = 37
    parts = [0.9 ** (t - 1 - i) * gradients[i] for i in range(t)]
    np.testing.assert_allclose(sum(parts), velocities[t - 1], atol=1e-12)
    way = velocities[t - 1] / np.linalg.norm(velocities[t - 1])
    sizes = [abs(part @ way) for part in parts]
    assert old_ink(state, t) == pytest.approx(sum(sizes[:30]) / sum(sizes))
    assert old_ink(a_state(momentum=0.0, switch=30), t) == 0


# ---- the story the presets tell


def test_the_old_gradients_are_loud_after_an_early_switch_and_faint_after_a_late_one() -> None:
    early, late = a_state(switch=40), a_state(switch=120)
    assert old_ink(early, 42) > 0.9
    assert old_ink(late, 122) < 0.2
    assert drift(early) >= 4
    assert drift(late) == 0
    assert drift(early) < window(0.9, 0.99)  # far fewer than it remembers


def test_along_the_floor_much_of_the_speed_of_momentum_is_a_larger_step_and_the_walls_forbid_that_step() -> None:
    start = [-1.0, -3.0]
    path, _, _ = descend(a_state(lr=0.1, momentum=0.9, switch=None, start=start))
    plain, _, _ = descend(a_state(lr=1.0, momentum=0.0, switch=None, start=start))
    far = MINIMA[0][1] - start[1]
    with_memory, without = ((MINIMA[0][1] - one[-1, 1]) / far for one in (path, plain))
    assert without == pytest.approx(0.99**STEPS)
    assert abs(with_memory - without) < 0.05
    assert outlook(0.25, 0.9, start)[0] == "settles"
    assert outlook(2.5, 0.0, start)[0] == "diverges"


# ---- words


def test_the_window_is_not_told_before_the_bet() -> None:
    assert "carry 99 %" not in tape().summary()
    assert "the last 44 carry 99 %, the last 7 half" in tape(guess="10").summary()


def test_the_summary_is_one_sentence_at_every_corner() -> None:
    seen = set()
    for momentum, lr, switch, step in itertools.product(
        (MOMENTA[0], 0.9, MOMENTA[-1]), (RATES[0], RATES[-1]), (20, 140, None), (0, 20, 150)
    ):
        sentence = tape(momentum=momentum, lr=lr, switch=switch, step=step, guess="44").summary()
        assert sentence.endswith(".")
        assert ". " not in sentence
        assert not re.search("nan|inf|e[+-]", sentence)
        assert ("it diverges" in sentence) == (lr == 10)
        seen.add(sentence)
    assert len(seen) >= 30


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1.04, "104 %"),
        (0.0996, "10 %"),
        (0.0994, "9.9 %"),
        (0.001, "0.1 %"),
        (0.0004, "10⁻³"),
        (3e-8, "10⁻⁸"),
        (0, "10⁻¹⁵"),
    ],
)
def test_a_tiny_share_is_a_power_of_ten(share: float, words: str) -> None:
    assert little(share) == words


def test_half_a_percent_is_rounded_up() -> None:
    assert [percent(share) for share in (0.005, 0.015, 0.62, 1)] == ["1 %", "2 %", "62 %", "100 %"]


# ---- the widget


def test_code_makes_the_widget_again() -> None:
    widget = tape(momentum=0.99, lr=1.0, switch=None, start=(0.5, 2.0), step=3, show="weights", guess="all")
    again = eval(widget.code(), {"nl": nl})
    assert again.state == widget.state
    assert json.loads(json.dumps(widget.state)) == widget.state
    assert tape().code() == "nl.widgets.tape()"


def test_reset_goes_back_to_what_the_cell_made() -> None:
    widget = tape(momentum=0.5)
    made = widget.state
    widget.state = {"momentum": 0.99, "switch": None}
    assert widget.state != made
    widget.reset()
    assert widget.state == made


BAD = {
    "momentum is one of 0.0, 0.1": {"momentum": 1.0},
    "lr is one of 0.01": {"lr": 0.37},
    "switch is one of 20, 25": {"switch": 21},
    "step is a whole number from 0 to 150": {"step": 151},
    "show is one of 'ink', 'weights'": {"show": "loud"},
    "start is .across, along.*got .0.33, 1.": {"start": (0.33, 1)},
    "start is .across, along.*got 3": {"start": 3},
    "no setting 'beta'; it has momentum, lr": {"beta": 0.9},
}


@pytest.mark.parametrize(("words", "state"), BAD.items())
def test_a_setting_out_of_range_is_a_sentence(words: str, state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words):
        tape(**state)


def test_no_start_is_a_minimum_so_that_there_is_always_a_loss_to_lose() -> None:
    assert not {across for across, _ in MINIMA} & set(ACROSS)


@pytest.mark.parametrize("lr", [0.25, 10.0])
def test_there_is_a_still_picture_with_the_sentence_where_no_script_runs(lr: float) -> None:
    widget = tape(lr=lr, momentum=0.999)
    assert widget.summary() in widget.picture().replace("&gt;", ">")
    assert "NaN" not in widget.html().split("<figure>")[1].split("</figure>")[0]
    assert widget.html().count("</script") == 1


# ---- a function of the learner's own


def momentum_step(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    v = momentum * v + g
    return w - lr * v, v


def of_tensors(w: torch.Tensor, v: torch.Tensor, g: torch.Tensor, lr: float, momentum: float) -> Any:
    v = torch.add(g, v, alpha=momentum)
    return torch.sub(w, v, alpha=lr), v


def sent(widget: GradientTape) -> dict[str, np.ndarray]:
    numbers = np.frombuffer(widget.packed, "<f4")
    return {name: numbers[at : at + int(np.prod(shape))].reshape(shape) for name, (at, *shape) in widget.index.items()}


def test_a_right_function_walks_our_path() -> None:
    for state in SETTINGS:
        widget = tape(fn=momentum_step, strict=True, **state)
        path, _, _ = descend(state)
        np.testing.assert_allclose(sent(widget)["yours"], np.clip(path, -1e30, 1e30), rtol=1e-6, atol=1e-6)
        switch = -1 if state["switch"] is None else state["switch"]
        np.testing.assert_allclose(
            sent(widget)["yours_at"], [state["momentum"], state["lr"], switch, *state["start"]], rtol=1e-6
        )
        assert np.isfinite(sent(widget)["yours"]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_function_of_tensors_gets_tensors_where_one_is_given(dtype: torch.dtype) -> None:
    like = torch.zeros(2, dtype=dtype)
    widget = tape(fn=of_tensors, like=like, strict=True)
    path, _, _ = descend(widget.state)
    np.testing.assert_allclose(sent(widget)["yours"], path, atol=1e-4)
    assert "fn=of_tensors, like=" in widget.code()
    assert tape(fn=of_tensors).error.startswith("of_tensors stopped with TypeError")


def test_the_function_runs_again_when_the_state_changes() -> None:
    widget = tape(fn=momentum_step, strict=True)
    before = widget.packed
    widget.state = {**widget.state, "lr": 1.0}
    assert widget.packed != before
    assert widget.driven
    assert widget.code() == "nl.widgets.tape(fn=momentum_step, lr=1.0)"


def old_velocity(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    return w - lr * v, momentum * v + g


def average(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    v = momentum * v + (1 - momentum) * g
    return w - lr * v, v


def forgets(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    return w - lr * g, g


def upward(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    v = momentum * v + g
    return w + lr * v, v


@pytest.mark.parametrize("mutant", [old_velocity, average, forgets, upward], ids=lambda one: one.__name__)
@pytest.mark.parametrize("lr", [0.25, 10.0])
def test_a_wrong_function_walks_another_path_and_breaks_nothing(mutant: Any, lr: float) -> None:
    widget = tape(fn=mutant, strict=True, lr=lr)
    path, _, _ = descend(widget.state)
    yours = sent(widget)["yours"]
    assert np.isfinite(yours).all()
    assert np.abs(yours[:20] - path[:20]).max() > 0.05


def no_answer(w: Any, v: Any, g: Any, lr: float, momentum: float) -> None:
    v = momentum * v + g


def one_thing(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    return w - lr * g


def one_number(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    return float(w[0]), v


def not_numbers(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    return w * np.nan, v


def raises(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    raise NotImplementedError("write me")


WRONG = {
    no_answer: "end it with `return w, v`; yours gave NoneType",
    one_thing: "end it with `return w, v`; yours gave ndarray",
    one_number: r"keep their shape \(2,\); yours gave \(\)",
    not_numbers: "yours gave NaN or infinity",
    raises: "raises stopped with NotImplementedError: write me",
}


@pytest.mark.parametrize(("fn", "words"), WRONG.items(), ids=lambda one: getattr(one, "__name__", None))
def test_what_goes_wrong_in_it_is_a_sentence_and_ours_stays(fn: Any, words: str) -> None:
    widget = tape(fn=fn)
    assert re.search(words, widget.error)
    assert widget.error.endswith("What you see is ours alone.")
    assert "yours" not in widget.index
    with pytest.raises((ValueError, NotImplementedError)):
        tape(fn=fn, strict=True)


def test_it_cannot_change_our_numbers_in_place() -> None:
    def vandal(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
        v *= momentum
        v += g
        moved = w - lr * v
        w[:], g[:] = 99, 99
        return moved, v

    assert tape(fn=vandal, strict=True).packed == tape(fn=momentum_step, strict=True).packed


def test_every_switch_can_be_chosen() -> None:
    assert [tape(switch=switch).state["switch"] for switch in SWITCHES] == [*range(20, 141, 5), None]
