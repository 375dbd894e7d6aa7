"""The course's experiments: objects in, Trace out."""

from .answering import answer_table, answers, untrained
from .capacity import recall_contest, recall_curve
from .claims import Claim, ReportCard
from .continual import choose, compare, follow
from .continual_table import contest, digest, table_lines
from .drifting import two_scales
from .evolving import evolve
from .forgetful import amnesia
from .generation import generation_table, growth, per_token
from .language_models import byte_models, byte_table
from .mixing import spectrum
from .ngrams import ngram_bits, ngram_table
from .optimizer_speed import Build, cost_table, step_cost
from .override import overriding
from .papers import Reported, reported, reported_table
from .problems import Problem, digit_network, scaled_regression
from .rebuilding import staircase
from .recurring import recurring_gradients
from .row_of_tasks import in_a_row
from .self_modification import self_changes
from .self_targets import self_made_targets
from .speed import Runner, race
from .stored import kept
from .switching import task_switch
from .time_scales import one_time_scale
from .training import trainers
from .tuned_runs import Entrant
from .two_tasks import overwriting
from .valleys import toy_valley, valley
from .watching_cost import Stepping, overhead_table, overheads, step_overhead

__all__ = [
    "Build",
    "Claim",
    "Entrant",
    "Problem",
    "ReportCard",
    "Reported",
    "Runner",
    "Stepping",
    "amnesia",
    "answer_table",
    "answers",
    "byte_models",
    "byte_table",
    "choose",
    "compare",
    "contest",
    "cost_table",
    "digest",
    "digit_network",
    "evolve",
    "follow",
    "generation_table",
    "growth",
    "in_a_row",
    "kept",
    "ngram_bits",
    "ngram_table",
    "one_time_scale",
    "overhead_table",
    "overheads",
    "overriding",
    "overwriting",
    "per_token",
    "race",
    "recall_contest",
    "recall_curve",
    "recurring_gradients",
    "reported",
    "reported_table",
    "scaled_regression",
    "self_changes",
    "self_made_targets",
    "spectrum",
    "staircase",
    "step_cost",
    "step_overhead",
    "table_lines",
    "task_switch",
    "toy_valley",
    "trainers",
    "two_scales",
    "untrained",
    "valley",
]
