"""The Flight recorder in a real Chromium: what it draws is what was recorded, and it is moved by hand and by key."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browser import clean, drawn, jumps, says_what_python_says, slider_to_pixels, tab_reaches_every_control
from test_widgets_recorder import by_hand, changed, flown, some_states, traces

from nlviz.widgets import flight_recorder

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

VIEW = "document.querySelector('.nl').view"
STATE = f"{VIEW}.state"
TOP, FLOOR = 50, 246  # px of all and of none right


@pytest.fixture(scope="module")
def one_page(opened: Callable[..., Any]) -> Any:
    return opened(flight_recorder(traces))


@pytest.fixture
def page(one_page: Any) -> Any:
    """One page for many tests, each from the start."""
    one_page.evaluate(f"{VIEW}.go({VIEW}.start)")
    drawn(one_page)
    return one_page


# Goes through states; of each the paths, what is broken, and the sentence.
DRIVE = """async (states) => {
  const { view } = document.querySelector('.nl');
  const look = (name) => document.querySelector(name)?.getAttribute('d') ?? '';
  const found = [];
  for (const state of states) {
    view.change({ ...state });
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    const drawn = [...document.querySelectorAll('.nl *')].flatMap((one) => [...one.attributes].map((a) => a.value));
    const said = [...document.querySelectorAll('.nl :is(p, text, td, b)')].map((one) => one.textContent);
    const levels = [...document.querySelectorAll('.nl-flight [role=group]:not([hidden])')];
    found.push({
      broken: [...drawn, ...said].filter((one) => /NaN|undefined|Infinity|null/.test(one)),
      first: look('.nl-first'), second: look('.nl-second'),
      fired: look('.nl-fired') + look('.nl-idle'), each: look('.nl-each'), gate: look('.nl-gate'),
      around: look('section:last-child .nl-first'),
      wrote: levels.map((one) => one.querySelector('.nl-write').getAttribute('d')),
      moved: levels.map((one) => one.querySelector('.nl-moved').getAttribute('d')),
      axis: [view.axis.from, view.axis.to, view.axis.left, view.axis.right],
      wide: document.documentElement.scrollWidth,
    });
  }
  return found;
}"""


def points(path: str) -> np.ndarray:
    """The corners of a line, (corner, 2)."""
    return np.array([[float(number) for number in pair.split()] for pair in re.findall(r"[ML]([-\d.]+ [-\d.]+)", path)])


def drawn_as_recorded(state: dict[str, Any], got: dict[str, Any]) -> None:
    assert got["broken"] == [], state
    run, (start, stop, left, right) = state["run"], got["axis"]
    assert stop - start == (state["span"] or 320)
    assert start <= state["step"] < stop
    unit = (right - left) / (stop - start)
    xs = left + (np.arange(start, stop) - start + 0.5) * unit
    for which, path in (("a", got["first"]), ("b", got["second"])):
        shares = traces[state[which]]["right"][run]
        means = [shares[max(0, t + 1 - state["window"]) : t + 1].mean() for t in range(start, stop)]
        if which == "b" and state["a"] == state["b"]:
            assert path == ""
            continue
        np.testing.assert_allclose(points(path)[:, 0], xs, atol=0.051)
        np.testing.assert_allclose(points(path)[:, 1], FLOOR - np.array(means) * (FLOOR - TOP), atol=0.051)
    inside = traces[state[state["inside"]]]
    heights = on_the_log_scale(inside["surprise"][run, start:stop])
    np.testing.assert_allclose(points(got["each"])[:, 1], heights, atol=0.07)
    if "restarted" in inside:
        fired = np.flatnonzero(inside["restarted"][run, start:stop]) * unit + left + unit / 2 - 4
        np.testing.assert_allclose(sorted(points_of_moves(got["fired"])), fired, atol=0.051)
        above = 2 * np.maximum(inside["usual"][run, start:stop], 0.25)  # the first is infinite: a gap
        heights = on_the_log_scale(above[np.isfinite(above)])
        np.testing.assert_allclose(points(got["gate"])[:, 1], heights, atol=0.07)
    else:
        assert got["fired"] + got["gate"] == ""
    for k, (wrote, moved) in enumerate(zip(got["wrote"], got["moved"], strict=True)):
        writes = inside["wrote"][k, start:stop] > 0
        np.testing.assert_allclose(points_of_moves(wrote), xs[writes], atol=0.051)
        sizes = inside["size"][run, k]
        heights = [-float(number) for number in re.findall(r"v([-\d.]+)", moved)]
        expected = 50 * sizes[start:stop][writes] / sizes.max()
        np.testing.assert_allclose(heights, expected if state["guess"] else [], atol=0.08)
    assert len(got["wrote"]) == len(inside["wrote"])
    trace = traces[state["a"]]
    means = by_hand(trace["right"], trace["task"], state["around"] == "home").mean(0)
    np.testing.assert_allclose(points(got["around"])[:, 1], 150 - 120 * means, atol=0.06)


def on_the_log_scale(values: np.ndarray) -> np.ndarray:
    """Where a surprise is drawn: four decades at most, below the lowest at the foot."""
    surprises = np.concatenate([trace["surprise"].ravel() for trace in traces.values()])
    low = max(10 ** np.floor(np.log10(np.quantile(surprises, 0.05))), 1e-4 * surprises.max())
    low, high = np.log10([low, surprises.max()])
    return np.clip(100 - 92 * (np.log10(values) - low) / (high - low), 8, 100)


def points_of_moves(path: str) -> list[float]:
    return [float(x) for x in re.findall(r"M([-\d.]+)", path)]


def test_what_is_drawn_is_what_was_recorded(page: Any) -> None:
    states = some_states(24) + [{**flight_recorder(traces).state, "span": span, "step": 0} for span in (0, 120, 40)]
    for state, got in zip(states, page.evaluate(DRIVE, states), strict=True):
        drawn_as_recorded(state, got)
    clean(page)


def test_what_is_said_below_is_what_python_says(page: Any) -> None:
    says_what_python_says(page, flight_recorder(traces), some_states(6))


def test_the_presets_go_to_moments_that_the_data_has(page: Any) -> None:
    chips = page.get_by_role("group", name="presets").get_by_role("button")
    task, restarted = traces["ours"]["task"][0], traces["ours"]["restarted"][0]
    backs = [t for t in range(1, 320) if task[t] == 0 and task[t - 1] != 0]
    lengths = {excursion: (task == excursion).sum() for excursion in range(1, task.max() + 1)}
    moments = {}
    for chip in chips.all()[:-1]:
        chip.press("Enter")
        page.wait_for_function("(one) => one.getAttribute('aria-pressed') === 'true'", arg=chip.element_handle())
        assert page.locator(".nl-presets [aria-pressed=true]").count() == 1
        moments[chip.inner_text()] = page.evaluate(STATE)["step"]
    assert moments.pop("the whole flight") == 319
    assert moments.pop("first return home") == backs[0]
    assert moments.pop("last return home") == backs[-1]
    longest = moments.pop("longest excursion")
    assert lengths[task[longest]] == max(lengths.values())
    assert longest == 319 or task[longest + 1] != task[longest]
    idle = moments.pop("a surprise that was none")
    assert restarted[idle]
    assert len(set(task[idle - 4 : idle + 1])) == 1
    assert moments == {}
    page.get_by_role("button", name="reset").press("Enter")
    assert page.evaluate(f"JSON.stringify({STATE}) === JSON.stringify({VIEW}.start)")


def test_the_bet_uncovers_how_far_the_levels_moved(page: Any) -> None:
    moved = "[...document.querySelectorAll('.nl-moved, .nl-bar')].map((one) => one.getAttribute('d') ?? '').join('')"
    assert page.evaluate(moved) == ""
    page.get_by_text("how far each level moved: after your bet").wait_for()
    page.get_by_role("group", name="your bet").get_by_role("button", name="level 3, period 16").press("Enter")
    page.get_by_text("Not so: level 1, period 1. In the first batch back the levels move").wait_for()
    page.wait_for_function(f"{moved}.length > 2000")
    page.get_by_role("button", name="bet again").press("Enter")
    page.get_by_role("group", name="your bet").get_by_role("button", name="level 1, period 1").press("Enter")
    page.get_by_text("Yes, level 1, period 1.").wait_for()


def test_every_control_has_a_name(page: Any) -> None:
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"]]
    roles = ("slider", "radio", "radiogroup", "button", "img", "image", "group")
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
    controls = [(role, words) for role, words in found if role in roles]
    assert [role for role, words in controls if not words.strip()] == []
    named = {words for _, words in controls}
    assert {"A", "B", "seed", "mean of", "batches seen at once", "look inside", "batch"} <= named
    assert {"level 1, period 1", "level 2, period 4", "level 3, period 16", "laid over each other"} <= named
    assert page.evaluate("document.querySelectorAll('.nl input:not([data-lm-suppress-shortcuts=true])').length") == 0
    assert page.evaluate(
        "[...document.querySelectorAll('.nl svg')].every((one) => one.closest('[aria-hidden], [role=img]'))"
    )
    said = page.get_by_role("slider", name="batch", exact=True).get_attribute("aria-valuetext")
    assert said.startswith("batch 320, batch ")
    assert "ours: surprise " in said
    assert said.endswith("write")  # 320 is a multiple of 1, 4 and 16
    assert tab_reaches_every_control(page) > 10


def drag(page: Any, drawing: str, start: float, end: float) -> int:
    svg = page.locator(drawing).first
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    page.mouse.move(box["x"] + start, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + end, box["y"] + 12, steps=3)
    page.mouse.up()
    return int(page.evaluate(STATE)["step"])


def test_the_playhead_is_dragged_in_the_picture_over_the_whole_flight_and_in_a_track(page: Any) -> None:
    page.get_by_role("radio", name="40", exact=True).check(force=True)
    drawn(page)
    start, stop, left, right = page.evaluate(f"(({{ axis: a }}) => [a.from, a.to, a.left, a.right])({VIEW})")
    assert (start, stop) == (280, 320)
    seen = [
        drag(page, ".nl-flight section:nth-child(2) svg", 600, left + 1),
        drag(page, ".nl-plot svg >> nth=1", 80, right + 300),
    ]
    assert seen == [start, stop - 1]  # only what is seen
    middle = drag(page, ".nl-plot svg >> nth=0", left + 1, (left + right) / 2)  # the strip moves over all
    assert middle in (159, 160)
    drawn(page)
    assert page.evaluate(f"{VIEW}.axis.from") in range(120, 161)
    page.keyboard.press("ArrowRight")  # the keyboard has the playhead
    assert page.evaluate(STATE)["step"] == middle + 1
    page.keyboard.press("Home")
    assert page.evaluate(STATE)["step"] == 0
    page.wait_for_function(f"{VIEW}.axis.from === 0")
    clean(page)


def test_near_a_return_the_picture_below_reads_out_its_batch(page: Any) -> None:
    task = traces["ours"]["task"][0]
    back = next(t for t in range(160, 300) if task[t] == 0 and task[t - 1] != 0)
    one, other = (by_hand(traces[name]["right"], traces[name]["task"], True).mean(0) for name in ("ours", "SGD"))
    page.evaluate(f"(step) => {VIEW}.change({{ step }})", back + 4)
    page.get_by_text("5th batch home", exact=True).wait_for()
    again = [one["back"] for one in flight_recorder(traces).facts["learners"]]
    assert all(0 < batch < 4 for batch in again)
    one_back, other_back = (["1st", "2nd", "3rd"][batch - 1] for batch in again)
    page.get_by_text(f"within 10 points: A from the {one_back} batch, B from the {other_back} batch.").wait_for()
    reading = page.locator(".nl-flight section:last-child .nl-counts").inner_text()
    lead = 100 * (one - other)[12]
    assert f"\n{lead:+.0f}\n".replace("-", "−") in reading
    assert f"A {int(np.floor(100 * one[12] + 0.5))} % right" in reading


def test_it_follows_the_theme_and_fits(page: Any) -> None:
    paper = "getComputedStyle(document.querySelector('.nl')).backgroundColor"
    light = page.evaluate(paper)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"(light) => {paper} !== light", arg=light)
    page.emulate_media(color_scheme="light")
    for width in (700, 360, 1200):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"{VIEW}.width > {width} - 80 && {VIEW}.width <= {width}")
        states = [{**state, "guess": "2"} for state in some_states(3)]
        for got in page.evaluate(DRIVE, states):
            assert got["broken"] == []
            assert got["wide"] <= width
    clean(page)


def test_reduced_motion_jumps_from_crossing_to_crossing(page: Any) -> None:
    task = traces["ours"]["task"][0]
    crossings = [t for t in range(1, 320) if task[t] != task[t - 1]]
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(f"(step) => {VIEW}.change({{ step }})", crossings[-2] - 3)
    assert jumps(page, "step", 2, pause=True) == [crossings[-2] - 3, crossings[-2]]
    page.emulate_media(reduced_motion="no-preference")


def test_a_bare_trace_and_one_that_diverged_draw_too(opened: Callable[..., Any]) -> None:
    trace = traces["ours"]
    surprise = trace["surprise"].copy()
    surprise[:, 200:] = np.nan
    lost = changed(trace, surprise=surprise, size=np.where(np.arange(320) < 200, trace["size"], np.inf))
    bare = changed(traces["SGD"], wrote=None, size=None, surprise=None)
    names = "a bare model of another library", "surprise gate, periods 1, 4, 16"
    page = opened(flight_recorder(dict(zip(names, (bare, lost), strict=True)), inside="a", span=40), width=700)
    page.get_by_text("no surprise was recorded").wait_for()
    states = [
        {"inside": "b", "guess": "0", "step": 210},
        {"span": 0},
        {"a": names[1]},
        {"around": "away", "b": names[0]},
    ]
    for width in (700, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"{VIEW}.width > {width} - 80 && {VIEW}.width <= {width}")
        for got in page.evaluate(DRIVE, states):
            assert got["broken"] == []
            assert got["wide"] <= width
    clean(page)


def test_two_on_one_page_do_not_couple_and_never_home_draws(opened: Callable[..., Any]) -> None:
    alone = {name: changed(trace, task=np.zeros_like(trace["task"])) for name, trace in traces.items()}
    page = opened(flight_recorder(traces), flight_recorder(alone))
    page.wait_for_function("document.querySelectorAll('.nl-summary:not(:empty)').length === 2")
    second = "JSON.stringify(document.querySelectorAll('.nl')[1].view.state)"
    before = page.evaluate(second)
    page.locator(".nl").first.get_by_role("radio", name="departures").check(force=True)
    page.locator(".nl").first.get_by_role("slider", name="seed").press("End")
    assert page.evaluate(STATE)["run"] == 2
    assert page.evaluate(second) == before
    assert page.locator(".nl").nth(1).get_by_text("laid over each other").first.is_hidden()
    clean(page)


def test_key_to_pixels_is_measured(opened: Callable[..., Any], record_property: Any) -> None:
    long = {"ours": flown(runs=20, steps=1200), "SGD": flown(periods=(1,), runs=20, steps=1200, gated=False)}
    page = opened(flight_recorder(long, guess="2", step=600))
    for name, look in {
        "batch": "document.querySelector('.nl-needle').getAttribute('d')",
        "mean of": "document.querySelector('.nl-first').getAttribute('d')",
        "seed": "document.querySelector('.nl-first').getAttribute('d')",
    }.items():
        times = slider_to_pixels(page, page.get_by_role("slider", name=name, exact=True), look)
        record_property(f"flight recorder, {name}: key to pixels, ms", times)
        print(f"\nflight recorder, {name}, 20 moves: " + ", ".join(f"{what} {ms:.1f}" for what, ms in times.items()))
        assert times["median"] > 0
    clean(page)
