"""What each linear layer saw: the mean of x xᵀ over the inputs that made its gradient, for `DGD`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn


class Inputs:
    """Collects the mean of x xᵀ for the weight of every `nn.Linear` of a model, as `.grad` collects gradients.

    An input counts when its gradient arrives: a forward pass without a backward pass leaves nothing behind. The
    optimizer clears it together with the gradients. Made by `inputs`.
    """

    def __init__(self, model: nn.Module) -> None:
        layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
        if not layers:
            raise ValueError(f"inputs: {type(model).__name__} has no nn.Linear layer whose inputs could be collected")
        self.weights = {layer.weight for layer in layers}
        self._sums: dict[Tensor, Tensor] = {}
        self._counts: dict[Tensor, int] = {}
        self._hooks = [layer.register_forward_hook(self._watch) for layer in layers]

    def gram(self, weight: Tensor) -> Tensor:
        """The mean of x xᵀ, `(d_in, d_in)`, over all inputs whose gradient has arrived since `clear`.

        Raises:
            ValueError: if there was none.
        """
        if weight not in self._sums:
            raise ValueError(
                f"DGD: no input was seen for a weight of shape {tuple(weight.shape)} that has a gradient; "
                "make inputs(model) before the forward pass, and call that model"
            )
        return self._sums[weight] / self._counts[weight]

    def clear(self, weights: Iterable[Tensor] | None = None) -> None:
        """Forget what was collected: of these weights, or of all."""
        for weight in list(self._sums) if weights is None else weights:
            self._sums.pop(weight, None)
            self._counts.pop(weight, None)

    def remove(self) -> None:
        """Take the hooks off the model."""
        for hook in self._hooks:
            hook.remove()

    def _watch(self, layer: nn.Linear, given: tuple[Tensor, ...], output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(partial(self._add, layer.weight, given[0].detach()))

    @torch.no_grad()
    def _add(self, weight: Tensor, x: Tensor, error: Tensor) -> None:
        x = x.reshape(-1, x.shape[-1]).to(weight.dtype)
        before = self._sums.get(weight)
        self._sums[weight] = x.mT @ x if before is None else before + x.mT @ x
        self._counts[weight] = self._counts.get(weight, 0) + len(x)


def inputs(model: nn.Module) -> Inputs:
    """Collect the inputs of a model's linear layers from now on.

    Args:
        model: with at least one `nn.Linear`. Its loss should be a mean over the same inputs, as `gram` is.

    Raises:
        ValueError: for a model without a linear layer.

    >>> layer = nn.Linear(2, 1)
    >>> seen = inputs(layer)
    >>> layer(torch.tensor([[1.0, 0.0], [0.0, 2.0]])).mean().backward()
    >>> seen.gram(layer.weight)
    tensor([[0.5000, 0.0000],
            [0.0000, 2.0000]])
    """
    return Inputs(model)
