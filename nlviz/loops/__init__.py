"""What moves time on: a task into a memory, a rule down a loss."""

from .descent import descend
from .writing import run

__all__ = ["descend", "run"]
