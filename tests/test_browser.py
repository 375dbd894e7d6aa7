"""Widgets in a real Chromium, on plain pages without a kernel or a network."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from browser import clean, drawn, jumps, says_what_python_says, slider_to_pixels, tab_reaches_every_control

import nlviz as nl

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CLASSES = 10


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    data = nl.tasks.digits(seed=0)
    return data.x[:24], data.y[:24]


def a_ledger(**more: Any) -> Any:
    return nl.widgets.ledger(*digits(), **more)


def a_trace() -> nl.Trace:
    draw = np.random.default_rng(0)
    return nl.Trace(
        {
            "accuracy": draw.random((2, 3, 41, 2)),
            "error": draw.standard_normal((2, 41, 6)),
            "memory": draw.standard_normal((2, 41, 5, 4)),
        },
        {
            "accuracy": ("method", "lr", "step", "task"),
            "error": ("method", "step", "query"),
            "memory": ("method", "step", "row", "column"),
        },
        {"method": ["Hebb", "Delta"], "lr": [0.01, 0.1, 0.3], "task": ["A", "B"], "step": list(range(0, 82, 2))},
    )


BET = {"ask": "Which?", "options": {"up": "up", "down": "down"}, "reveal": {"up": "Yes.", "down": "No."}}


def a_player(**more: Any) -> Any:
    return nl.widgets.player(a_trace(), marks={"B begins": 40}, limits={"accuracy": (0, 1)}, **more)


def a_quiz(**more: Any) -> Any:
    choices = [{"say": word, "why": f"because of {word}", "right": word == "two"} for word in ("one", "two", "three")]
    return nl.widgets.quiz([{"ask": f"Question `{n}`?", "choices": choices} for n in range(5)], **more)


MAKERS: dict[str, Callable[..., Any]] = {"ledger": a_ledger, "player": a_player, "quiz": a_quiz}
LOOK = """[...document.querySelectorAll('.nl path, .nl text, .nl p, .nl .nl-number')]
  .map((part) => part.getAttribute('d') + part.textContent + part.hasAttribute('hidden')).join()"""


@pytest.fixture(params=MAKERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


# ---- every widget


def test_a_key_changes_the_picture_without_kernel_or_network(show: Any, name: str) -> None:
    page = show(MAKERS[name]())
    before = page.evaluate(LOOK)
    control = page.get_by_role("radio", name="two").first if name == "quiz" else page.get_by_role("slider").last
    control.focus()
    page.keyboard.press("Space" if name == "quiz" else "ArrowLeft")
    page.wait_for_function(f"(before) => {LOOK} !== before", arg=before)
    clean(page)


def test_every_control_has_a_name(show: Any, name: str) -> None:
    page = show(MAKERS[name]())
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"]]
    roles = ("slider", "radio", "radiogroup", "button", "img", "image", "group", "textbox", "checkbox")
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
    controls = [(role, words) for role, words in found if role in roles]
    assert len([1 for role, _ in controls if role in ("slider", "radio", "button")]) > 4
    assert [role for role, words in controls if not words.strip()] == []
    assert page.evaluate("document.querySelectorAll('.nl input:not([data-lm-suppress-shortcuts=true])').length") == 0
    assert page.evaluate(
        "[...document.querySelectorAll('.nl svg')].every((one) => one.closest('[aria-hidden], [role=img]'))"
    )


@pytest.mark.parametrize("width", [360, 700, 1200])
def test_nothing_scrolls_sideways(show: Any, name: str, width: int) -> None:
    page = show(MAKERS[name](), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tab_reaches_every_control(show: Any, name: str) -> None:
    assert tab_reaches_every_control(show(MAKERS[name]())) > 1


def test_two_on_one_page_do_not_couple(show: Any, name: str) -> None:
    page = show(MAKERS[name](), MAKERS[name]())
    second = "JSON.stringify(document.querySelectorAll('.nl')[1].view.state)"
    before = page.evaluate(second)
    first = page.locator(".nl").first
    checked = "[...document.querySelectorAll('.nl')[1].querySelectorAll('input')].map((one) => one.checked).join()"
    marks = page.evaluate(checked)
    first.locator("input").last.focus()
    page.keyboard.press("Space" if name == "quiz" else "ArrowLeft")
    page.wait_for_function(f"JSON.stringify(document.querySelectorAll('.nl')[0].view.state) !== {second}")
    assert page.evaluate(second) == before
    assert page.evaluate(checked) == marks
    clean(page)


def test_it_follows_the_theme(show: Any, name: str) -> None:
    page = show(MAKERS[name]())
    paper = "getComputedStyle(document.querySelector('.nl')).backgroundColor"
    ink = "[...document.querySelector('.nl').view.ink.ink].join()"
    light, written = page.evaluate(paper), page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"(light) => {paper} !== light", arg=light)
    page.wait_for_function(f"(written) => {ink} !== written", arg=written)
    clean(page)


def test_what_is_said_below_is_what_python_says(show: Any, name: str) -> None:
    widget = MAKERS[name]()
    page = show(widget)
    says_what_python_says(page, widget, some_states(name, 6))
    clean(page)


# ---- the numbers: what JavaScript computes, at every corner and at random


def corners(name: str) -> list[dict[str, Any]]:
    ends: dict[str, tuple[Any, ...]] = {
        "ledger": {
            "lr": (0.01, 10.0),
            "steps": (10, 240),
            "order": ("drawn", "class", "one"),
            "when": ("last", "every"),
            "called": ({}, {"3": 7}),
            "step": (0, 1),
        },
        "player": {"method": ("Hebb", "Delta"), "lr": (0.01, 0.3), "step": (0, 40)},
        "quiz": {"answers": ([-1] * 5, [0] * 5, [2] * 5)},
    }[name]
    made = [dict(zip(ends, values, strict=True)) for values in itertools.product(*ends.values())]
    if name == "ledger":  # the first and the last step, of the first and the last image
        return [{**one, "step": one["step"] * one["steps"], "example": 23 * one["step"]} for one in made]
    return made


def some_states(name: str, count: int) -> list[dict[str, Any]]:
    draw = random.Random(0)
    made: list[dict[str, Any]] = []
    for _ in range(count):
        steps = draw.choice((10, 40, 80, 160))
        wrong = {str(draw.randrange(24)): draw.randrange(CLASSES) for _ in range(draw.randrange(4))}
        made.append(
            {
                "ledger": {
                    "lr": draw.choice((0.02, 0.1, 0.5, 2.0, 5.0)),
                    "steps": steps,
                    "step": draw.randint(0, steps),
                    "order": draw.choice(("drawn", "class", "one")),
                    "when": draw.choice(("last", "every")),
                    "called": wrong,
                    "example": draw.randrange(24),
                    "seed": draw.randrange(1000),
                    "sorted": draw.random() < 0.5,
                    "guess": draw.choice(("", "a", "same")),
                },
                "player": {
                    "method": draw.choice(("Hebb", "Delta")),
                    "lr": draw.choice((0.01, 0.1, 0.3)),
                    "step": draw.randrange(41),
                },
                "quiz": {"answers": [draw.randrange(-1, 3) for _ in range(5)]},
            }[name]
        )
    return made


# Drives a widget through all states in one call; of each the numbers, and what is broken.
DRIVE = """async (states) => {
  const { view } = document.querySelector('.nl');
  const plain = (value) => ArrayBuffer.isView(value) ? Array.from(value)
    : value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
      : Array.isArray(value) ? value.map(plain) : value;
  const found = [];
  for (const state of states) {
    view.change({ ...state });
    await new Promise(requestAnimationFrame);
    const drawn = [...document.querySelectorAll('.nl *')].flatMap((one) => [...one.attributes].map((a) => a.value));
    const broken = drawn.filter((one) => /NaN|undefined|Infinity/.test(one));
    const answered = [...document.querySelectorAll('.nl-why')].filter((one) => one.checkVisibility()).length;
    found.push({ data: plain(view.data), W: plain(view.W), broken, answered });
  }
  return found;
}"""


def taught(images: np.ndarray, labels: np.ndarray, shown: list[int], called: list[int], lr: float) -> Any:
    """The layer once more, one plain step after the other: sizes of the surprises, W after each step, right ones."""
    W = np.zeros((CLASSES, 64))
    sizes, memories = [], [W]
    for image, label in zip(shown, called, strict=True):
        logits = W @ images[image]
        said = np.exp(logits - logits.max())
        surprise = said / said.sum() - np.eye(CLASSES)[label]
        W = W - lr * surprise[:, None] * images[image][None, :]
        sizes.append(np.sqrt(np.sum(surprise**2)))
        memories.append(W)
    right = (np.argmax(images @ np.array(memories).mT, axis=2) == labels).sum(1)
    return np.array(sizes), memories, right.tolist()


def test_the_reference_is_gradient_descent() -> None:
    images, labels = (one.double() if one.is_floating_point() else one for one in digits())
    shown, called = [0, 5, 2, 0], [int(labels[0]), 3, int(labels[2]), 9]
    W = torch.zeros(CLASSES, 64, dtype=torch.float64, requires_grad=True)
    sizes = []
    for image, label in zip(shown, called, strict=True):
        said = W @ images[image]
        said.retain_grad()
        torch.nn.functional.cross_entropy(said, torch.tensor(label)).backward()
        sizes.append(said.grad.norm().item())
        with torch.no_grad():
            W -= 0.7 * W.grad
        W.grad = None
    ours, memories, _ = taught(images.numpy(), labels.numpy(), shown, called, 0.7)
    np.testing.assert_allclose(ours, sizes, atol=1e-12)
    np.testing.assert_allclose(memories[-1], W.detach().numpy(), atol=1e-12)


def test_the_ledger_computes_what_numpy_computes(show: Any) -> None:
    widget = a_ledger()
    images, labels = (one.double().numpy() for one in digits())
    page = show(widget)
    states = [{**widget.state, **state} for state in corners("ledger") + some_states("ledger", 24)]
    for state, got in zip(states, page.evaluate(DRIVE, states), strict=True):
        widget.state = state
        shown, called = widget.stream()
        assert got["data"]["shown"] == shown
        assert got["data"]["called"] == called
        sizes, memories, right = taught(images, labels, shown, called, state["lr"])
        np.testing.assert_allclose(got["data"]["size"], sizes, atol=1e-5, err_msg=str(state))
        np.testing.assert_allclose(got["W"], memories[state["step"]].ravel(), atol=1e-5, err_msg=str(state))
        assert got["data"]["right"] == right, state
        assert got["broken"] == []
    clean(page)


def test_the_player_shows_the_trace(show: Any) -> None:
    trace = a_trace()
    widget = a_player()
    page = show(widget)
    states = corners("player") + some_states("player", 24)
    for state, got in zip(states, page.evaluate(DRIVE, states), strict=True):
        chosen = trace.select(method=state["method"])
        accuracy = chosen.select(lr=state["lr"])["accuracy"]
        lines, errors, memory = got["data"]["tracks"]
        for task in range(2):
            np.testing.assert_allclose(lines["bold"][task]["values"], accuracy[:, task], atol=1e-6)
        np.testing.assert_allclose(errors["bold"][0]["values"], chosen["error"].mean(axis=1), atol=1e-6)
        np.testing.assert_allclose(np.array(errors["thin"]).T, chosen["error"], atol=1e-6)
        np.testing.assert_allclose(memory, chosen["memory"].ravel(), atol=1e-6)
        assert got["broken"] == []
    clean(page)


def test_the_quiz_counts(show: Any) -> None:
    page = show(a_quiz())
    states = corners("quiz") + some_states("quiz", 24)
    for state, got in zip(states, page.evaluate(DRIVE, states), strict=True):
        assert got["data"]["marks"] == [answer == 1 for answer in state["answers"] if answer >= 0]
        assert got["broken"] == []
        assert got["answered"] == sum(answer >= 0 for answer in state["answers"])
    clean(page)


def test_every_preset_is_marked_and_draws(show: Any) -> None:
    page = show(a_ledger())
    chips = page.get_by_role("group", name="presets").get_by_role("button")
    for chip in chips.all()[:-1]:
        chip.press("Enter")
        page.wait_for_function("(one) => one.getAttribute('aria-pressed') === 'true'", arg=chip.element_handle())
        assert page.evaluate(DRIVE, [{"step": 5}])[0]["broken"] == []
    page.get_by_role("button", name="reset").press("Enter")
    assert page.evaluate(
        "view = document.querySelector('.nl').view, JSON.stringify(view.state) === JSON.stringify(view.start)"
    )
    clean(page)


def test_seeded_numbers_are_the_same_in_the_browser(show: Any) -> None:
    from nlviz.seeded import normals, uniform
    from nlviz.widgets.base import join

    page = show(a_quiz())
    source = (
        join(("base.js",))
        + "return [uniform, normals].map((draw) => { draw = draw(seed); return Array.from({ length: 50 }, draw); });"
    )
    for seed in (0, 1, 7, 123456):
        flat, bell = page.evaluate(f"(seed) => {{ {source} }}", seed)
        assert flat == list(itertools.islice(uniform(seed), 50))
        np.testing.assert_allclose(bell, list(itertools.islice(normals(seed), 50)), atol=1e-12)


# ---- one by one


def test_backspace_puts_a_slider_back(show: Any) -> None:
    page = show(a_ledger(lr=0.5))
    page.get_by_role("slider", name="step size").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.querySelector('.nl').view.state.lr") == 5
    page.keyboard.press("Backspace")
    assert page.evaluate("document.querySelector('.nl').view.state.lr") == 0.5


def test_a_bet_is_made_by_key_and_answered(show: Any) -> None:
    page = show(a_ledger())
    assert not page.get_by_text("as strong as the mistake").is_visible()
    page.get_by_role("button", name="all alike: it stores the example").press("Enter")
    page.get_by_text("as strong as the mistake").wait_for()
    assert page.evaluate("document.querySelector('.nl').view.state.guess") == "same"
    page.keyboard.press("Enter")  # the focus stands on "bet again"
    page.get_by_role("button", name="all alike: it stores the example").wait_for()


def test_the_focus_stays_in_the_bet_also_where_the_answer_waits_for_its_frame(show: Any) -> None:
    page = show(a_ledger())
    focused = page.evaluate(
        """async () => {
          const root = document.querySelector('.nl');
          const told = root.querySelector('.nl-bet button');
          const frame = () => new Promise(requestAnimationFrame);
          await frame();
          told.focus();
          root.view.redraw();  // this frame has had its picture
          told.click();
          const waits = told.isConnected;
          for (let i = 0; i < 4; i++) await frame();
          return [waits, document.activeElement.textContent];
        }"""
    )
    assert focused == [True, "bet again"]


# From here on no frame comes: what is changed is set, and its picture waits.
HELD = """async () => {
  await new Promise(requestAnimationFrame);
  window.requestAnimationFrame = () => 0;
  document.querySelector('.nl').view.redraw();
}"""
STATE = "document.querySelector('.nl').view.state"


def test_a_key_moves_a_range_on_from_its_state_also_where_the_picture_waits_for_its_frame(show: Any) -> None:
    page = show(a_ledger(lr=0.5))
    page.evaluate(HELD)
    page.get_by_role("slider", name="step size").focus()
    for key, lr in {"End": 10, "Backspace": 0.5, "ArrowRight": 1}.items():
        page.keyboard.press(key)
        assert page.evaluate(STATE)["lr"] == lr
    box = page.locator(".nl-ledger").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 100)
    step = page.evaluate(STATE)["step"]
    assert 30 < step < 50
    page.keyboard.press("ArrowRight")
    assert page.evaluate(STATE)["step"] == step + 1
    assert page.get_by_role("slider", name="step size").get_attribute("aria-valuetext") == "0.5"  # not drawn yet
    clean(page)


def test_the_numbers_are_those_of_the_state_also_where_the_picture_waits_for_its_frame(show: Any) -> None:
    page = show(a_ledger())
    page.evaluate(HELD)
    page.get_by_role("slider", name="stream of").focus()
    page.keyboard.press("Home")
    assert page.evaluate(STATE)["steps"] == 10
    assert page.evaluate("document.querySelector('.nl').view.data.size.length") == 10
    page.get_by_role("slider", name="step", exact=True).focus()
    for key in ("ArrowLeft", "End", "ArrowRight"):  # not beyond the steps that there are now
        page.keyboard.press(key)
    assert page.evaluate(STATE)["step"] == 10
    page.get_by_role("radio", name="by class").check(force=True)
    shown = page.evaluate("document.querySelector('.nl').view.data.shown")
    page.get_by_role("radio", name=f"image {shown[3]}, ").check(force=True)
    assert page.evaluate(STATE)["step"] == 4
    clean(page)


def test_the_player_hides_what_follows_until_the_bet(show: Any) -> None:
    page = show(a_player(bet=BET))
    assert page.evaluate("document.querySelector('.nl').view.state.step") == 20
    assert page.locator(".nl-future:visible").count() == 0
    assert "at the end" not in page.locator(".nl-summary").inner_text()
    page.get_by_role("button", name="up").press("Enter")
    page.get_by_text("Yes.").wait_for()
    assert page.locator(".nl-future:visible").count() == 2
    page.wait_for_function("document.querySelector('.nl-summary').textContent.includes('at the end')")


def test_the_playhead_is_dragged_in_the_picture(show: Any) -> None:
    page = show(a_ledger())
    box = page.locator(".nl-ledger").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 100, steps=4)
    page.mouse.up()
    step = page.evaluate("document.querySelector('.nl').view.state.step")
    assert 30 < step < 50
    drawn(page)
    assert (
        page.get_by_role("slider", name="step", exact=True)
        .get_attribute("aria-valuetext")
        .startswith(f"step {step} of")
    )


def test_pointing_at_a_cell_tells_who_wrote_it(show: Any) -> None:
    page = show(a_ledger())
    cell = page.get_by_role("button", name="class 3 of W")
    cell.locator("canvas").hover(position={"x": 20, "y": 20})
    page.get_by_text("class 3, row").wait_for()
    page.mouse.move(2, 2)
    cell.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    page.get_by_text("class 3, mostly by").wait_for()
    assert page.locator(".nl-writer").count() == 3


@pytest.mark.parametrize("still", [False, True], ids=("moving", "reduced motion"))
def test_play_runs_to_the_end(show: Any, still: bool) -> None:
    page = show(a_player(step=0), still=still)
    if still:  # it jumps from mark to mark
        assert jumps(page, "step", 3) == [0, 20, 40]
    else:
        page.get_by_role("button", name="play").press("Enter")
    page.wait_for_function("document.querySelector('.nl').view.state.step === 40")
    page.get_by_role("button", name="play").wait_for()
    clean(page)


def test_your_function_is_drawn_over_ours(show: Any) -> None:
    def surprise(W: torch.Tensor, x: torch.Tensor, y: int) -> torch.Tensor:
        u = torch.softmax(W @ x, dim=0)
        u[y] -= 1
        return u / 2

    page = show(a_ledger(fn=surprise, strict=True))
    assert page.get_by_text("your function").count() == 1
    assert page.evaluate("document.querySelector('.nl-yours').getAttribute('d').length") > 100


@pytest.mark.parametrize("name", ["ledger", "player"])
def test_slider_to_pixels_is_measured(show: Any, name: str, record_property: Any) -> None:
    page = show(MAKERS[name]())
    words = {"ledger": "step size", "player": "lr"}[name]
    look = "document.querySelector('.nl').querySelector('svg .nl-mild, svg .nl-bold').getAttribute('d')"
    times = slider_to_pixels(page, page.get_by_role("slider", name=words), look)
    record_property(f"{name}: slider to pixels, ms", times)
    print(f"\n{name}: slider to pixels, 20 moves: " + ", ".join(f"{what} {ms:.1f} ms" for what, ms in times.items()))
    assert times["median"] > 0
