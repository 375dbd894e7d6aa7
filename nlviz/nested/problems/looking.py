"""One forward pass of a copy, watched: which modules call attention, and which parameters the answer depends on.

Nothing of the model itself is touched: not its buffers, not its gradients, not the state of the random numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import multi_head_attention_forward, scaled_dot_product_attention, softmax
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

ATTENTION = {scaled_dot_product_attention, multi_head_attention_forward}
SOFTMAX = {softmax, torch.softmax, Tensor.softmax}


class Looked(NamedTuple):
    """What one forward pass showed, by the names of modules and parameters.

    Args:
        attention: modules that call PyTorch's attention.
        softmax: modules that call a softmax by themselves.
        reached: parameters that the answer has a gradient for.
    """

    attention: list[str]
    softmax: list[str]
    reached: set[str]


def look(model: nn.Module, example: Any) -> Looked:
    """Call a copy of the model once.

    Args:
        model: without wrappers.
        example: a tensor, a tuple of arguments, or a dict of named ones.

    Raises:
        ValueError: if the model cannot be copied, or does not take the example.

    >>> look(nn.MultiheadAttention(8, 2), (torch.zeros(3, 1, 8),) * 3).attention
    ['']
    """
    twin = _twin(model)
    arguments, named = ((), example) if isinstance(example, dict) else (_tuple(example), {})
    calls = _Calls()
    devices = {w.device for w in twin.parameters() if w.device.type == "cuda"}
    with torch.random.fork_rng(devices=devices), torch.enable_grad(), _followed(twin, calls.inside), calls:
        try:
            answer = twin(*arguments, **named)
        except Exception as failed:
            raise ValueError(
                f"levels: {type(model).__name__} does not take this example ({failed}); give example= what it is "
                "called with: a tensor, a tuple of arguments or a dict of named ones"
            ) from failed
    leaves = _leaves(answer)
    reached = {name for name, w in twin.named_parameters(remove_duplicate=False) if w in leaves}
    return Looked(list(dict.fromkeys(calls.attention)), list(dict.fromkeys(calls.softmax)), reached)


class _Calls(TorchFunctionMode):
    """Notes who calls attention or a softmax; what these call themselves is not seen."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = [""]
        self.attention: list[str] = []
        self.softmax: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note, then call."""
        if func in ATTENTION:
            self.attention.append(self.inside[-1])
        elif func in SOFTMAX:
            self.softmax.append(self.inside[-1])
        return func(*args, **(kwargs or {}))


@contextmanager
def _followed(model: nn.Module, inside: list[str]) -> Iterator[None]:
    """While open, `inside` ends with the name of the module whose forward runs."""

    def leave(*_: Any) -> None:
        inside.pop()

    hooks = []
    for name, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda *_, name=name: inside.append(name)))
        hooks.append(module.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _twin(model: nn.Module) -> nn.Module:
    try:
        twin = copy.deepcopy(model)
    except Exception as failed:
        raise ValueError(
            f"levels: {type(model).__name__} cannot be copied ({failed}), and the example is only ever shown to a "
            "copy; leave example= out, and attention is not looked for"
        ) from failed
    for module in list(twin.modules()):
        for name, child in module._modules.items():
            if child is not None:
                module._modules[name] = plain(child)
    return twin


def plain(model: nn.Module) -> nn.Module:
    """The network inside `torch.compile`, `DataParallel` and their like.

    >>> inner = nn.Linear(2, 2)
    >>> plain(nn.DataParallel(inner)) is inner
    True
    """
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while hasattr(model, "_orig_mod") or isinstance(model, wrappers):
        model = model._orig_mod if hasattr(model, "_orig_mod") else model.module  # type: ignore[assignment]
    return model


def _leaves(answer: Any) -> set[Tensor]:
    """Every tensor that a backward pass from the answer would bring a gradient to."""
    left = [part.grad_fn for part in tree_leaves(answer) if isinstance(part, Tensor) and part.grad_fn is not None]
    seen, found = set(left), {part for part in tree_leaves(answer) if isinstance(part, Tensor) and part.is_leaf}
    while left:
        node = left.pop()
        if hasattr(node, "variable"):
            found.add(node.variable)
        for before, _ in node.next_functions:
            if before is not None and before not in seen:
                seen.add(before)
                left.append(before)
    return found


def _tuple(example: Any) -> tuple[Any, ...]:
    return tuple(example) if isinstance(example, tuple | list) else (example,)
