"""The Frequency mixer in a real Chromium: its numbers against the lab's, its controls, its curves, its looks."""

from __future__ import annotations

import itertools
import random
import re
from typing import Any

import numpy as np
import pytest
from browser import clean, drawn, jumps, says_what_python_says, slider_to_pixels, tab_reaches_every_control

import nlviz as nl
from nlviz.widgets.frequency_mixer import CLOCKS, FIVE, GUESSES, KEEPS, LENGTHS, PRESETS, RATES, mixer
from nlviz.widgets.frequency_mixer_model import LIMIT, mix, playing

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FAST, SLOW = (1, 0.8, 0.95), (8, 0.15, 1.0)
VIEW = "document.querySelector('.nl').view"


def state_of(page: Any) -> dict[str, Any]:
    return page.evaluate(f"{VIEW}.state")


def curves_are_done(page: Any) -> None:
    page.wait_for_function(
        f"""{VIEW}.parts.levels.slice(0, {VIEW}.state.levels.length)
        .every(({{ knobs, sparks }}) => knobs.every((knob) => knob.shown?.finished)
          && sparks.every((spark) => !spark.node.classList.contains('nl-stale')))"""
    )


# ---- the numbers: what JavaScript computes, at every corner and at random

# Drives the widget through all states in one call. Of each: the numbers, and attributes that are no numbers.
DRIVE = """async (states) => {
  const { view } = document.querySelector('.nl');
  const frame = () => new Promise(requestAnimationFrame);
  const found = [];
  for (const state of states) {
    view.change({ ...state });
    do await frame(); while (view.data.coarse);
    await frame();
    const drawn = [...document.querySelectorAll('.nl *')].flatMap((one) => [...one.attributes].map((a) => a.value));
    const broken = drawn.filter((one) => /NaN|undefined|Infinity|null/.test(one));
    const { end, shares, surprise, finals, clocks } = view.data;
    const counts = clocks.map((one) => one && [one.writes, one.empty, Number.isNaN(one.late) ? null : one.late]);
    found.push({ end, broken, counts, finals, surprise: [...surprise.subarray(1, end)],
      shares: shares.map((one) => [...one.subarray(1, end)]) });
  }
  return found;
}"""


def by_the_lab(state: dict[str, Any]) -> nl.Trace:
    """The same setting in torch. A held rate is one that grows with the clock."""
    levels = [tuple(state["levels"][i]) for i in playing(state)]
    if state["average"] and state["hold"]:
        levels = [(clock, rate * clock, keep) for clock, rate, keep in levels]
    return nl.lab.spectrum(
        levels, steps=state["steps"], average=state["average"], streams=state["streams"], seed=state["seed"]
    )


def compare(state: dict[str, Any], found: dict[str, Any]) -> None:
    about = str(state)
    assert found["broken"] == [], about
    shares, on, end = np.array(found["shares"]), playing(state), found["end"]
    assert not np.delete(shares, on, axis=0).any(), about
    if not on:
        return
    theirs = by_the_lab(state)
    np.testing.assert_allclose(shares[on], theirs["overlap"].mean(0)[:, : end - 1], rtol=1e-5, atol=1e-5, err_msg=about)
    np.testing.assert_allclose(
        found["surprise"], theirs["surprise"].mean(0)[: end - 1], rtol=1e-5, atol=1e-5, err_msg=about
    )
    for i, writes, empty, late in zip(on, theirs["writes"], theirs["empty writes"], theirs["lateness"], strict=True):
        assert found["counts"][i] == [writes, empty, None if np.isnan(late) else late], about
    if end <= sum(state["steps"]):  # it diverged: the lab's numbers are beyond all measure there
        beyond = [np.abs(theirs["overlap"][..., end - 1]).max(), theirs["surprise"][:, end - 1].max()]
        assert max(beyond) >= LIMIT, about
    else:
        np.testing.assert_allclose(found["finals"], theirs["recovery"], rtol=1e-5, atol=1e-5, err_msg=about)


