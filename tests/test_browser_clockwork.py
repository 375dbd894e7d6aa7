"""The Clockwork in a real Chromium: where it sees writes, how it is moved, and that it breaks nowhere."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from browser import drawn, jumps, says_what_python_says, tab_reaches_every_control
from test_widgets_clockwork import LOG, NAMES, STEPS, TOKENS, frequency

import nlviz as nl
from nlviz.widgets.clockwork_log import parts_of

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

END = STEPS * TOKENS
STATE = "document.querySelector('.nl').view.state"
DRIVE = """async (state) => {
  const { view } = document.querySelector('.nl');
  view.change(state);
  await new Promise(requestAnimationFrame);
  const drawn = [...document.querySelectorAll('.nl *')].flatMap((one) => [...one.attributes].map((a) => a.value));
  const said = [...document.querySelectorAll('.nl p, .nl text, .nl span, .nl b')].map((one) => one.textContent);
  const rows = [...document.querySelectorAll('.nl-rung[role=group]:not([hidden])')];
  return { data: view.data, rows: rows.map((one) => one.getAttribute('aria-label')),
    number: document.querySelector('.nl-number').textContent,
    broken: [...drawn, ...said].filter((one) => /NaN|undefined|Infinity|null|object/.test(one)) };
}"""


@pytest.fixture(scope="module")
def the_page(opened: Callable[..., Any]) -> Any:
    return opened(nl.widgets.clockwork(LOG))


@pytest.fixture
def page(the_page: Any) -> Any:
    """The one page of this module, as it was at first."""
    the_page.get_by_role("button", name="reset").press("Enter")
    the_page.evaluate("document.querySelector('.nl').view.change({ guess: '' })")
    drawn(the_page)
    return the_page


def some_states(count: int) -> list[dict[str, Any]]:
    draw = random.Random(0)
    corners = [{"token": token, "parts": list(parts)} for token in (0, 1, END) for parts in ((), NAMES)]
    return corners + [
        {
            "token": draw.randrange(END + 1),
            "parts": [name for name in NAMES if draw.random() < 0.6],
            "level": draw.choice(NAMES),
            "guess": draw.choice(("", "one", "all")),
        }
        for _ in range(count)
    ]


def test_the_browser_finds_the_writes_that_python_finds_and_draws_sixty_states(page: Any) -> None:
    parts = parts_of(LOG)
    for state in some_states(60):
        got = page.evaluate(DRIVE, state)
        assert got["broken"] == [], state
        assert got["rows"] == [name for name in NAMES if name in state["parts"]]
        assert got["number"] == str(sum(part.learns for part in parts if part.name in state["parts"]))
        for part, now in zip(parts, got["data"], strict=True):
            if part.period == 0:
                assert now["last"] == state["token"]
                continue
            assert (now["count"], now["last"]) == part.until(state["token"], TOKENS), (part.name, state)
            if now["next"] is not None:
                assert part.until(now["next"], TOKENS)[1] == now["next"] > state["token"]
                assert part.until(now["next"] - 1, TOKENS)[1] == now["last"] or part.clock == "token"


def test_what_is_said_below_is_what_python_says(page: Any) -> None:
    says_what_python_says(page, nl.widgets.clockwork(LOG), some_states(6))


def test_the_axis_looks_back_logarithmically(page: Any) -> None:
    page.evaluate(DRIVE, {"token": END, "parts": ["slow"]})
    ticks = page.evaluate("document.querySelector('.nl-rung:not([hidden]) .nl-write').getAttribute('d')")
    places = [float(one.split()[0]) for one in ticks.split("M")[1:]]
    grid = page.evaluate("document.querySelector('.nl-rung:not([hidden]) .nl-grid').getAttribute('d')")
    left, right = float(grid[1:].split()[0]), float(grid.split("H")[1].split("M")[0])
    ages = [END - step * TOKENS for step in (48, 32, 16)]
    for place, age in zip(places, ages, strict=True):
        expected = right - (right - left) * math.log10(1 + age) / math.log10(1 + END)
        assert abs(place - expected) < 0.11


def test_parts_are_switched_on_and_told_about(page: Any) -> None:
    assert not page.get_by_role("group", name="parts").is_visible()  # before the bet they would be its answer
    page.get_by_role("button", name="one: the weights").press("Enter")
    drawn(page)
    assert page.locator(".nl-presets [aria-pressed=true]").inner_text() == "the weights"
    chip = page.get_by_role("group", name="parts").get_by_role("button", name="mean")
    assert chip.get_attribute("aria-pressed") == "false"
    chip.press("Enter")
    drawn(page)
    assert chip.get_attribute("aria-pressed") == "true"
    assert page.evaluate(STATE)["level"] == "mean"  # what comes in is told about
    page.locator(".nl-card").get_by_text("mean, every 8 tokens").wait_for()
    chip.press("Enter")
    assert "mean" not in page.evaluate(STATE)["parts"]
    page.get_by_role("button", name="everything").press("Enter")
    assert page.evaluate(DRIVE, {})["rows"] == list(NAMES)
    page.get_by_role("group", name="slow", exact=True).get_by_role("button").press("Enter")
    page.locator(".nl-card").get_by_text("tokens 129 to 256").wait_for()


def test_keys_step_and_jump_through_the_run(page: Any) -> None:
    page.get_by_role("button", name="everything").press("Enter")
    page.evaluate(DRIVE, {"token": 200, "level": "slow"})
    head = page.get_by_role("slider", name="token", exact=True)
    head.focus()
    for key, token in {"ArrowRight": 201, "ArrowLeft": 200, "Home": 0, "End": END}.items():
        page.keyboard.press(key)
        assert page.evaluate(STATE)["token"] == token
    drawn(page)
    assert head.get_attribute("aria-valuetext") == f"token {END} of {END}"
    page.keyboard.press("Backspace")
    assert page.evaluate(STATE)["token"] == page.evaluate("document.querySelector('.nl').view.home.token")
    page.evaluate(DRIVE, {"token": 200})
    page.get_by_role("button", name="to the next write of slow").press("Enter")
    assert page.evaluate(STATE)["token"] == 256
    page.get_by_role("button", name="one token on").press("Enter")
    page.get_by_role("button", name="one token back").press("Enter")
    page.get_by_role("button", name="one token back").press("Enter")
    assert page.evaluate(STATE)["token"] == 255
    page.get_by_text("the same for 127 tokens").wait_for()


def test_the_run_is_dragged(page: Any) -> None:
    box = page.locator(".nl-plot svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20, steps=3)
    page.mouse.up()
    assert abs(page.evaluate(STATE)["token"] - END / 2) <= 3


@pytest.mark.parametrize("key", ["ArrowRight", "Backspace"])
def test_a_key_on_the_run_stops_the_playing(page: Any, key: str) -> None:
    page.evaluate(DRIVE, {"token": 100, "speed": 8})
    page.get_by_role("button", name="play").press("Enter")
    page.get_by_role("slider", name="token", exact=True).press(key)
    page.get_by_role("button", name="play").wait_for(timeout=5000)
    token = page.evaluate(STATE)["token"]
    drawn(page)
    drawn(page)
    assert page.evaluate(STATE)["token"] == token < END


def test_play_runs_to_the_end_at_the_speed_that_is_set(page: Any) -> None:
    page.get_by_role("radio", name="512").check(force=True)
    page.evaluate(DRIVE, {"token": 100})
    page.get_by_role("button", name="play").press("Enter")
    page.wait_for_function(f"{STATE}.token === {END}")
    page.get_by_role("button", name="play").wait_for()


def test_the_bet_is_answered(page: Any) -> None:
    page.get_by_role("button", name="one: the weights").press("Enter")
    page.get_by_text("Not so: 6 by this log").wait_for()
    page.get_by_role("button", name="bet again").press("Enter")
    page.get_by_role("button", name="6, and the fastest: attention").press("Enter")
    page.get_by_text("Yes: 6 by this log").wait_for()


def test_every_control_has_a_name_and_is_reached_by_tab(page: Any) -> None:
    page.get_by_role("button", name="everything").press("Enter")
    drawn(page)
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = ("slider", "radio", "radiogroup", "button", "img", "image", "group")
    found = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]]
    assert [role for role, words in found if role in roles and not words.strip()] == []
    assert {"token", "tokens a second", "parts", "weights", "presets"} <= {words for _, words in found}
    assert page.evaluate(
        "[...document.querySelectorAll('.nl svg')].every((one) => one.closest('[aria-hidden], [role=img]'))"
    )
    assert tab_reaches_every_control(page) > 10


def test_nothing_scrolls_sideways_and_a_still_hand_jumps(opened: Callable[..., Any]) -> None:
    state = {"parts": list(NAMES), "level": "slow", "token": 200, "guess": "all"}
    page = opened(nl.widgets.clockwork(LOG, **state), width=700, still=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert jumps(page, "token", 1, pause=True) == [256]  # with reduced motion: from write to write
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_function("document.querySelector('.nl').view.width <= 360")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_two_on_one_page_do_not_couple_and_yours_stands_beside_ours(opened: Callable[..., Any]) -> None:
    yours = nl.widgets.clockwork(LOG, fn=frequency, like=torch.zeros(1, dtype=torch.float64), strict=True)
    page = opened(yours, nl.widgets.clockwork(LOG), dark=True)
    first, second = (page.locator(".nl").nth(i) for i in (0, 1))
    first.get_by_text("┄ yours: the same").first.wait_for()
    first.get_by_text("┄ yours: irregular").wait_for()
    first.get_by_role("radio", name="8", exact=True).check(force=True)
    drawn(page)
    speeds = page.evaluate("[...document.querySelectorAll('.nl')].map(({ view }) => view.state.speed)")
    assert speeds == [8, 64]
    assert second.get_by_role("radio", name="64").is_checked()
    paper = page.evaluate("getComputedStyle(document.querySelector('.nl')).backgroundColor")
    assert paper == "rgb(17, 17, 17)"  # it follows the theme
