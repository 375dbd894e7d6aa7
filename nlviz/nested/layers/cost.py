"""What a model will take, before anything is allocated: it is built and called with tensors that hold no numbers.

What backward will need is what PyTorch is asked to save on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves


class Cost(NamedTuple):
    """Numbers and bytes.

    Args:
        parameters: how many numbers are trained.
        weights: bytes of these.
        training: bytes of weights, their gradients, Adam's two memories, and all that a call keeps for backward.
        state: bytes that one sequence carries from call to call, after the tokens of this call.
    """

    parameters: int
    weights: int
    training: int
    state: int

    def __str__(self) -> str:
        mega = [f"{number / 1e6:,.1f} MB" for number in self[1:]]
        return f"{self.parameters:,} parameters, {mega[0]}; training {mega[1]}; state of a sequence {mega[2]}"


def cost(build: Callable[[], nn.Module], example: Callable[[], Tensor]) -> Cost:
    """Build a model and call it once, both without numbers.

    Args:
        build: gives a model, called as `model(x)`, which gives y and a state; it draws no numbers but with `generator`.
        example: gives x, `(batch, ...)`.

    >>> from nlviz.nested import SelfModifyingTitans
    >>> cost(lambda: SelfModifyingTitans(128), lambda: torch.zeros(1, 256, 128)).parameters
    197506
    """
    from torch._subclasses.fake_tensor import FakeTensorMode  # slow to import

    saved: dict[int, Any] = {}

    def keep(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        saved[storage._cdata] = storage  # held, so that no other takes its place
        return x

    with torch.device("meta"):
        model = build()
    with FakeTensorMode(), torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        named = {name: torch.empty(p.shape, dtype=p.dtype).requires_grad_() for name, p in model.named_parameters()}
        x = example()
        _, state = functional_call(model, named, (x,))
    parameters = list(named.values())
    own = {p.untyped_storage()._cdata for p in parameters}
    weights = sum(p.numel() * p.element_size() for p in parameters)
    kept = sum(storage.nbytes() for at, storage in saved.items() if at not in own)
    carried = sum(x.numel() * x.element_size() for x in tensors(state))
    return Cost(sum(p.numel() for p in parameters), weights, 4 * weights + kept, carried // len(x))


def tensors(state: Any) -> Iterable[Tensor]:
    """Every tensor in a state of dicts, tuples and lists.

    >>> [x.item() for x in tensors({"a": torch.tensor(1), "b": (torch.tensor(2), 3)})]
    [1, 2]
    """
    return (leaf for leaf in tree_leaves(state) if isinstance(leaf, Tensor))
