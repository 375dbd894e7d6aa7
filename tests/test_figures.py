"""Figures are asked for what they show: their artists, their words, their colours."""

from __future__ import annotations

import re

import matplotlib as mpl
import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.figures import palette, parts


def digits() -> np.ndarray:
    return np.asarray(nl.tasks.digits().x[:12])


def trace() -> nl.Trace:
    task = nl.tasks.recall(pairs=5, d_key=8, d_value=6)
    runs = {repr(rule): nl.run(rule, task, record=("error", "memory")) for rule in (nl.Hebb(), nl.Delta())}
    return nl.Trace.join(runs, axis="method")


def a_race() -> nl.Trace:
    linear = nl.lab.Runner(lambda d: torch.nn.Linear(d, d), flops=lambda T, d: 2 * d * d)
    return nl.lab.race({"linear": linear}, lengths=[8, 16], widths=[4], batches=[1], tries=1)


def ages() -> nl.Trace:
    right = np.array([[[1.0, 0.1, 0.1], [1.0, 0.2, 0.1]], [[1.0, 0.8, 0.3], [1.0, 0.6, 0.2]]])
    labels = {"method": ["frozen", "with memory"], "age": [31, 32, 512]}
    return nl.Trace({"right": right}, {"right": ("method", "run", "age")}, labels, {"chance": 0.1, "window": 32})


def a_curve() -> nl.Trace:
    tasks = {n: nl.tasks.recall(pairs=n, d_key=8, d_value=8, runs=3) for n in (2, 4, 16)}
    return nl.lab.recall_curve({"Hebb": nl.Hebb(), "Delta": nl.Delta()}, tasks)


def a_clockwork() -> nl.Trace:
    model = torch.nn.Linear(2, 2)
    clock = nl.nested.MultiClock(torch.optim.Adam(model.parameters()), [4], average=False)
    return nl.nested.levels(torch.nn.Sequential(nl.nested.AttentionLayer(2), model), clock).trace()


def changes() -> nl.Trace:
    return nl.lab.self_changes(nl.nested.SelfModifyingTitans(16, chunk=8), length=64, every=8)


