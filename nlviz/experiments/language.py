"""Language models of bytes: Hope, its parts and its rivals at equal parameters and equal bytes (lesson 11, README)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from .. import lab, tasks
from ..lab.side_by_side import Watch
from ..lab.stored import Experiment
from ..lab.tuned_runs import Entrant
from ..memory import Delta
from ..nested import Hope, HopeAttention, LanguageModel, MemoryBlock, MultiClock
from ..nested.layers.block import Block
from ..runtime import project
from ..trace import Trace

WIDTH, LAYERS, PARAMETERS = 128, 2, 450_000
RATES = (0.001, 0.002, 0.004, 0.008, 0.016)
BATCH, LENGTH, STEPS = 8, 256, 244  # half a million bytes
PERIODS = (1, 4, 16)

BLOCKS: dict[str, tuple[type[Block], dict[str, Any]]] = {
    "Hope": (Hope, {"heads": 4, "chunk": 64, "periods": PERIODS}),
    "Hope-Attention": (HopeAttention, {"heads": 4, "periods": PERIODS, "width": 4}),
    "gated Delta": (MemoryBlock, {"rule": Delta(keep=0.99), "heads": 4, "chunk": 64}),
    "attention": (HopeAttention, {"heads": 4, "periods": (1,), "width": 4}),
    "attention, no convolution": (HopeAttention, {"heads": 4, "periods": (1,)}),
}
"""All but the last see tokens through the same short convolution, so that it is not what tells them apart."""


def entrants() -> dict[str, Entrant]:
    """Every kind of block, its MLPs so wide that all models have the same number of parameters."""
    return equal_entrants(BLOCKS, WIDTH, LAYERS, 256, PARAMETERS)


def equal_entrants(
    blocks: Mapping[str, tuple[type[Block], dict[str, Any]]], width: int, layers: int, vocabulary: int, parameters: int
) -> dict[str, Entrant]:
    """Language models of these blocks with so many parameters each: the width of their MLPs makes up for the rest."""

    def entrant(block: type[Block], settings: dict[str, Any]) -> Entrant:
        few, many = (
            sum(
                w.numel()
                for w in _model(block, width, layers, vocabulary, {**settings, "hidden": hidden}, 0).parameters()
            )
            for hidden in (64, 128)  # it grows with the width in a line
        )
        sized = {**settings, "hidden": round(64 + 64 * (parameters - few) / (many - few))}
        return Entrant(partial(_model, block, width, layers, vocabulary, sized), _optimizer)

    return {name: entrant(*own) for name, own in blocks.items()}


def _model(
    block: type[Block], width: int, layers: int, vocabulary: int, settings: dict[str, Any], seed: int
) -> LanguageModel:
    return LanguageModel(block, width, layers, vocabulary, settings, seed)


def _optimizer(model: LanguageModel, lr: float) -> torch.optim.Optimizer:
    """AdamW; levels with periods on a clock, which hands over the mean of their gradients."""
    periods: dict[float, list[nn.Parameter]] = {1: []}
    for block in model.blocks:
        for group in block.cms.groups():
            periods.setdefault(group["period"], []).extend(group["params"])
    slow = {id(w) for weights in periods.values() for w in weights}
    periods[1] += [w for w in model.parameters() if id(w) not in slow]
    adam = torch.optim.AdamW([{"params": weights} for weights in periods.values()], lr=lr, betas=(0.9, 0.98))
    return MultiClock(adam, list(periods), average=True) if len(periods) > 1 else adam


def models(watch: Watch) -> Trace:
    """Less than an hour on two cores; stopped, it goes on where it was."""
    folder = project() / ".nlviz" / "language_models"
    return lab.byte_models(entrants(), tasks.english(), _stream, RATES, steps=STEPS, folder=folder, watch=watch)


def _stream(text: tasks.Text, steps: int, seed: int) -> tasks.ByteStream:
    return tasks.byte_stream(text, steps, BATCH, LENGTH, seed)


EXPERIMENTS = [
    Experiment(
        "language_models",
        "Which small language model learns most from half a million bytes?",
        models,
        lab.byte_table,
    )
]
