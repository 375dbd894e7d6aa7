"""Counting bytes: the baseline that every language model of bytes stands beside.

    P(byte | context) = (count(context, byte) + kinds · P(byte | shorter context)) / (count(context) + kinds)

kinds, of a context, is how many different bytes have followed it; a context never seen says what the shorter one says,
and below the empty one every byte has 1/256. Witten & Bell 1991, method C, interpolated as in Chen & Goodman 1999. An
n-gram of order k looks at the last k bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..runtime import provenance
from ..trace import Trace

if TYPE_CHECKING:
    from ..tasks.text import Text


def ngram_bits(learned: np.ndarray, asked: np.ndarray, order: int) -> np.ndarray:
    """Surprise at every byte of one text, in bits, of one who has counted another.

    Args:
        learned: `(n,)` of uint8, the text to count.
        asked: `(m,)` of uint8. Its first bytes have fewer than `order` bytes before them, and are foretold from those.
        order: bytes of context, 0 to 6.

    Returns:
        `(m,)`

    Raises:
        ValueError: for another order, or texts that are not of bytes.

    >>> learned, asked = (np.frombuffer(part, np.uint8) for part in (b"abababac", b"aba"))
    >>> ngram_bits(learned, asked, order=0).round(2)
    array([1.46, 1.87, 1.46])
    >>> ngram_bits(learned, asked, order=1).round(2)
    array([1.46, 0.76, 0.25])
    """
    if not 0 <= order <= 6:
        raise ValueError(f"ngram_bits: order is how many bytes of context are looked at, 0 to 6; got {order}")
    if learned.dtype != np.uint8 or asked.dtype != np.uint8 or learned.ndim != 1 or asked.ndim != 1:
        raise ValueError("ngram_bits: both texts are bytes, one axis of uint8; for a Text take text.train.numpy()")
    chance = np.full(len(asked), 1 / 256)
    for k in range(min(order, len(asked) - 1, len(learned) - 1) + 1):
        grams, counts = np.unique(_grams(learned, k), return_counts=True)
        contexts, first = np.unique(grams >> 8, return_index=True)
        seen, kinds = np.add.reduceat(counts, first), np.diff(np.r_[first, len(grams)])
        here = _grams(asked, k)
        count, total = _at(grams, counts, here), _at(contexts, seen, here >> 8)
        different = _at(contexts, kinds, here >> 8)
        shorter = chance[k:]
        weighed = (count + different * shorter) / np.maximum(total + different, 1)
        chance[k:] = np.where(total > 0, weighed, shorter)
    return -np.log2(chance)


def ngram_table(text: Text, orders: Sequence[int] = (0, 1, 2, 3)) -> Trace:
    """Bits per byte of n-grams on the part of a text that is kept apart, with what they counted in the other.

    Args:
        text: of `nl.tasks.english` and its like.
        orders: bytes of context of each.

    Returns:
        A Trace with "bits per byte" along `order`. Its first byte is left out, as in `Text.exam`.

    >>> import nlviz as nl
    >>> bits = ngram_table(nl.tasks.english())["bits per byte"]
    >>> (bits[:-1] > bits[1:]).all(), bits[0] < 8
    (np.True_, np.True_)
    """
    learned, asked = text.train.numpy(), text.test.numpy()
    bits = np.array([ngram_bits(learned, asked, order)[1:].mean() for order in orders])
    about = provenance(baseline="Witten-Bell n-grams", learned=len(learned), asked=len(asked) - 1, **text.about)
    return Trace({"bits per byte": bits}, {"bits per byte": ("order",)}, {"order": list(orders)}, about)


def _grams(text: np.ndarray, k: int) -> np.ndarray:
    """Every k bytes and the one after them as one number, `(n - k,)`."""
    windows = np.lib.stride_tricks.sliding_window_view(text, k + 1).astype(np.int64)
    return windows @ (1 << 8 * np.arange(k, -1, -1))


def _at(sorted_keys: np.ndarray, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The value of each key, 0 where there is none."""
    place = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.where(sorted_keys[place] == keys, values[place], 0)
