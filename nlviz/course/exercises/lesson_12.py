"""Lesson 12, the capstone: the parts of a learner that is quick abroad and at home again at once, and its measure.

    a = 1 if loss > 2 · max(usual, .25) and 4 steps or more since the last, else 0            the gate
    usual ← .8 usual + .2 loss, begun anew after a restart                                   what one is used to
    slow ← slow + share a (fast − slow);   fast ← fast + a (slow − fast)                     come home
    waiting ← waiting + clipped gradient;  every C steps  w ← w − rate waiting, waiting ← 0  the tick of a level

The nested variant of the Continuum Memory System (Nested Learning, section 7, eq. 72), restarted by surprise and not by
a clock. Truths: one run after the other in plain Python, a least-squares solver, torch.optim.SGD, `statistics`.
"""

from __future__ import annotations

from .gate_12 import GATE
from .home_12 import COME_HOME
from .questions_12 import QUESTIONS
from .ratio_12 import ERROR_RATIO
from .tick_12 import TICK
from .used_12 import USED_TO

__all__ = ["EXERCISES", "QUESTIONS", "TITLE"]

TITLE = "Capstone: a continual learner"
EXERCISES = (GATE, USED_TO, COME_HOME, TICK, ERROR_RATIO)
