"""Seeded draws that come out the same in Python and in the browser.

xorshift32 (Marsaglia 2003, "Xorshift RNGs"): three shifts on 32 bits. Good enough to shuffle a stream; the sketches
of a lesson need no better.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

_BITS = 0xFFFFFFFF


def uniform(seed: int) -> Iterator[float]:
    """Numbers in [0, 1), without end; `uniform(seed)` in base.js gives the same.

    >>> draws = uniform(0)
    >>> 0 <= next(draws) < 1
    True
    """
    bits = ((int(seed) + 1) * 2654435761) & _BITS
    for _ in range(8):  # neighbouring seeds need a few turns to part
        bits = _turn(bits)
    while True:
        bits = _turn(bits)
        yield bits / 2**32


def _turn(bits: int) -> int:
    bits ^= (bits << 13) & _BITS
    bits ^= bits >> 17
    return bits ^ ((bits << 5) & _BITS)


def normals(seed: int) -> Iterator[float]:
    """Standard normal numbers, without end (Box & Muller 1958); `normals(seed)` in base.js gives the same.

    >>> draws = normals(0)
    >>> abs(sum(next(draws) for _ in range(4000))) / 4000 < 0.05
    True
    """
    draws = uniform(seed)
    while True:
        radius = math.sqrt(-2 * math.log(1 - next(draws)))
        yield radius * math.cos(2 * math.pi * next(draws))


def first_normals(seed: int, count: int) -> array[float]:
    """The first numbers of `normals(seed)`; what was drawn for another length is not drawn again.

    >>> first_normals(0, 3) == first_normals(0, 5)[:3]
    True
    """
    draws, drawn = _begun(seed)
    try:
        drawn.extend(islice(draws, max(0, count - len(drawn))))
    except BaseException:  # an interrupt ends a generator for good
        _begun.cache_clear()
        raise
    return drawn[:count]


@lru_cache(maxsize=512)
def _begun(seed: int) -> tuple[Iterator[float], array[float]]:
    return normals(seed), array("d")


def shuffles(n: int, seed: int) -> Iterator[int]:
    """0 to n - 1 in a random order, then in another, without end (Fisher & Yates).

    >>> draws = shuffles(4, seed=0)
    >>> sorted(next(draws) for _ in range(4))
    [0, 1, 2, 3]
    """
    draws = uniform(seed)
    while True:
        order = list(range(n))
        for last in range(n - 1, 0, -1):
            other = int(next(draws) * (last + 1))
            order[last], order[other] = order[other], order[last]
        yield from order
