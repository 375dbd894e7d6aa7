"""Still figures: a Trace or arrays in, one Figure out."""

from .curves import lines
from .dots import intervals
from .memories import memory, recall
from .parts import Figure
from .speeds import speed
from .surprises import digits, ranking, tiles

__all__ = ["Figure", "digits", "intervals", "lines", "memory", "ranking", "recall", "speed", "tiles"]
