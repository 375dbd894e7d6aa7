"""What a memory is asked."""

from .base import Task
from .images import Digits, digits
from .pairs import rebinding, recall

__all__ = ["Digits", "Task", "digits", "rebinding", "recall"]
