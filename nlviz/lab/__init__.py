"""The course's experiments: objects in, Trace out."""

from .drifting import two_scales
from .mixing import spectrum
from .override import overriding
from .rebuilding import staircase
from .switching import task_switch
from .two_tasks import overwriting

__all__ = ["overriding", "overwriting", "spectrum", "staircase", "task_switch", "two_scales"]
