"""Levels and clocks: networks and optimizers as nested problems, ordered by how often each is updated."""

from .attention import AttentionLayer
from .block import Block
from .clock import MultiClock
from .cms import IndependentCMS, SequentialCMS
from .continuum import CMS
from .hope import Hope
from .hope_attention import HopeAttention
from .ladder import NestedCMS
from .language import LanguageModel
from .layer import MemoryLayer
from .memory_block import MemoryBlock
from .ordering import order_levels
from .problems import Level, Levels, Transfer
from .reading import levels
from .recording import Recording
from .self_modifying import SelfModifyingTitans
from .slow_copy import SlowCopy
from .watching import watch
from .written_log import Recovered, recover_period, recover_periods

__all__ = [
    "CMS",
    "AttentionLayer",
    "Block",
    "Hope",
    "HopeAttention",
    "IndependentCMS",
    "LanguageModel",
    "Level",
    "Levels",
    "MemoryBlock",
    "MemoryLayer",
    "MultiClock",
    "NestedCMS",
    "Recording",
    "Recovered",
    "SelfModifyingTitans",
    "SequentialCMS",
    "SlowCopy",
    "Transfer",
    "levels",
    "order_levels",
    "recover_period",
    "recover_periods",
    "watch",
]
