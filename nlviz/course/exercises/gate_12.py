"""12.A, gate: has the world just contradicted what was learned? The truth asks one run after the other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant

RUNS = (  # loss, usual, since
    (0.10, 0.10, 9.0),  # calm
    (2.50, 0.30, 9.0),  # contradicted
    (0.30, 0.02, 9.0),  # a small loss rose tenfold and is still small
    (0.20, 0.02, 9.0),
    (0.60, 0.02, 9.0),  # a small loss rose to a large one
    (2.50, 0.30, 2.0),  # contradicted, but it has just come home
    (2.40, 0.30, 3.0),
    (2.40, 0.30, 4.0),
    (3.00, 2.00, 9.0),  # all is hard here
    (1.15, 0.50, 9.0),
    (0.55, 0.35, 9.0),
    (0.40, 0.60, 9.0),  # better than usual
    (0.10, 0.10, 2.0),
    (2.30, 0.00, 0.0),  # the first batch of all
)


def _gate(loss: Tensor, usual: Tensor, since: Tensor) -> Tensor:
    home = [
        1.0 if one > 2 * max(used, 0.25) and steps >= 4 else 0.0
        for one, used, steps in zip(loss.tolist(), usual.tolist(), since.tolist(), strict=True)
    ]
    return torch.tensor(home, dtype=loss.dtype)


def _runs(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """All kinds of runs, in an order of the seed."""
    order = torch.randperm(len(RUNS), generator=generator(seed))
    loss, usual, since = torch.tensor(RUNS, dtype=torch.float64)[order].T.contiguous()
    return loss, usual, since


def _said(surprised: Callable[[Tensor, Tensor], Tensor]) -> Function:
    """Right but for what counts as a surprise, given the loss and the usual one."""
    return lambda loss, usual, since: (surprised(loss, usual) & (since >= 4)).to(loss.dtype)


def _paused(due: Callable[[Tensor], Tensor]) -> Function:
    """Right but for the pause, given the steps since the last restart."""
    return lambda loss, usual, since: ((loss > 2 * usual.clamp(min=0.25)) & due(since)).to(loss.dtype)


def _asked_of_all(loss: Tensor, usual: Tensor, since: Tensor) -> Tensor:
    if loss > 2 * usual.clamp(min=0.25) and since >= 4:
        return torch.ones_like(loss)
    return torch.zeros_like(loss)


def _every_fourth(fn: Function) -> bool | str:
    loss, usual = torch.tensor([[9.0, 8.0], [0.3, 0.4]], dtype=torch.float64)
    since, home = torch.zeros_like(loss), []
    for step in range(14):
        a = fn(loss, usual, since)
        since = torch.where(a == 1, 1.0, since + 1)
        home += [str(step)] if float(a[0]) == 1 else []
    return home == ["4", "8", "12"] or f"yours comes home at {', '.join(home) or 'no step'}, counted from 0"


def _calm(fn: Function) -> bool | str:
    loss = torch.tensor([0.01, 0.2, 0.5, 1.0, 2.3], dtype=torch.float64)
    came = int(fn(loss, loss, torch.full_like(loss, 50.0)).sum())
    return came == 0 or f"yours comes home in {came} of 5 runs"


def _alone(fn: Function) -> bool | str:
    together = fn(*_runs(0))
    for i, run in enumerate(zip(*_runs(0), strict=True)):
        alone = fn(*(number[None] for number in run))
        if float(alone[0]) != float(together[i]):
            return f"in yours run {i} has {float(together[i]):g} among the others and {float(alone[0]):g} alone"
    return True


GATE = Exercise(
    id="12.A",
    name="gate",
    task="Say for every run whether it should come home: 1 where the loss is a surprise, 0 elsewhere.",
    cases=_runs,
    truth=_gate,
    properties=(
        ("a loss that is as usual brings nobody home", _calm),
        ("where every step surprises, one comes home at every fourth", _every_fourth),
        ("each run decides by itself", _alone),
    ),
    mutants=(
        Mutant(
            "no floor",
            _said(lambda loss, usual: loss > 2 * usual),
            "Where next to nothing is usual, twice of it is next to nothing too: from 0.02 to 0.2 is a badly written "
            "digit, not another world. The usual loss counts as 0.25 at least.",
        ),
        Mutant(
            "the floor under twice the usual",
            _said(lambda loss, usual: loss > (2 * usual).clamp(min=0.25)),
            "The floor of 0.25 lies under the usual loss, and then comes the factor 2: below 0.5 nothing surprises. "
            "Yours puts it under the product.",
        ),
        Mutant(
            "the floor added",
            _said(lambda loss, usual: loss > 2 * (usual + 0.25)),
            "The floor has been added to the usual loss. It only takes its place where that is smaller: "
            "`usual.clamp(min=0.25)`.",
        ),
        Mutant(
            "a ceiling",
            _said(lambda loss, usual: loss > 2 * usual.clamp(max=0.25)),
            "This is a ceiling: where the usual loss is high, it counts as 0.25, and every batch of a hard world is a "
            "surprise. A floor is `clamp(min=...)`.",
        ),
        Mutant(
            "any rise",
            _said(lambda loss, usual: loss > usual.clamp(min=0.25)),
            "Every rise counts as a surprise here. Batches of eight differ that much by luck: "
            "the loss must be more than twice the usual one.",
        ),
        Mutant(
            "by 2 instead of twice",
            _said(lambda loss, usual: loss > usual.clamp(min=0.25) + 2),
            "The loss has to be 2 above the usual one here. Asked is twice as high: a factor, not a distance.",
        ),
        Mutant(
            "the 2 on the other side",
            _said(lambda loss, usual: 2 * loss > usual.clamp(min=0.25)),
            "The 2 stands on the wrong side: this asks whether the loss is more than *half* of what is usual, which "
            "it nearly always is.",
        ),
        Mutant(
            "upside down",
            _said(lambda loss, usual: loss <= 2 * usual.clamp(min=0.25)),
            "The question is upside down: this comes home as long as all is as usual, and stays away on a surprise.",
        ),
        Mutant(
            "no pause",
            _paused(lambda since: since >= 0),
            "There is no pause: just home, the first losses may be high and it would be sent home again at once. "
            "`since` has not been used yet: 4 steps at least.",
        ),
        Mutant(
            "a pause of five",
            _paused(lambda since: since > 4),
            "This waits one step too long: with `since` at 4 it may come home again. At least is `>=`.",
        ),
        Mutant(
            "a pause of three",
            _paused(lambda since: since >= 3),
            "This waits one step too few: with `since` at 3 it comes home already, and 4 is asked for.",
        ),
        Mutant(
            "or instead of and",
            lambda loss, usual, since: ((loss > 2 * usual.clamp(min=0.25)) | (since >= 4)).to(loss.dtype),
            "Either of the two is enough here, so whoever has waited 4 steps is sent home without a surprise. "
            "Both must hold: `&`.",
        ),
        Mutant(
            "one for all",
            lambda loss, usual, since: torch.full_like(loss, float(_gate(loss, usual, since).any())),
            "One surprised run sends all the others home. The runs are worlds of their own: leave out `any`, `max` or "
            "`mean`, and let each entry be its own answer.",
        ),
        Mutant(
            "an if",
            _asked_of_all,
            "An `if` wants one yes or no, and here are many runs side by side. Leave it out: "
            "a comparison of tensors answers for each of them, and `&` joins two of them.",
        ),
        Mutant(
            "True and False",
            lambda loss, usual, since: _gate(loss, usual, since).bool(),
            "Every yes and no is right. The gate is a number, so that it can be multiplied with: "
            "end with `.to(loss.dtype)`.",
        ),
    ),
    hints=(
        "Two questions for every run, and both must be answered with yes: is this loss more than twice what is usual? "
        "Has it been at least 4 steps?",
        "The usual loss with its floor is `usual.clamp(min=0.25)`. Compare tensors as you would numbers; `&` between "
        "two comparisons, each in brackets, is true where both are.",
        "`surprised = loss > 2 * usual.clamp(min=0.25)`; the other question is `since >= 4`. "
        "`(surprised & (since >= 4)).to(loss.dtype)` makes 1 and 0 of yes and no.",
    ),
)
