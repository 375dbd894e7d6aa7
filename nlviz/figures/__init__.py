"""Still figures: a Trace or arrays in, one Figure out."""

from .ages import amnesia
from .curves import averages, lines
from .dots import intervals
from .level_boxes import levels
from .memories import memory, recall
from .parts import Figure
from .self_changes import freezing, key_drift, memories_moved
from .speeds import speed
from .surprises import digits, ranking, tiles

__all__ = [
    "Figure",
    "amnesia",
    "averages",
    "digits",
    "freezing",
    "intervals",
    "key_drift",
    "levels",
    "lines",
    "memories_moved",
    "memory",
    "ranking",
    "recall",
    "speed",
    "tiles",
]
