"""06.A, delta_write: rewrite one line of a matrix memory. The truth is an SGD step of torch on a linear layer."""

from __future__ import annotations

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant


def normal(*shape: int, seed: int) -> Tensor:
    """Standard normal numbers, the same at every call."""
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def unit(d: int, seed: int) -> Tensor:
    """A direction: a key of norm 1."""
    return torch.nn.functional.normalize(normal(d, seed=seed), dim=0)


def rewritten(M: Tensor, key: Tensor, value: Tensor, lr: float) -> Tensor:
    """The weights of a linear layer after torch.optim.SGD on half the squared distance of its answer to the value."""
    weight = torch.nn.Parameter(M.detach().clone())
    distance = torch.nn.functional.mse_loss(torch.nn.functional.linear(key, weight), value, reduction="sum")
    (distance / 2).backward()
    torch.optim.SGD([weight], lr=lr).step()
    return weight.detach()


def _underway(seed: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """A memory that holds something already, wide, square and tall; keys that are not of norm 1."""
    d_value, d_key = ((3, 5), (4, 4), (6, 2))[seed % 3]
    M, key, value = normal(d_value, d_key, seed=seed), normal(d_key, seed=seed + 100), normal(d_value, seed=seed + 200)
    return M, 0.7 * key, value, (0.3, 0.6, 0.25)[seed % 3]


def _in_place(M: Tensor, key: Tensor, value: Tensor, lr: float) -> Tensor:
    M += lr * torch.outer(value - M @ key, key)
    return M


def _looks_twice(M: Tensor, key: Tensor, value: Tensor, lr: float) -> Tensor:
    M = M - lr * torch.outer(M @ key, key)
    return M + lr * torch.outer(value - M @ key, key)


def _reads_back(fn: Function) -> bool | str:
    M, key, value = normal(3, 5, seed=10), unit(5, seed=11), normal(3, seed=12)
    away = float((fn(M, key, value, 1.0) @ key - value).norm())
    return away < 1e-8 or f"yours reads something {away:.3g} away from it"


def _leaves_alone(fn: Function) -> bool | str:
    M, key, value = normal(3, 5, seed=20), unit(5, seed=21), normal(3, seed=22)
    other = normal(5, seed=23)
    other = other - (other @ key) * key
    away = float((fn(M, key, value, 0.5) @ other - M @ other).norm())
    return away < 1e-8 or f"in yours such a key's answer moves by {away:.3g}"


def _no_news(fn: Function) -> bool | str:
    key, value = unit(5, seed=31), normal(3, seed=32)
    once = fn(normal(3, 5, seed=30), key, value, 1.0)
    away = float((fn(once, key, value, 1.0) - once).norm())
    return away < 1e-8 or f"the second write of yours changes the memory by {away:.3g}"


DELTA_WRITE = Exercise(
    id="06.A",
    name="delta_write",
    task="Rewrite one line of a matrix memory: look what it says at a key, and write what is missing.",
    cases=_underway,
    truth=rewritten,
    properties=(
        ("after a write with lr 1, a key of norm 1 is answered with its value, whatever stood there", _reads_back),
        ("keys at right angles to it are answered as before", _leaves_alone),
        ("the same pair written again, with lr 1 and a key of norm 1, changes nothing", _no_news),
    ),
    mutants=(
        Mutant(
            "Hebb's rule",
            lambda M, key, value, lr: M + lr * torch.outer(value, key),
            "This adds the value without looking at what stands there: Hebb's rule. The old value stays under the "
            "new one, and reading gives their sum. What does the memory say at this key already?",
        ),
        Mutant(
            "Hebb's rule, at full strength",
            lambda M, key, value, lr: M + torch.outer(value, key),
            "This is Hebb's rule at full strength: it adds without looking, and `lr` has not been used. "
            "What does the memory say at this key already?",
        ),
        Mutant(
            "the wrong way",
            lambda M, key, value, lr: M - lr * torch.outer(value - M @ key, key),
            "This walks away from the value. What is missing is the value minus what was read; that comes on top. "
            "Check the two signs against each other.",
        ),
        Mutant(
            "adds what was read",
            lambda M, key, value, lr: M + lr * torch.outer(value + M @ key, key),
            "What was read is added to the value, so the old line is written a second time. It should go.",
        ),
        Mutant(
            "erases only",
            lambda M, key, value, lr: M - lr * torch.outer(M @ key, key),
            "The old line is rubbed out and nothing is put there: `value` has not been used yet.",
        ),
        Mutant(
            "erases twice",
            _looks_twice,
            "This rubs out, reads again, and rubs out what it then reads: the old line goes twice. "
            "One look, before anything is written, is enough: value minus that reading is what to write.",
        ),
        Mutant(
            "every line fades",
            lambda M, key, value, lr: (1 - lr) * M + lr * torch.outer(value, key),
            "To make room, the whole memory fades by the factor 1 − lr, all other lines too. "
            "Only what stands under this key should go: that is `M @ key`.",
        ),
        Mutant(
            "a new notebook",
            lambda M, key, value, lr: lr * torch.outer(value, key),
            "The old notebook is thrown away with everything in it, and only the new line is left. "
            "The memory M stays; something is added to it.",
        ),
        Mutant(
            "only the change",
            lambda M, key, value, lr: lr * torch.outer(value - M @ key, key),
            "This is the change, and it is right. Asked for is the memory after it: the change comes on top of M.",
        ),
        Mutant(
            "only the error",
            lambda M, key, value, lr: value - M @ key,
            "This is what is missing, and it is right. Now write it: its outer product with the key, times lr, onto M.",
        ),
        Mutant(
            "lr forgotten",
            lambda M, key, value, lr: M + torch.outer(value - M @ key, key),
            "The whole error is written: `lr`, the share of it that is corrected, has not been used yet.",
        ),
        Mutant(
            "lr on the value only",
            lambda M, key, value, lr: M + torch.outer(lr * value - M @ key, key),
            "`lr` is on the value alone: the old line goes whole, and a part of the new one comes. "
            "Both are done by the same share; look at the brackets.",
        ),
        Mutant(
            "lr on the old line only",
            lambda M, key, value, lr: M + torch.outer(value - lr * (M @ key), key),
            "`lr` is on the old line alone: a part of it goes, and the new value comes whole. "
            "Both are done by the same share; look at the brackets.",
        ),
        Mutant(
            "twice the step",
            lambda M, key, value, lr: M + 2 * lr * torch.outer(value - M @ key, key),
            "Everything is right but twice as far. If a 2 came from the slope of a square: "
            "the loss behind this rule is half the square.",
        ),
        Mutant(
            "a key of norm 1 made of it",
            lambda M, key, value, lr: M + lr * torch.outer(value - M @ (key / key.norm()), key / key.norm()),
            "The key is shortened to norm 1 first. That is a good habit, and the caller's business: "
            "this write takes the key as it comes.",
        ),
        Mutant(
            "divided by the key's square",
            lambda M, key, value, lr: M + lr * torch.outer(value - M @ key, key) / key.dot(key),
            "The step is divided by the key's squared norm. That is the normalised delta rule, which no long key can "
            "throw out; here the key counts as it comes.",
        ),
        Mutant(
            "outer product the other way",
            lambda M, key, value, lr: M + lr * torch.outer(key, value - M @ key),
            "The tile lies on its side. M is (d_value, d_key), so a tile has a row for each feature of the value: "
            "in `torch.outer` the error comes first, then the key.",
        ),
        Mutant(
            "reads with the value",
            lambda M, key, value, lr: M + lr * torch.outer(value - M @ value, key),
            "The memory was asked with the value. One asks with the key, and compares the answer with the value.",
        ),
        Mutant(
            "reads from the left",
            lambda M, key, value, lr: M + lr * torch.outer(value - key @ M, key),
            "`key @ M` asks the rows of M, not its columns. A memory (d_value, d_key) is read as `M @ key`.",
        ),
        Mutant(
            "reads the memory on its side",
            lambda M, key, value, lr: M + lr * torch.outer(value - M.mT @ key, key),
            "The memory was turned on its side to be read. M is (d_value, d_key): it is read as it stands, `M @ key`.",
        ),
        Mutant(
            "the key for a value",
            lambda M, key, value, lr: M + lr * torch.outer(key - M @ key, key),
            "What was read is compared with the key, as if the key itself were to be remembered. "
            "The answer should be the value: compare it with that.",
        ),
        Mutant(
            "entry by entry",
            lambda M, key, value, lr: M + lr * (value - M @ key) * key,
            "`*` between two vectors multiplies entry by entry. A tile pairs every entry of the error with every entry "
            "of the key: `torch.outer(error, key)`.",
        ),
        Mutant(
            "a dot product",
            lambda M, key, value, lr: M + lr * (value - M @ key) @ key,
            "`@` between two vectors is one number, their dot product, and it was added to every entry. "
            "A tile is the outer product: `torch.outer(error, key)`.",
        ),
        Mutant(
            "in place",
            _in_place,
            "The numbers are right, but `M += ...` writes over the memory of whoever called, who may still need it. "
            "`M + ...` makes a new one.",
        ),
    ),
    hints=(
        "Before you write, look: what does the memory say at this key now? "
        "What must come on top for it to say the value instead?",
        "`M @ key` is what it says, and `value` minus that is what is missing. "
        "A tile, `torch.outer(what, key)`, added to M changes the answer at this key and at keys like it.",
        "One line: M plus `lr` times the outer product of two vectors. The first is `value - M @ key`, the second "
        "is the key.",
    ),
)
