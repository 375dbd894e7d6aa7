"""The course's experiments: objects in, Trace out."""

from .switching import task_switch
from .two_tasks import overwriting

__all__ = ["overwriting", "task_switch"]
