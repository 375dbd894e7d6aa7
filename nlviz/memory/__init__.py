"""Memories of keys and values: one file an idea."""

from .base import MatrixMemory, Rule, apply, outer
from .delta import Delta
from .hebb import Hebb

__all__ = ["Delta", "Hebb", "MatrixMemory", "Rule", "apply", "outer"]
