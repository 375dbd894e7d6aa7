"""What one more token costs, with a state that is carried along: seconds and bytes against the length of the text."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..runtime import generator, provenance
from ..trace import Trace
from .side_by_side import Watch
from .speed import SIDE, Runner, one_thread


def per_token(
    runners: Mapping[str, Runner],
    d_model: int = 128,
    length: int = 4096,
    every: int = 512,
    tries: int = 5,
    seed: int = 0,
    watch: Watch = iter,
    **about: Any,
) -> Trace:
    """Feed layers one token at a time, each with the state of the call before, and time stretches of them.

    Args:
        runners: name -> layer, called as `layer(x, state)`; its `flops` are those of a call of one token: of 2 t tokens
            the mean is the cost of the one at t.
        length: tokens, a multiple of every.
        every: tokens of a stretch.
        tries: texts that are read from the start; a stretch has the least seconds of them.
        seed: of the tokens.
        watch: goes through the tries, `tqdm` say.
        about: further words for the Trace.

    Returns:
        A Trace with "cpu" and "wall", seconds per token in each stretch, "state", bytes carried at its end, and "flops"
        of a token in its middle, axes `(row, token)`, and "product", FLOP/s of a matrix product. One thread computes,
        without gradients; layers take turns, stretch by stretch.

    Raises:
        ValueError: if `every` does not divide the length.

    >>> from nlviz.nested import MemoryLayer
    >>> trace = per_token({"Delta": Runner(MemoryLayer, lambda T, d: 16 * d * d)}, d_model=8, length=8, every=4)
    >>> trace["state"]                                    # 3 tokens of the convolution, a matrix of 8 x 8
    array([[352., 352.]])
    """
    if every < 1 or length < every or length % every:
        raise ValueError(f"per_token: stretches of {every} tokens for {length}; choose a length that it divides")
    layers = {name: runner.build(d_model) for name, runner in runners.items()}
    tokens = torch.randn(length, 1, 1, d_model, generator=generator(seed))
    shape = (len(layers), length // every)
    best, state, product = np.full((2, *shape), np.inf), np.zeros(shape), np.inf
    with one_thread(), torch.no_grad():
        for layer in layers.values():
            layer(tokens[0], layer(tokens[0])[1])  # what is set up once does not count
        for _ in watch(range(tries)):
            states: dict[str, Any] = dict.fromkeys(layers)
            for stretch, part in enumerate(tokens.split(every)):
                for row, (name, layer) in enumerate(layers.items()):
                    cpu, wall = time.process_time(), time.perf_counter()
                    for x in part:
                        _, states[name] = layer(x, states[name])
                    seconds = time.process_time() - cpu, time.perf_counter() - wall
                    best[:, row, stretch] = np.minimum(best[:, row, stretch], np.divide(seconds, every))
                    state[row, stretch] = sum(s.numel() * s.element_size() for s in _tensors(states[name]))
                product = min(product, _product())
    middles = [t - every // 2 for t in range(every, length + 1, every)]
    flops = [[runner.flops(2 * t, d_model) for t in middles] for runner in runners.values()]
    arrays = {"cpu": best[0], "wall": best[1], "state": state, "flops": np.array(flops)}
    axes: dict[str, tuple[str, ...]] = {**dict.fromkeys(arrays, ("row", "token")), "product": ()}
    labels: dict[str, Sequence[Any]] = {"row": list(layers), "token": list(range(every, length + 1, every))}
    told = provenance(d_model=d_model, tries=tries, seed=seed, **about)
    return Trace({**arrays, "product": np.array(2 * SIDE**3 / product)}, axes, labels, told)


def growth(trace: Trace, name: str) -> np.ndarray:
    """What a token costs in the last quarter of the text over what it costs in the first: 1 where it is constant.

    Args:
        trace: of `per_token`, with four stretches or a multiple.
        name: "cpu", "wall" or "state".

    >>> token = {"row": ["grows"], "token": [1, 2, 3, 4]}
    >>> growth(Trace({"cpu": [[1.0, 2.0, 3.0, 4.0]]}, {"cpu": ("row", "token")}, token), "cpu")
    array([4.])
    """
    first, *_, last = _quarters(trace, name)
    return np.asarray(last / first)


def _quarters(trace: Trace, name: str) -> list[np.ndarray]:
    """The mean of each quarter of the text: four times `(row,)`."""
    if (many := trace[name].shape[1]) % 4:
        raise ValueError(f"{many} stretches have no quarters; measure 4, 8, 12, ... : length=4096, every=512 say")
    return [part.mean(1) for part in np.split(trace[name], 4, axis=1)]


def generation_table(trace: Trace, yardstick: str = "attention") -> Iterator[str]:
    """What `per_token` found, in lines of text: the last quarter of the text, over the yardstick and over the first.

    Args:
        trace: of `per_token`.
        yardstick: the row that others are compared with.
    """
    about, cpu = trace.about, _quarters(trace, "cpu")[-1]
    floor = _quarters(trace, "flops")[-1] / trace["product"]
    yield (
        f"one token after another, {trace.along('token')[-1]:,} of them, d_model {about['d_model']}, batch 1: the last "
        f"quarter, CPU seconds, best of {about['tries']}; a matrix product makes {trace['product'] / 1e9:.0f} GFLOP/s"
    )
    yield f"{'':26}{'tokens/s':>9}{yardstick:>11}{'floor':>8}{'÷ first quarter':>17}{'state kB':>10}{'÷ first':>9}"
    ratios = zip(growth(trace, "cpu"), growth(trace, "state"), strict=True)
    for row, (name, (slower, larger)) in enumerate(zip(trace.along("row"), ratios, strict=True)):
        against = cpu[trace.along("row").index(yardstick)] / cpu[row]
        yield (
            f"{name:26}{1 / cpu[row]:9,.0f}{against:10.2f}×{floor[row] / cpu[row]:8.1%}{slower:16.2f}×"
            f"{trace['state'][row, -1] / 1e3:10,.0f}{larger:8.2f}×"
        )


def _product() -> float:
    """Seconds of a product of two matrices; by the clock on the wall, which is fine enough on every system."""
    a, b = torch.ones(2, SIDE, SIDE).unbind()
    begun = time.perf_counter()
    a @ b
    return time.perf_counter() - begun


def _tensors(state: Any) -> Iterable[Tensor]:
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, (dict, tuple, list)):
        for part in state.values() if isinstance(state, dict) else state:
            yield from _tensors(part)
