"""What a memory is asked."""

from .base import Task
from .images import Digits, digits
from .pairs import rebinding, recall
from .stream_home import home_and_away, home_and_scrambled, home_too_hard
from .stream_tasks import permuted_digits
from .streams import Stream

__all__ = [
    "Digits",
    "Stream",
    "Task",
    "digits",
    "home_and_away",
    "home_and_scrambled",
    "home_too_hard",
    "permuted_digits",
    "rebinding",
    "recall",
]
