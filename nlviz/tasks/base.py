"""A task: pairs to write, in order, and questions to ask afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Task:
    """Pairs to write and questions to ask.

    Args:
        keys: `(..., T, d_key)`, in the order in which they are written.
        values: `(..., T, d_value)`
        queries: `(..., Q, d_key)`, asked after the last write.
        targets: `(..., Q, d_value)`, the right answers.
        name: what the task is called in a figure.
        about: seed and settings, for the provenance of a Trace.
    """

    keys: Tensor
    values: Tensor
    queries: Tensor
    targets: Tensor
    name: str
    about: dict[str, Any]

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Task:
        """The same task in another dtype or on another device."""
        moved = {
            field: getattr(self, field).to(dtype=dtype, device=device)
            for field in ("keys", "values", "queries", "targets")
        }
        return replace(self, **moved)
