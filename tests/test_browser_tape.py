"""The Gradient tape in a real Chromium: what it computes, how it is moved, and that it breaks nowhere."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
import torch
from browser import clean, drawn, jumps, says_what_python_says, slider_to_pixels, tab_reaches_every_control

import nlviz as nl
from nlviz.widgets import tape
from nlviz.widgets.gradient_tape import ACROSS, ALONG, KINDS, MOMENTA, RATES, SWITCHES

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CURVATURE = np.array([1.0, 0.01])
MINIMA = np.array([[-0.05, 5.0], [0.05, -5.0]])
STEPS = 150
STATE = "document.querySelector('.nl').view.state"
LOOK = """[...document.querySelectorAll('.nl path, .nl circle, .nl text, .nl p, .nl .nl-number')]
  .map((part) => part.getAttribute('d') + part.getAttribute('cx') + part.textContent).join()"""


def momentum_step(w: Any, v: Any, g: Any, lr: float, momentum: float) -> Any:
    v = momentum * v + g
    return w - lr * v, v


# ---- the numbers


def reference(state: dict[str, Any]) -> dict[str, np.ndarray]:
    """Momentum once more, one plain step after the other, and what each gradient adds to every step."""
    momentum, lr, change = state["momentum"], state["lr"], state["switch"]
    w, v = np.array(state["start"], dtype=float), np.zeros(2)
    path, gradients, velocities, shares = [w], np.zeros((STEPS, 2)), [], [0.0]
    for t in range(STEPS):
        gradients[t] = CURVATURE * (w - MINIMA[int(change is not None and t >= change)])
        v = momentum * v + gradients[t]
        w = w - lr * v
        path.append(w)
        velocities.append(v)
        way = v / max(np.linalg.norm(v), 1e-300)
        sizes = np.abs(momentum ** np.arange(t, -1, -1) * (gradients[: t + 1] @ way))
        after = change is not None and t >= change
        shares.append(sizes[:change].sum() / sizes.sum() if after else 0.0)
    return {
        "path": np.array(path),
        "gradient": gradients,
        "velocity": np.array(velocities),
        "old": np.array(shares),
    }


def test_the_reference_is_momentum_by_autograd() -> None:
    state = {"momentum": 0.95, "lr": 0.7, "switch": 60, "start": [0.4, 7.5]}
    rule = nl.optim.Momentum(lr=0.7, momentum=0.95)
    w = torch.tensor(state["start"], dtype=torch.float64)
    memory, path = rule.init(w), [w.numpy()]
    for t in range(STEPS):
        w = w.detach().requires_grad_()
        (0.5 * (torch.tensor(CURVATURE) * (w - torch.tensor(MINIMA[int(t >= 60)])) ** 2).sum()).backward()
        step, memory, _ = rule.update(w.grad, memory, w.detach())
        w = w.detach() + step
        path.append(w.numpy())
    np.testing.assert_allclose(reference(state)["path"], path, atol=1e-12)


# Drives the tape through all states in one call; of each the numbers, and what is broken.
DRIVE = """async (states) => {
  const { view } = document.querySelector('.nl');
  const found = [];
  for (const state of states) {
    view.change({ ...state });
    await new Promise(requestAnimationFrame);
    const drawn = [...document.querySelectorAll('.nl *')].flatMap((one) => [...one.attributes].map((a) => a.value));
    const said = [...document.querySelectorAll('.nl p, .nl text, .nl span, .nl b')].map((one) => one.textContent);
    const plain = ([key, value]) => [key, ArrayBuffer.isView(value) ? Array.from(value) : value];
    const paths = [...document.querySelectorAll('.nl path')].map((one) => one.getAttribute('d') ?? '');
    const far = paths.flatMap((one) => one.match(/[0-9.]+e[+-]?[0-9]+|[0-9]{6,}/g) || []);
    const { map, ...data } = view.data;
    found.push({ data: Object.fromEntries(Object.entries(data).map(plain)), far,
      broken: [...drawn, ...said].filter((one) => /NaN|undefined|Infinity/.test(one)),
      verdict: document.querySelector('.nl-verdict b').textContent });
  }
  return found;
}"""


def corners() -> list[dict[str, Any]]:
    ends = {
        "momentum": (0.0, 0.9, 0.999),
        "lr": (0.01, 10.0),
        "switch": (20, 140, None),
        "start": ([-1.5, -10.0], [1.5, 10.0]),
        "show": ("ink", "weights"),
        "step": (0, 150),
    }
    return [dict(zip(ends, values, strict=True)) for values in itertools.product(*ends.values())]


def some_states(count: int) -> list[dict[str, Any]]:
    draw = random.Random(0)
    return [
        {
            "momentum": draw.choice(MOMENTA),
            "lr": draw.choice(RATES),
            "switch": draw.choice(SWITCHES),
            "start": [draw.choice(ACROSS), draw.choice(ALONG)],
            "step": draw.randrange(STEPS + 1),
            "show": draw.choice(("ink", "weights")),
            "guess": draw.choice(("", "10", "44")),
        }
        for _ in range(count)
    ]


def test_the_browser_computes_what_numpy_computes(show: Any) -> None:
    page = show(tape())
    states = corners() + some_states(24)
    for state, got in zip(states, page.evaluate(DRIVE, states), strict=True):
        expected = reference(state)
        diverges = state["lr"] > 2 * (1 + state["momentum"]) + 1e-9
        for name, values in expected.items():
            ours = np.array(got["data"][name], dtype=float)
            np.testing.assert_allclose(ours, values.ravel(), rtol=1e-5, atol=1e-5, err_msg=f"{name} {state}")
        assert got["data"]["half"] == nl.optim.window(state["momentum"], 0.5)
        assert got["data"]["most"] == nl.optim.window(state["momentum"], 0.99)
        assert (got["data"]["kind"] == "diverges") == diverges
        assert got["verdict"] == f"It {KINDS[got['data']['kind']]}"  # said in words
        assert got["broken"] == [], state
        assert got["far"] == [], state
    clean(page)


def test_what_is_left_and_the_old_way_are_those_of_python(show: Any) -> None:
    from nlviz.widgets.gradient_tape_model import drift, outlook

    page = show(tape())
    states = corners()[::4] + some_states(40)
    for state, found in zip(states, page.evaluate(DRIVE, states), strict=True):
        got = found["data"]
        kind, left = outlook(state["lr"], state["momentum"], state["start"])
        assert got["kind"] == kind, state
        assert got["left"] == pytest.approx(left, rel=1e-5, abs=1e-12)
        if state["switch"] is not None:
            assert got["drift"] == drift(state), state


def test_the_map_is_the_largest_eigenvalue_of_a_step(show: Any) -> None:
    page = show(tape())
    powers = np.array(page.evaluate("[...document.querySelector('.nl').view.data.map]")).reshape(61, 61)
    momenta, rates = 1 - 10 ** -np.linspace(3, 0, 61), 10 ** np.linspace(-2, 1, 61)
    for row, column in itertools.product(range(0, 61, 6), range(0, 61, 6)):
        momentum, lr = momenta[row], rates[column]
        largest = max(
            abs(np.linalg.eigvals([[1 - lr * curvature, -lr * momentum], [curvature, momentum]])).max()
            for curvature in CURVATURE
        )
        assert powers[row, column] == pytest.approx(2 * STEPS * np.log10(largest), abs=1e-5), (momentum, lr)


def test_what_is_said_below_is_what_python_says(show: Any) -> None:
    widget = tape()
    page = show(widget)
    says_what_python_says(page, widget, corners()[::18] + some_states(12))
    clean(page)


def test_sixty_states_and_every_preset_draw(show: Any) -> None:
    page = show(tape(), width=700)
    assert all(found["broken"] == [] for found in page.evaluate(DRIVE, some_states(60)))
    chips = page.get_by_role("group", name="presets").get_by_role("button")
    for chip in chips.all()[:-1]:
        chip.press("Enter")
        page.wait_for_function("(one) => one.getAttribute('aria-pressed') === 'true'", arg=chip.element_handle())
        assert page.locator(".nl-presets [aria-pressed=true]").count() == 1
        assert page.evaluate(DRIVE, [{}])[0]["broken"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 700
    page.get_by_role("button", name="reset").press("Enter")
    assert page.evaluate(f"JSON.stringify({STATE}) === JSON.stringify(document.querySelector('.nl').view.start)")
    clean(page)


def test_the_control_diverges_where_momentum_settles(show: Any) -> None:
    page = show(tape())
    page.get_by_role("button", name="momentum 0.9").press("Enter")
    page.locator(".nl-verdict").get_by_text("It settles without swinging").wait_for()
    page.get_by_text("Control: the same long-run rate without memory, step size 2.5, diverges.").wait_for()
    page.get_by_role("button", name="same rate, no memory").press("Enter")
    page.locator(".nl-verdict").get_by_text("It diverges").wait_for()
    page.get_by_text("it left the picture at step").wait_for()


# ---- hands


def test_every_control_has_a_name(show: Any) -> None:
    page = show(tape(guess="10"))
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"]]
    roles = ("slider", "radio", "radiogroup", "button", "img", "image", "group", "application")
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
    controls = [(role, words) for role, words in found if role in roles]
    assert [role for role, words in controls if not words.strip()] == []
    named = [words for _, words in controls]
    assert {"momentum", "step size", "task B", "step", "start", "a bar is", "ink", "weight"} <= set(named)
    assert "step size and momentum: step size 0.25, momentum 0.9, settles without swinging" in named
    assert "start: -3 along the valley, -1 across" in named
    assert page.evaluate("document.querySelectorAll('.nl input:not([data-lm-suppress-shortcuts=true])').length") == 0
    assert page.evaluate(
        "[...document.querySelectorAll('.nl svg')].every((one) => one.closest('[aria-hidden], [role=img]'))"
    )
    said = page.get_by_role("slider", name="task B").get_attribute("aria-valuetext")
    assert said == "after step 40"


@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_scrolls_sideways(show: Any, width: int) -> None:
    page = show(tape(guess="44"), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tab_reaches_every_control(show: Any) -> None:
    assert tab_reaches_every_control(show(tape())) > 10


KEYS = {
    "ArrowRight": {"lr": 0.3},
    "ArrowLeft": {"lr": 0.2},
    "ArrowUp": {"momentum": 0.92},
    "ArrowDown": {"momentum": 0.88},
    "PageUp": {"momentum": 0.97},
    "PageDown": {"momentum": 0.75},
    "Home": {"lr": 0.01},
    "End": {"lr": 10},
}


def test_the_map_is_a_slider_in_two_dimensions(show: Any) -> None:
    page = show(tape())
    pad = page.get_by_role("application", name="step size and momentum")
    pad.focus()
    for key, moved in KEYS.items():
        before = page.evaluate(LOOK)
        page.keyboard.press(key)
        now = page.evaluate(STATE)
        assert {"momentum": now["momentum"], "lr": now["lr"]} == {"momentum": 0.9, "lr": 0.25, **moved}, key
        page.wait_for_function(f"(before) => {LOOK} !== before", arg=before)
        page.keyboard.press("Backspace")
        assert page.evaluate(STATE)["lr"] == 0.25
        assert page.evaluate(STATE)["momentum"] == 0.9
    said = page.get_by_role("slider", name="momentum", exact=True)
    said.focus()
    page.keyboard.press("End")
    assert page.evaluate(STATE)["momentum"] == 0.999
    page.get_by_role("application", name="step size 0.25, momentum 0.999, swings past the bottom").wait_for()
    clean(page)


def test_the_dot_is_dragged_over_the_map(show: Any) -> None:
    page = show(tape())
    box = page.locator(".nl-field").bounding_box()
    place = lambda across, up: (box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"])  # noqa: E731
    page.mouse.move(*place(0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*place(2 / 3, 1 / 3), steps=4)  # step size 1, momentum 0.9
    state = page.evaluate(STATE)
    assert (state["lr"], state["momentum"]) == (1, 0.9)
    page.mouse.move(*place(2, 2), steps=3)  # beyond the corner
    page.mouse.up()
    state = page.evaluate(STATE)
    assert (state["lr"], state["momentum"]) == (10, 0.999)
    page.locator(".nl-verdict").get_by_text("It diverges").wait_for()
    clean(page)


def test_the_start_is_dragged_moved_by_keys_and_chosen(show: Any) -> None:
    page = show(tape())
    bowl = page.locator(".nl-bowl")
    bowl.scroll_into_view_if_needed()
    box = bowl.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert page.evaluate(STATE)["start"] == [0, 6]
    bowl.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(STATE)["start"] == [0.1, 5.5]
    page.keyboard.press("Backspace")
    assert page.evaluate(STATE)["start"] == [-1, -3]
    page.get_by_role("radio", name="far out").check(force=True)
    assert page.evaluate(STATE)["start"] == [1.2, -10]
    assert page.evaluate(DRIVE, [{}])[0]["broken"] == []
    clean(page)


def test_backspace_puts_a_slider_back_to_the_preset(show: Any) -> None:
    page = show(tape())
    page.get_by_role("button", name="late switch").press("Enter")
    page.get_by_role("slider", name="task B").focus()
    page.keyboard.press("End")
    assert page.evaluate(STATE)["switch"] is None
    page.keyboard.press("Backspace")
    assert page.evaluate(STATE)["switch"] == 120


def test_the_bet_shows_seven_and_forty_four(show: Any) -> None:
    page = show(tape())
    assert page.locator(".nl-number").inner_text() == "?"
    assert "99 %" not in page.locator(".nl-tape").text_content()
    page.get_by_role("button", name="22").press("Enter")
    page.get_by_text("Not so: 44.").wait_for()
    assert page.locator(".nl-number").inner_text() == "44"
    assert "99 % of it: the last 44" in page.locator(".nl-tape").text_content()
    assert "half of the weight: the last 7" in page.locator(".nl-tape").text_content()
    page.get_by_role("img", name="7 gradients carry half of the weight, 44 carry 99 % of it").wait_for()
    page.get_by_role("button", name="bet again").press("Enter")
    page.get_by_role("button", name="44").press("Enter")
    page.get_by_text("Yes, 44.").wait_for()


def test_the_tape_is_scrubbed_and_its_bars_are_the_gradients(show: Any) -> None:
    page = show(tape(step=150))
    box = page.locator(".nl-tape").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 100, steps=4)
    page.mouse.up()
    step = page.evaluate(STATE)["step"]
    assert 48 <= step <= 58
    drawn(page)
    said = page.get_by_role("slider", name="step", exact=True).get_attribute("aria-valuetext")
    assert said.startswith(f"step {step}, {step - 40} after the switch: ")
    page.evaluate("document.querySelector('.nl').view.change({ step: 45, show: 'weights', momentum: 0.999 })")
    page.wait_for_function("document.querySelector('.nl-tape .nl-old').getAttribute('d').split('M').length === 41")
    assert page.evaluate("document.querySelector('.nl-tape .nl-new').getAttribute('d').split('M').length") == 6


@pytest.mark.parametrize("still", [False, True], ids=["moving", "reduced motion"])
def test_play_runs_to_the_end(show: Any, still: bool) -> None:
    page = show(tape(step=100), still=still)
    if still:  # it jumps from stop to stop
        assert jumps(page, "step", 2) == [100, 150]
    else:
        page.get_by_role("button", name="play").press("Enter")
    page.wait_for_function(f"{STATE}.step === 150")
    page.get_by_role("button", name="play").wait_for()
    clean(page)


# ---- pages


def test_a_key_changes_the_picture_without_kernel_or_network(show: Any) -> None:
    page = show(tape(fn=momentum_step))
    before = page.evaluate(LOOK)
    page.get_by_role("slider", name="step size").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"(before) => {LOOK} !== before", arg=before)
    page.get_by_text("your function, at momentum 0.9, step size 0.25").wait_for()  # as last sent
    clean(page)


def test_two_on_one_page_do_not_couple(show: Any) -> None:
    page = show(tape(), tape())
    second = "JSON.stringify(document.querySelectorAll('.nl')[1].view.state)"
    before = page.evaluate(second)
    checked = "[...document.querySelectorAll('.nl')[1].querySelectorAll('input')].map((one) => one.checked).join()"
    marks = page.evaluate(checked)
    page.locator(".nl").first.get_by_role("radio", name="far out").check(force=True)
    page.wait_for_function(f"JSON.stringify(document.querySelectorAll('.nl')[0].view.state) !== {second}")
    assert page.evaluate(second) == before
    assert page.evaluate(checked) == marks
    clean(page)


def test_a_bet_is_asked_once_of_two_on_one_page(show: Any) -> None:
    page = show(tape(), tape())
    assert page.get_by_text("First, your bet.").count() == 2
    page.locator(".nl-bet button").last.click()
    drawn(page)
    assert page.get_by_text("First, your bet.").count() == 0
    guesses = "[...document.querySelectorAll('.nl')].map((one) => one.view.state.guess)"
    first, second = page.evaluate(guesses)
    assert first == second
    page.get_by_role("button", name="bet again").first.click()
    drawn(page)
    page.locator(".nl-bet button").first.click()  # thinking again changes one's own
    assert page.evaluate(guesses)[1] == second
    clean(page)


def test_it_follows_the_theme(show: Any) -> None:
    page = show(tape())
    paper = "getComputedStyle(document.querySelector('.nl')).backgroundColor"
    pixel = (
        """[...document.querySelector('.nl-field canvas').getContext('2d').getImageData(45, 47, 1, 1).data].join()"""
    )
    light, drawn = page.evaluate(paper), page.evaluate(pixel)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"(light) => {paper} !== light", arg=light)
    page.wait_for_function(f"(drawn) => {pixel} !== drawn", arg=drawn)  # the map too
    clean(page)


def test_a_right_function_lies_on_our_path_and_a_wrong_one_does_not(show: Any) -> None:
    page = show(tape(fn=momentum_step, strict=True))
    page.get_by_text("your function: the same path").wait_for()
    assert page.evaluate("document.querySelector('.nl-bowl .nl-yours').getAttribute('d').length") > 500
    wrong = lambda w, v, g, lr, momentum: (w - lr * v, momentum * v + g)  # noqa: E731
    page = show(tape(fn=wrong, strict=True))
    page.get_by_text("your function: another path from step 1").wait_for()
    page = show(tape(fn=lambda w, v, g, lr, momentum: w))
    page.get_by_role("alert").get_by_text("end it with `return w, v`").wait_for()


@pytest.mark.parametrize(("role", "name"), [("slider", "step size"), ("application", "step size and momentum")])
def test_key_to_pixels_is_measured(show: Any, role: Any, name: str, record_property: Any) -> None:
    page = show(tape())
    look = "document.querySelector('.nl .nl-pathA').getAttribute('d')"
    times = slider_to_pixels(page, page.get_by_role(role, name=name), look)
    record_property(f"tape, {role}: key to pixels, ms", times)
    print(f"\ntape, {role}, 20 moves: " + ", ".join(f"{what} {ms:.1f} ms" for what, ms in times.items()))
    assert times["median"] > 0
