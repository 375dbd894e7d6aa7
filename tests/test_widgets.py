"""Widgets without a browser: their state, their sentence, the cell that makes them, the page they leave, and `fn=`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.widgets.surprise_ledger import surprise as ours

images = torch.rand(12, 64, generator=torch.Generator().manual_seed(0))
labels = torch.arange(12) % 10
draw = np.random.default_rng(0)
trace = nl.Trace(
    {"accuracy": draw.random((3, 21, 2)), "memory": draw.standard_normal((21, 4, 5))},
    {"accuracy": ("lr", "step", "task"), "memory": ("step", "row", "column")},
    {"lr": [0.01, 0.1, 0.3], "task": ["A", "B"]},
)
choices = [{"say": "no", "why": "It is not."}, {"say": "yes </script>", "why": "It is.", "right": True}]
questions = [{"ask": "Is it?", "choices": choices}] * 5

MAKERS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "ledger": (lambda **more: nl.widgets.ledger(images, labels, **more), {"lr": 1.0, "steps": 40, "called": {"3": 8}}),
    "player": (lambda **more: nl.widgets.player(trace, **more), {"lr": 0.1, "step": 7}),
    "quiz": (lambda **more: nl.widgets.quiz(questions, **more), {"answers": [0, 1, 1, -1, -1]}),
}


@pytest.fixture(params=MAKERS)
def maker(request: pytest.FixtureRequest) -> tuple[Callable[..., Any], dict[str, Any]]:
    return MAKERS[request.param]


# ---- every widget


def test_the_state_is_a_plain_dict(maker: Any) -> None:
    make, other = maker
    widget = make(**other)
    assert json.loads(json.dumps(widget.state)) == widget.state
    assert {key: widget.state[key] for key in other} == other


def test_code_makes_the_widget_again(maker: Any) -> None:
    make, other = maker
    widget = make()
    widget.state = other
    again = eval(widget.code(), {"nl": nl, "images": images, "labels": labels, "trace": trace, "questions": questions})
    assert again.state == widget.state
    assert repr(widget.code()) == str(widget.code())


def test_reset_goes_back_to_what_the_cell_made(maker: Any) -> None:
    make, other = maker
    widget = make(**other)
    made = widget.state
    widget.state = {}
    assert widget.state != made
    widget.reset()
    assert widget.state == made


def test_the_summary_is_one_sentence_of_the_state(maker: Any) -> None:
    make, other = maker
    first, second = make().summary(), make(**other).summary()
    assert first != second
    for sentence in (first, second):
        assert sentence.endswith(".")
        assert ". " not in sentence
        assert "\n" not in sentence


def test_an_unknown_setting_is_an_error_that_lists_them(maker: Any) -> None:
    make, other = maker
    with pytest.raises(ValueError, match=f"no setting 'rate'; it has .*{next(iter(other))}"):
        make(rate=1)
    widget = make()
    with pytest.raises(ValueError, match="no setting 'rate'"):
        widget.state = {"rate": 1}


def test_a_notebook_gets_the_sentence_and_a_page_of_its_own(maker: Any) -> None:
    make, _ = maker
    data, _ = make()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"] == make().summary()
    assert "<script" in data["text/html"]


class Reader(HTMLParser):
    """What a page loads from elsewhere, and its alternative texts."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.alts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.loads += [str(values[name]) for name in ("src", "href", "data") if name in values]
        if tag == "img":
            self.alts.append(str(values.get("alt")))


def test_the_page_needs_nothing_else(maker: Any, tmp_path: Path) -> None:
    make, other = maker
    widget = make(**other)
    path = nl.widgets.page(widget, tmp_path / "deep" / "page.html", title="A & B")
    text = path.read_text("utf8")
    reader = Reader()
    reader.feed(text)
    assert [source for source in reader.loads if not source.startswith("data:")] == []
    assert reader.alts == [widget.summary()] * len(reader.alts)
    assert set(re.findall(r"https?://[^\s\"'`]+", text)) <= {"http://www.w3.org/2000/svg"}  # a name, never loaded
    assert "import(" not in text
    assert not re.search(r"^import\b", text, flags=re.MULTILINE)
    assert "fetch(" not in text
    assert "url(http" not in text
    assert "<title>A &amp; B</title>" in text
    script = text[text.index('<script type="module">') :]
    assert script.count("</script") == 1  # nothing in the data ends it early


def test_the_script_is_one_module_whatever_subclasses_are_made(maker: Any) -> None:
    make, _ = maker
    widget = make()
    assert str(widget._esm).count("export default") == 1
    assert str(widget._esm).count("export ") == 1
    assert type(make())._esm is not None  # anywidget makes a subclass of its own for each


def test_widgets_know_neither_torch_nor_jupyter_when_these_are_missing(tmp_path: Path) -> None:
    code = "import sys; sys.modules['anywidget'] = None\nimport nlviz\nnlviz.widgets.page"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "type: pip install 'nlviz[widgets]'" in ran.stderr.splitlines()[-1]


# ---- the ledger


