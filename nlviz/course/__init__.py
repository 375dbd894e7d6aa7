"""The course: exercises and their checks, hints, progress, and the building of the notebooks."""

from .checking import check
from .exercise import questions
from .helping import carry_on, hint, solution
from .standing import progress

__all__ = ["carry_on", "check", "hint", "progress", "questions", "solution"]
