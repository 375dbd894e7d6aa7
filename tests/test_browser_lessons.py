"""Lessons as a learner meets them: in JupyterLab, in a real Chromium, without the network.

Lesson 1 whole, as it is given and solved; of the others the first screens, up to the first widget: test_notebooks.py
runs all to the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import clean, run_all

from nlviz.runtime import project

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("jupyterlab")]  # beside the worker with the pages

NOTEBOOKS = project() / "notebooks"
LESSONS = sorted(path for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb") if "." not in path.stem)
FIRST, SOLVED = (NOTEBOOKS / folder / "01_surprise.ipynb" for folder in ("", "solutions"))
# all that a widget draws, as one text
PICTURE = """[...document.querySelectorAll('.jp-OutputArea-output .nl')].map((one) =>
  [...one.querySelectorAll('path, rect, line, text, p, canvas')].map((part) =>
    ['d', 'x', 'y', 'width', 'height', 'x1', 'transform'].map((name) => part.getAttribute(name)).join() +
    part.textContent).join()).join()"""

INKS = """() => [...document.querySelectorAll('figure[role=img]')].map((figure) => figure.querySelector('svg text'))
  .filter((text) => text).map((text) => getComputedStyle(text).fill)"""
OTHER_INKS = f"""(light) => {{
  const dark = ({INKS})();
  return dark.length === light.length && dark.every((ink, i) => ink !== light[i]);
}}"""
ALTS = (
    "() => [...document.querySelectorAll('figure[role=img]')].map((figure) => figure.getAttribute('aria-label') ?? '')"
)


def verdicts(page: Any) -> list[str]:
    """What the checks of a notebook answered."""
    return page.eval_on_selector_all("[role=status] strong", "(all) => all.map((one) => one.textContent)")


def opening(path: Path, folder: Path) -> Path:
    """Lesson 1, or the first screens of another: all cells up to its first widget."""
    if path == FIRST:
        return path
    lesson = nbformat.read(path, as_version=4)
    end = next(i for i, cell in enumerate(lesson.cells) if cell.cell_type == "code" and "nl.widgets." in cell.source)
    lesson.cells = lesson.cells[: end + 1]
    nbformat.write(lesson, folder / path.name)
    return folder / path.name


def a_key_moves_its_picture_and_figures_follow_the_theme(page: Any) -> None:
    """One stored picture, two themes: its ink is JupyterLab's own."""
    slider = page.locator(".jp-OutputArea-output .nl input[type=range]").first
    slider.scroll_into_view_if_needed()
    slider.focus()
    before = page.evaluate(PICTURE)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"(before) => {PICTURE} !== before", arg=before)
    light = page.evaluate(INKS)
    assert all(len(alt) > 20 for alt in page.evaluate(ALTS))
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    page.wait_for_function(OTHER_INKS, arg=light)
    clean(page)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_opens_a_key_moves_its_picture_and_figures_follow_the_theme(
    lab: Any, path: Path, tmp_path: Path
) -> None:
    page = lab.open(opening(path, tmp_path), height=1000)
    run_all(page)
    assert [verdict for verdict in verdicts(page) if "not written yet" in verdict] == verdicts(page)
    assert bool(verdicts(page)) == (path == FIRST)
    a_key_moves_its_picture_and_figures_follow_the_theme(page)


def test_a_solved_lesson_runs_and_passes_its_own_checks(lab: Any) -> None:
    page = lab.open(SOLVED, height=1000)
    run_all(page)
    assert verdicts(page)
    assert all("pass" in verdict for verdict in verdicts(page))
    assert page.evaluate(INKS)
    a_key_moves_its_picture_and_figures_follow_the_theme(page)
