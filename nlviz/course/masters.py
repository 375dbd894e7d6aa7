"""The masters of the lessons, notebooks/src/NN_slug.py: where solutions live, and nowhere else.

A master is a script in jupytext's percent format. The cell of an exercise says which, and marks its solution:

    # %% exercise="01.A"
    def surprise(W, x, y):
        \"\"\"What it should do.\"\"\"
        ### BEGIN SOLUTION
        ...the solution, `return` included...
        ### END SOLUTION

In a learner's notebook the marked lines become `...  # about two lines`, in a solved one the markers go.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ..runtime import project

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class MasterError(ValueError):
    """A master that cannot be built, as a sentence."""


def masters() -> list[Path]:
    """Every master of the course, in order."""
    return sorted((project() / "notebooks" / "src").glob("[0-9][0-9]_*.py"))


def solution_cell(exercise_id: str) -> str:
    """The source of an exercise's cell, solved.

    Raises:
        FileNotFoundError: where the lessons are not installed.
        MasterError: if no master has the exercise.
    """
    header = re.compile(rf'^# %%.*\bexercise="{re.escape(exercise_id)}"')
    for path in masters():
        cells = re.split(r"(?m)^(?=# %%)", path.read_text("utf8"))
        for cell in cells:
            if header.match(cell):
                return solved(cell.split("\n", 1)[1].strip("\n"), f"{path.name}, exercise {exercise_id}")
    raise MasterError(f'no lesson in notebooks/src has a cell with exercise="{exercise_id}"')


def solved(source: str, where: str) -> str:
    """A cell with the solution in it: only the marker lines go."""
    _blocks(source, where)
    return _python(
        "\n".join(line for line in source.split("\n") if line.strip() not in (BEGIN, END)), f"{where}: solved"
    )


def stub(source: str, where: str) -> str:
    """A cell for the learner: each solution becomes dots that say about how many lines it had.

    >>> print(stub("def f(x):\\n    ### BEGIN SOLUTION\\n    return 2 * x\\n    ### END SOLUTION", "example"))
    def f(x):
        ...  # about one line
    """
    lines = source.split("\n")
    for begin, end in reversed(_blocks(source, where)):
        written = [line for line in lines[begin + 1 : end] if line.strip() and not line.strip().startswith("#")]
        if not written:
            raise MasterError(f"{where}: nothing stands between {BEGIN} and {END}")
        count = len(written)
        words = _WORDS[count] if count < len(_WORDS) else str(count)
        indent = lines[begin][: len(lines[begin]) - len(lines[begin].lstrip())]
        lines[begin : end + 1] = [f"{indent}...  # about {words} line{'s' if count > 1 else ''}"]
    return _python("\n".join(lines), f"{where}: without its solution")


def _python(text: str, where: str) -> str:
    """The text, once Python can read it."""
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise MasterError(f"{where}, the cell is not Python ({error.msg}, line {error.lineno})") from None
    return text


def _blocks(source: str, where: str) -> list[tuple[int, int]]:
    """The line numbers of every BEGIN and its END."""
    blocks, begin = [], None
    for number, line in enumerate(source.split("\n")):
        if line.strip() == BEGIN:
            if begin is not None:
                raise MasterError(f"{where}: a second {BEGIN} before the first has its {END}")
            begin = number
        elif line.strip() == END:
            if begin is None:
                raise MasterError(f"{where}: {END} without a {BEGIN} above it")
            blocks.append((begin, number))
            begin = None
    if begin is not None:
        raise MasterError(f"{where}: {BEGIN} without an {END} below it")
    return blocks
