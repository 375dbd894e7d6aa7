"""What the learner reads: one line of text, and the same as plain HTML in the colours of JupyterLab's theme."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_MARKS = {"pass": "✓", "not yet": "✗", "not written yet": "○"}
_COLOURS = {
    "pass": "var(--jp-success-color1, #2e7d32)",
    "not yet": "var(--jp-warn-color1, #b25c00)",
    "not written yet": "var(--jp-border-color1, #767676)",
}
_BOX = "border-left: 4px solid {colour}; padding: 4px 12px; color: var(--jp-content-font-color1, inherit)"


def to_html(text: str) -> str:
    """Text with its `code` marked.

    >>> to_html("`a < b` holds")
    '<code>a &lt; b</code> holds'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def _box(head: str, text: str, colour: str) -> str:
    return f'<div role="status" style="{_BOX.format(colour=colour)}"><strong>{head}</strong> {to_html(text)}</div>'


@dataclass(frozen=True)
class Verdict:
    """The answer of a check, one line.

    Args:
        exercise: its id.
        status: "pass", "not yet" or "not written yet".
        message: why.
        remark: something about the keeping of progress, else "".

    >>> Verdict("01.A", "pass", "all comparisons hold")
    ✓ pass 01.A: all comparisons hold
    """

    exercise: str
    status: str
    message: str
    remark: str = ""

    @property
    def passed(self) -> bool:
        """Whether the exercise is done."""
        return self.status == "pass"

    @property
    def _head(self) -> str:
        return f"{_MARKS[self.status]} {self.status} {self.exercise}:"

    @property
    def _text(self) -> str:
        return " ".join(f"{self.message} {self.remark}".split())

    def __repr__(self) -> str:
        return f"{self._head} {self._text}"

    def _repr_html_(self) -> str:
        return _box(html.escape(self._head), self._text, _COLOURS[self.status])


@dataclass(frozen=True)
class Note:
    """A hint, or a sentence about what is not there.

    >>> Note("hint 1 of 3:", "look at the shapes")
    hint 1 of 3: look at the shapes
    """

    head: str
    text: str

    def __repr__(self) -> str:
        return f"{self.head} {self.text}"

    def _repr_html_(self) -> str:
        return _box(html.escape(self.head), self.text, "var(--jp-brand-color1, #1565c0)")


@dataclass(frozen=True)
class Folded:
    """Code behind a fold: closed until it is opened, by mouse or by keyboard.

    >>> Folded("solution of 01.A", "return 1")
    solution of 01.A
    <BLANKLINE>
    return 1
    """

    head: str
    code: str

    def __repr__(self) -> str:
        return f"{self.head}\n\n{self.code}"

    def _repr_html_(self) -> str:
        head, code = html.escape(self.head), html.escape(self.code)
        box = _BOX.format(colour="var(--jp-brand-color1, #1565c0)")
        return (
            f'<details style="{box}"><summary style="cursor: pointer"><strong>{head}</strong> (open to read)</summary>'
            '<pre style="margin: 8px 0 0; white-space: pre-wrap; word-break: normal">'
            f"<code>{code}</code></pre></details>"
        )


@dataclass(frozen=True)
class Progress:
    """The exercises of every lesson, and which are done.

    Args:
        lessons: a title for every lesson, each with rows (id, name of the function, done, tries).
        remark: something about the keeping of progress, else "".
    """

    lessons: dict[str, list[tuple[str, str, bool, int]]]
    remark: str = ""

    @property
    def done(self) -> int:
        """How many exercises are done."""
        return sum(done for rows in self.lessons.values() for _, _, done, _ in rows)

    @property
    def _sum(self) -> str:
        total = sum(map(len, self.lessons.values()))
        return f"{self.done} of {total} exercises done. {self.remark}".rstrip()

    def __repr__(self) -> str:
        lines = []
        for title, rows in self.lessons.items():
            lines += [title] + [f"  {i}  {name:<24}{_words(done):<12}{_tries(tries)}" for i, name, done, tries in rows]
        return "\n".join([*lines, self._sum])

    def _repr_html_(self) -> str:
        heads = ("lesson", "exercise", "function to write", "", "tries")
        top = "".join(f'<th scope="col" style="text-align: left">{head or "state"}</th>' for head in heads)
        body = ""
        for title, rows in self.lessons.items():
            for i, name, done, tries in rows:
                cells = (html.escape(title), i, f"<code>{name}</code>", _words(done), str(tries))
                body += "<tr>" + "".join(f'<td style="text-align: left">{cell}</td>' for cell in cells) + "</tr>"
        caption = f'<caption style="text-align: left">{to_html(self._sum)}</caption>'
        return f"<table>{caption}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _words(done: bool) -> str:
    return f"{_MARKS['pass']} done" if done else f"{_MARKS['not written yet']} not yet"


def _tries(tries: int) -> str:
    return "1 try" if tries == 1 else f"{tries} tries"
