"""12.B, used_to: what loss is usual by now, and how long since the last restart. The truth goes run by run."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant

Two = tuple[Tensor, Tensor]


def _used_to(usual: Tensor, since: Tensor, loss: Tensor, a: Tensor) -> Two:
    used, steps = usual.tolist(), since.tolist()
    for i, (one, home) in enumerate(zip(loss.tolist(), a.tolist(), strict=True)):
        begins = home == 1 or steps[i] == 0
        used[i] = one if begins else used[i] - (used[i] - one) / 5
        steps[i] = 1.0 if begins else steps[i] + 1.0
    return torch.tensor(used, dtype=loss.dtype), torch.tensor(steps, dtype=loss.dtype)


def _underway(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Runs that have just come home, runs in the middle of a stay, runs before their first batch."""
    draws = generator(seed)
    usual, loss = torch.rand(2, 9, generator=draws, dtype=torch.float64) + 0.1
    since = torch.tensor([4, 7, 25, 1, 2, 12, 3, 0, 0], dtype=torch.float64)
    a = torch.tensor([1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=torch.float64)
    usual[-2:] = 0
    order = torch.randperm(9, generator=draws)
    return usual[order], since[order], loss[order], a[order]


def _using(usual: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> Function:
    """Right but for what is usual, given all that came."""
    return lambda *given: (usual(*given), _used_to(*given)[1])


def _counting(since: Callable[[Tensor, Tensor], Tensor]) -> Function:
    """Right but for the count, given the steps so far and the gate."""
    return lambda usual, steps, loss, a: (_used_to(usual, steps, loss, a)[0], since(steps, a))


def _mixed(usual: Tensor, loss: Tensor, new: float) -> Tensor:
    return (1 - new) * usual + new * loss


def _begins(since: Tensor, a: Tensor) -> Tensor:
    return (a == 1) | (since == 0)


def _steady(fn: Function) -> bool | str:
    loss = torch.tensor([0.4, 2.0], dtype=torch.float64)
    usual, since = torch.zeros_like(loss), torch.zeros_like(loss)
    for step in range(6):
        usual, since = fn(usual, since, loss, torch.zeros_like(loss))
        if not torch.allclose(usual.view(2), loss):
            return f"after {step + 1} batches of loss 0.4 yours holds {float(usual[0]):.3g} for usual"
    return True


def _fading_sum(fn: Function) -> bool | str:
    losses = torch.rand(9, 1, generator=generator(20), dtype=torch.float64)
    usual, since = torch.full((1,), 5.0, dtype=torch.float64), torch.full((1,), 30.0, dtype=torch.float64)
    for step, loss in enumerate(losses):
        usual, since = fn(usual, since, loss, torch.full_like(loss, float(step == 0)))
    ages = torch.arange(8, -1, -1, dtype=torch.float64)
    weights = torch.where(ages == 8, 1.0, 0.2) * 0.8**ages  # the first one is all there was
    expected = float(weights @ losses[:, 0])
    return abs(float(usual) - expected) < 1e-8 or f"yours is {float(usual):.4g} where they come to {expected:.4g}"


def _counts(fn: Function) -> bool | str:
    since = usual = torch.zeros(1, dtype=torch.float64)
    seen = []
    for a in (0, 0, 0, 0, 0, 1, 0, 0):
        usual, since = fn(usual, since, torch.ones_like(usual), torch.full_like(usual, float(a)))
        seen.append(f"{float(since):g}")
    return seen == ["1", "2", "3", "4", "5", "1", "2", "3"] or f"yours counts {', '.join(seen)}"


USED_TO = Exercise(
    id="12.B",
    name="used_to",
    task="Get used to a loss: the running mean of losses and the steps since the last restart, for every run.",
    cases=_underway,
    truth=_used_to,
    gives=("the usual loss", "the steps since"),
    properties=(
        ("whose loss is always the same finds that usual from the first batch on", _steady),
        ("after a restart the usual loss is a fading sum of the losses since, and of no older one", _fading_sum),
        ("a restart at the sixth batch is counted 1, 2, 3, 4, 5, 1, 2, 3", _counts),
    ),
    mutants=(
        Mutant(
            "the shares exchanged",
            _using(lambda usual, since, loss, a: torch.where(_begins(since, a), loss, _mixed(usual, loss, 0.8))),
            "The shares have changed places: four fifths of this are the newest loss, and next to nothing is *usual*. "
            "0.8 of the old stays, 0.2 of the new comes in.",
        ),
        Mutant(
            "nothing fades",
            _using(lambda usual, since, loss, a: torch.where(_begins(since, a), loss, usual + 0.2 * loss)),
            "The new loss comes in, but of the old nothing goes: this only grows. The two shares add up to 1.",
        ),
        Mutant(
            "goes on after a restart",
            _using(lambda usual, since, loss, a: torch.where(since == 0, loss, _mixed(usual, loss, 0.2))),
            "After a restart the mean goes on here as if nothing had happened. Another world has begun, with other "
            "weights: what was usual before says nothing about it. Where the gate is 1 the mean begins with this loss.",
        ),
        Mutant(
            "the first batch of all",
            _using(lambda usual, since, loss, a: torch.where(a == 1, loss, _mixed(usual, loss, 0.2))),
            "The very first batch is averaged with the 0 that stood there before anything came. "
            "Where `since` is 0 the mean begins too.",
        ),
        Mutant(
            "begins with nothing",
            _using(lambda usual, since, loss, a: torch.where(_begins(since, a), 0.0, _mixed(usual, loss, 0.2))),
            "At its beginning the mean is set to 0, and it would take many batches to get near what is usual. "
            "Begin with the loss that has just come.",
        ),
        Mutant(
            "the mean of all",
            _using(
                lambda usual, since, loss, a: torch.where(_begins(since, a), loss, usual + (loss - usual) / (since + 1))
            ),
            "This is the plain mean of all losses since the restart: the longer it lasts, the less the last ones "
            "count. A running mean takes 0.2 of the newest, always.",
        ),
        Mutant(
            "only the last loss",
            _using(lambda usual, since, loss, a: loss),
            "What is usual is the last loss here, and one easy batch would make the next a surprise. "
            "0.8 of what was usual stays.",
        ),
        Mutant(
            "the gate upside down",
            _using(lambda usual, since, loss, a: torch.where((a == 0) | (since == 0), loss, _mixed(usual, loss, 0.2))),
            "The gate is read upside down: the mean begins anew at every ordinary step, and goes on after a restart.",
        ),
        Mutant(
            "since begins with 0",
            _counting(lambda since, a: torch.where(a == 1, 0.0, since + 1)),
            "After a restart yours counts 0. The batch that came with the restart has been learned as well: "
            "that is one step since.",
        ),
        Mutant(
            "since goes on",
            _counting(lambda since, a: since + 1),
            "The count goes on over a restart, so that the pause of four steps would be over for ever. "
            "Where the gate is 1 it begins again, with 1.",
        ),
        Mutant(
            "since stands still",
            _counting(lambda since, a: torch.where(a == 1, 1.0, since)),
            "The steps are not counted: `since` stays what it was. Every step that is no restart adds 1.",
        ),
        Mutant(
            "since is always 1",
            _counting(lambda since, a: torch.ones_like(since)),
            "The count begins again at every step, and four are never reached. Only where the gate is 1.",
        ),
        Mutant(
            "one restart for all",
            lambda usual, since, loss, a: _used_to(usual, since, loss, a.max().expand_as(a)),
            "One run came home, and all began anew. Each run has its own gate: `torch.where` looks at every entry.",
        ),
        Mutant(
            "only the usual loss",
            lambda *given: _used_to(*given)[0],
            "This is the usual loss, and it is right. Hand back the count too: the gate asks for both.",
        ),
        Mutant(
            "swapped",
            lambda *given: _used_to(*given)[::-1],
            "Both are right, but they come in the wrong order: the usual loss first, then the steps since.",
        ),
    ),
    hints=(
        "For most runs this is one line of a running mean and one of counting. Which runs begin anew, and with what?",
        "`torch.where(condition, this, that)` takes `this` where the condition holds and `that` elsewhere, entry by "
        "entry. A run begins anew where `a` is 1, or where `since` is 0: nothing has come yet.",
        "`anew = (a == 1) | (since == 0)`. The usual loss is `torch.where(anew, loss, 0.8 * usual + 0.2 * loss)`; the "
        "count is 1 where a is 1, and elsewhere one more than before.",
    ),
)