def drive(page: Any, states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    whole = [mixer(**state).state for state in states]
    for state, found in zip(whole, page.evaluate(DRIVE, whole), strict=True):
        compare(state, found)
    return whole


def test_it_computes_what_the_lab_computes_at_every_corner(show: Any) -> None:
    page = show(mixer())
    ends = list(itertools.product(*((values[0], values[-1]) for values in (CLOCKS, RATES, KEEPS))))
    ways = [(False, False), (True, False), (True, True)]
    short, long = ([lengths[at] for lengths in LENGTHS] for at in (0, -1))
    states = [
        {"levels": [level, SLOW], "average": average, "hold": hold, "steps": short, "streams": 4, "seed": 3}
        for level, (average, hold) in itertools.product(ends, ways)
    ]
    states += [{"levels": [FAST, level], "steps": long, "streams": 1, "guess": "rate"} for level in ends]
    states += [{"levels": [level] * 5, "steps": short, "streams": 1, "stretched": False} for level in ends]
    states += [{"muted": [0, 1]}, {"solo": [0, 1], "muted": [0], "seed": 10**6}, {"streams": 10}]
    drive(page, states)
    clean(page)


def some_state(draw: random.Random) -> dict[str, Any]:
    levels = [[draw.choice(CLOCKS), draw.choice(RATES), draw.choice(KEEPS)] for _ in range(draw.randint(2, 5))]
    some = [i for i in range(len(levels)) if draw.random() < 0.2]
    steps = [draw.choice(lengths[:6]) for lengths in LENGTHS]
    return {
        "levels": levels,
        "muted": some if draw.random() < 0.5 else [],
        "solo": some if draw.random() < 0.3 else [],
        "steps": steps,
        "average": draw.random() < 0.5,
        "hold": draw.random() < 0.5,
        "streams": draw.choice((1, 1, 1, 4)),
        "seed": draw.randrange(20),
        "step": draw.randint(0, sum(steps)),
        "stretched": draw.random() < 0.7,
        "guess": draw.choice(GUESSES),
    }


def test_it_computes_what_the_lab_computes_in_two_hundred_random_states(show: Any) -> None:
    page = show(mixer(), width=700)
    draw = random.Random(0)
    states = drive(page, [some_state(draw) for _ in range(200)])
    assert {len(state["levels"]) for state in states} == {2, 3, 4, 5}
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    clean(page)


def test_the_presets_tell_the_story_and_are_marked(show: Any) -> None:
    story = [0.45, 0.00, 0.33, 0.44, 0.05, 0.44, -0.86, 0.30]
    page = show(mixer(streams=10))
    chips = page.get_by_role("group", name="presets").get_by_role("button")
    assert [chip.inner_text() for chip in chips.all()] == [*(name for name, _ in PRESETS), "reset"]
    for chip, (_, patch), end in zip(chips.all()[:-1], PRESETS, story, strict=True):
        chip.press("Enter")
        page.wait_for_function("(one) => one.getAttribute('aria-pressed') === 'true'", arg=chip.element_handle())
        page.wait_for_function(f"!{VIEW}.data.coarse")
        assert page.evaluate(f"{VIEW}.data.final") == pytest.approx(end, abs=0.03)
        state = mixer(streams=10, **patch).state
        compare(state, page.evaluate(DRIVE, [state])[0])
    page.get_by_role("button", name="reset").press("Enter")
    assert page.evaluate(f"JSON.stringify({VIEW}.state) === JSON.stringify({VIEW}.start)")
    clean(page)


def test_what_is_said_below_is_what_python_says(show: Any) -> None:
    widget = mixer()
    page = show(widget)
    draw = random.Random(1)
    says_what_python_says(
        page, widget, [some_state(draw) for _ in range(8)] + [{"levels": [FAST, (64, 2.0, 1.0)]}, {"muted": [0, 1]}]
    )
    clean(page)


# ---- controls


def test_every_control_has_a_name_and_every_level_is_a_group(show: Any) -> None:
    page = show(mixer(levels=FIVE, guess="clock"))
    curves_are_done(page)
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"]]
    roles = ("slider", "radio", "radiogroup", "button", "img", "image", "group")
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
    assert [role for role, words in found if role in roles and not words.strip()] == []
    assert sum(role == "slider" for role, _ in found) == 1 + 3 * 5 + 3
    assert page.evaluate("document.querySelectorAll('.nl input:not([data-lm-suppress-shortcuts=true])').length") == 0
    assert page.evaluate(
        "[...document.querySelectorAll('.nl svg')].every((one) => one.closest('[aria-hidden], [role=img]'))"
    )
    for name, (clock, rate, keep) in zip(("fastest", "fast", "middle", "slow", "slowest"), FIVE, strict=True):
        level = page.get_by_role("group", name=f"{name} level", exact=True)
        words = {knob: level.get_by_role("slider", name=knob) for knob in ("clock", "rate", "retention")}
        assert words["clock"].get_attribute("aria-valuetext") == (
            "every step" if clock == 1 else f"every {clock} steps"
        )
        assert words["rate"].get_attribute("aria-valuetext") == f"{rate:g} an error"
        assert ("forgets nothing" if keep == 1 else "½ gone in") in words["retention"].get_attribute("aria-valuetext")
        assert "A would end between" in words["clock"].get_attribute("aria-description")
        assert level.get_by_role("img").first.get_attribute("aria-label").startswith(f"{name} level: ")
        for chip in ("solo", "mute"):
            assert level.get_by_role("button", name=chip).get_attribute("aria-pressed") == "false"
    assert page.get_by_role("slider", name="time").get_attribute("aria-valuetext").startswith("step 440, after 40 of B")


def test_tab_reaches_every_control(show: Any) -> None:
    assert tab_reaches_every_control(show(mixer(average=True))) > 25


def test_knobs_move_by_key_and_backspace_puts_them_back_to_the_preset(show: Any) -> None:
    page = show(mixer())
    page.get_by_role("button", name="slower clock", exact=True).press("Enter")
    slow = page.get_by_role("group", name="slow level")
    slow.get_by_role("slider", name="clock").focus()
    page.keyboard.press("End")
    assert state_of(page)["levels"] == [[1, 0.8, 0.95], [1024, 0.15, 1]]
    page.get_by_text("never hears B").wait_for()
    page.keyboard.press("Backspace")
    assert state_of(page)["levels"] == [[1, 0.8, 0.95], [32, 0.15, 1]]
    slow.get_by_role("button", name="mute").press("Enter")
    assert state_of(page)["muted"] == [1]
    page.get_by_text("takes no part").wait_for()
    slow.get_by_role("button", name="solo").press("Enter")
    assert page.evaluate(f"{VIEW}.data.on") == [1]
    page.get_by_role("slider", name="learn B").focus()
    page.keyboard.press("ArrowRight")
    assert state_of(page)["steps"] == [400, 60, 120]
    assert state_of(page)["step"] == 460  # the playhead stays where B ends
    clean(page)


def test_levels_are_added_up_to_five_and_taken_away(show: Any) -> None:
    page = show(mixer(muted=[1], solo=[1]))
    page.get_by_role("radiogroup", name="levels").get_by_role("radio", name="5").check()
    assert state_of(page)["levels"] == [[1, 0.8, 0.95], [8, 0.15, 1], [32, 0.05, 1], [128, 0.02, 1], [512, 0.01, 1]]
    drawn(page)
    assert page.locator(".nl-strip:visible").count() == 6
    page.get_by_role("group", name="slowest level").get_by_role("slider", name="rate").focus()
    page.keyboard.press("ArrowRight")
    assert state_of(page)["levels"][4] == [512, 0.02, 1]
    page.get_by_role("group", name="slowest level").get_by_role("button", name="mute").press("Enter")
    page.get_by_role("radiogroup", name="levels").get_by_role("radio", name="2").check()
    assert state_of(page)["levels"] == [[1, 0.8, 0.95], [8, 0.15, 1]]
    assert state_of(page)["muted"] == [1]
    drawn(page)
    assert page.locator(".nl-strip:visible").count() == 3
    clean(page)


def test_the_rate_on_an_error_is_said_where_a_write_takes_the_mean(show: Any) -> None:
    page = show(mixer())
    rate = page.get_by_role("group", name="slow level").get_by_role("slider", name="rate")
    hold = page.get_by_role("button", name="hold the effective rate")
    assert rate.get_attribute("aria-valuetext") == "0.15 an error"
    assert hold.is_disabled()
    page.get_by_role("radio", name="mean").check()
    drawn(page)
    assert rate.get_attribute("aria-valuetext") == "0.15/8 an error"
    hold.press("Enter")
    drawn(page)
    assert rate.get_attribute("aria-valuetext") == "0.15 an error"
    assert hold.get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize(("levels", "marked"), [([FAST, (8, 0.15, 1.0)], 0), ([FAST, (64, 0.5, 1.0)], 1)])
def test_a_level_whose_write_is_too_long_is_marked(show: Any, levels: list[Any], marked: int) -> None:
    page = show(mixer(levels=levels))
    assert page.get_by_text("overshoots", exact=True).locator("visible=true").count() == marked
    page.get_by_role("radio", name="mean").check()
    drawn(page)
    assert page.get_by_text("overshoots", exact=True).locator("visible=true").count() == 0


def test_divergence_is_written_in_words_and_the_lines_end_there(show: Any) -> None:
    page = show(mixer(levels=[FAST, (64, 2.0, 1.0)], guess="rate"))
    end = page.evaluate(f"{VIEW}.data.end")
    page.locator("svg text", has_text=f"diverges at step {end}").wait_for()
    assert page.locator(".nl-number").inner_text() == "∞"
    assert f"It diverges at step {end}" in page.locator(".nl-summary").inner_text()
    curves_are_done(page)
    gone = page.evaluate(f"{VIEW}.parts.levels[1].knobs[1].shown.values.map((one) => one === one)")
    assert gone == [bool(np.isfinite(mix(mixer(levels=[FAST, (64, rate, 1.0)]).state)).all()) for rate in RATES]
    assert not all(gone)
    clean(page)


# ---- bet, curves, evidence


def test_curves_stand_over_the_knobs_only_after_the_bet_and_tell_where_a_would_end(show: Any) -> None:
    page = show(mixer())
    assert page.evaluate(f"{VIEW}.parts.levels[0].knobs[0].shown === undefined")
    assert page.locator(".nl-spark >> visible=true").count() == 0
    page.get_by_role("button", name="the slow level’s clock").press("Enter")
    page.get_by_text("Which is flat?").wait_for()
    curves_are_done(page)
    assert page.locator(".nl-spark >> visible=true").count() == 6
    for i, k in itertools.product(range(2), range(3)):
        ends = page.evaluate(f"{VIEW}.parts.levels[{i}].knobs[{k}].shown.values")
        for value, end in list(zip((CLOCKS, RATES, KEEPS)[k], ends, strict=True))[::3]:
            levels = [list(FAST), list(SLOW)]
            levels[i][k] = value
            expected = mix(mixer(levels=levels).state).sum(0)[-1]
            assert end == pytest.approx(expected, abs=1e-9, nan_ok=True)
    page.keyboard.press("Enter")  # the focus stands on "bet again"
    page.get_by_role("button", name="the slow level’s rate").wait_for()
    assert page.locator(".nl-spark >> visible=true").count() == 0
    clean(page)


# Which curves of the slow level have been stale since, if only for a moment.
FADED = f"""() => {{
  window.faded = [false, false, false];
  {VIEW}.parts.levels[1].sparks.forEach(({{ node }}, k) => {{
    const look = () => (window.faded[k] ||= node.classList.contains('nl-stale'));
    new MutationObserver(look).observe(node, {{ attributes: true }});
  }});
}}"""


def test_a_curve_stays_while_its_own_knob_moves_and_the_others_are_drawn_anew(show: Any) -> None:
    page = show(mixer(guess="rate"))
    curves_are_done(page)
    own, other = (f"{VIEW}.parts.levels[1].knobs[{k}].shown" for k in (1, 0))
    before = page.evaluate(f"JSON.stringify([{own}, {other}])")
    page.get_by_role("group", name="slow level").get_by_role("slider", name="rate").focus()
    page.evaluate(FADED)
    page.keyboard.press("End")
    page.wait_for_function("window.faded.some(Boolean)")
    curves_are_done(page)
    assert page.evaluate("window.faded") == [True, False, True]
    kept, fresh = page.evaluate(
        f"(before) => JSON.parse(before).map((one, i) => JSON.stringify([{own}, {other}][i]) === JSON.stringify(one))",
        before,
    )
    assert kept
    assert not fresh


def test_the_table_fills_by_moving_one_knob_alone(show: Any) -> None:
    page = show(mixer())
    rows = page.locator(".nl-alone li")
    assert [row.inner_text().split("\n")[0] for row in rows.all()] == ["○", "○", "○"]
    slow, fast = (page.get_by_role("group", name=f"{name} level") for name in ("slow", "fast"))

    def turn(knob: Any, *keys: str) -> None:
        knob.focus()
        for key in keys:
            page.keyboard.press(key)
            drawn(page)

    turn(slow.get_by_role("slider", name="clock"), "ArrowLeft", *["ArrowRight"] * 3)
    assert "✓" in rows.nth(0).inner_text()
    assert "+0.44 … +0.45" in rows.nth(0).inner_text()
    turn(fast.get_by_role("slider", name="retention"), "End")  # two knobs are off now: no evidence
    assert "try" in rows.nth(2).inner_text()
    turn(slow.get_by_role("slider", name="clock"), "Backspace")
    assert "✓" in rows.nth(2).inner_text()
    assert "−0.90 … +0.45" in rows.nth(2).inner_text()
    turn(fast.get_by_role("slider", name="retention"), "Backspace")
    turn(slow.get_by_role("slider", name="rate"), *["ArrowLeft"] * 4, *["ArrowRight"] * 10)
    assert "✓" in rows.nth(1).inner_text()
    page.get_by_text(
        re.compile(
            r"shifts it: fast retention by 1\.3\d, slow rate by 0\.8\d, slow clock by 0\.0[01]\. What the clock buys"
        )
    ).wait_for()
    clean(page)


def test_the_ghost_is_what_was_before(show: Any) -> None:
    page = show(mixer())
    before = page.evaluate("document.querySelector('.nl-sum').getAttribute('d')")
    page.get_by_role("group", name="fast level").get_by_role("slider", name="retention").focus()
    page.keyboard.press("End")
    page.wait_for_function("(before) => document.querySelector('.nl-before').getAttribute('d') === before", arg=before)
    assert page.get_by_text("before", exact=False).count() == 1


# ---- the playhead


@pytest.mark.parametrize("place", [".nl-plot svg", ".nl-track svg"], ids=("above", "in a track"))
def test_the_playhead_is_dragged_anywhere_in_the_picture(show: Any, place: str) -> None:
    page = show(mixer())
    box = page.locator(place).first.bounding_box()
    y = box["y"] + 60
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, y, steps=3)
    page.mouse.up()
    step = state_of(page)["step"]
    assert 80 < step < 140
    drawn(page)
    words = page.get_by_role("slider", name="time").get_attribute("aria-valuetext")
    assert words.startswith(f"step {step}, after {step} of A: overlap +")
    page.keyboard.press("ArrowRight")  # and the keyboard has it
    assert state_of(page)["step"] == step + 1


