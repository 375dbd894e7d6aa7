"""Lesson 06, the delta rule: one write that rewrites a line, the problem behind it, and many such writes at once.

    M ← M + lr (v − M k) kᵀ                     look, then write what is missing
    ½ ‖M k − v‖²                                one gradient step of rate lr on it is the write
    (I + lr tril(K Kᵀ, −1)) E = V − K Mᵀ        what every write of a chunk meets; M ← M + lr Eᵀ K

Nested Learning, eq. 65, writes η for lr, and the erasure on the side of the values (erratum E-13: with M read as M k it
belongs on the side of the keys). The triangular system is DeltaNet's (Yang et al. 2024). Truths: torch.optim.SGD on a
linear layer; the slope that the rule itself implies, added up; the loop.
"""

from __future__ import annotations

from .chunk_06 import DELTA_CHUNK
from .inner_06 import INNER_LOSS
from .questions_06 import QUESTIONS
from .rewrite_06 import DELTA_WRITE

__all__ = ["EXERCISES", "QUESTIONS", "TITLE"]

TITLE = "The delta rule: rewriting a line in the notebook"
EXERCISES = (DELTA_WRITE, INNER_LOSS, DELTA_CHUNK)
