"""What does one step of an optimizer cost? All of them on one model, in turns, so that a busy moment meets all.

One thread computes. The seconds to compare are those it computed, `time.process_time`: others who use the machine
hardly change them. Wall time stands beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ..runtime import generator, provenance
from ..trace import Trace
from .side_by_side import Watch

Build = Callable[[nn.Module], torch.optim.Optimizer]
Product = Callable[[Tensor], Tensor]


def step_cost(
    optimizers: Mapping[str, Build],
    products: Mapping[str, Product],
    blocks: int = 40,
    width: int = 512,
    batch: int = 16,
    turns: int = 25,
    patience: float = 60.0,
    seed: int = 0,
    watch: Watch = iter,
) -> Trace:
    """Seconds of a step of each optimizer, on a model of `blocks` square matrices and twice as many vectors.

    Args:
        optimizers: name -> what makes the optimizer from the model. All train the same one, each on gradients that
            were made just before its turn and are not timed; a first step that is not timed fills its memory.
        products: name -> a function of a matrix, called on the gradient of each: the part of a step to compare with.
        blocks, width: each block is a linear layer with its bias, and a norm with its scales. 40 of 512: 10.5 million
            parameters.
        batch: inputs behind a gradient.
        turns: at most so many steps of each.
        patience: seconds a row may have taken before it takes no further turn; it has always two.
        seed: of weights and inputs.
        watch: goes through the turns, `tqdm` say.

    Returns:
        A Trace with "cpu" and "wall", seconds `(row, turn)`, NaN for turns not taken. The least of a row is the one
        least disturbed.

    >>> adam = lambda model: torch.optim.Adam(model.parameters(), foreach=True)
    >>> step_cost({"Adam of torch": adam}, {"square": lambda G: G @ G}, blocks=2, width=8, turns=3).sizes
    {'row': 2, 'turn': 3}
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = nn.Sequential(
                *(nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width, bias=False)) for _ in range(blocks))
            )
        x = torch.randn(batch, width, generator=generator(seed))
        made = {name: build(model) for name, build in optimizers.items()}
        for optimizer in made.values():
            _refresh(model, x, optimizer)
            optimizer.step()
        calls: dict[str, Callable[[], object]] = {name: one.step for name, one in made.items()}
        calls |= {name: _on_all(product, model) for name, product in products.items()}
        seconds = np.full((2, len(calls), turns), np.nan)
        for turn in watch(range(turns)):
            for row, (name, call) in enumerate(calls.items()):
                if turn < 2 or np.nansum(seconds[1, row]) < patience:
                    _refresh(model, x, made.get(name, next(iter(made.values()))))
                    wall, cpu = time.perf_counter(), time.process_time()
                    call()
                    seconds[:, row, turn] = time.process_time() - cpu, time.perf_counter() - wall
    finally:
        torch.set_num_threads(threads)
    parameters = sum(p.numel() for p in model.parameters())
    return Trace(
        {"cpu": seconds[0], "wall": seconds[1]},
        {"cpu": ("row", "turn"), "wall": ("row", "turn")},
        {"row": list(calls)},
        provenance(seed=seed, parameters=parameters, blocks=blocks, width=width, batch=batch, threads=1),
    )


def cost_table(trace: Trace) -> Iterator[str]:
    """The bench in lines of text: a row's least seconds, and over those of the first row and of the last.

    Args:
        trace: of `step_cost`, with the yardstick first and the product to compare with last.
    """
    yield f"{trace.about['parameters']:,} parameters, one thread, least of the turns taken"
    yield f"{'':36}{'CPU ms':>9}{'wall ms':>9}{'first row':>11}{'last row':>10}{'turns':>7}"
    cpu, wall = (np.nanmin(trace[clock], axis=1) for clock in ("cpu", "wall"))
    taken = np.isfinite(trace["cpu"]).sum(1)
    for row, name in enumerate(trace.along("row")):
        ratios = f"{cpu[row] / cpu[0]:10.2f}×{cpu[row] / cpu[-1]:9.2f}×"
        yield f"{name:36}{1e3 * cpu[row]:9.1f}{1e3 * wall[row]:9.1f}{ratios}{taken[row]:7d}"


def _refresh(model: nn.Module, x: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Gradients anew, and what belongs to them."""
    optimizer.zero_grad()
    model(x).square().mean().backward()


def _on_all(product: Product, model: nn.Module) -> Callable[[], object]:
    def call() -> None:
        for p in model.parameters():
            if p.ndim == 2 and p.grad is not None:
                product(p.grad)

    return call
