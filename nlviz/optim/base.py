"""What every optimizer here is: a rule that reads a memory of gradients to make one step.

    step, state, info = rule.update(grad, state, w)         w ← w + step

A rule is a frozen dataclass: its fields are the hyper-parameters, its repr is the label in a legend. Nothing is
changed in place and nothing is hidden, so a step can be repeated, compared and differentiated.

Two levels at least: the state learns from the stream of gradients (inner), the weights learn from the data through
the state (outer). `levels` says what each part of the state is for, and how often it is written (Nested Learning,
Definition 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

State = dict[str, Any]
"""What a rule remembers of one parameter: names -> tensors, and ints that count steps."""

Info = dict[str, Tensor]

Levels = tuple[tuple[Any, ...], ...]
"""Nested problems: (name, period, objective, context) each; a fifth entry names those of the same state it reads."""


@dataclass(frozen=True)
class Rule:
    """What an optimizer rule gives; its first field is `lr`.

    Two facts about a rule, not settings of it: `matrices`, it takes `(..., rows, columns)` only; and `stacks`, several
    tensors of one shape may be given as one, stacked in front, and for small ones that pays.
    """

    matrices: ClassVar[bool] = False
    stacks: ClassVar[bool] = False

    lr: float

    @property
    def levels(self) -> Levels:
        """The nested problems beside the weight's own, by the names of the state's tensors.

        A period counts the writes of the weight; 0 is made anew at every read and kept nowhere.
        """
        return ()

    @property
    def periods(self) -> dict[str, int]:
        """Of each level its period alone."""
        return {name: period for name, period, *_ in self.levels}

    def init(self, w: Tensor) -> State:
        """The state of a parameter before its first gradient."""
        return {}

    def update(self, grad: Tensor, state: State, w: Tensor) -> tuple[Tensor, State, Info]:
        """The step to add to `w`, the state after it, and what happened for the reader."""
        raise NotImplementedError(f"{type(self).__name__} is not a rule yet: give it update(grad, state, w)")


def demand(rule: Rule, *names: str, low: float = 0.0, below: float = float("inf")) -> None:
    """Every named field of the rule lies from `low` to below `below`, or a sentence says which does not."""
    for name in names:
        value = getattr(rule, name)
        if not low <= value < below:
            reach = f"{low:g} or more" if below == float("inf") else f"from {low:g} to below {below:g}"
            raise ValueError(f"{type(rule).__name__}: {name} must be {reach}; got {value}")


def demand_matrix(rule: Rule, w: Tensor) -> None:
    """The rule is about matrices: say so before a product of them says it worse."""
    if w.ndim < 2:
        raise ValueError(
            f"{type(rule).__name__} is a rule for matrices (rows, columns); this parameter has shape {tuple(w.shape)}: "
            "give it to Adam, as nl.optim.Optimizer does by itself"
        )


def rows(tensor: Tensor) -> Tensor:
    """Any tensor as a matrix: a vector is one row, axes after the second lie behind each other in a row.

    >>> import torch
    >>> rows(torch.zeros(3)).shape, rows(torch.zeros(2, 3, 4)).shape
    (torch.Size([1, 3]), torch.Size([2, 12]))
    """
    return tensor.reshape(1, -1) if tensor.ndim < 2 else tensor.flatten(1)
