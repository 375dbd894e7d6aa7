"""What PyTorch's optimizers remember: the nested problems in each, by its exact type.

A subclass may do anything in its `step`, so only the types themselves are known; what is not here is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

Group = Mapping[str, Any]
Tuples = tuple[tuple[Any, ...], ...]

_GRADIENTS = "the gradients"


def _mean(name: str, what: str = "grad") -> tuple[Any, ...]:
    return (name, 1, f"½ ‖{name} − {what}‖², one step", _GRADIENTS)


def _sgd(group: Group) -> Tuples:
    name = "momentum_buffer"
    return ((name, 1, f"−⟨{name}, grad⟩", _GRADIENTS),) if group["momentum"] else ()


def _adam(group: Group) -> Tuples:
    moments = (_mean("exp_avg"), _mean("exp_avg_sq", "grad²"))
    if not group.get("amsgrad"):
        return moments
    return (*moments, ("max_exp_avg_sq", 1, "the largest exp_avg_sq so far", "exp_avg_sq", ("exp_avg_sq",)))


def _rmsprop(group: Group) -> Tuples:
    found = [_mean("square_avg", "grad²")]
    if group["centered"]:
        found.append(_mean("grad_avg"))
    if group["momentum"]:
        name, needs = "momentum_buffer", tuple(one[0] for one in found)
        found.append((name, 1, f"−⟨{name}, grad / root⟩", _GRADIENTS, needs))
    return tuple(found)


def _muon(group: Group) -> Tuples:
    return (
        ("orthogonal", 0, "½ ‖Xᵀ X − I‖², by Newton-Schulz", "momentum_buffer", ("momentum_buffer",)),
        _mean("momentum_buffer"),
    )


KNOWN: dict[type[torch.optim.Optimizer], Callable[[Group], Tuples]] = {
    torch.optim.SGD: _sgd,
    torch.optim.Adam: _adam,
    torch.optim.AdamW: _adam,
    torch.optim.NAdam: _adam,
    torch.optim.RAdam: _adam,
    torch.optim.Adamax: lambda group: (_mean("exp_avg"), ("exp_inf", 1, "the largest |grad|, fading", _GRADIENTS)),
    torch.optim.Adagrad: lambda group: (("sum", 1, "−⟨sum, grad²⟩", _GRADIENTS),),
    torch.optim.Adadelta: lambda group: (
        _mean("square_avg", "grad²"),
        ("acc_delta", 1, "½ ‖acc_delta − step²‖², one step", "its own steps", ("square_avg",)),
    ),
    torch.optim.RMSprop: _rmsprop,
}
if hasattr(torch.optim, "Muon"):  # since PyTorch 2.9
    KNOWN[torch.optim.Muon] = _muon


def remembered(optimizer: torch.optim.Optimizer, group: Group) -> Tuples | None:
    """The levels in a group's state, as (name, period, objective, context[, names it reads]); None: not known.

    A period counts steps. Names are those of `optimizer.state`; "orthogonal" is kept nowhere.

    >>> w = torch.zeros(2, requires_grad=True)
    >>> adam = torch.optim.Adam([w])
    >>> [name for name, *_ in remembered(adam, adam.param_groups[0])]
    ['exp_avg', 'exp_avg_sq']
    """
    found = KNOWN.get(type(optimizer))
    return None if found is None else found(group)
