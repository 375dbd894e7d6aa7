"""Definition 2: which level is faster than which.

A is faster than B if it is written more often, or as often while B's state at time t needs A's state at time t. If
neither, they are of one frequency and independent. Nested Learning, section 3.2, Definition 2. Its numbers run both
ways (erratum E-01): here a level has no number of its own, only a period, and lists go from inner, fast to outer, slow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping


def order_levels(
    periods: Mapping[str, float | None], needs: Mapping[str, Collection[str]] | None = None
) -> list[list[str]]:
    """Levels from inner, fast to outer, slow; those of one frequency that are independent share a list.

    Args:
        periods: of each level the time from write to write, in one unit for all: 0 for made anew at every read,
            `math.inf` for never, None for unknown. What is unknown has no place and is left out.
        needs: of a level the names of those whose state at t its state at t needs. It counts among levels of one
            period. Levels that need each other in a circle are not told apart.

    >>> order_levels({"weights": 1, "mean": 1, "square": 1, "attention": 0}, {"weights": {"mean", "square"}})
    [['attention'], ['mean', 'square'], ['weights']]
    """
    needs = needs or {}
    order = []
    for period in sorted({p for p in periods.values() if p is not None}):
        left = [name for name, p in periods.items() if p == period]
        while left:
            free = [name for name in left if not (set(needs.get(name, ())) - {name}) & set(left)] or list(left)
            order.append(free)
            left = [name for name in left if name not in free]
    return order
