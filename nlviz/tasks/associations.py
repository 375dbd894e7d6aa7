"""Multi-query associative recall: pairs of tokens to remember, and then every key is asked for.

    key value key value ...   key value   key  key  key
    `-- each pair once --´    `- again-´   `- asked --´

Arora et al. 2023 ("Zoology", MQAR). There the questions are spread over a long sequence; here they follow at once, and
`needle` has the distance. New here: some keys come a second time with a new value, and the new one is then right, as in
`rebinding`.
"""

from __future__ import annotations

import torch

from ..runtime import generator
from .sequences import UNASKED, Sequences, permutations, positive


def mqar(pairs: int = 8, rebound: float = 0.0, vocabulary: int = 64, sequences: int = 64, seed: int = 0) -> Sequences:
    """Recall of many pairs, which are other ones in each sequence.

    Args:
        pairs: how many, each with a key of its own; every key is asked for once, in an order of its own.
        rebound: share of the pairs, 0 to 1, that come again with another value, after all have come once.
        vocabulary: tokens, an even number; the first half are keys, the second values. No value comes twice.
        sequences: how many.
        seed: of the draws.

    Returns:
        Sequences of 2 · (pairs + rebound ones) + pairs tokens. Chance is 1 / pairs: one who names any value that still
        holds.

    Raises:
        ValueError: if there are too few tokens for the pairs.

    >>> task = mqar(pairs=2, vocabulary=8, sequences=1, seed=1)
    >>> task.tokens.tolist(), task.targets.tolist()
    ([[0, 5, 3, 6, 3, 0]], [[-100, -100, -100, -100, 6, 5]])
    """
    positive("mqar", pairs=pairs, sequences=sequences)
    if not 0 <= rebound <= 1:
        raise ValueError(f"mqar: rebound is the share of pairs that come again, 0 to 1; got {rebound}")
    kinds, again = vocabulary // 2, round(rebound * pairs)
    if vocabulary % 2 or pairs + again > kinds:
        raise ValueError(
            f"mqar: {pairs} pairs, {again} of them twice, need {pairs + again} values and as many tokens for keys; "
            f"take vocabulary={2 * (pairs + again)} or more, an even number; got {vocabulary}"
        )
    draws = generator(seed)
    keys = permutations(sequences, kinds, draws)[:, :pairs]
    values = kinds + permutations(sequences, kinds, draws)[:, : pairs + again]
    twice = permutations(sequences, pairs, draws)[:, :again]
    holds = values[:, :pairs].scatter(1, twice, values[:, pairs:])
    written = torch.stack([torch.cat([keys, keys.gather(1, twice)], 1), values], dim=-1).flatten(1)
    order = permutations(sequences, pairs, draws)
    return Sequences(
        tokens=torch.cat([written, keys.gather(1, order)], 1),
        targets=torch.cat([torch.full_like(written, UNASKED), holds.gather(1, order)], 1),
        vocabulary=vocabulary,
        chance=1 / pairs,
        name="MQAR" if not again else "MQAR, rebound",
        about=dict(task="mqar", seed=seed, pairs=pairs, rebound=rebound, vocabulary=vocabulary, sequences=sequences),
    )
