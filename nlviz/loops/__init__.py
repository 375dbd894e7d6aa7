"""What moves time on: a task into a memory."""

from .writing import run

__all__ = ["run"]