def test_with_reduced_motion_play_jumps_from_phase_to_phase(show: Any) -> None:
    page = show(mixer(step=0), still=True)
    assert jumps(page, "step", 4) == [0, 400, 440, 560]
    clean(page)


# ---- a function of the learner's own


def last_tile(M: Any, waiting: Any, tile: Any, step: int, period: int, rate: float, keep: float) -> Any:
    return (keep**period * M + rate * tile, waiting) if step % period == 0 else (M, waiting)


def test_your_function_is_drawn_dashed_over_ours(show: Any) -> None:
    from nlviz.widgets.frequency_mixer_model import level_step

    page = show(mixer(fn=level_step, strict=True))
    page.get_by_text("your function: the same line").wait_for()
    page = show(mixer(fn=last_tile, strict=True))
    page.get_by_text(re.compile(r"your function: parts at step 8, ends at \+0\.1")).wait_for()
    lengths = page.evaluate(
        "[...document.querySelectorAll('.nl-yours')].map((one) => one.getAttribute('d')?.length ?? 0)"
    )
    assert all(length > 1000 for length in lengths[:3])
    page.get_by_role("group", name="slow level").get_by_role("slider", name="clock").focus()
    page.keyboard.press("ArrowRight")  # no kernel here: it is said that it lags behind
    page.get_by_text("your function, as it was").wait_for()
    clean(page)


