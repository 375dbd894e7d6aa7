"""Any rule of this package as a `torch.optim.Optimizer`: the one place where weights are changed in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from .adam import Adam
from .base import Rule, State
from .dgd import DGD
from .grams import Inputs
from .sgd import SGD

SMALL = 4096
"""Tensors of one shape with up to so many entries step together. Measured on two cores: 80 vectors of 512 (Adam) and 24
matrices of 32 x 32 (Muon) then take a third of the time, 24 of 64 x 64 two thirds, and of 128 x 128 longer."""


class Optimizer(torch.optim.Optimizer):
    """Train a model with a rule.

    Args:
        params: parameters, or groups of them as dicts; a group may set any field of the rule and `weight_decay`.
        rule: an optimizer rule, `nl.optim.M3(lr=0.02)` say.
        weight_decay: adds this times the weight to its gradient (L2, as in `torch.optim.SGD` and `Adam`); 0 or more.
        others: the rule for parameters that `rule` cannot take. Not given: `Adam()` where it needs matrices (then all
            that has not two axes), `SGD` at the same lr for `DGD`. Its lr follows the rule's in proportion, so
            schedulers move both; the proportion is the group's `others_ratio`.
        inputs: `nl.optim.inputs(model)`, for a rule that needs the inputs of linear layers (`DGD`).

    Raises:
        ValueError: for `DGD` without inputs, or another rule with them; for a state of another rule.
        RuntimeError: for sparse or complex gradients.

    A group's keys are the rule's fields, so that schedulers find `lr`. The state of a parameter is the rule's: a flat
    dict of tensors and ints. Gradient clipping, closures, `GradScaler` and `state_dict` work as in PyTorch.

    >>> model = torch.nn.Linear(4, 2)
    >>> opt = Optimizer(model.parameters(), Adam(lr=0.1))
    >>> model(torch.ones(4)).sum().backward()
    >>> opt.step()
    >>> sorted(opt.state[model.weight])
    ['age', 'mean', 'square']
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        rule: Rule,
        weight_decay: float = 0.0,
        others: Rule | None = None,
        inputs: Inputs | None = None,
    ) -> None:
        name = type(rule).__name__
        if weight_decay < 0:
            raise ValueError(f"Optimizer: weight_decay must be 0 or more; got {weight_decay}")
        if isinstance(rule, DGD) and inputs is None:
            raise ValueError(
                f"{name} needs what each layer was given: Optimizer(params, {rule}, inputs=nl.optim.inputs(model))"
            )
        if inputs is not None and not isinstance(rule, DGD):
            raise ValueError(f"{name} does not use the inputs of layers; leave inputs= out")
        self.rule = rule
        self.others = others or (SGD(lr=rule.lr) if inputs is not None else Adam())
        self.inputs = inputs
        defaults = {"rule": name, **_fields(rule), "weight_decay": weight_decay}
        if rule.matrices or inputs is not None:
            if not rule.lr > 0:
                raise ValueError(
                    f"{name}: start with lr above 0, as the lr of {self.others} follows it in proportion; got {rule.lr}"
                )
            defaults["others_ratio"] = self.others.lr / rule.lr
        super().__init__(params, defaults)

    def rule_of(self, parameter: Tensor) -> Rule:
        """The rule this parameter is trained with, at its present rates."""
        for group in self.param_groups:
            if any(parameter is one for one in group["params"]):
                rule, others = self._rules(group)
                return rule if self._takes(parameter) else others
        raise ValueError(f"this parameter of shape {tuple(parameter.shape)} is in no group of this optimizer")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients, and the inputs that belong to them."""
        super().zero_grad(set_to_none)
        if self.inputs is not None:
            self.inputs.clear()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of every parameter that has a gradient; gives what the closure gives."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        due = [[w for w in group["params"] if w.grad is not None and w.numel()] for group in self.param_groups]
        for w in (w for ws in due for w in ws):
            _demand_dense(w)  # before anything moves
        for group, ws in zip(self.param_groups, due, strict=True):
            rule, others = self._rules(group)
            stacks: dict[Any, list[Tensor]] = {}
            for w in ws:
                mine = rule if self._takes(w) else others
                if not self.state[w]:
                    self.state[w] = mine.init(w)
                ints = tuple(value for value in self.state[w].values() if not isinstance(value, Tensor))
                alone = id(w) if not mine.stacks or w.numel() > SMALL else None
                stacks.setdefault((mine, w.shape, w.dtype, w.device, ints, alone), []).append(w)
            for (mine, *_), together in stacks.items():
                self._advance(mine, together, group["weight_decay"])
        if self.inputs is not None:  # a layer that is not due (a slow clock's) goes on collecting
            self.inputs.clear(w for ws in due for w in ws)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave, made by the same rule."""
        for group in state_dict["param_groups"]:
            if group.get("rule") != type(self.rule).__name__:
                raise ValueError(
                    f"this state was saved by {group.get('rule', 'another optimizer')}, this optimizer runs "
                    f"{type(self.rule).__name__}; make it with the rule that saved the state"
                )
        super().load_state_dict(state_dict)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "rule": self.rule, "others": self.others, "inputs": self.inputs}

    def _rules(self, group: dict[str, Any]) -> tuple[Rule, Rule]:
        """The group's rule and that of the others, at the rates a scheduler or the caller has set."""
        rule = replace(self.rule, **{name: group[name] for name in _fields(self.rule)})
        return rule, replace(self.others, lr=group["lr"] * group.get("others_ratio", 1.0))

    def _takes(self, w: Tensor) -> bool:
        """Whether the rule itself can train this parameter."""
        if self.inputs is not None:
            return w in self.inputs.weights
        return w.ndim == 2 or not self.rule.matrices

    def _advance(self, rule: Rule, ws: list[Tensor], weight_decay: float) -> None:
        """One step of one parameter, or of several of one shape, stacked in front: the rule does not notice."""
        grads = [w.grad.add(w, alpha=weight_decay) if weight_decay else w.grad for w in ws if w.grad is not None]
        if isinstance(rule, DGD) and self.inputs is not None:
            step, self.state[ws[0]], _ = rule.update(grads[0], self.state[ws[0]], ws[0], self.inputs.gram(ws[0]))
            ws[0].add_(step)
        elif len(ws) == 1:
            step, self.state[ws[0]], _ = rule.update(grads[0], self.state[ws[0]], ws[0])
            ws[0].add_(step)
        else:
            steps, state, _ = rule.update(torch.stack(grads), _stacked([self.state[w] for w in ws]), torch.stack(ws))
            for w, step, own in zip(ws, steps.unbind(), _unstacked(state, len(ws)), strict=True):
                w.add_(step)
                self.state[w] = own


def _fields(rule: Rule) -> dict[str, Any]:
    return {field.name: getattr(rule, field.name) for field in fields(rule)}


def _stacked(states: list[State]) -> State:
    """One state of stacked tensors; the ints are equal."""
    return {
        name: torch.stack([one[name] for one in states]) if isinstance(value, Tensor) else value
        for name, value in states[0].items()
    }


def _unstacked(state: State, count: int) -> list[State]:
    parts = {name: value.unbind() if isinstance(value, Tensor) else [value] * count for name, value in state.items()}
    return [{name: values[i] for name, values in parts.items()} for i in range(count)]


def _demand_dense(w: Tensor) -> None:
    grad = w.grad
    if grad is not None and (grad.layout != torch.strided or grad.is_complex()):
        kind, cure = (
            ("complex", "train its real and imaginary part as two parameters")
            if grad.is_complex()
            else ("sparse", "make the embedding with sparse=False")
        )
        raise RuntimeError(
            f"Optimizer: the gradient of a parameter of shape {tuple(w.shape)} is {kind}, and a rule remembers a real "
            f"number for every entry; {cure}"
        )
