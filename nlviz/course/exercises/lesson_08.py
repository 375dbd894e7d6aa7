"""Lesson 08, levels and clocks: how often each part of a system is written, and the order that follows from it.

    frequency of A   updates of A per unit of time; 1 / C where A is written every C steps
    A is faster      if its frequency is higher, or if it is equal and B's state of a moment needs A's of that moment
    level of A       the length of the longest chain of faster components before it; 0 is the innermost

Nested Learning, Definition 2; there levels are numbered both ways, here 0 is the fastest. Truths: every period at every
phase is tried; powers of the matrix "is faster"; six systems derived by hand.
"""

from __future__ import annotations

from .frequency_08 import FREQUENCY
from .order_08 import ORDER_LEVELS
from .questions_08 import QUESTIONS

__all__ = ["EXERCISES", "QUESTIONS", "TITLE"]

TITLE = "Levels and clocks"
EXERCISES = (FREQUENCY, ORDER_LEVELS)
