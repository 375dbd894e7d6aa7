"""Widgets in JupyterLab, in a real Chromium: moved there, and the kernel runs the learner's own function.

One notebook with a cell for each.
"""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from browser import Lab, clean, run_all, slider_to_pixels

pytest_plugins = ("browser",)
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("jupyterlab")]

LEDGER = """
import torch
import nlviz as nl

digits = nl.tasks.digits(seed=0)

def surprise(W, x, y):
    u = torch.softmax(W @ x, dim=0)
    u[y] -= 1
    return u / 2

w = nl.widgets.ledger(digits.x[:40], digits.y[:40], fn=surprise)
w
"""
TAPE = """
def momentum_step(w, v, g, lr, momentum):
    v = momentum * v + g
    return w - lr * v, v

nl.widgets.tape(fn=momentum_step)
"""
MIXER = """
def level_step(M, waiting, tile, step, period, rate, keep):
    if step % period == 0:
        M = keep**period * M + rate * tile
    return M, waiting

w = nl.widgets.mixer(fn=level_step)
w
"""
LOOK = """[...document.querySelector('.nl').querySelectorAll('path, text, p, .nl-number')]
  .map((part) => part.getAttribute('d') + part.textContent + part.hasAttribute('hidden')).join()"""


@pytest.fixture(scope="module")
def page(_one_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Any:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in (LEDGER, TAPE, MIXER)]
    )
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path_factory.mktemp("notebook") / "widgets.ipynb"
    nbformat.write(notebook, path)
    opened = _one_lab.open(path, width=1400)
    run_all(opened)
    yield opened
    _one_lab.browser.close_pages()


def test_the_ledger_lives_in_jupyterlab(page: Any, record_property: Any) -> None:
    page.locator(".nl").first.locator(".nl-summary:not(:empty)").wait_for()
    before = page.evaluate(LOOK)
    mine = page.evaluate("document.querySelector('.nl-yours').getAttribute('d')")
    slider = page.locator(".nl").first.get_by_role("slider", name="step size")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"(before) => {LOOK} !== before", arg=before)
    # and the kernel, told of it, has run the learner's function anew
    page.wait_for_function("(mine) => document.querySelector('.nl-yours').getAttribute('d') !== mine", arg=mine)
    look = "document.querySelector('.nl svg .nl-mild').getAttribute('d')"
    times = slider_to_pixels(page, slider, look)
    record_property("ledger in JupyterLab: slider to pixels, ms", times)
    print("\nledger in JupyterLab, 20 moves: " + ", ".join(f"{what} {ms:.1f} ms" for what, ms in times.items()))
    clean(page)


def test_the_tape_lives_in_jupyterlab(page: Any, record_property: Any) -> None:
    tape = page.locator(".nl").nth(1)
    yours = "document.querySelector('.nl-bowl .nl-yours').getAttribute('d')"
    tape.get_by_text("your function: the same path").wait_for()
    mine = page.evaluate(yours)
    tape.get_by_role("application", name="step size and momentum").focus()
    page.keyboard.press("ArrowUp")
    # the notebook does not take the arrow
    assert page.evaluate("document.querySelectorAll('.nl')[1].view.state.momentum") == 0.92
    # and the kernel, told of it, has run the learner's function anew
    page.wait_for_function(f"(mine) => {yours} !== mine", arg=mine)
    tape.get_by_text("your function: the same path").wait_for()
    look = "document.querySelector('.nl .nl-pathA').getAttribute('d')"
    times = slider_to_pixels(page, tape.get_by_role("slider", name="step size"), look)
    record_property("tape in JupyterLab: key to pixels, ms", times)
    print("\ntape in JupyterLab, 20 moves: " + ", ".join(f"{what} {ms:.1f} ms" for what, ms in times.items()))
    clean(page)


def test_in_jupyterlab_the_kernel_runs_your_function_when_a_knob_of_the_mixer_has_moved(
    page: Any, record_property: Any
) -> None:
    page.get_by_text("your function: parts at step 8").wait_for()
    knob = page.get_by_role("group", name="slow level").get_by_role("slider", name="clock")
    knob.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text("your function: parts at step 16").wait_for()
    times = slider_to_pixels(
        page, knob, "document.querySelectorAll('.nl')[2].querySelector('.nl-sum').getAttribute('d')"
    )
    record_property("mixer in JupyterLab: slider to pixels, ms", times)
    print("\nmixer in JupyterLab, 20 moves: " + ", ".join(f"{what} {ms:.1f} ms" for what, ms in times.items()))
    assert page.evaluate("[...document.querySelectorAll('.nl')].every((one) => one.scrollWidth <= one.clientWidth)")
    clean(page)
