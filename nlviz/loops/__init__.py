"""What moves time on: a task into a memory, a rule down a loss, a module along a stream."""

from .checkpoint import read_checkpoint, write_checkpoint
from .descent import descend
from .losses import UNASKED, asked, bits_per_token, next_token, right
from .schedules import warmup_cosine
from .training import train
from .writing import run

__all__ = [
    "UNASKED",
    "asked",
    "bits_per_token",
    "descend",
    "next_token",
    "read_checkpoint",
    "right",
    "run",
    "train",
    "warmup_cosine",
    "write_checkpoint",
]
