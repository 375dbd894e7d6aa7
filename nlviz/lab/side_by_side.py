"""One optimizer rule on many tensors at once, each with a memory of its own: a hundred runs cost what five cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ..optim.base import Rule, State

Watch = Callable[[Iterable[Any]], Iterable[Any]]
"""Goes through things and shows how far it is: `tqdm`, say, or `iter`, which shows nothing."""


def begin(rule: Rule, w: Tensor) -> State:
    """A fresh memory for each of the tensors stacked in w, `(run, *shape)`."""
    one = rule.init(w[0])
    return {
        name: value.expand(len(w), *value.shape) if isinstance(value, Tensor) else value for name, value in one.items()
    }


def advance(rule: Rule, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State]:
    """The step of each, `(run, *shape)`, and the state after it: as the rule makes them for one tensor alone.

    >>> import nlviz as nl
    >>> rule, w = nl.optim.DeltaMomentum(lr=1.0), torch.zeros(2, 3)
    >>> step, _ = advance(rule, torch.eye(2, 3), begin(rule, w), w)
    >>> step
    tensor([[-1., -0., -0.],
            [-0., -1., -0.]])
    """
    if rule.stacks:  # it keeps them apart itself, and faster
        step, state, _ = rule.update(grad, state, w)
        return step, state
    counts = {name: value for name, value in state.items() if not isinstance(value, Tensor)}

    def alone(grad: Tensor, memory: State, w: Tensor) -> tuple[Tensor, State]:
        step, after, _ = rule.update(grad, {**memory, **counts}, w)
        counted.update({name: value for name, value in after.items() if name in counts})
        return step, {name: value for name, value in after.items() if name not in counts}

    counted: State = {}
    memory = {name: value for name, value in state.items() if name not in counts}
    step, memory = torch.func.vmap(alone)(grad, memory, w)
    return step, {**memory, **counted}


def by_rate(settings: Sequence[Rule]) -> list[tuple[Rule, list[int]]]:
    """Settings that differ in lr alone, together: the rule at lr = 1, and which settings it stands for.

    A rule applies lr when it reads its memory, so that steps at lr = 1 times any lr are the steps at that lr, as long
    as the weights follow them.

    >>> import nlviz as nl
    >>> by_rate([nl.optim.SGD(0.1), nl.optim.SGD(0.2)])
    [(SGD(lr=1.0), [0, 1])]
    """
    groups: dict[Rule, list[int]] = {}
    for i, rule in enumerate(settings):
        groups.setdefault(replace(rule, lr=1.0), []).append(i)
    return list(groups.items())


def demand_equal_budgets(families: Mapping[str, Sequence[Any]]) -> None:
    """Every method is tuned over the same number of settings, or a sentence says which are not."""
    counts = {name: len(settings) for name, settings in families.items()}
    if len(set(counts.values())) != 1 or not min(counts.values(), default=0):
        told = ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
        raise ValueError(f"every method is tuned over the same number of settings, 1 or more; got {told}")


def best(tried: Tensor) -> int:
    """The setting with the least mean over its runs, of `(setting, run)`; one that diverged in any run is out.

    Raises:
        ValueError: if every setting diverged.

    >>> best(torch.tensor([[3.0, 3.0], [0.1, torch.inf], [2.0, 2.0]]))
    2
    """
    alive = (tried < torch.inf).all(1)  # NaN is not
    if not alive.any():
        raise ValueError("every setting of this method diverged in some run; give it lower rates")
    return int(tried.mean(1).where(alive, torch.inf).argmin())
