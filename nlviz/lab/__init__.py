"""The course's experiments: objects in, Trace out."""

from .capacity import recall_curve
from .drifting import two_scales
from .mixing import spectrum
from .override import overriding
from .rebuilding import staircase
from .switching import task_switch
from .two_tasks import overwriting

__all__ = ["overriding", "overwriting", "recall_curve", "spectrum", "staircase", "task_switch", "two_scales"]
