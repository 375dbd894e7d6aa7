"""The course's experiments: objects in, Trace out."""

from .capacity import recall_curve
from .continual import choose, compare, follow
from .drifting import two_scales
from .mixing import spectrum
from .optimizer_speed import Build, cost_table, step_cost
from .override import overriding
from .problems import Problem, digit_network, scaled_regression
from .rebuilding import staircase
from .recurring import recurring_gradients
from .self_targets import self_made_targets
from .speed import Runner, race
from .switching import task_switch
from .time_scales import one_time_scale
from .training import trainers
from .two_tasks import overwriting
from .valleys import toy_valley, valley

__all__ = [
    "Build",
    "Problem",
    "Runner",
    "choose",
    "compare",
    "cost_table",
    "digit_network",
    "follow",
    "one_time_scale",
    "overriding",
    "overwriting",
    "race",
    "recall_curve",
    "recurring_gradients",
    "scaled_regression",
    "self_made_targets",
    "spectrum",
    "staircase",
    "step_cost",
    "task_switch",
    "toy_valley",
    "trainers",
    "two_scales",
    "valley",
]
