"""Lesson 09, a spectrum of clocks: one level that writes when its clock strikes, and several that share one error.

    tile = (value − Σ M key) keyᵀ                    one error, that of all levels together
    every step       waiting ← waiting + tile
    every C steps    M ← keep^C M + rate waiting;  waiting ← 0

Nested Learning, eq. 71, here with linear levels side by side (eq. 74), writes C^(l) for the period C and η for rate;
its printed sum has one term more, and nothing in it fades. Truths: torch.optim.SGD; autograd through the shared answer.
"""

from __future__ import annotations

from .questions_09 import QUESTIONS
from .spectrum_09 import SPECTRUM_STEP
from .tick_09 import TICK

__all__ = ["EXERCISES", "QUESTIONS", "TITLE"]

TITLE = "A spectrum of clocks"
EXERCISES = (TICK, SPECTRUM_STEP)