# ---- looks


@pytest.mark.parametrize("width", [360, 700, 1200])
@pytest.mark.parametrize("levels", [(FAST, SLOW), FIVE], ids=("two", "five"))
def test_nothing_scrolls_sideways(show: Any, width: int, levels: Any) -> None:
    page = show(mixer(levels=levels, guess="clock", average=True), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    curves = page.evaluate("document.querySelector('.nl-spark').getBoundingClientRect().width")
    track = page.evaluate("document.querySelector('.nl-channel .nl-range').getBoundingClientRect().width")
    assert curves == pytest.approx(track, abs=1)  # a curve stands over its slider
    left, right = page.evaluate("""() => {
      const box = (one) => document.querySelector(one).getBoundingClientRect();
      const [curve, range] = [box('.nl-spark'), box('.nl-channel .nl-range')];
      return [curve.left - range.left, curve.bottom - range.bottom];
    }""")
    assert abs(left) < 1
    assert right < 0


def test_it_follows_the_theme(show: Any) -> None:
    page = show(mixer())
    paper = "getComputedStyle(document.querySelector('.nl')).backgroundColor"
    strip = """[...document.querySelector('.nl-surprise').getContext('2d').getImageData(0, 0, 1, 1).data].join()"""
    light, ink = page.evaluate(paper), page.evaluate(strip)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"(light) => {paper} !== light", arg=light)
    page.wait_for_function(f"(ink) => {strip} !== ink", arg=ink)
    clean(page)


