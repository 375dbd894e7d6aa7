"""What the closing questions of a lesson are made of."""

from __future__ import annotations

from typing import Any


def choice(say: str, why: str, right: bool = False) -> dict[str, Any]:
    """One answer to choose, and why it is right or not.

    >>> choice("2", "One and one.", right=True)
    {'say': '2', 'why': 'One and one.', 'right': True}
    """
    return {"say": say, "why": why, "right": right}