FIGURES = {
    "amnesia": lambda: nl.figures.amnesia(ages()),
    "averages": lambda: nl.figures.averages(a_curve(), "top-1", x="names", y="right value first", log="x"),
    "digits": lambda: nl.figures.digits(digits(), [str(i) for i in range(12)], "Twelve"),
    "tiles": lambda: nl.figures.tiles(np.random.default_rng(0).normal(size=(10, 64)), title="W"),
    "ranking": lambda: nl.figures.ranking(np.linspace(0, 1, 50), np.linspace(0.9, 1, 50)),
    "levels": lambda: nl.figures.levels(a_clockwork()),
    "lines": lambda: nl.figures.lines([1, 10, 100], {"a": [1, 2, 3], "b": [3, 2, 1]}, x="step", y="error", log="x"),
    "intervals": lambda: nl.figures.intervals({"a": [1, 2, 3], "b": [2, 2.5, 3]}, x="score", chance=1),
    "memory": lambda: nl.figures.memory(trace().select(method=repr(nl.Delta()))),
    "recall": lambda: nl.figures.recall(trace()),
    "key_drift": lambda: nl.figures.key_drift(changes()),
    "memories_moved": lambda: nl.figures.memories_moved(changes()),
    "freezing": lambda: nl.figures.freezing(changes()),
    "speed": lambda: nl.figures.speed(a_race(), d_model=4, batch=1),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_words_themed_svg_and_no_fixed_ink(name):
    figure = FIGURES[name]()
    page = figure._repr_html_()
    assert len(figure.alt) > 20
    assert 'role="img"' in page
    assert 'aria-label="' in page
    assert f"var(--nl-ink,{palette.INK['light']})" in page
    drawn = page[page.index("<svg") :]
    assert not re.search(r"fill: #(?!fff)", drawn), "a colour outside the palette would not follow the theme"
    assert not re.search(r"stroke: #", drawn)
    assert "http://www.w3.org" in drawn
    assert not re.search(r'(src|href)="https?:', drawn)


def test_every_public_figure_is_looked_at_here():
    assert set(FIGURES) == set(nl.figures.__all__) - {"Figure"}


def test_two_figures_on_one_page_share_no_id():
    first, second = (set(re.findall(r'id="([^"]+)"', FIGURES["tiles"]().svg())) for _ in range(2))
    assert first
    assert not first & second


def test_cells_are_warm_for_positive_cold_for_negative_nothing_for_zero():
    _, ax = parts.sheet(2, 2)
    parts.cells(ax, np.array([[1.0, -0.5], [0.0, 2.0]]))
    colours = ax.collections[0].get_array().reshape(-1, 4)
    np.testing.assert_allclose(colours[:, 3], [0.5, 0.25, 0, 1])
    assert mpl.colors.to_hex(colours[0]) == palette.LIGHT[0]
    assert mpl.colors.to_hex(colours[1]) == palette.LIGHT[4]


def test_a_rule_has_its_colour_in_every_figure_whatever_comes_first():
    dots = nl.figures.intervals({"Delta, lr 1": [1, 2], "Hebb, lr 1": [2, 3]}, x="score").axes[0]
    lines = nl.figures.lines([1, 2], {"Delta": [1, 2], "Hebb": [2, 3]}, x="step", y="error").axes[0]
    for drawn in (dots.lines[::3], lines.lines[:2]):
        assert [line.get_color() for line in drawn] == [palette.colour("Delta"), palette.colour("Hebb")]
    same = nl.figures.lines([1, 2], {"Hebb, keep 1": [1, 2], "Hebb, keep 0.9": [2, 3]}, x="step", y="error").axes[0]
    assert same.lines[0].get_color() != same.lines[1].get_color()


def test_the_memory_figure_shows_the_step_that_was_asked_for():
    one = trace().select(method=repr(nl.Hebb()))
    figure = nl.figures.memory(one, step=2)
    shown = figure.axes[0].collections[0].get_array()[..., 3]
    wanted = np.abs(one["memory"][1]) / np.abs(one["memory"][1]).max()
    np.testing.assert_allclose(shown, wanted, atol=1e-6)


def test_the_ranking_is_sorted_and_says_the_share_of_the_top_tenth():
    surprise = np.zeros(100)
    surprise[:10] = 1
    figure = nl.figures.ranking(surprise, np.ones(100))
    drawn = figure.axes[0].lines[0].get_ydata()
    assert (np.diff(drawn) <= 0).all()
    assert "holds 100 %" in figure.alt
    assert "10 %" in figure.alt


def test_figures_take_tensors_and_the_callers_axes():
    nl.figures.tiles(torch.zeros(10, 64), title="nothing written")
    figure, axes = parts.sheet(8, 3, ncols=2)
    assert nl.figures.lines([1, 2], {"a": [1, 2]}, x="x", y="y", ax=axes[1]) is figure


def test_every_rule_with_a_place_in_the_course_has_a_colour():
    assert palette.colour("Delta(lr=1.0, keep=1.0)") == palette.LIGHT[4]
    with pytest.raises(KeyError, match=r"palette\.py"):
        palette.colour("Nonsense")


# Machado, Oliveira & Fernandes 2009, severity 1, on linear sRGB
SIMULATION = {
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    c = np.array(mpl.colors.to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    t = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", SIMULATION)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_levels_stay_apart_for_every_kind_of_colour_vision(kind, theme):
    colours = palette.LIGHT if theme == "light" else palette.DARK
    seen = [lab(np.array(SIMULATION[kind]) @ linear(c)) for c in colours]
    smallest = min(np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i])
    assert smallest > 16, f"{theme}, {kind}: {smallest:.1f}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_stand_out_from_their_paper(theme):
    def luminance(colour: str) -> float:
        return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))

    paper = luminance(palette.PAPER[theme])
    for colour in (*(palette.LIGHT if theme == "light" else palette.DARK), palette.ACCENT[theme]):
        a, b = sorted([luminance(colour), paper])
        assert (b + 0.05) / (a + 0.05) >= 2.95, colour
