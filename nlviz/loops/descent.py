"""Follow an optimizer rule down a loss, one step at a time, and keep what happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..runtime import provenance
from ..trace import Trace
from .arrays import as_array

if TYPE_CHECKING:
    from ..optim.base import Rule, State

Loss = Callable[[Tensor], Tensor]
_RECORDS = {
    "path": "the weights",
    "loss": "the loss at them",
    "gradient": "its gradient there",
    "step size": "norm of the step that led here, 0 at the start",
    "state norm": "norm of each tensor the rule remembers",
}


def descend(
    rule: Rule,
    loss: Loss | Sequence[Loss],
    start: Tensor,
    steps: int = 100,
    record: Sequence[str] = ("path", "loss", "step size", "state norm"),
) -> Trace:
    """Take `steps` steps of an optimizer rule from `start`, with a fresh memory.

    Args:
        rule: an optimizer rule, `nl.optim.Momentum(lr=0.1)` say.
        loss: a function of the weights that gives one number; or several, each followed for an equal share of the
            steps: a task switch.
        start: the first weights, any shape; left as they are.
        steps: 1 or more.
        record: what to keep of the start and of every step, `steps` + 1 entries along the axis `step`: "path", "loss",
            "gradient", "step size", "state norm" (axis `memory`, one entry a tensor of the state), or the name of a
            tensor of the state that has the shape of `start`, "velocity" say.

    Returns:
        A Trace. Axes of the weights are called `weight` or, where there are several, `weight 0`, `weight 1`, ...

    Raises:
        ValueError: for a record that does not exist, no steps, or a loss that is not one number.

    >>> import nlviz as nl
    >>> trace = descend(nl.optim.SGD(lr=0.5), lambda w: 0.5 * w.square().sum(), torch.tensor([4.0, -2.0]), steps=3)
    >>> trace["path"]
    array([[ 4.  , -2.  ],
           [ 2.  , -1.  ],
           [ 1.  , -0.5 ],
           [ 0.5 , -0.25]], dtype=float32)
    """
    w = start.detach().clone()
    state = rule.init(w)
    tasks = [loss] if callable(loss) else list(loss)
    shaped = [name for name, value in state.items() if isinstance(value, Tensor) and value.shape == w.shape]
    if unknown := set(record) - set(_RECORDS) - set(shaped):
        known = "; ".join(f"{name!r}: {meaning}" for name, meaning in _RECORDS.items())
        more = f"; of this rule's memory {', '.join(map(repr, shaped))}" if shaped else ""
        raise ValueError(f"descend cannot record {', '.join(sorted(unknown))}. It can record {known}{more}")
    if steps < 1 or not tasks:
        raise ValueError(f"descend takes 1 step or more down 1 loss or more; got {steps} and {len(tasks)}")

    kept: dict[str, list[Tensor]] = {name: [] for name in record}
    step = torch.zeros_like(w)
    for i in range(steps + 1):
        height, grad = _slope(tasks[min(i * len(tasks) // steps, len(tasks) - 1)], w)
        now = {"path": w, "loss": height, "gradient": grad, "step size": step.norm(), "state norm": _norms(state)}
        now |= {name: state[name] for name in shaped}
        for name, values in kept.items():
            values.append(now[name])
        if i < steps:
            step, state, _ = rule.update(grad, state, w)
            w = w + step

    weights = tuple(f"weight {i}" for i in range(w.ndim)) if w.ndim > 1 else ("weight",) * w.ndim
    own = {"loss": (), "step size": (), "state norm": ("memory",)}
    axes = {name: ("step", *own.get(name, weights)) for name in kept}
    labels = {"step": list(range(steps + 1))} | ({"memory": _tensors(state)} if "state norm" in kept else {})
    arrays = {name: as_array(torch.stack(values)) for name, values in kept.items()}
    return Trace(arrays, axes, labels, provenance(rule=repr(rule), steps=steps, tasks=len(tasks)))


def _slope(loss: Loss, w: Tensor) -> tuple[Tensor, Tensor]:
    """The loss at w and its gradient."""
    with torch.enable_grad():
        at = w.detach().requires_grad_()
        height = loss(at)
        if height.numel() != 1:
            raise ValueError(f"descend: the loss must give one number; got shape {tuple(height.shape)}: average it")
        (grad,) = torch.autograd.grad(height, at)
    return height.detach().reshape(()), grad


def _tensors(state: State) -> list[str]:
    return [name for name, value in state.items() if isinstance(value, Tensor)]


def _norms(state: State) -> Tensor:
    """One number a tensor of the state: (memories,)."""
    return torch.stack([state[name].norm() for name in _tensors(state)]) if _tensors(state) else torch.zeros(0)
