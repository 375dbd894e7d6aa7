"""Levels and clocks: networks and optimizers as nested problems, ordered by how often each is updated."""

from .clock import MultiClock
from .cms import IndependentCMS, SequentialCMS
from .continuum import CMS
from .ladder import NestedCMS
from .layers.attention import AttentionLayer
from .layers.block import Block
from .layers.hope import Hope
from .layers.hope_attention import HopeAttention
from .layers.language import LanguageModel
from .layers.layer import MemoryLayer
from .layers.memory_block import MemoryBlock
from .layers.self_modifying import SelfModifyingTitans
from .problems.listing import Level, Levels, Transfer
from .problems.ordering import order_levels
from .problems.reading import levels
from .problems.watching import watch
from .problems.written_log import Recovered, recover_period, recover_periods
from .recording import Recording
from .slow_copy import SlowCopy

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
