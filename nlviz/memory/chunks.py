"""Cutting a sequence into chunks, and what is left of each write inside one.

Every chunk form reads from one table, for a chunk of C steps with a factor `keep` each:

    lasting[t, i] = keep_{i+1} · … · keep_t        t, i = 0 … C;   0 where i > t

Row t is the moment after t writes; column i is the i-th write, column 0 the memory as the chunk found it. A read after
the write takes rows 1 … C, a read before it rows 0 … C − 1, and the last row is what the next chunk gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor
from torch.nn.functional import pad

Steps = float | Tensor  # a rate: one number, or (B, T)


def lasting(keep: Tensor) -> Tensor:
    """The table above, for any number of chunks at once.

    Products are sums of logarithms, each sum started at its own write: nothing is divided and nothing cancels. A `keep`
    of 0 leaves the square root of the dtype's smallest number, far below rounding, and has the right gradient. What has
    faded almost to the smallest number (1e-30 in single precision) is set to 0: arithmetic with such numbers is slow.

    Args:
        keep: `(..., C)`, from 0 to 1.

    Returns:
        `(..., C + 1, C + 1)`, lower triangular with ones on the diagonal.

    >>> import torch
    >>> lasting(torch.tensor([0.5, 0.1]))
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 1.0000, 0.0000],
            [0.0500, 0.1000, 1.0000]])
    """
    C, smallest = keep.shape[-1], torch.finfo(keep.dtype).tiny
    logs = (keep + smallest**0.5).log()
    sums = pad(logs.unsqueeze(-1).expand(*keep.shape, C + 1).tril().cumsum(-2), (0, 0, 1, 0))
    future = torch.ones(C + 1, C + 1, dtype=torch.bool, device=keep.device).triu(1)
    gone = sums < 0.8 * log(smallest)
    return sums.masked_fill(future | gone, -torch.inf).exp()  # masked before exp: no 0 · inf in the gradient


def pieces(length: int, chunk: int, age: int = 0) -> list[tuple[int, int]]:
    """(steps, chunk size) of what is missing of a begun chunk, of all whole chunks, of what is left over.

    >>> pieces(37, chunk=16, age=5)
    [(11, 11), (16, 16), (10, 10)]
    """
    head = min(-age % chunk, length)
    tail = (length - head) % chunk
    spans = ((head, head), (length - head - tail, chunk), (tail, tail))
    return [(steps, size) for steps, size in spans if steps]


def cut(x: Steps, lengths: Sequence[int]) -> Sequence[Steps]:
    """A tensor `(B, T, ...)` cut along T; a number is the same in every piece."""
    return x.split(list(lengths), 1) if isinstance(x, Tensor) else [x] * len(lengths)


def in_chunks(x: Tensor, size: int) -> Tensor:
    """`(B, T, ...)` as `(B, T / size, size, ...)`."""
    return x.unflatten(1, (-1, size))


def rate_in_chunks(rate: Steps, size: int, like: Tensor) -> Tensor:
    """`(B, T)` as `(B, T / size, size)`; a number as `(1, 1, size)`, which broadcasts to it."""
    return in_chunks(rate, size) if isinstance(rate, Tensor) else like.new_full((1, 1, size), rate)


def join(parts: Sequence[Tensor], like: Tensor) -> Tensor:
    """The pieces `(B, ·, d)` behind one another; without any, `like` of length 0."""
    return parts[0] if len(parts) == 1 else torch.cat([like[:, :0], *parts], 1)
