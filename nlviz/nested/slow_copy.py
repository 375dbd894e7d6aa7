"""A slow copy of fast weights: they start again from it, drift back to it, and it learns from them.

    restart         fast ← slow
    consolidate     slow ← slow + rate (fast − slow)
    decay           fast ← slow + keep (fast − slow)

Two levels: the fast weights (inner), and the state they start from (outer), which belongs to the next slower level:
knowledge passes by initialisation (Nested Learning, section 3.3, eq. 28, and the nested variant of section 7, eq. 72).
`consolidate` then `restart` of all weights every C steps is Lookahead (Zhang et al. 2019); `consolidate` is also the
outer step of Reptile (Nichol et al. 2018).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

When = bool | Tensor


class SlowCopy:
    """Remembers a start for fast weights.

    Args:
        params: the fast weights; the slow copy begins as they are now.

    Every method takes `when`: a bool (every C steps: `clock.steps % C == 0`; on surprise: `loss > 2 * usual`), or a
    bool tensor `(runs,)` where the weights of many runs lie in one tensor with a first axis of runs; nothing then
    branches, and the host waits for nothing. Only the weights move: what an optimizer remembers of them stays.

    Raises:
        ValueError: if `when` is a tensor that does not fit the weights' first axis.

    >>> fast = torch.tensor([[1.0], [1.0]])        # two runs, one weight each
    >>> copy = SlowCopy([fast])
    >>> _ = fast.mul_(3)
    >>> copy.consolidate(0.25, when=torch.tensor([True, False]))
    >>> copy.restart()
    >>> fast
    tensor([[1.5000],
            [1.0000]])
    """

    def __init__(self, params: Iterable[Tensor]) -> None:
        self.fast = list(params)
        self.slow = [w.detach().clone() for w in self.fast]

    def restart(self, when: When = True) -> None:
        """The fast weights begin again as the slow copy."""
        self._move(self.fast, self.slow, 1.0, when)

    def consolidate(self, rate: float | Tensor, when: When = True) -> None:
        """The slow copy moves towards the fast weights, by `rate` of the way: 0 to 1, a number or `(runs,)`."""
        self._move(self.slow, self.fast, rate, when)

    def decay(self, keep: float | Tensor, when: When = True) -> None:
        """Of what the fast weights learned since their start the factor `keep` stays: 0 to 1, a number or `(runs,)`."""
        self._move(self.fast, self.slow, 1 - keep, when)

    def state_dict(self) -> dict[str, Any]:
        """The slow weights."""
        return {"slow": [w.clone() for w in self.slow]}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        for slow, saved in zip(self.slow, state_dict["slow"], strict=True):
            slow.copy_(saved)

    @torch.no_grad()
    def _move(self, moving: list[Tensor], towards: list[Tensor], share: float | Tensor, when: When) -> None:
        if when is False:
            return
        for w, end in zip(moving, towards, strict=True):
            moved = end if isinstance(share, float) and share == 1 else torch.lerp(w, end, _over_runs(share, w))
            w.copy_(moved if when is True else torch.where(_over_runs(when, w), moved, w))


def _over_runs(number: float | Tensor, weight: Tensor) -> Tensor:
    """A number, or one a run: `()` or `(runs, 1, 1, ...)` beside a weight `(runs, ...)`."""
    boolean = isinstance(number, bool) or (isinstance(number, Tensor) and number.dtype == torch.bool)
    number = torch.as_tensor(number, dtype=torch.bool if boolean else weight.dtype, device=weight.device)
    if number.ndim == 0:
        return number
    if number.shape != weight.shape[:1]:
        raise ValueError(
            f"SlowCopy: one answer a run needs a first axis of {len(number)} runs in every weight; "
            f"one of them has shape {tuple(weight.shape)}"
        )
    return number.reshape(-1, *[1] * (weight.ndim - 1))
