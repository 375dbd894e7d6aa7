"""Every lesson as a learner meets it: in JupyterLab, in a real Chromium, without the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlviz.runtime import project

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NOTEBOOKS = project() / "notebooks"
LESSONS = sorted(path for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb") if "." not in path.stem)
SOLVED = [NOTEBOOKS / "solutions" / "01_surprise.ipynb"]  # test_notebooks.py runs them all
# all that a widget draws, as one text
PICTURE = """[...document.querySelectorAll('.jp-OutputArea-output .nl')].map((one) =>
  [...one.querySelectorAll('path, rect, line, text, p, canvas')].map((part) =>
    ['d', 'x', 'y', 'width', 'height', 'x1', 'transform'].map((name) => part.getAttribute(name)).join() +
    part.textContent).join()).join()"""


def verdicts(page: Any) -> list[str]:
    """What the checks of a notebook answered."""
    return page.eval_on_selector_all("[role=status] strong", "(all) => all.map((one) => one.textContent)")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_a_key_moves_its_picture(lab: Any, path: Path) -> None:
    from browser import run_all

    page = lab.open(path, height=1000)
    run_all(page)
    assert any("not written yet" in verdict for verdict in verdicts(page))
    slider = page.locator(".jp-OutputArea-output .nl input[type=range]").first
    slider.scroll_into_view_if_needed()
    slider.focus()
    before = page.evaluate(PICTURE)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"(before) => {PICTURE} !== before", arg=before, timeout=10_000)
    assert page.problems == []
    assert page.offsite == []


@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_a_solved_lesson_passes_its_own_checks(lab: Any, path: Path) -> None:
    from browser import run_all

    page = lab.open(path, height=1000)
    run_all(page)
    assert verdicts(page)
    assert all("pass" in verdict for verdict in verdicts(page))
    assert page.problems == []
    assert page.offsite == []


def test_figures_follow_the_theme_of_jupyterlab(lab: Any) -> None:
    """One stored picture, two themes: its ink is JupyterLab's own."""
    from browser import run_all

    inks = set()
    for dark in (False, True):
        page = lab.open(NOTEBOOKS / "01_surprise.ipynb", dark=dark)
        run_all(page)
        label = page.locator("figure[role=img] svg text").first
        inks.add(label.evaluate("(text) => getComputedStyle(text).fill"))
        for figure in page.locator("figure[role=img]").all():
            assert len(figure.get_attribute("aria-label")) > 20
    assert len(inks) == 2
