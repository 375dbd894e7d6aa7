"""Lesson 03, momentum is a memory of gradients: one step of it, and the small problem that its velocity descends on.

    v ← momentum v + g                        write: the old velocity fades, the gradient comes in
    w ← w − lr v                              read: the weights move against the velocity
    −⟨v, g⟩ + ½ (1 − momentum) ‖v‖²           point along g, stay small: one step of rate 1 on it is the write

Nested Learning, eqs. 10-13 and 32-35, writes α (in section 4.3 β) for momentum, η for lr and m for the velocity, with
lr inside it; from section 4.2 on its m points downhill. Truths: torch.optim.SGD.
"""

from __future__ import annotations

from .inner_03 import INNER_LOSS
from .momentum_03 import MOMENTUM_STEP
from .questions_03 import QUESTIONS

__all__ = ["EXERCISES", "QUESTIONS", "TITLE"]

TITLE = "Momentum is a memory of gradients"
EXERCISES = (MOMENTUM_STEP, INNER_LOSS)
