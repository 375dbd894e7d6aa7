"""Text as bytes, split by documents: what is tested was never trained on.

Real collections repeat themselves: a manual prints one section in two chapters, sources share their licences and their
idioms. So a split by documents is not enough:

    documents, in an order drawn from the seed ──► those that fit into the test part ──► the rest is for training
    64 bytes in a row that stand in the test part too ──► taken out of the training part
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..runtime import generator

CHANCE = 8.0
"""Bits per byte of one who knows nothing: log2 256."""
SHARED = 64
"""So many bytes in a row may not stand in both parts."""


@dataclass(frozen=True, eq=False)
class Text:
    """Bytes to learn from and bytes kept apart.

    Args:
        train: `(n,)` of uint8.
        test: `(m,)` of uint8, of other documents.
        train_documents, test_documents: what they are called.
        name: what the text is called in a figure.
        about: seed and settings, for the provenance of a Trace.
    """

    train: Tensor
    test: Tensor
    train_documents: tuple[str, ...]
    test_documents: tuple[str, ...]
    name: str
    about: dict[str, Any]

    def __repr__(self) -> str:
        return (
            f"Text: {self.name}, {len(self.train):,} bytes to learn from ({len(self.train_documents)} documents), "
            f"{len(self.test):,} kept apart ({len(self.test_documents)})"
        )

    @property
    def chance(self) -> float:
        """Bits per byte of one who knows nothing, 8."""
        return CHANCE

    def exam(self, length: int = 256, batch: int = 32) -> list[Tensor]:
        """The text kept apart, cut so that every byte but the first is foretold once: `(batch, length + 1)` each.

        Args:
            length: bytes foretold in a window; its first one has one byte of context, its last one `length`.
            batch: windows at once. What is left at the end, less than a window, is not asked.

        Raises:
            ValueError: if it is shorter than a window.
        """
        demand(self.test, length, f"the part of {self.name!r} kept apart")
        windows = self.test.unfold(0, length + 1, length)
        return [part.long() for part in windows.split(batch)]


def split(documents: Iterable[tuple[str, bytes]], name: str, seed: int, test: float, **about: Any) -> Text:
    """Documents in an order drawn from the seed, each in one part, and no passage in both.

    Args:
        documents: names and contents.
        name: of the text.
        seed: of the order.
        test: share of the bytes to keep apart, above 0, below 1; it is reached as nearly as whole documents allow.
        about: more words for the provenance.

    Raises:
        ValueError: for another share, or if a part stays empty.

    >>> pages = [("one", b"first page"), ("two", b"second page"), ("three", b"page three"), ("four", b"last page")]
    >>> split(pages, "a small book", seed=0, test=0.3)
    Text: a small book, 34 bytes to learn from (3 documents), 10 kept apart (1)
    """
    if not 0 < test < 1:
        raise ValueError(f"{name}: test is the share of bytes kept apart, above 0 and below 1; got {test}")
    given = list(documents)
    room = test * sum(len(content) for _, content in given)
    learned, apart = [], []
    for i in torch.randperm(len(given), generator=generator(seed)).tolist():
        document, content = given[i]
        if len(content) <= room:
            room -= len(content)
            apart.append((document, content))
        else:
            learned.append((document, content))
    if not learned or not apart:
        raise ValueError(f"{name}: {len(given)} documents cannot be split with test={test}; take another share")
    kept = _joined(apart)
    train = without_shared(_joined(learned), kept)
    return Text(
        train=torch.from_numpy(train),
        test=torch.from_numpy(kept),
        train_documents=tuple(document for document, _ in learned),
        test_documents=tuple(document for document, _ in apart),
        name=name,
        about={"text": name, "split seed": seed, "test": test, **about, "sha256": _digest(train, kept)},
    )


def without_shared(text: np.ndarray, other: np.ndarray, length: int = SHARED) -> np.ndarray:
    r"""A text without the passages of `length` bytes or more that stand in the other text too; a line break for each.

    Args:
        text, other: of uint8.
        length: of a passage.

    >>> text, other = (np.frombuffer(part, np.uint8) for part in (b"from here to there", b"to there"))
    >>> without_shared(text, other, length=8).tobytes()
    b'from here \n'
    """
    shared = np.isin(_sums(text, length), _sums(other, length))
    reach = np.zeros(len(text) + 1, np.int64)  # +1 where a shared passage begins, -1 behind its end
    np.add.at(reach, np.flatnonzero(shared), 1)
    np.add.at(reach, np.flatnonzero(shared) + length, -1)
    gone = reach.cumsum()[:-1] > 0
    breaks = gone & ~np.r_[False, gone[:-1]]
    return np.where(breaks, np.uint8(ord("\n")), text)[~gone | breaks]


def demand(text: Tensor, length: int, which: str) -> None:
    """Say so if a text is too short for one window."""
    if not 1 <= length < len(text):
        raise ValueError(
            f"a window of {length} + 1 bytes does not fit into {which}, {len(text):,} bytes; type a length"
        )


def _digest(*parts: np.ndarray) -> str:
    """Which bytes these are, whatever versions they came with."""
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def _joined(documents: list[tuple[str, bytes]]) -> np.ndarray:
    return np.frombuffer(b"\n\n".join(content for _, content in documents), np.uint8).copy()


def _sums(text: np.ndarray, length: int) -> np.ndarray:
    """One number for each passage of this length, `(n - length + 1,)`: Σ byte · pⁱ, modulo 2⁶⁴ (Karp & Rabin 1987)."""
    if len(text) < length:
        return np.empty(0, np.uint64)
    p = 0x9E3779B97F4A7C15
    powers = np.r_[np.uint64(1), np.full(len(text), p, np.uint64)].cumprod()
    inverse = np.r_[np.uint64(1), np.full(len(text), pow(p, -1, 2**64), np.uint64)].cumprod()
    upto = np.r_[np.uint64(0), ((text.astype(np.uint64) + np.uint64(1)) * powers[:-1]).cumsum()]
    return (upto[length:] - upto[:-length]) * inverse[: len(text) - length + 1]
