"""The course's experiments: objects in, Trace out."""

from .two_tasks import overwriting

__all__ = ["overwriting"]
