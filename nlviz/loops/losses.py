"""What a sequence model is asked: the next token, or the answers at some positions; and how well it does.

A model takes tokens `(batch, T)` and gives logits `(batch, T, vocabulary)`, or a pair of them and a state that is not
looked at here. Losses are in nats, as PyTorch's optimizers are used to; scores in bits, or shares of right answers. All
are computed in float32 at least, whatever precision the logits have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

UNASKED = -100
"""A target where nothing is asked."""

_NOTHING_ASKED = "{}: nothing is asked; give one batch or more, and a list, for a generator is used up after one round"

Asked = tuple[Tensor, Tensor]
"""Tokens and targets, `(batch, T)` each."""


def next_token(model: nn.Module, tokens: Tensor) -> Tensor:
    """Mean surprise at each next token, in nats.

    Args:
        model: tokens to logits.
        tokens: `(batch, T + 1)` of integers; the first T are seen, the last T foretold.

    >>> import nlviz as nl
    >>> knows_nothing = nn.Embedding.from_pretrained(torch.zeros(256, 256))
    >>> nl.loops.next_token(knows_nothing, torch.randint(256, (2, 9)))          # ln 256
    tensor(5.5452)
    """
    tokens = tokens.long()
    return cross_entropy(_logits(model, tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


def asked(model: nn.Module, batch: Asked) -> Tensor:
    """Mean surprise at the targets, in nats, where one is asked.

    Args:
        model: tokens to logits.
        batch: tokens and targets, `(batch, T)` each; a target of -100 asks nothing.
    """
    tokens, targets = batch
    return cross_entropy(_logits(model, tokens).flatten(0, 1), targets.flatten(), ignore_index=UNASKED)


@torch.no_grad()
def bits_per_token(model: nn.Module, batches: Iterable[Tensor]) -> float:
    """Mean surprise at each next token of all batches, in bits.

    Args:
        model: tokens to logits.
        batches: `(batch, T + 1)` each, as for `next_token`.

    Raises:
        ValueError: if nothing is asked.

    >>> import nlviz as nl
    >>> knows_nothing = nn.Embedding.from_pretrained(torch.zeros(256, 256))
    >>> round(nl.loops.bits_per_token(knows_nothing, [torch.randint(256, (2, 9))]), 4)
    8.0
    """
    nats, count = 0.0, 0
    for tokens in batches:
        many = tokens[:, 1:].numel()
        nats += many * float(next_token(model, tokens.to(_device(model))))
        count += many
    if not count:
        raise ValueError(_NOTHING_ASKED.format("bits_per_token"))
    return nats / count / math.log(2)


@torch.no_grad()
def right(model: nn.Module, batches: Iterable[Asked]) -> tuple[float, float]:
    """Share of questions answered right, and share of sequences with every answer right.

    Args:
        model: tokens to logits; the greatest is its answer. Where one is not finite it has none.
        batches: tokens and targets each, as for `asked`.

    Raises:
        ValueError: if nothing is asked.

    >>> import nlviz as nl
    >>> says_itself = nn.Embedding.from_pretrained(torch.eye(3))
    >>> nl.loops.right(says_itself, [(torch.tensor([[0, 1, 2], [2, 1, 0]]), torch.tensor([[-100, 1, 2], [2, 2, 0]]))])
    (0.8, 0.5)
    """
    answers, sequences = [], []
    for tokens, targets in batches:
        logits = _logits(model, tokens.to(_device(model)))
        said = logits.argmax(-1).where(logits.isfinite().all(-1), UNASKED - 1).to(targets.device)
        unasked = targets == UNASKED
        answers.append((said == targets)[~unasked])
        sequences.append(((said == targets) | unasked).all(-1))
    if not sum(len(part) for part in answers):
        raise ValueError(_NOTHING_ASKED.format("right"))
    shares = [torch.cat(part).double().mean() for part in (answers, sequences)]
    return float(shares[0]), float(shares[1])


def _logits(model: nn.Module, tokens: Tensor) -> Tensor:
    """In float32 at least: a loss in bfloat16 has two digits."""
    said = model(tokens)
    logits: Tensor = said[0] if isinstance(said, tuple) else said
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
