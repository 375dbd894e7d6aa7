"""Formal languages: read a word letter by letter and say after each what may come, or whether it could end here.

    regular, not star-free   parity, (aa)*, (abab)*       asked: are the letters so far a word? 0 or 1
    counting                 aⁿbⁿ, aⁿbⁿcⁿ, Shuffle-2      asked: which letters may come next? an answer a set of letters

The six of Nested Learning, Table 5, built and asked as in Bhattamishra et al. 2020 and Irie et al. 2023. A model learns
from short words and is tested on short (Bin 0) and on longer ones (Bin 1), where a word counts if every answer in it is
right: the second share of `nl.loops.right`. For Shuffle-2 Bhattamishra et al. give 2 to 50 letters and 52 to 100; here
all six have these.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime import generator
from .sequences import UNASKED, Sequences, positive

BIN_0 = (2, 50)
"""Letters of the words to learn from, the fewest and the most; also of the first test."""
BIN_1 = (52, 100)
"""Letters of the longer words."""


def parity(lengths: tuple[int, int] = BIN_0, sequences: int = 64, seed: int = 0) -> Sequences:
    """Zeros and ones with an even number of ones; after each letter: is it even?

    Args:
        lengths: fewest and most letters of a word; every length between that a word can have is equally likely.
        sequences: how many words.
        seed: of the draws.

    Returns:
        Sequences; behind the end of a word stand zeros and nothing is asked. Chance is the share of the answer that is
        right most often.

    Raises:
        ValueError: if no word has such a length.

    >>> task = parity(lengths=(6, 6), sequences=1)
    >>> task.tokens.tolist(), task.targets.tolist()
    ([[1, 1, 0, 1, 1, 0]], [[0, 1, 1, 0, 1, 1]])
    """
    draws = generator(seed)
    length, place = _lengths(1, lengths, sequences, draws)
    letters = torch.randint(2, place.shape, generator=draws)
    before = (letters * (place < length - 1)).sum(1, keepdim=True)
    letters = torch.where(place == length - 1, before % 2, letters)  # the last one makes it even
    return _task("parity", letters, (letters * (place < length)).cumsum(1) % 2 == 0, length, 2, lengths, seed)


def even_as(lengths: tuple[int, int] = BIN_0, sequences: int = 64, seed: int = 0) -> Sequences:
    """(aa)*: the letter a an even number of times; after each: is it even? Arguments and errors as for `parity`.

    >>> even_as(lengths=(4, 4), sequences=1).targets.tolist()
    [[0, 1, 0, 1]]
    """
    length, place = _lengths(2, lengths, sequences, generator(seed))
    return _task("(aa)*", torch.zeros_like(place), place % 2 == 1, length, 2, lengths, seed)


def ababs(lengths: tuple[int, int] = BIN_0, sequences: int = 64, seed: int = 0) -> Sequences:
    """(abab)*: abab again and again; after each letter: is one just complete? Arguments and errors as for `parity`.

    >>> task = ababs(lengths=(8, 8), sequences=1)
    >>> task.tokens.tolist(), task.targets.tolist()
    ([[0, 1, 0, 1, 0, 1, 0, 1]], [[0, 0, 0, 1, 0, 0, 0, 1]])
    """
    length, place = _lengths(4, lengths, sequences, generator(seed))
    return _task("(abab)*", place % 2, place % 4 == 3, length, 2, lengths, seed)


def a_n_b_n(lengths: tuple[int, int] = BIN_0, sequences: int = 64, seed: int = 0) -> Sequences:
    """aⁿbⁿ; after each letter: what may come, 0: a or b, 1: b, 2: the end. Arguments and errors as for `parity`.

    >>> task = a_n_b_n(lengths=(6, 6), sequences=1)
    >>> task.tokens.tolist(), task.targets.tolist()
    ([[0, 0, 0, 1, 1, 1]], [[0, 0, 0, 1, 1, 2]])
    """
    return _blocks("aⁿbⁿ", 2, lengths, sequences, seed)


def a_n_b_n_c_n(lengths: tuple[int, int] = BIN_0, sequences: int = 64, seed: int = 0) -> Sequences:
    """aⁿbⁿcⁿ; after each letter: what may come, 0: a or b, 1: b, 2: c, 3: the end. Otherwise as `parity`.

    >>> task = a_n_b_n_c_n(lengths=(6, 6), sequences=1)
    >>> task.tokens.tolist(), task.targets.tolist()
    ([[0, 0, 1, 1, 2, 2]], [[0, 0, 1, 2, 2, 3]])
    """
    return _blocks("aⁿbⁿcⁿ", 3, lengths, sequences, seed)


def shuffle_2(lengths: tuple[int, int] = BIN_0, sequences: int = 64, seed: int = 0) -> Sequences:
    """Round and square brackets, each kind balanced for itself: `( [ ) ]` is a word.

    Letters are ( ) [ ] = 0 1 2 3. After each letter: what may close, 0: nothing, 1: round, 2: square, 3: both (one may
    always open). Arguments and errors as for `parity`.

    >>> task = shuffle_2(lengths=(6, 6), sequences=1, seed=1)
    >>> task.tokens.tolist(), task.targets.tolist()
    ([[2, 3, 0, 2, 1, 3]], [[2, 0, 1, 3, 2, 0]])
    """
    draws = generator(seed)
    length, place = _lengths(2, lengths, sequences, draws)
    letters, targets = torch.zeros_like(place), torch.zeros_like(place)
    open_ = torch.zeros(sequences, 2, dtype=torch.long)  # how many brackets of each kind are open
    chance = torch.rand(3, *place.shape, generator=draws, dtype=torch.float64)
    row = torch.arange(sequences)
    for i in range(place.shape[1]):
        left, depth = length[:, 0] - i, open_.sum(1)
        opens = (depth == 0) | ((chance[0, :, i] < 0.5) & (depth < left))
        any_kind = (chance[1, :, i] < 0.5).long()
        closing = (chance[2, :, i] * depth >= open_[:, 0]).long()  # one of those that are open
        kind = torch.where(opens, any_kind, closing)
        letters[:, i] = 2 * kind + (~opens).long()
        open_[row, kind] += torch.where(opens, 1, -1) * (left > 0)
        targets[:, i] = (open_ > 0).long() @ torch.tensor([1, 2])
    return _task("Shuffle-2", letters, targets, length, 4, lengths, seed)


def _blocks(name: str, letters: int, lengths: tuple[int, int], sequences: int, seed: int) -> Sequences:
    """n times one letter, then n times the next, ..."""
    length, place = _lengths(letters, lengths, sequences, generator(seed))
    n = length // letters
    block = (place // n).clamp(max=letters - 1)
    last = (place % n == n - 1) & (block > 0)
    return _task(name, block, block + last, length, letters + 1, lengths, seed)


def _lengths(step: int, lengths: tuple[int, int], sequences: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """The length of each word, `(sequence, 1)`, a multiple of `step`; and the places of all, `(sequence, most)`."""
    fewest, most = lengths
    first, last = -(-max(fewest, 1) // step), most // step
    positive("languages", sequences=sequences)
    if first > last:
        raise ValueError(f"no word of this language has {fewest} to {most} letters; one has a multiple of {step}")
    length = step * torch.randint(first, last + 1, (sequences, 1), generator=draws)
    return length, torch.arange(step * last).expand(sequences, -1)


def _task(
    name: str,
    letters: Tensor,
    targets: Tensor,
    length: Tensor,
    vocabulary: int,
    lengths: tuple[int, int],
    seed: int,
) -> Sequences:
    """Words cut at their lengths."""
    inside = torch.arange(letters.shape[1]) < length
    targets = torch.where(inside, targets.long(), UNASKED)
    often = torch.bincount(targets[inside], minlength=vocabulary)
    about = dict(task=name, seed=seed, lengths=list(lengths), sequences=len(letters))
    chance = float(often.max() / often.sum())
    return Sequences(torch.where(inside, letters, 0), targets, vocabulary, chance, name, about)
