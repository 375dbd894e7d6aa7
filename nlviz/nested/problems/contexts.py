"""At which tokens was a memory written? A call is gone through again, one token at a time.

A layer computes a chunk of tokens at once, and gives its state after the last. Many short calls are one long call, so
the last call that was made can be repeated token by token, on what it was given, and the memory looked at in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from .kept import part
from .listing import Levels
from .looking import plain

LONGEST = 256
"""Tokens of a call that are gone through again."""


class Call(NamedTuple):
    """What a layer was given.

    Args:
        x: its first tokens.
        state: the state before them.
        cast: what autocast computed in; None where it was off.
    """

    x: Tensor
    state: Any
    cast: torch.dtype | None


class Contexts:
    """Keeps the last call of every layer that has a memory.

    Args:
        levels: as described.
        model: where modules run compiled, no call is seen.
    """

    def __init__(self, levels: Levels, model: nn.Module) -> None:
        self.levels = levels
        self._modules = {module for level in levels if level.clock == "token" for module in level.modules}
        self._hidden = _compiled(model) & self._modules
        self._calls: dict[nn.Module, Call] = {}
        self._wrote: dict[nn.Module, dict[str, list[bool]]] = {}
        self._reasons: dict[nn.Module, str] = dict.fromkeys(self._hidden, "torch.compile runs it, and calls no hook")

    def open(self) -> Callable[[], None]:
        """From now on; what is given ends it."""
        self._calls = {}
        hooks = [one.register_forward_hook(self._keep, with_kwargs=True) for one in self._modules - self._hidden]

        def end() -> None:
            for hook in hooks:
                hook.remove()

        return end

    @torch.no_grad()
    def replay(self) -> None:
        """Go through the last calls again; what fails becomes a reason why a level was not seen."""
        for module, call in self._calls.items():
            keys = [level.key for level in self.levels if module in level.modules]
            devices = [call.x.device] if call.x.is_cuda else []
            kind, cast = call.x.device.type, call.cast
            try:
                with torch.random.fork_rng(devices=devices), torch.autocast(kind, cast, enabled=cast is not None):
                    self._wrote[module] = _tokens(module, call.x, call.state, keys)
            except Exception as failed:
                self._reasons[module] = f"its last call, gone through again token by token, failed: {failed!r}"
        self._calls = {}

    def raster(self) -> tuple[np.ndarray | None, dict[str, str]]:
        """`(level, token)` of 0 and 1, None without memories that were called, and why a level could not be seen."""
        unseen = {}
        for level in (one for one in self.levels if one.clock == "token"):
            if not any(module in self._wrote for module in level.modules):
                reasons = [self._reasons[module] for module in level.modules if module in self._reasons]
                if any(module in self._calls for module in level.modules):
                    reasons.append("its last call is gone through when the `with` block ends without an error")
                unseen[level.name] = reasons[0] if reasons else "no call of it was seen"
        found = [
            (i, self._wrote[module][level.key])
            for i, level in enumerate(self.levels)
            for module in level.modules
            if level.clock == "token" and module in self._wrote
        ]
        if not found:
            return None, unseen
        wrote = np.zeros((len(self.levels), max(len(row) for _, row in found)), np.uint8)
        for i, row in found:
            wrote[i, : len(row)] |= np.array(row, np.uint8)
        return wrote, unseen

    def _keep(self, module: nn.Module, args: Any, kwargs: Any, answer: Any) -> None:
        """What a call was given, without its history."""
        x, state = [*args, *kwargs.values(), None, None][:2]
        if not isinstance(x, Tensor) or not isinstance(answer, tuple) or len(answer) != 2:
            self._reasons[module] = "it is not called as layer(x, state), or does not give (y, state)"
            return
        kind = x.device.type
        on = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
        cast = torch.get_autocast_dtype(kind) if on else None
        given = (_beginning(module, x), state)
        cut, state = tree_map(lambda one: one.detach() if isinstance(one, Tensor) else one, given)
        self._calls[module] = Call(cut, state, cast)


def _time(module: nn.Module, x: Tensor) -> int:
    """The axis along which tokens lie."""
    return 0 if isinstance(module, nn.RNNBase) and (not module.batch_first or x.ndim == 2) else 1


def _beginning(module: nn.Module, x: Tensor) -> Tensor:
    return x.narrow(_time(module, x), 0, min(LONGEST, x.shape[_time(module, x)]))


def _tokens(module: Any, x: Tensor, state: Any, keys: list[str]) -> dict[str, list[bool]]:
    """For each part of a state, after which tokens its numbers were others than before."""
    wrote: dict[str, list[bool]] = {key: [] for key in keys}
    if state is None and hasattr(module, "init"):
        state = module.init(x.shape[0])
    for token in x.split(1, dim=_time(module, x)):
        before = {key: [w.clone() for w in part(state, key)] for key in keys}
        _, state = module.forward(token, state)
        for key in keys:
            old = before[key] or [torch.zeros_like(w) for w in part(state, key)]
            wrote[key].append(any(_moved(now, was) for now, was in zip(part(state, key), old, strict=True)))
    return wrote


def _moved(now: Tensor, was: Tensor) -> bool:
    """More than by rounding: a layer may keep its memory in other units than it computes with."""
    return bool((now - was).norm() > 4 * torch.finfo(now.dtype).eps * was.norm())


def _compiled(model: nn.Module) -> set[nn.Module]:
    """Modules that run inside torch.compile."""
    tops = [
        m for m in model.modules() if hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) is not None
    ]
    return {inner for top in tops for inner in plain(top).modules()}
