"""How fast are layers, and how much memory do they take? Measured side by side, on the machine as it is.

A cell is one length, width and batch. All layers of a cell take turns, a product of two matrices among them, so that
a busy moment meets all of them; the best of the turns counts. On a CPU one thread computes, and the seconds to compare
are those it computed, `time.process_time`: others who use the machine hardly change them. Wall time stands beside them;
on CUDA it waits for the GPU, and is the one to compare.

Peak memory is the most bytes of tensors at once during a call, beyond parameters and input: on a CPU added up from
every allocation that PyTorch's profiler sees, on CUDA PyTorch's own account. It is the same in every call; what
libraries keep for themselves is not in it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from ..runtime import generator, need, provenance
from ..trace import Trace

KINDS = ("forward", "forward + backward")
EACH, CELL = ("row", "T", "d_model", "batch", "kind"), ("T", "d_model", "batch")
SIDE = 1024  # of the matrices whose product says what the machine can do


class Runner(NamedTuple):
    """A layer that takes part.

    Args:
        build: d_model to the layer, called as `layer(x)`; what it gives, or the first of it, is y.
        flops: (T, d_model) to the floating-point operations of one token's forward pass; a multiply-add is two.
        longest: how many tokens a call may have, T times batch, for the layer to take part; None: any.
    """

    build: Callable[[int], nn.Module]
    flops: Callable[[int, int], float]
    longest: int | None = None


def race(
    runners: Mapping[str, Runner],
    lengths: Sequence[int] = (512, 1024, 2048, 4096, 8192),
    widths: Sequence[int] = (128, 256),
    batches: Sequence[int] = (1, 8),
    tries: int = 5,
    patience: float = 20.0,
    room: float = float("inf"),
    device: torch.device | str = "cpu",
    path: Path | None = None,
    **about: Any,
) -> Trace:
    """Seconds and bytes of a call, forward and with backward, of every layer at every length, width and batch.

    Args:
        runners: name -> layer.
        lengths, widths, batches: T, d_model, and how many sequences at once.
        tries: turns of which the best counts; a pass that is not timed comes before them.
        patience: seconds after which a cell begins no further turn; it always has one.
        room: bytes. A layer that would take more, by what its tokens took so far, is left out of a cell.
        device: where layers run, in float32.
        path: where the Trace is saved after every cell. What an earlier call left there unfinished, with the same
            arguments, versions and machine, is gone on with; what is finished is measured anew.
        about: further words for the Trace.

    Returns:
        A Trace with "cpu" and "wall" (seconds), "memory" (bytes) and "flops" of a call, axes `(row, T, d_model, batch,
        kind)`, and "product" (FLOP/s of a matrix product) and "tries", axes `(T, d_model, batch)`. What was not
        measured is NaN.

    >>> runners = {"linear": Runner(lambda d: nn.Linear(d, d), flops=lambda T, d: 2 * d * d)}
    >>> race(runners, lengths=[8, 16], widths=[4], batches=[1], tries=1).sizes
    {'row': 1, 'T': 2, 'd_model': 1, 'batch': 1, 'kind': 2}
    """
    axes = (list(runners), list(lengths), list(widths), list(batches), list(KINDS))
    about = provenance(device=str(device), tries=tries, patience=patience, **about)
    trace = _begun(path, dict(zip(EACH, axes, strict=True)), about)
    arrays = {name: trace[name].copy() for name in trace}
    cells = [(T, d_model, batch) for d_model, batch, T in product(widths, batches, lengths)]
    at = {cell: tuple(axis.index(label) for axis, label in zip(axes[1:4], cell, strict=True)) for cell in cells}
    left = [cell for cell in cells if not arrays["tries"][at[cell]]]
    done = len(cells) - len(left)
    with one_thread(), need("tqdm", extra="course").tqdm(initial=done, total=len(cells), unit="cell") as bar:
        for T, d_model, batch in left:
            bar.set_description(f"T {T}, d_model {d_model}, batch {batch}")
            place, layers = at[T, d_model, batch], {}
            for row, (name, runner) in enumerate(runners.items()):
                taken = arrays["memory"][row, :, place[1]].max(-1) / np.outer(lengths, batches)  # bytes a token
                would = T * batch * np.max(taken, initial=0.0, where=taken > 0)
                if (runner.longest is None or T * batch <= runner.longest) and would <= room:
                    layers[name] = runner.build(d_model).to(device=device)
            x, dy = (torch.randn(batch, T, d_model, generator=generator(seed)).to(device) for seed in (0, 1))
            seconds, memory, arrays["product"][place], arrays["tries"][place] = _cell(layers, x, dy, tries, patience)
            for name in layers:
                there = (axes[0].index(name), *place)
                arrays["cpu"][there], arrays["wall"][there], arrays["memory"][there] = *seconds[name].T, memory[name]
                once = batch * T * runners[name].flops(T, d_model)
                arrays["flops"][there] = once, 3 * once  # backward: two products for each one of forward
            trace = Trace(arrays, trace.axes, trace.labels, trace.about)
            if path is not None:
                trace.save(path)
            bar.update()
    return trace


def _begun(path: Path | None, labels: dict[str, list[Any]], about: dict[str, Any]) -> Trace:
    """The Trace of an earlier call that can be gone on with, else an empty one."""
    axes = {**dict.fromkeys(("cpu", "wall", "memory", "flops"), EACH), "product": CELL, "tries": CELL}
    arrays = {name: np.full([len(labels[axis]) for axis in along], np.nan) for name, along in axes.items()}
    arrays["tries"] = np.zeros(arrays["tries"].shape, int)
    if path is not None and path.exists():
        earlier = Trace.load(path)
        alike = earlier.labels == labels and {**earlier.about, "date": about["date"]} == about
        if alike and not earlier["tries"].all():
            return earlier
    return Trace(arrays, axes, labels, about)


def _cell(
    layers: Mapping[str, nn.Module], x: Tensor, dy: Tensor, tries: int, patience: float
) -> tuple[dict[str, np.ndarray], dict[str, list[float]], float, int]:
    """One length, width and batch: seconds `(kind, cpu and wall)` and bytes of each layer, FLOP/s, and the turns."""
    gc.collect()  # what earlier cells left behind
    calls: dict[str, list[Callable[[], Any]]] = {
        name: [_forward(layer, x), _with_backward(layer, x, dy)] for name, layer in layers.items()
    }
    memory = {name: [_peak(call, x.device) for call in both] for name, both in calls.items()}
    a, b = torch.ones(2, SIDE, SIDE, device=x.device).unbind()
    calls["a matrix product"] = [lambda: a @ b]
    best = {name: np.full((len(both), 2), np.inf) for name, both in calls.items()}
    begun, turns = time.perf_counter(), 0
    while turns < tries and (not turns or time.perf_counter() - begun < patience):
        for name, both in calls.items():
            best[name] = np.minimum(best[name], [_seconds(call, x.device) for call in both])
        turns += 1
    rate = 2 * SIDE**3 / best.pop("a matrix product")[0, int(x.device.type == "cuda")]
    return best, memory, rate, turns


def _forward(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    def call() -> None:
        with torch.no_grad():
            layer(x)

    return call


def _with_backward(layer: nn.Module, x: Tensor, dy: Tensor) -> Callable[[], None]:
    """To the input and all parameters."""

    def call() -> None:
        y = layer(x.requires_grad_())
        (y if isinstance(y, Tensor) else y[0]).backward(dy)
        layer.zero_grad()
        x.requires_grad_(False).grad = None

    return call


def _seconds(call: Callable[[], Any], device: torch.device) -> tuple[float, float]:
    """CPU and wall seconds of one call."""
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    if on_gpu:
        torch.cuda.synchronize(device)
    return time.process_time() - cpu, time.perf_counter() - wall


def _peak(call: Callable[[], Any], device: torch.device) -> float:
    """The most bytes of tensors at once during a call, beyond what there was before."""
    if device.type == "cuda":
        call()  # what is allocated once and kept does not count
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return float(torch.cuda.max_memory_allocated(device) - before)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        call()
    assert profiled.profiler is not None
    events = profiled.profiler.kineto_results.events()
    sizes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    return float(max(np.cumsum([size for _, size in sizes]), default=0))


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch computes with one thread; afterwards with as many as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
