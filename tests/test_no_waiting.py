"""No layer makes the host wait for the device, forward or backward.

Layers run on PyTorch's device "meta", whose tensors have shapes and no numbers: who asks for one fails. To bring a
number to the device, as `torch.tensor(0.9, device=...)` does, is to wait too, and is refused beside it.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from nlviz.memory import DGD, Attention, Deep, Delta, Hebb, Omega, Titans
from nlviz.nested import (
    AttentionLayer,
    Hope,
    HopeAttention,
    LanguageModel,
    MemoryBlock,
    MemoryLayer,
    NestedCMS,
    SelfModifyingTitans,
)
from nlviz.nested.layers.convolved import Convolved

RULES = [
    *(Hebb(), Hebb(keep=0.9), Delta(), Delta(keep=0.9), DGD(keep=0.9), DGD(implicit=True, dot_product=True)),
    *(Deep(), Deep(hidden=6), Titans(), Titans(hidden=6), Omega(), Omega(window=3, fade=0.5, hidden=6)),
    *(Attention(), Attention(window=5)),
]
KINDS = [
    *(
        {},
        {"hidden": 0},
        {"adaptive_query": True},
        {"stop_targets": True},
        {"forget_start": True},
        {"implicit": False},
        {"chunk": None},
    ),
    *({"main_chunk": 7}, {"read_at_start": True}, {"read_first": False}, {"frozen": ("keys", "main")}),
    {"main_chunk": 7, "frozen": ("keys", "main")},
]


def titans(frozen=(), **settings):
    layer = SelfModifyingTitans(8, 2, **{"chunk": 4, **settings})
    layer.frozen = frozen
    return layer


LAYERS = {
    **{f"{rule}, chunk {chunk}": (MemoryLayer, (8, rule, 2, chunk)) for rule in RULES for chunk in (4, None)},
    **{f"self-modifying {kind}": (lambda kind: titans(**kind), (kind,)) for kind in KINDS},
    "attention": (AttentionLayer, (8, 2)),
    "attention behind a convolution": (lambda: Convolved(AttentionLayer(8, 2), 8), ()),
    "Hope": (lambda: Hope(8, heads=2, chunk=4), ()),
    "HopeAttention": (lambda: HopeAttention(8, heads=2, width=4), ()),
    "gated Delta": (MemoryBlock, (8, Delta(keep=0.9))),
    "CMS": (NestedCMS, (8, (1, 4))),
    "language model of Hope": (lambda: LanguageModel(Hope, 8, 2, 20, {"heads": 2, "chunk": 4}), ()),
    "language model of HopeAttention": (lambda: LanguageModel(HopeAttention, 8, 2, 20, {"heads": 2}), ()),
}


@pytest.fixture
def guarded(monkeypatch):
    """After it is called no number may be brought to the device."""

    def refuse(*_, **__):
        raise AssertionError("a number is brought to the device")

    def begin():
        for home, name in (
            (torch, "tensor"),
            (torch, "as_tensor"),
            (torch, "from_numpy"),
            (torch.Tensor, "new_tensor"),
        ):
            monkeypatch.setattr(home, name, refuse)
        monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # it knows no "meta"

    return begin


@pytest.mark.parametrize("name", LAYERS)
def test_no_layer_asks_the_device_for_a_number_or_brings_it_one(name, guarded):
    build, given = LAYERS[name]
    with torch.device("meta"):
        layer = build(*given)
        x = torch.empty(2, 11, dtype=torch.long) if "language" in name else torch.empty(2, 11, 8, requires_grad=True)
    guarded()
    y, state = layer(x)
    again, _ = layer(x, state)
    (y.square().mean() + again.square().mean()).backward()
    assert all(w.grad is not None and w.grad.is_meta for w in layer.parameters())


@pytest.mark.parametrize(
    ("asks", "error"),
    [
        (lambda x: x.sum().item(), RuntimeError),
        (lambda x: float(x.detach().sum()), RuntimeError),
        (lambda x: "some" if x.sum() > 0 else "none", RuntimeError),
        (lambda x: x.tolist(), NotImplementedError),
        (lambda x: x.cpu(), NotImplementedError),
        (lambda x: x.detach().numpy(), TypeError),
        (lambda x: x.nonzero(), NotImplementedError),
        (lambda x: x[x > 0], NotImplementedError),
        (lambda x: torch.tensor([1.0], device=x.device), AssertionError),
        (lambda x: x.new_tensor(0.9), AssertionError),
    ],
    ids=["item", "float", "if", "tolist", "cpu", "numpy", "nonzero", "mask", "tensor", "new_tensor"],
)
def test_a_layer_that_asked_would_be_seen(asks, error, guarded):
    class Asking(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return 2 * x

        @staticmethod
        def backward(ctx, dy):
            asks(ctx.saved_tensors[0])
            return 2 * dy

    asks(torch.ones(3, 2))  # there is nothing else wrong with the question
    x = torch.empty(3, 2, device="meta", requires_grad=True)
    guarded()
    with pytest.raises(error, match=r"meta|a number is brought"):
        asks(x)
    with pytest.raises(error, match=r"meta|a number is brought"):
        Asking.apply(x).sum().backward()
