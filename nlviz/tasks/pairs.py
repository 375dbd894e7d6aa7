"""Random pairs to remember: once each, or the same keys with new values again and again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..runtime import generator
from .base import Task


def _units(n: int, d: int, seed: int, dtype: torch.dtype) -> Tensor:
    """n directions drawn evenly, each of norm 1: (n, d)."""
    return torch.nn.functional.normalize(torch.randn(n, d, generator=generator(seed), dtype=dtype), dim=-1)


def _keys(n: int, d: int, similarity: float, seed: int, dtype: torch.dtype) -> Tensor:
    """n unit keys that share one direction, so that the mean cosine of two is about `similarity`."""
    common = _units(1, d, seed + 1_000_003, dtype)
    return torch.nn.functional.normalize(
        (1 - similarity) ** 0.5 * _units(n, d, seed, dtype) + similarity**0.5 * common, dim=-1
    )


def _stack(draw: Sequence[tuple[Tensor, ...]], runs: int | None) -> list[Tensor]:
    return [torch.stack(parts) if runs is not None else parts[0] for parts in zip(*draw, strict=True)]


def _check(similarity: float, **counts: int | None) -> None:
    if not 0 <= similarity < 1:
        raise ValueError(f"similarity is the mean cosine of two keys, 0 to below 1; got {similarity}")
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} must be 1 or more; got {count}")


def recall(
    pairs: int = 64,
    d_key: int = 32,
    d_value: int = 32,
    similarity: float = 0.0,
    seed: int = 0,
    runs: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Task:
    """Each key comes once with one value; afterwards every key is asked for.

    Args:
        pairs: how many.
        d_key, d_value: features of a key and of a value; both have norm 1.
        similarity: mean cosine of two keys, 0 (independent) to below 1.
        seed: the task; run i of `runs` is the task of seed + i.
        runs: None for one task, a number for as many in one leading axis.

    >>> recall(pairs=8, d_key=16, d_value=4, runs=3).keys.shape
    torch.Size([3, 8, 16])
    """
    _check(similarity, pairs=pairs, d_key=d_key, d_value=d_value, runs=runs)
    drawn = [
        (_keys(pairs, d_key, similarity, 2 * s, dtype), _units(pairs, d_value, 2 * s + 1, dtype))
        for s in range(seed, seed + (runs or 1))
    ]
    keys, values = _stack(drawn, runs)
    about = dict(seed=seed, runs=runs, pairs=pairs, d_key=d_key, d_value=d_value, similarity=similarity)
    return Task(keys, values, keys, values, "recall", about)


def rebinding(
    pairs: int = 16,
    times: int = 8,
    d_key: int = 32,
    d_value: int = 32,
    similarity: float = 0.0,
    seed: int = 0,
    runs: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Task:
    """The same keys come `times` times, each time with new values; the latest value is the right answer.

    >>> task = rebinding(pairs=4, times=3, d_key=8, d_value=8)
    >>> task.keys.shape, task.targets.shape
    (torch.Size([12, 8]), torch.Size([4, 8]))
    """
    _check(similarity, pairs=pairs, times=times, d_key=d_key, d_value=d_value, runs=runs)
    drawn = [
        (_keys(pairs, d_key, similarity, 2 * s, dtype), _units(pairs * times, d_value, 2 * s + 1, dtype))
        for s in range(seed, seed + (runs or 1))
    ]
    keys, values = _stack(drawn, runs)
    about = dict(seed=seed, runs=runs, pairs=pairs, times=times, d_key=d_key, d_value=d_value, similarity=similarity)
    return Task(
        keys=torch.cat([keys] * times, dim=-2),
        values=values,
        queries=keys,
        targets=values[..., -pairs:, :],
        name="rebinding",
        about=about,
    )