def test_two_on_one_page_do_not_couple(show: Any) -> None:
    page = show(mixer(), mixer(levels=FIVE))
    second = "JSON.stringify(document.querySelectorAll('.nl')[1].view.state)"
    clips = "[...document.querySelectorAll('.nl clipPath')].map((one) => one.id)"
    before = page.evaluate(second)
    page.locator(".nl").first.get_by_role("radio", name="mean").check()
    page.locator(".nl").first.get_by_role("slider", name="retention").first.press("End")
    page.wait_for_function("document.querySelectorAll('.nl')[0].view.state.average")
    assert page.evaluate(second) == before
    assert page.locator(".nl").last.get_by_role("radio", name="sum").is_checked()
    assert len(set(page.evaluate(clips))) == 2
    clean(page)


@pytest.mark.parametrize(("streams", "heard"), [(4, 4), (10, 8)])
def test_while_the_hand_moves_it_hears_as_many_streams_as_a_frame_affords_and_all_when_it_rests(
    show: Any, streams: int, heard: int
) -> None:
    page = show(mixer(levels=FIVE, steps=(400, 40, 120), streams=streams))
    assert page.evaluate(f"{VIEW}.data.count") == streams
    moving = page.evaluate(
        f"{VIEW}.change({{ steps: [400, 40, 160] }}), [{VIEW}.data.count, {VIEW}.data.coarse ?? false]"
    )
    assert moving == [min(streams, heard), streams > heard]
    page.wait_for_function(f"{VIEW}.data.count === {streams} && !{VIEW}.data.coarse")
    drawn(page)
    assert f"{streams} streams" in page.locator(".nl-said").inner_text()


