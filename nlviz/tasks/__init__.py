"""What a memory is asked."""

from .associations import mqar
from .base import Task
from .byte_streams import ByteStream, byte_stream, changing_domains
from .haystack import needle
from .images import Digits, digits
from .jobs import JOBS, NAMES, JobFacts, job_facts
from .languages import BIN_0, BIN_1, a_n_b_n, a_n_b_n_c_n, ababs, even_as, parity, shuffle_2
from .pairs import rebinding, recall
from .sequences import Fresh, Sequences
from .stream_drift import Drift, drifting_regression
from .stream_facts import Facts, aging_facts
from .stream_home import home_and_away, home_and_scrambled, home_too_hard
from .stream_overrides import Overrides, overridden_facts
from .stream_tasks import permuted_digits, recurring_digits, split_digits
from .stream_text import home_and_away_files
from .streams import Examples, Stream
from .text import Text
from .text_sources import cpp_headers, english, javascript, python_source

__all__ = [
    "BIN_0",
    "BIN_1",
    "JOBS",
    "NAMES",
    "ByteStream",
    "Digits",
    "Drift",
    "Examples",
    "Facts",
    "Fresh",
    "JobFacts",
    "Overrides",
    "Sequences",
    "Stream",
    "Task",
    "Text",
    "a_n_b_n",
    "a_n_b_n_c_n",
    "ababs",
    "aging_facts",
    "byte_stream",
    "changing_domains",
    "cpp_headers",
    "digits",
    "drifting_regression",
    "english",
    "even_as",
    "home_and_away",
    "home_and_away_files",
    "home_and_scrambled",
    "home_too_hard",
    "javascript",
    "job_facts",
    "mqar",
    "needle",
    "overridden_facts",
    "parity",
    "permuted_digits",
    "python_source",
    "rebinding",
    "recall",
    "recurring_digits",
    "shuffle_2",
    "split_digits",
]
