"""A needle in a haystack: one thing said somewhere in a long text, and asked for at its end.

    hay hay hay MARK key value hay hay hay hay hay MARK key
                `-- needle --´                     `asked´

After the passkey task of Mohtashami & Jaggi 2023 and the single and multi-key needles of RULER (Hsieh et al. 2024),
which Nested Learning uses in its section 9; with tokens for words, so that a small model can learn it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime import generator
from .sequences import UNASKED, Sequences, permutations, positive


def needle(
    length: int = 256,
    depth: float | None = None,
    distractors: int = 0,
    names: int = 16,
    hay: Tensor | None = None,
    sequences: int = 64,
    seed: int = 0,
) -> Sequences:
    """Say at the end what the needle said.

    Args:
        length: tokens of a sequence in all.
        depth: where the needle lies, 0 (before everything) to 1 (just before the question); None: anywhere, by lot.
        distractors: other needles, with other keys and values, anywhere.
        names: how many keys there are, and how many values.
        hay: a text to draw the hay from, of uint8: `nl.tasks.english().train` say; None: tokens drawn by lot from 256.
        sequences: how many.
        seed: of the draws.

    Returns:
        Sequences with one question each, at the last token. Tokens below 256 are hay, then come the mark, `names` keys
        and `names` values. Chance is 1 / names, or with distractors, if that is more, one needle out of all.

    Raises:
        ValueError: if the needles do not fit into the length, or a depth or number makes no sense.

    >>> task = needle(length=10, depth=1.0, names=4, sequences=1)
    >>> task.tokens.tolist(), task.targets.tolist()[0][-1]
    ([[193, 230, 39, 87, 174, 256, 259, 263, 256, 259]], 263)
    """
    positive("needle", length=length, names=names, sequences=sequences)
    if depth is not None and not 0 <= depth <= 1:
        raise ValueError(f"needle: depth is 0 (at the start) to 1 (before the question), or None; got {depth}")
    needles = distractors + 1
    straws = length - 3 * needles - 2
    if not 1 <= needles <= names or straws < 0:
        raise ValueError(
            f"needle: {needles} needles of 3 tokens and a question of 2 do not fit into {length} tokens and {names} "
            f"names; take length={3 * needles + 2} and names={max(needles, 1)} or more"
        )
    draws = generator(seed)
    keys, values = (permutations(sequences, names, draws)[:, :needles] for _ in range(2))
    mark = torch.full_like(keys, 256)
    said = torch.stack([mark, 257 + keys, 257 + names + values], -1)  # (sequence, needle, 3)
    at = torch.randint(straws + 1, (sequences, needles), generator=draws)
    if depth is not None:
        at[:, 0] = round(depth * straws)
    rank = permutations(sequences, needles, draws)  # of those that lie before the same straw
    if depth in (0, 1):
        rank[:, 0] = needles if depth else -1
        rank = rank.argsort(-1).argsort(-1)
    # whole numbers, which no length rounds: a straw takes one place, and leaves room before it for all the needles
    room = 3 * needles + 1
    between = room * at[..., None] + 3 * rank[..., None] + torch.arange(3)
    straw = room * torch.arange(straws) + room - 1
    places = torch.cat([straw.expand(sequences, -1), between.flatten(1)], 1)
    everything = torch.cat([_straws(hay, sequences, straws, draws), said.flatten(1)], 1)
    body = everything.gather(1, places.argsort(-1))
    tokens = torch.cat([body, said[:, 0, :2]], 1)
    targets = torch.full_like(tokens, UNASKED)
    targets[:, -1] = said[:, 0, 2]
    settings = dict(length=length, depth=depth, distractors=distractors, names=names, sequences=sequences)
    return Sequences(
        tokens=tokens,
        targets=targets,
        vocabulary=257 + 2 * names,
        chance=max(1 / names, 1 / needles if distractors else 0.0),
        name="needle",
        about=dict(task="needle", seed=seed, hay="by lot" if hay is None else "text", **settings),
    )


def _straws(hay: Tensor | None, sequences: int, straws: int, draws: torch.Generator) -> Tensor:
    """`(sequence, straw)`, from anywhere in the text."""
    if hay is None:
        return torch.randint(256, (sequences, straws), generator=draws)
    if len(hay) < straws:
        raise ValueError(f"needle: the hay has {len(hay):,} bytes and {straws:,} are needed; take a longer text")
    start = torch.randint(len(hay) - straws + 1, (sequences, 1), generator=draws)
    return hay[start + torch.arange(straws)].long()