def test_the_surprise_is_the_gradient_at_the_output() -> None:
    W = torch.randn(10, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    x = images[3].double()
    said = W @ x
    said.retain_grad()
    torch.nn.functional.cross_entropy(said, torch.tensor(7)).backward()
    np.testing.assert_allclose(ours(W.detach().numpy(), x.numpy(), 7), said.grad.numpy(), atol=1e-14)
    np.testing.assert_allclose(np.outer(ours(W.detach().numpy(), x.numpy(), 7), x), W.grad.numpy(), atol=1e-14)


def torch_surprise(W: torch.Tensor, x: torch.Tensor, y: int) -> torch.Tensor:
    u = torch.softmax(W @ x, dim=0)
    u[y] -= 1
    return u


@pytest.mark.parametrize("given", [images, images.double(), images.numpy()], ids=("float32", "float64", "numpy"))
def test_fn_is_called_with_what_the_images_are(given: Any) -> None:
    seen = set()

    def surprise(W: Any, x: Any, y: int) -> Any:
        seen.add((type(W), W.dtype, tuple(W.shape), type(x), x.dtype, tuple(x.shape), type(y)))
        return torch_surprise(torch.as_tensor(W), torch.as_tensor(x), int(y))

    tensors = isinstance(given, torch.Tensor)
    names = labels if tensors else labels.tolist()
    widget = nl.widgets.ledger(given, names, fn=surprise, strict=True, steps=20)
    kind, number = (torch.Tensor, torch.Tensor) if tensors else (np.ndarray, int)
    dtype = given.dtype if tensors else np.dtype("float64")
    assert seen == {(kind, dtype, (10, 64), kind, dtype, (64,), number)}
    assert widget.error == ""
    assert widget.driven


def test_a_right_fn_lies_on_ours() -> None:
    widget = nl.widgets.ledger(images.double(), labels, fn=torch_surprise, strict=True, steps=40)
    surprises, right = widget.replay(ours)
    at, length = widget.index["yours"]
    sent = np.frombuffer(widget.packed, "<f4")
    np.testing.assert_allclose(sent[at : at + length], np.linalg.norm(surprises, axis=1), atol=1e-6)
    at, length = widget.index["yours_right"]
    assert sent[at : at + length].tolist() == right.tolist()


def test_fn_is_run_again_when_the_state_changes() -> None:
    widget = nl.widgets.ledger(images, labels, fn=torch_surprise, strict=True, steps=20)
    before = widget.packed
    widget.state = {**widget.state, "lr": 2.0}
    assert widget.packed != before
    assert "fn=torch_surprise" in widget.code()


def wrong_shape(W: Any, x: Any, y: int) -> Any:
    return x


def nan(W: Any, x: Any, y: int) -> Any:
    return W @ x * float("nan")


def raises(W: Any, x: Any, y: int) -> Any:
    raise IndexError("list index out of range")


def nothing(W: Any, x: Any, y: int) -> Any:
    return None


WRONG = {
    wrong_shape: r"shape \(64,\)",
    nan: "NaN",
    raises: "IndexError: list index out of range",
    nothing: "end it with `return u`",
}


@pytest.mark.parametrize(("fn", "words"), WRONG.items(), ids=lambda one: getattr(one, "__name__", None))
def test_a_wrong_fn_is_a_sentence_and_ours_stays(fn: Any, words: str) -> None:
    widget = nl.widgets.ledger(images, labels, fn=fn, steps=20)
    assert re.search(words, widget.error)
    assert widget.error.endswith(".")
    assert "Traceback" not in widget.error
    assert "images" in widget.index
    assert "yours" not in widget.index
    with pytest.raises((ValueError, IndexError, TypeError)):
        nl.widgets.ledger(images, labels, fn=fn, steps=20, strict=True)


def test_fn_cannot_change_the_data_in_place() -> None:
    def vandal(W: torch.Tensor, x: torch.Tensor, y: int) -> torch.Tensor:
        u = torch_surprise(W, x, y)
        x.zero_()
        W.zero_()
        return u

    kept = images.clone()
    widget = nl.widgets.ledger(images, labels, fn=vandal, strict=True, steps=20)
    honest = nl.widgets.ledger(images, labels, fn=torch_surprise, strict=True, steps=20)
    assert torch.equal(images, kept)
    assert widget.packed == honest.packed


def test_a_wrong_name_counts_the_last_time_or_every_time() -> None:
    last = nl.widgets.ledger(images, labels, order="one", example=3, called={3: 8}, steps=10)
    every = nl.widgets.ledger(images, labels, order="one", example=3, called={3: 8}, steps=10, when="every")
    assert last.stream() == ([3] * 10, [3] * 9 + [8])
    assert every.stream() == ([3] * 10, [8] * 10)


def test_every_pass_shows_every_image_once() -> None:
    widget = nl.widgets.ledger(images, labels, steps=60, seed=4)
    shown, _ = widget.stream()
    assert all(sorted(shown[t : t + 12]) == list(range(12)) for t in range(0, 60, 12))
    assert shown[:12] != shown[12:24]
    widget.state = {**widget.state, "order": "class"}
    shown, _ = widget.stream()
    assert [int(labels[i]) for i in shown[:12]] == sorted(labels.tolist())


BAD = {
    "lr is one of 0.01": {"lr": 0.37},
    "steps is one of 10": {"steps": 81},
    "order is one of 'drawn', 'class', 'one'": {"order": "random"},
    "example is a whole number from 0 to 11": {"example": 12},
    "a label in called is a whole number from 0 to 9": {"called": {"3": 10}},
    "an image in called is a whole number from 0 to 11": {"called": {"99": 1}},
}


@pytest.mark.parametrize(("words", "state"), BAD.items())
def test_a_setting_out_of_range_is_a_sentence(words: str, state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words):
        nl.widgets.ledger(images, labels, **state)


def test_wrong_images_are_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"images \(n, 64\).*got \(12, 8, 8\)"):
        nl.widgets.ledger(images.reshape(12, 8, 8), labels)
    with pytest.raises(ValueError, match="divide the images by their largest value"):
        nl.widgets.ledger(images * 16, labels)
    with pytest.raises(ValueError, match="labels 0 to 9; got 0 to 11"):
        nl.widgets.ledger(images, torch.arange(12))


