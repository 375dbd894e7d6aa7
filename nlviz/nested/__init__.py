"""Levels and clocks: networks and optimizers as nested problems, ordered by how often each is updated."""

from .attention import AttentionLayer
from .clock import MultiClock
from .cms import IndependentCMS, SequentialCMS
from .continuum import CMS
from .ladder import NestedCMS
from .layer import MemoryLayer
from .recording import Recording
from .slow_copy import SlowCopy

__all__ = [
    "CMS",
    "AttentionLayer",
    "IndependentCMS",
    "MemoryLayer",
    "MultiClock",
    "NestedCMS",
    "Recording",
    "SequentialCMS",
    "SlowCopy",
]
