"""An exercise: what is asked, what is true, and the usual ways to miss it.

The truth of an exercise knows nothing of its solution: it comes from autograd, torch.optim or a closed form.
A lesson's exercises stand in one file, `exercises/lesson_NN.py`, and are found by their id when they are asked for.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from torch import Tensor

from . import exercises

Function = Callable[..., Any]


@dataclass(frozen=True)
class Mutant:
    """A usual wrong answer.

    Args:
        name: the mistake in a few words.
        fn: the function somebody writes who makes it.
        hint: one or two sentences that answer the symptom, without giving the solution.
    """

    name: str
    fn: Function
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One function for the learner to write, and all that is needed to judge it and to help.

    Args:
        id: lesson and letter, "01.A".
        name: of the function to write.
        task: one line that says what it does.
        cases: seed -> the arguments of one call; floating-point tensors in float64.
        truth: the same arguments -> the right answer, by a way that is not the solution's: one tensor, or a tuple of
            them. The names of its arguments are the names the learner is told.
        properties: sentences that hold for a right answer, each with a predicate: function -> True, False, or a
            string that says what was seen instead. The function it gets works on copies; autograd goes through it.
        mutants: the usual wrong answers, each with its hint. The first that gives the learner's answers is named.
        hints: from a nudge to nearly everything.
        gives: what each tensor of a tuple is, as in "for the new weights"; empty where the answer is one tensor.

    >>> find("01.A").name
    'surprise'
    """

    id: str
    name: str
    task: str
    cases: Callable[[int], tuple[Any, ...]]
    truth: Callable[..., Tensor | tuple[Tensor, ...]]
    properties: tuple[tuple[str, Callable[[Function], bool | str]], ...]
    mutants: tuple[Mutant, ...]
    hints: tuple[str, ...]
    gives: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments, as the task says them."""
        return tuple(inspect.signature(self.truth).parameters)


def lessons() -> list[str]:
    """The numbers of the lessons that have exercises.

    >>> lessons()[:2]
    ['00', '01']
    """
    names = (module.name for module in pkgutil.iter_modules(exercises.__path__))
    return sorted(name.removeprefix("lesson_") for name in names if name.startswith("lesson_"))


def of_lesson(lesson: str) -> ModuleType:
    """The file of a lesson: its TITLE, EXERCISES and QUESTIONS.

    Raises:
        LookupError: a sentence with the lessons there are.
    """
    if lesson not in lessons():
        raise LookupError(f"no lesson {lesson!r} has exercises; there are some in lesson {', '.join(lessons())}")
    return import_module(f"{exercises.__name__}.lesson_{lesson}")


def find(exercise_id: str) -> Exercise:
    """The exercise of that id.

    Raises:
        LookupError: a sentence with the exercises there are.

    >>> find("01.Z")
    Traceback (most recent call last):
    LookupError: there is no exercise '01.Z'; lesson 01 has 01.A, 01.B
    """
    lesson = str(exercise_id).split(".")[0]
    if lesson not in lessons():
        names = ", ".join(exercise.id for number in lessons() for exercise in of_lesson(number).EXERCISES)
        raise LookupError(f"there is no exercise {exercise_id!r}; there are {names}")
    there = {exercise.id: exercise for exercise in of_lesson(lesson).EXERCISES}
    if exercise_id not in there:
        raise LookupError(f"there is no exercise {exercise_id!r}; lesson {lesson} has {', '.join(there)}")
    return there[exercise_id]


def questions(lesson: str) -> list[dict[str, Any]]:
    """The closing questions of a lesson: [{"ask": ..., "choices": [{"say": ..., "why": ..., "right": bool}]}].

    Raises:
        LookupError: a sentence with the lessons there are.

    >>> [choice["right"] for choice in questions("01")[0]["choices"]].count(True)
    1
    """
    return deepcopy(of_lesson(lesson).QUESTIONS)
