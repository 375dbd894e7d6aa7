"""Rebind in a real Chromium: what it computes, how it is moved, and that it breaks nowhere. One page for most of it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browser import drawn, slider_to_pixels, tab_reaches_every_control

import nlviz as nl
from nlviz.widgets import rebind
from nlviz.widgets.rebind_model import RUNS
from nlviz.widgets.rebinding import KEEPS, NAMES, QUIET, RATES, SIMILARITIES, WEEKS

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

STATE = "document.querySelector('.nl').view.state"
LOOK = """[...document.querySelectorAll('.nl path, .nl text, .nl p, .nl .nl-number')]
  .map((part) => part.getAttribute('d') + part.textContent).join()"""

CHANGE = "(state) => document.querySelector('.nl').view.change(state)"
NUMBERS = "[...document.querySelectorAll('.nl-number')].map((one) => one.textContent).join()"
BARS = "[...document.querySelectorAll('.nl-old0, .nl-new0, .nl-best')].map((one) => one.getAttribute('d')).join('')"
YOURS = "[...document.querySelectorAll('.nl-weekly .nl-yours')].map((one) => one.getAttribute('d'))"
BROKEN = """() => [...document.querySelectorAll('.nl *')]
  .flatMap((one) => [...[...one.attributes].map((a) => a.value), one.children.length ? '' : one.textContent])
  .filter((one) => /NaN|undefined|Infinity/.test(one))"""
# Every state in turn, in one call: the numbers of all runs, what is said, what is broken, how wide it is.
DRIVE = f"""async (states) => {{
  const {{ view }} = document.querySelector('.nl');
  const broken = {BROKEN};
  const found = [];
  for (const state of states) {{
    view.change({{ ...state }});
    await new Promise(requestAnimationFrame);
    const data = view.whole();
    const numbers = {{}};
    for (const which of ['right', 'error']) {{
      numbers[which] = data[which].map(({{ mean }}) => mean);
      numbers[which + ' ±'] = data[which].map(({{ half }}) => half);
    }}
    const answers = data.answers.map((one) => Array.from(one));
    const wide = document.documentElement.scrollWidth;
    found.push({{ numbers, answers, said: view.sentence(), broken: broken(), wide }});
  }}
  return found;
}}"""
PRESETS = {
    "eight weeks": "7 %,94 %",
    "one week": "100 %,96 %",
    "one week, too many names": "82 %,45 %",
    "similar names": "3 %,72 %",
    "Hebb that forgets": "95 %,94 %",
    "quiet names": "73 %,94 %",
}


def a_state(**some: Any) -> dict[str, Any]:
    return {**rebind().state, "guess": "half", **some}


CORNERS = [
    a_state(weeks=weeks, names=names, similarity=similarity, lr=lr, keep=keep, quiet=quiet)
    for (weeks, names), similarity, lr, keep, quiet in itertools.product(
        ((1, 8), (16, 8)), (0.0, 0.9), (0.1, 1.5), (0.5, 1.0), (0.0, 0.5)
    )
] + [a_state(weeks=weeks, names=64, keep=0.995, quiet=quiet) for weeks, quiet in ((1, 0.0), (1, 0.5), (16, 0.25))]


def some_states(count: int, names: tuple[int, ...] = NAMES[:6], seed: int = 0) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    choices = {
        "weeks": WEEKS,
        "names": names,
        "similarity": SIMILARITIES,
        "lr": RATES,
        "keep": KEEPS,
        "quiet": QUIET,
        "metric": ("right", "error"),
        "asked": range(64),
        "guess": ("", "half", "tenth"),
    }
    return [{key: draw.choice(values) for key, values in choices.items()} for _ in range(count)]


def delta_write(M: Any, key: Any, value: Any, lr: float) -> Any:
    return M + lr * np.outer(value - M @ key, key)


@pytest.fixture(scope="module")
def the_page(opened: Callable[..., Any]) -> Any:
    return opened(rebind())


@pytest.fixture
def page(the_page: Any) -> Any:
    """The one page of this module, as it was at first."""
    the_page.set_viewport_size({"width": 1200, "height": 900})
    the_page.get_by_role("button", name="reset").press("Enter")
    the_page.evaluate("document.querySelector('.nl').view.change({ guess: '' })")
    drawn(the_page)
    return the_page


# ---- the numbers


def test_the_browser_computes_what_python_computes_at_every_corner_and_in_random_states(page: Any) -> None:
    states = CORNERS + some_states(20)
    for state, got in zip(states, page.evaluate(DRIVE, states), strict=True):
        widget = rebind(**state)
        for i, (right, error, said) in enumerate(widget.played().values()):
            for which, ours in (("right", right / state["names"]), ("error", error)):
                mean, half = nl.measure.mean_interval(ours)
                np.testing.assert_allclose(got["numbers"][which][i], mean, rtol=1e-9, err_msg=f"{which} {state}")
                np.testing.assert_allclose(got["numbers"][f"{which} ±"][i], half, rtol=2e-3, atol=1e-9)
            np.testing.assert_allclose(got["answers"][i], said[-1].ravel(), rtol=1e-7, atol=1e-9)
        assert got["said"] == widget.summary()
        assert got["broken"] == [], state


def test_of_a_single_week_the_other_numbers_of_names_follow(page: Any) -> None:
    page.evaluate(CHANGE, {"weeks": 1, "guess": "half", "keep": 0.98})
    page.wait_for_function(f"document.querySelector('.nl').view.curve.size === {len(NAMES)}")
    for names in (8, 32, 64):
        got = page.evaluate(
            "(names) => document.querySelector('.nl').view.curve.get(names).right.map(({ mean }) => mean[0])", names
        )
        ours = [right.mean() / names for right, _, _ in rebind(weeks=1, names=names, keep=0.98).played().values()]
        np.testing.assert_allclose(got, ours, rtol=1e-9)
    drawn(page)
    assert page.evaluate("document.querySelector('.nl-line0').getAttribute('d').split('L').length") == len(NAMES)
    page.get_by_text("Right value first, by names").wait_for()


# ---- what is drawn and said


def test_sixty_states_and_every_preset_draw(page: Any) -> None:
    page.set_viewport_size({"width": 700, "height": 900})
    states = some_states(60, seed=1)
    for state, got in zip(states, page.evaluate(DRIVE, states), strict=True):
        assert got["broken"] == [], state
        assert got["wide"] <= 700, state
    page.get_by_role("button", name="reset").press("Enter")
    page.evaluate(CHANGE, {"guess": "tenth"})
    for name, numbers in PRESETS.items():
        page.get_by_role("button", name=name, exact=True).press("Enter")
        page.wait_for_function(f"document.querySelector('.nl').view.data.runs === {RUNS}")
        page.wait_for_function(
            f"(numbers) => {NUMBERS} === numbers",
            arg=numbers,
        )
        assert page.locator(".nl-presets [aria-pressed=true]").all_inner_texts() == [name]
        assert page.evaluate(BROKEN) == []
    page.get_by_role("button", name="reset").press("Enter")
    assert page.evaluate(f"JSON.stringify({STATE}) === JSON.stringify(document.querySelector('.nl').view.start)")


def test_the_bet_hides_the_answer(page: Any) -> None:
    assert page.locator(".nl-number").all_inner_texts() == ["?", "?"]
    said = "(words) => document.querySelector('.nl-summary').textContent === words"
    page.wait_for_function(said, arg=rebind().summary())  # not that of the test before
    before = page.locator(".nl").inner_text()
    assert "7 %" not in before
    assert "94 %" not in before
    assert page.evaluate(BARS) == ""
    page.get_by_role("button", name="about half").press("Enter")
    page.get_by_text("Not so: 7 %.").wait_for()
    assert page.locator(".nl-number").all_inner_texts() == ["7 %", "94 %"]
    assert page.evaluate(BARS) != ""
    page.get_by_role("button", name="bet again").press("Enter")
    page.get_by_role("button", name="one in ten, or fewer").press("Enter")
    page.get_by_text("Yes: 7 %.").wait_for()


def test_the_two_measures_disagree_on_too_many_names(page: Any) -> None:
    page.evaluate(CHANGE, {"guess": "half"})
    page.get_by_role("button", name="one week, too many names").press("Enter")
    page.wait_for_function(f"document.querySelector('.nl').view.data.runs === {RUNS}")
    drawn(page)
    hebb, delta = (int(one.split()[0]) for one in page.locator(".nl-number").all_inner_texts())
    assert hebb > delta + 25
    page.get_by_role("radio", name="squared error").check(force=True)
    page.get_by_text("Squared error, by names").wait_for()
    hebb, delta = (float(one) for one in page.locator(".nl-number").all_inner_texts())
    assert hebb > delta + 0.5


def test_another_name_is_asked(page: Any) -> None:
    page.evaluate(CHANGE, {"guess": "half"})
    who = page.get_by_role("slider", name="asked")
    who.focus()
    page.keyboard.press("Home")
    page.get_by_text("“Where is Ada?”").wait_for()
    assert who.get_attribute("aria-valuetext") == "Ada"
    page.keyboard.press("End")
    page.get_by_text("“Where is Pia?”").wait_for()  # the sixteenth
    page.evaluate(CHANGE, {"names": 8})
    page.get_by_text("“Where is Hua?”").wait_for()  # the last there is
    page.get_by_role("slider", name="weeks").focus()
    page.keyboard.press("End")
    assert page.evaluate(STATE)["weeks"] == 16
    page.keyboard.press("Backspace")
    assert page.evaluate(STATE)["weeks"] == 8


# ---- hands


def test_every_control_has_a_name(page: Any) -> None:
    page.evaluate(CHANGE, {"guess": "half"})
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"]]
    roles = ("slider", "radio", "radiogroup", "button", "img", "image", "group")
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
    controls = [(role, words) for role, words in found if role in roles]
    assert [role for role, words in controls if not words.strip()] == []
    named = {words for _, words in controls}
    assert {
        "weeks",
        "names",
        "alike keys",
        "write strength",
        "Hebb keeps",
        "asked",
        "measure",
        "quiet after week 1",
    } <= named
    assert {"right value first", "squared error", "none", "a quarter", "half", "Rebind"} <= named
    assert page.evaluate("document.querySelectorAll('.nl input:not([data-lm-suppress-shortcuts=true])').length") == 0
    assert page.evaluate(
        "[...document.querySelectorAll('.nl svg')].every((one) => one.closest('[aria-hidden], [role=img]'))"
    )


def test_tab_reaches_every_control(page: Any) -> None:
    assert tab_reaches_every_control(page) > 10


def test_from_key_to_pixels(page: Any, record_property: Callable[[str, Any], None]) -> None:
    page.evaluate(CHANGE, {"guess": "half"})
    look = "document.querySelector('.nl-line4').getAttribute('d')"
    times = slider_to_pixels(page, page.get_by_role("slider", name="write strength"), look)
    record_property("rebind: key to pixels, ms", times)
    print("\nrebind, 20 moves: " + ", ".join(f"{what} {ms:.1f} ms" for what, ms in times.items()))


# ---- pages


def test_two_on_one_page_do_not_couple_and_yours_is_drawn_dashed(opened: Callable[..., Any]) -> None:
    page = opened(rebind(fn=delta_write, strict=True, guess="half", weeks=3), rebind(), dark=True)
    first, second = (page.locator(".nl").nth(i) for i in (0, 1))
    first.get_by_text("┄ yours: same as Delta").wait_for()
    line = page.evaluate("document.querySelector('.nl-line4').getAttribute('d')")
    assert page.evaluate(YOURS) == [line, ""]
    assert page.get_by_text("First, your bet.").count() == 0  # it is asked once of both
    first.get_by_role("slider", name="write strength").focus()
    before = page.evaluate(LOOK)
    page.keyboard.press("ArrowLeft")  # no kernel, no network
    page.wait_for_function(f"(before) => {LOOK} !== before", arg=before)
    first.get_by_text("┄ yours, as it ran last").wait_for()
    first.get_by_text("┈ before").wait_for()
    assert line in page.evaluate("document.querySelector('.nl-weekly .nl-ghost').getAttribute('d')")
    first.get_by_role("radio", name="squared error").check(force=True)
    states = page.evaluate(
        "[...document.querySelectorAll('.nl')].map(({ view }) => [view.state.lr, view.state.metric])"
    )
    assert states == [[0.9, "error"], [1, "right"]]
    assert second.get_by_role("radio", name="right value first").is_checked()
    assert page.evaluate("getComputedStyle(document.querySelector('.nl')).backgroundColor") == "rgb(17, 17, 17)"


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_scrolls_sideways(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate(CHANGE, {"guess": "half"})
    page.wait_for_function(f"document.querySelector('.nl').view.width <= {width}")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
