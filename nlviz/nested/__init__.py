"""Levels and clocks: networks and optimizers as nested problems, ordered by how often each is updated."""

from .clock import MultiClock
from .cms import IndependentCMS, SequentialCMS
from .continuum import CMS
from .ladder import NestedCMS
from .recording import Recording
from .slow_copy import SlowCopy

__all__ = ["CMS", "IndependentCMS", "MultiClock", "NestedCMS", "Recording", "SequentialCMS", "SlowCopy"]
