"""A quiz: every choice, right or wrong, says why. It blocks nothing and keeps no marks."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from .base import Widget

OPEN = -1


class Quiz(Widget):
    """See `quiz`."""

    js, styles = ("self_test.js",), ("self_test.css",)
    call = ("quiz", "questions")

    def __init__(self, questions: Sequence[Mapping[str, Any]], title: str = "Quiz", **state: Any) -> None:
        if not questions:
            raise ValueError(
                "quiz needs at least one question: {'ask': ..., 'choices': [{'say': ..., 'why': ...}, ...]}"
            )
        self._questions = [_question(number, question) for number, question in enumerate(questions, 1)]
        self._title = title
        self.made = {} if title == "Quiz" else {"title": title}
        super().__init__(**state)

    def begin(self) -> dict[str, Any]:
        """Every question open."""
        return {"answers": [OPEN] * len(self._questions)}

    def check(self, state: dict[str, Any]) -> None:
        """Raise a ValueError for settings out of range."""
        answers = state["answers"]
        if len(answers) != len(self._questions):
            raise ValueError(f"quiz: answers holds one number a question, {len(self._questions)}; got {len(answers)}")
        for number, (answer, question) in enumerate(zip(answers, self._questions, strict=True), 1):
            if not OPEN <= answer < len(question["choices"]):
                last = len(question["choices"]) - 1
                raise ValueError(f"quiz: question {number} has the choices 0 to {last}, or -1 for open; got {answer}")

    def words(self) -> dict[str, Any]:
        """The questions."""
        return {"title": self._title, "questions": self._questions}

    def summary(self) -> str:
        """How many are right, and how many open."""
        count = len(self._questions)
        marks = [
            question["choices"][answer]["right"]
            for answer, question in zip(self.state["answers"], self._questions, strict=True)
            if answer != OPEN
        ]
        if not marks:
            return f"{count} question{'s' * (count > 1)}, none answered yet."
        still = f", {count - len(marks)} still open" if len(marks) < count else ""
        return f"{sum(marks)} of {count} right{still}."

    def picture(self) -> str:
        """The questions as a list."""
        items = "".join(
            f"<li>{html.escape(question['ask'])}<ul>"
            + "".join(f"<li>{html.escape(choice['say'])}</li>" for choice in question["choices"])
            + "</ul></li>"
            for question in self._questions
        )
        return f"<ol>{items}</ol>"


def _question(number: int, question: Mapping[str, Any]) -> dict[str, Any]:
    ask, choices = question.get("ask"), question.get("choices", ())
    whole = [
        {"say": choice.get("say"), "why": choice.get("why"), "right": bool(choice.get("right"))} for choice in choices
    ]
    if not ask or len(whole) < 2:
        raise ValueError(f"quiz: question {number} needs a text under 'ask' and two or more 'choices'")
    for choice in whole:
        if not choice["say"] or not choice["why"]:
            raise ValueError(f"quiz: every choice of question {number} needs 'say', and 'why' it is right or wrong")
    if not any(choice["right"] for choice in whole):
        raise ValueError(f"quiz: no choice of question {number} is right; mark one with 'right': True")
    return {"ask": ask, "choices": whole}


def quiz(questions: Sequence[Mapping[str, Any]], title: str = "Quiz", **state: Any) -> Quiz:
    """Multiple-choice questions, each choice with its own explanation, shown when it is chosen.

    Args:
        questions: `{"ask": text, "choices": [{"say": text, "why": text, "right": bool}, ...]}` each. Words between
            backticks are set as code.
        title: above them.
        state: `answers`, the choice of every question from 0, -1 where it is open.

    Raises:
        ValueError: for a question without choices, a choice without its `why`, or none that is right.

    >>> ask = {"ask": "What does a gradient store?", "choices": [
    ...     {"say": "The example.", "why": "Only where it was a surprise."},
    ...     {"say": "The mistake.", "why": "Yes: u ⊗ x is as large as u.", "right": True}]}
    >>> quiz([ask], answers=[1]).summary()
    '1 of 1 right.'
    """
    return Quiz(questions, title=title, **state)
