"""Memories of keys and values: one file an idea."""

from .attention import Attention
from .base import MatrixMemory, Rule, apply, outer
from .chunk_exact import RankOne, Row, rank_one
from .deep import Deep
from .delta import Delta, delta_chunk
from .dgd import DGD
from .features import elu_plus_one, identity, quadratic
from .hebb import Hebb
from .omega import Omega
from .sequence import scan
from .titans import Titans

__all__ = [
    "DGD",
    "Attention",
    "Deep",
    "Delta",
    "Hebb",
    "MatrixMemory",
    "Omega",
    "RankOne",
    "Row",
    "Rule",
    "Titans",
    "apply",
    "delta_chunk",
    "elu_plus_one",
    "identity",
    "outer",
    "quadratic",
    "rank_one",
    "scan",
]
