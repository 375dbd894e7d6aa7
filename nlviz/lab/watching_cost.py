"""What do clocks and logs cost on top of a training step? Each beside the step without it, turn by turn.

A step is whole: forward, backward, and the optimizer. One thread computes, and the seconds are those it computed,
`time.process_time`; all rows train the same small Transformer on the same batches. Their order is drawn
anew every turn, so that a busy moment may meet any of them, and none always comes after the same one.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack

import numpy as np
import torch
from torch import Tensor, nn

from ..runtime import generator, provenance
from ..trace import Trace
from .side_by_side import Watch

Stepping = Callable[[nn.Module], AbstractContextManager[Callable[[], object]]]
"""From the model a context that gives what is called after each backward pass: a step, and whatever notes it."""


def step_overhead(
    rows: Mapping[str, tuple[str, Stepping]],
    turns: int = 400,
    layers: int = 4,
    width: int = 64,
    tokens: int = 32,
    batch: int = 8,
    seed: int = 0,
    watch: Watch = iter,
) -> Trace:
    """CPU seconds of a training step in each row.

    Args:
        rows: name -> the row it is compared with ("" for none), and how it steps.
        turns: steps of each row that are timed; two that are not come before.
        layers, width: of the Transformer.
        tokens, batch: of each batch.
        seed: of weights, batches, and the order of the rows.
        watch: goes through the turns, `tqdm` say.

    Returns:
        A Trace with "cpu", seconds `(row, turn)`. `about["beside"]` has the row that each is compared with.

    >>> from contextlib import nullcontext
    >>> sgd = lambda model: nullcontext(torch.optim.SGD(model.parameters(), lr=0.01).step)
    >>> trace = step_overhead({"SGD": ("", sgd), "again": ("SGD", sgd)}, turns=2, layers=1, width=8, tokens=4)
    >>> trace.sizes
    {'row': 2, 'turn': 2}
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cpu = np.zeros((len(rows), turns))
    try:
        model = _transformer(layers, width, seed)
        draws = generator(seed)
        with ExitStack() as open_:
            models = [copy.deepcopy(model) for _ in rows]
            steps = [
                open_.enter_context(stepping(one)) for one, (_, stepping) in zip(models, rows.values(), strict=True)
            ]
            for turn in watch(range(-2, turns)):
                x = torch.randn(batch, tokens, width, generator=draws)
                for row in torch.randperm(len(rows), generator=draws).tolist():
                    seconds = _seconds(models[row], steps[row], x)
                    if turn >= 0:
                        cpu[row, turn] = seconds
    finally:
        torch.set_num_threads(threads)
    size = {"layers": layers, "width": width, "tokens": tokens, "batch": batch}
    beside = {name: base for name, (base, _) in rows.items()}
    parameters = sum(p.numel() for p in model.parameters())
    about = provenance(seed=seed, parameters=parameters, beside=beside, threads=1, **size)
    return Trace({"cpu": cpu}, {"cpu": ("row", "turn")}, {"row": list(rows)}, about)


def overheads(trace: Trace) -> dict[str, float]:
    """What each row takes more than the one it is compared with, as a share of that: the median over turns.

    Args:
        trace: of `step_overhead`.

    >>> cpu = np.array([[1.0, 2.0, 1.0], [1.1, 2.1, 1.1]])
    >>> about = {"beside": {"plain": "", "watched": "plain"}}
    >>> {name: round(more, 3) for name, more in overheads(Trace({"cpu": cpu}, {"cpu": ("row", "turn")},
    ...     {"row": ["plain", "watched"]}, about)).items()}
    {'watched': 0.1}
    """
    names = trace.along("row")
    base = {name: names.index(other) for name, other in trace.about["beside"].items() if other}
    return {
        name: float(np.median(trace["cpu"][names.index(name)] / trace["cpu"][row]) - 1) for name, row in base.items()
    }


def overhead_table(trace: Trace) -> Iterator[str]:
    """The bench in lines of text."""
    about, more = trace.about, overheads(trace)
    yield (
        f"A training step of a Transformer of {about['layers']} layers of {about['width']} ({about['parameters']:,} "
        f"parameters), {about['batch']} sequences of {about['tokens']} tokens, one thread, {trace.sizes['turn']} turns"
    )
    yield f"{'':44}{'CPU ms, median':>16}{'more':>9}   than"
    for row, name in enumerate(trace.along("row")):
        milliseconds = 1e3 * float(np.median(trace["cpu"][row]))
        beside = f"{more[name]:+9.1%}   {about['beside'][name]}" if name in more else ""
        yield f"{name:44}{milliseconds:16.2f}{beside}"


def _transformer(layers: int, width: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
        return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


def _seconds(model: nn.Module, step: Callable[[], object], x: Tensor) -> float:
    before = time.process_time()
    model(x).square().mean().backward()
    step()
    model.zero_grad()
    return time.process_time() - before
