"""A block of a network for sequences: a layer that mixes tokens, then levels that work on each token alone.

    x ← x + mixer(norm(x))
    x ← x + MLP(norm(x))          one a level, the fast ones first          (`SequentialCMS`)

The paper leaves norms and residuals open (Nested Learning, section 8.3, eqs. 94-97); here they are where a Transformer
has them, so that with one level this is an ordinary block.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..continuum import CMS

State = dict[str, Any]


class Block(nn.Module):
    """Any sequence layer with a Continuum Memory System behind it.

    Args:
        d_model: features of x and y.
        mixer: called as `mixer(x, state)`, with `init(batch)`; `(batch, T, d_model)` to the same.
        cms: its levels are ordinary weights, unless `init(batch, learns=True)` gives each sequence weights of its own.

    >>> import torch
    >>> from nlviz.nested import MemoryLayer, SequentialCMS
    >>> block = Block(8, MemoryLayer(8), SequentialCMS(8, periods=(1,)))
    >>> y, state = block(torch.randn(2, 5, 8))
    >>> y, state = block(torch.randn(2, 3, 8), state)          # goes on
    """

    def __init__(self, d_model: int, mixer: nn.Module, cms: CMS) -> None:
        super().__init__()
        like = next(mixer.parameters())
        self.norm = nn.RMSNorm(d_model, dtype=like.dtype, device=like.device)
        self.mixer: Any = mixer
        self.cms = cms

    def init(self, batch: int, learns: bool = False) -> State:
        """The state before the first token.

        Args:
            batch: how many sequences.
            learns: whether the levels are written in context, by `learn`.
        """
        return {"mixer": self.mixer.init(batch), "cms": self.cms.init(batch) if learns else None}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The mixer writes its memories; the levels are only read.

        Args:
            x: `(batch, T, d_model)`, any T.
            state: to go on from, of `init`, an earlier call or `learn`; None: `init`. It is not changed.

        Returns:
            y `(batch, T, d_model)`, and the state after the last token.
        """
        state = self.init(x.shape[0]) if state is None else state
        mixed, mixer = self.mixer(self.norm(x), state["mixer"])
        y, cms = self.cms(x + mixed, state["cms"])
        return y, {"mixer": mixer, "cms": cms}

    def learn(self, loss: Tensor, state: State, first_order: bool = False) -> State:
        """Give the levels one error signal; those that are due are written (`CMS.learn`).

        Args:
            loss: `(batch,)`, one a sequence, of a y that was read with the levels of this state.
            first_order: treat the gradients of eq. 71 as constants in an outer gradient (erratum E-33). Otherwise all
                that lies between the levels and the loss must have second derivatives, and memory layers have none:
                with a block of them behind this one type first_order=True.

        Raises:
            ValueError: if the state was not begun with `init(batch, learns=True)`.
        """
        if state["cms"] is None:
            raise ValueError(
                f"{type(self).__name__}.learn: this state's levels are the module's own weights, which an optimizer "
                f"trains; to write them in context begin with init(batch={loss.numel()}, learns=True)"
            )
        return {**state, "cms": self.cms.learn(loss, state["cms"], first_order)}

    def detach(self, state: State) -> State:
        """The same state without its history: outer gradients stop here, and a long stream needs no more memory."""
        cms = None if state["cms"] is None else self.cms.detach(state["cms"])
        return {"mixer": detached(state["mixer"]), "cms": cms}


def detached(state: Any) -> Any:
    """A state of dicts, tuples and lists with every tensor detached.

    >>> import torch
    >>> detached({"memory": (torch.ones(1, requires_grad=True) * 2,), "age": 3})
    {'memory': (tensor([2.]),), 'age': 3}
    """
    return tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, state)