# ---- speed: printed, never asserted


def test_the_time_of_compute_and_redraw_is_measured(show: Any, record_property: Any) -> None:
    page = show(mixer(levels=FIVE, steps=(400, 40, 160)))
    times = page.evaluate(f"""async () => {{
      const times = [];
      const frame = () => new Promise(requestAnimationFrame);
      for (let i = 0; i < 60; i++) {{
        await frame();
        await frame();
        const levels = {VIEW}.state.levels.map((level) => [...level]);
        levels[i % 5][1] = {VIEW}.facts.rates[(7 * i) % 12];
        const began = performance.now();
        {VIEW}.change({{ levels }});
        times.push(performance.now() - began);
      }}
      return times.sort((a, b) => a - b);
    }}""")
    assert not page.evaluate(f"{VIEW}.data.coarse")
    knob = page.get_by_role("group", name="middle level").get_by_role("slider", name="clock")
    shown = slider_to_pixels(page, knob, "document.querySelector('.nl-sum').getAttribute('d')")
    record_property("mixer: compute and redraw, ms", times)
    record_property("mixer: slider to pixels, ms", shown)
    print(f"\nmixer, five levels, 600 steps: compute and redraw median {times[30]:.1f} ms, p90 {times[54]:.1f} ms")
    print("mixer: slider to pixels, 20 moves: " + ", ".join(f"{what} {ms:.1f} ms" for what, ms in shown.items()))
    assert times[30] > 0
    clean(page)