# ---- the player


def test_the_trace_travels_as_one_float32_buffer() -> None:
    widget = nl.widgets.player(trace)
    assert widget.index == {"accuracy": [0, 3, 21, 2], "memory": [126, 21, 4, 5]}
    sent = np.frombuffer(widget.packed, "<f4")
    np.testing.assert_array_equal(sent[:126].reshape(3, 21, 2), trace["accuracy"].astype(np.float32))


def test_axes_before_step_are_chosen_and_axes_after_it_drawn() -> None:
    facts = nl.widgets.player(trace).facts
    assert [(choice["axis"], choice["labels"]) for choice in facts["choices"]] == [("lr", [0.01, 0.1, 0.3])]
    assert [(track["kind"], track["labels"]) for track in facts["tracks"]] == [("line", ["A", "B"]), ("map", None)]


def test_a_bet_hides_the_end_until_it_is_made() -> None:
    bet = {"ask": "Up?", "options": {"up": "up", "down": "down"}, "reveal": "So it was."}
    widget = nl.widgets.player(trace, show=["accuracy"], bet=bet, marks={"B begins": 10})
    assert widget.state["step"] == 10
    assert "at the end" not in widget.summary()
    widget.state = {**widget.state, "guess": "up"}
    assert "at the end" in widget.summary()


def test_what_the_player_cannot_show_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="needs an array along the axis 'step'"):
        nl.widgets.player(nl.Trace({"a": np.zeros(3)}, {"a": ("length",)}))
    with pytest.raises(ValueError, match="lr is one of"):
        nl.widgets.player(trace, lr=0.2)
    with pytest.raises(ValueError, match="the steps run from 0 to 20"):
        nl.widgets.player(trace, marks={"B": 99})
    with pytest.raises(ValueError, match="name fewer"):
        nl.widgets.player(nl.Trace({"a": np.zeros((2000, 600), np.float32)}, {"a": ("step", "query")}))
    with pytest.raises(ValueError, match=r"draws lines .* and maps"):
        nl.widgets.player(nl.Trace({"a": np.zeros((2, 2, 2, 2))}, {"a": ("step", "x", "y", "z")}))


def test_values_that_are_not_numbers_are_gaps() -> None:
    values = np.array([0.5, np.nan, np.inf, 1.0])
    widget = nl.widgets.player(nl.Trace({"a": values}, {"a": ("step",)}), step=1)
    assert "no value here" in widget.summary()
    assert widget.facts["tracks"][0]["low"] == 0.5


# ---- the quiz


def test_a_question_that_lacks_something_is_a_sentence() -> None:
    right = {"say": "yes", "why": "so", "right": True}
    for question, words in (
        ({"ask": "?", "choices": [right]}, "question 1 needs .* two or more"),
        ({"ask": "", "choices": [right, right]}, "needs a text under 'ask'"),
        ({"ask": "?", "choices": [right, {"say": "no"}]}, "every choice of question 1 needs 'say', and 'why'"),
        ({"ask": "?", "choices": [choices[0], choices[0]]}, "no choice of question 1 is right"),
    ):
        with pytest.raises(ValueError, match=words):
            nl.widgets.quiz([question])
    with pytest.raises(ValueError, match="question 2 has the choices 0 to 1"):
        nl.widgets.quiz(questions, answers=[0, 2, 0, 0, 0])


def test_the_quiz_counts_what_is_right_and_what_is_open() -> None:
    assert nl.widgets.quiz(questions).summary() == "5 questions, none answered yet."
    assert nl.widgets.quiz(questions, answers=[1, 0, 1, -1, -1]).summary() == "2 of 5 right, 2 still open."
    assert nl.widgets.quiz(questions, answers=[1] * 5).summary() == "5 of 5 right."
