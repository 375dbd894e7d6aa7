"""Never stuck: a hint, a bigger one, the solution, and the lesson goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch

from .answers import Folded, Note
from .checking import OURS, judge
from .exercise import find
from .masters import MasterError, solution_cell

_given: Counter[str] = Counter()  # hints shown in this kernel: a new day starts with the smallest again


def hint(exercise_id: str) -> Note:
    """The next hint of an exercise: first a nudge, then a bigger one, then where the solution is.

    >>> hint("01.A").head
    'hint 1 of 3 for 01.A:'
    """
    try:
        hints = find(exercise_id).hints
    except LookupError as unknown:
        return Note("no hint:", str(unknown))
    number = _given[exercise_id]
    if number >= len(hints):
        words = f'nl.solution("{exercise_id}") shows one way; read it, close it, and write it once yourself'
        return Note(f"no more hints for {exercise_id}:", words)
    _given[exercise_id] += 1
    return Note(f"hint {number + 1} of {len(hints)} for {exercise_id}:", hints[number])


def solution(exercise_id: str) -> Folded | Note:
    """The solution of an exercise, behind a fold. It is read from the master of its lesson."""
    try:
        exercise = find(exercise_id)
        return Folded(f"solution of {exercise.id}, {exercise.name}", solution_cell(exercise.id))
    except (LookupError, MasterError, FileNotFoundError) as missing:
        return Note("no solution:", str(missing))


def carry_on(exercise_id: str, fn: Callable[..., Any], seconds: float = 5.0) -> Callable[..., Any]:
    """The learner's function if it passes its check, else the solution's, so that the lesson goes on.

    Prints one line that says which. It keeps no record: that is `nl.check`'s.

    Args:
        exercise_id: "01.A" for the first exercise of lesson 01.
        fn: the learner's function.
        seconds: how long one call of it may take.
    """
    try:
        exercise = find(exercise_id)
        if judge(exercise, fn, seconds).passed:
            print(f"{exercise.id}: going on with your own {exercise.name}")
            return fn
        space: dict[str, Any] = {"__name__": OURS, "torch": torch, "nl": import_module("nlviz")}
        exec(compile(solution_cell(exercise.id), f"<solution of {exercise.id}>", "exec"), space)
        print(f"{exercise.id}: going on with the course's {exercise.name}; yours comes in once its check passes")
        return space[exercise.name]
    except (LookupError, MasterError, FileNotFoundError) as missing:
        print(f"{exercise_id}: going on with what you gave, since there is nothing to put in its place: {missing}")
        return fn
