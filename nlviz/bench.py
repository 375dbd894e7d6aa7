"""`python -m nlviz bench`: our layers, a yardstick and a peer, measured in one run; `bench generation`: token by token.

The floor beside each row is what its arithmetic alone would take: the operations of the usual algorithm, three times as
many with backward, at the rate that a large product of matrices reaches in the same moment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .lab.generation import generation_table, per_token
from .lab.speed import Runner, race
from .memory import DGD, Attention, Deep, Delta, Hebb, Omega, Rule, Titans, scan
from .nested import AttentionLayer, Hope, HopeAttention, MemoryLayer, SelfModifyingTitans
from .nested.layers.layer import unit
from .runtime import need, project
from .trace import Trace

HEAD, HIDDEN, CHUNK = 128, 256, 64  # features of a head, units of an MLP memory, tokens computed at once
WINDOW = 8  # pairs that a step of Omega corrects
FORGETS = 0.999  # keep; with 0.99 the weights of an MLP would fade to nothing within these lengths
SECOND = {"cpu": "CPU second", "wall": "second"}
YARDSTICK, REFRESHED = "attention", "titans-pytorch, refreshed"


class Alone(nn.Module):
    """Memories without a layer around them: each head of a token is a key, its own value, and a question.

    >>> Alone(Delta(), chunk=4)(torch.ones(1, 6, 256)).shape
    torch.Size([1, 6, 256])
    """

    def __init__(self, rule: Rule, chunk: int | None) -> None:
        super().__init__()
        self.rule, self.chunk = rule, chunk

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, T, d_model)` to the same."""
        heads = unit(x.unflatten(-1, (-1, HEAD))).transpose(1, 2)
        return scan(self.rule, heads, heads, heads, chunk=self.chunk)[0].transpose(1, 2).flatten(2)


def rows(peer: bool = True) -> dict[str, Runner]:
    """Who takes part: `layers`, the delta rule also alone, and the peer.

    Args:
        peer: whether `titans-pytorch` takes part: `NeuralMemory` with its defaults but for the MLP's width and steps
            in chunks of 64 (its default of 1 keeps a copy of the memory for every token), never refreshed within a
            sequence, as by default, and refreshed every 128 tokens.

    Raises:
        ModuleNotFoundError: with a peer that is not installed.
    """
    d, C = HEAD, CHUNK
    alone = {
        "Delta alone, loop": Runner(lambda _: Alone(Delta(), None), _flops(0, 6 * d * d), longest=2048),
        "Delta alone": Runner(lambda _: Alone(Delta(), C), _flops(0, 10 * C * d + C * C / 3 + 6 * d * d)),
    }
    if not peer:
        return layers() | alone
    theirs = _flops(6, 14 * d * HIDDEN)  # only the weights are read, and nothing inside a chunk
    build = need("titans_pytorch", extra="bench").NeuralMemory
    peers = {
        "titans-pytorch": Runner(partial(_peer, build, None), theirs),
        REFRESHED: Runner(partial(_peer, build, 128), theirs),
    }
    return layers() | alone | peers


def layers(together: int = CHUNK) -> dict[str, Runner]:
    """Every memory rule in a whole layer with heads of 128, self-modifying Titans, both Hopes, and attention.

    MLPs are 128-256-128, and 128-128-128 in self-modifying Titans; Hope has three levels of four times the width.
    FLOPs are counted as for DeltaNet (Yang et al. 2024a) and Titans (Behrouz et al. 2025) in chunks: of a head and a
    token, forward, and of the layer's projections around it.

    Args:
        together: how many tokens of a chunk come in one call, for the FLOPs; 1 where they come one by one.
    """
    d, C, h = HEAD, together, HIDDEN
    hebb, deep, titans = 4 * C * d + 4 * d * d, 4 * C * d + 6 * d * d, 4 * C * d + 10 * d * d
    loop, delta = 6 * d * d, 10 * C * d + C * C / 3 + 6 * d * d
    past = C + WINDOW - 1  # pairs whose gradients a chunk of Omega takes
    omega = 4 * d * d * past / C + 2 * d * d + 4 * d * past + 2 * C * past
    deep_mlp = 14 * d * h + 4 * C * (d + h)  # 4 to recall, 2 to push back, 4 to read and 4 to write weights
    titans_mlp = 22 * d * h + 3 * C * (d + h)  # 8 to read and 8 to write weights and momentum
    five = 110 * d * d + 30 * C * d + 10 * C * d + 2 * C * C  # memories with d hidden units, read and written
    forgets = Titans(keep=FORGETS)
    rules: dict[str, tuple[Rule, float]] = {
        "Hebb": (Hebb(), hebb),
        "Delta": (Delta(), delta),
        "Delta, gated": (Delta(keep=FORGETS), delta),
        "DGD": (DGD(), delta),
        "Deep, matrix": (Deep(), deep),
        "Deep, MLP": (Deep(hidden=h), deep_mlp),
        "Titans, matrix": (forgets, titans),
        "Titans, MLP": (replace(forgets, hidden=h), titans_mlp),
        "Omega, matrix": (Omega(window=WINDOW), omega),
        "Attention, 64 pairs": (Attention(window=64), 4 * 64 * d),
    }
    return {
        "Delta, loop": Runner(partial(_layer, Delta(), None), _flops(10, loop), longest=2048),
        **{name: Runner(partial(_layer, rule, CHUNK), _flops(10, head)) for name, (rule, head) in rules.items()},
        "SelfModifyingTitans": Runner(lambda d: SelfModifyingTitans(d, d // HEAD, chunk=CHUNK), _flops(4, five)),
        "Hope": Runner(lambda d: Hope(d, heads=d // HEAD, chunk=CHUNK), _flops(52, five)),
        "HopeAttention": Runner(lambda d: HopeAttention(d, heads=d // HEAD), lambda T, d: 56 * d * d + 2 * T * d),
        YARDSTICK: Runner(lambda d: AttentionLayer(d, d // HEAD), lambda T, d: 8 * d * d + 2 * T * d),
    }


def _layer(rule: Rule, chunk: int | None, d_model: int) -> nn.Module:
    return MemoryLayer(d_model, rule, heads=d_model // HEAD, chunk=chunk)


def _peer(build: Callable[..., nn.Module], refresh: int | None, d_model: int) -> nn.Module:
    mlp = {"depth": 2, "expansion_factor": HIDDEN / HEAD}
    heads = d_model // HEAD
    return build(d_model, CHUNK, batch_size=refresh, dim_head=HEAD, heads=heads, default_model_kwargs=mlp)


def _flops(projections: int, head: float) -> Callable[[int, int], float]:
    """Of a token: `projections` d_model² around the heads, and what one head takes."""
    return lambda T, d_model: projections * d_model**2 + d_model // HEAD * head


def table(trace: Trace, T: int, d_model: int, batch: int) -> Iterator[str]:
    """One cell of the bench in lines of text; nothing where it was not measured."""
    cell = trace.select(T=T, d_model=d_model, batch=batch)
    if not cell["tries"]:
        return
    clock = "wall" if trace.about["device"].startswith("cuda") else "cpu"
    yield (
        f"T {T}, d_model {d_model}, batch {batch}: tokens per {SECOND[clock]}, best of {cell['tries']}; "
        f"a matrix product makes {cell['product'] / 1e9:.0f} GFLOP/s"
    )
    yield f"{'':26}{'forward':>9}{'+ backward':>12}{'(wall)':>9}{'attention':>11}{'floor':>8}{'peak MB':>9}{'':>9}"
    yardstick = trace.along("row").index(YARDSTICK)
    for row, name in enumerate(trace.along("row")):
        seconds, memory = cell[clock][row], cell["memory"][row] / 1e6
        if np.isnan(seconds).any():
            yield f"{name:26}{'not run at this size':>30}"
            continue
        tokens, wall = T * batch / seconds, T * batch / cell["wall"][row, 1]
        ratio, share = cell[clock][yardstick, 1] / seconds[1], cell["flops"][row, 1] / cell["product"] / seconds[1]
        yield (
            f"{name:26}{tokens[0]:9,.0f}{tokens[1]:12,.0f}{wall:9,.0f}{ratio:10.2f}×{share:8.0%}"
            f"{memory[0]:9,.0f}{memory[1]:9,.0f}"
        )


def main(argv: Sequence[str]) -> int:
    """Measure, print, draw; gives the exit status."""
    if argv[:1] == ["generation"]:
        return generation(argv[1:])
    parser = argparse.ArgumentParser(prog="nlviz bench", description="Speed and memory: layers, a yardstick, a peer.")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="where layers run")
    parser.add_argument("--quick", action="store_true", help="width 128 and batch 1 only")
    parser.add_argument("--store", action="store_true", help="put the finished Trace into data/results/ as well")
    given = parser.parse_args(argv)
    need("matplotlib", extra="figures")
    from .figures import speed as draw

    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else PyTorch's profiler reports each of its starts and stops
    if given.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"--device {given.device}: PyTorch sees no such device here; leave it out to measure the CPU")
    try:
        runners, versions = rows(), {"titans_pytorch": metadata.version("titans-pytorch")}
    except ModuleNotFoundError as missing:
        print(f"Without the peer: {missing}. On a clone, python3 start.py bench installs what it needs.")
        runners, versions = rows(peer=False), {}
    widths, batches = ((128,), (1,)) if given.quick else ((128, 256), (1, 8))
    name = "_".join(["bench_memories", *[given.device] * (given.device != "cpu"), *["quick"] * given.quick])
    path = project() / ".nlviz" / f"{name}.npz"
    command = " ".join(["python -m nlviz bench", *(word for word in argv if word != "--store")])
    stopped = False
    try:
        race(
            runners,
            widths=widths,
            batches=batches,
            room=_room(given.device),
            device=given.device,
            path=path,
            command=command,
            peers=versions,
        )
    except KeyboardInterrupt:
        stopped = True
    if not path.exists():
        return 130
    trace = Trace.load(path)
    for d_model in widths:
        for batch in batches:
            for T in trace.along("T"):
                print("", *table(trace, T, d_model, batch), sep="\n")
    path.with_suffix(".svg").write_text(draw(trace, widths[0], batches[0]).svg(), "utf8")
    print(f"\nThe Trace is in {path}, its picture beside it.")
    print("What tokens cost that come one by one, with a state that is carried: python -m nlviz bench generation")
    if stopped:
        print("Stopped: what was measured is kept, and the same command goes on with it.")
        return 130
    if given.store:
        _store(path)
    return 0


def generation(argv: Sequence[str]) -> int:
    """`python -m nlviz bench generation`: what a token costs that comes alone; gives the exit status."""
    parser = argparse.ArgumentParser(prog="nlviz bench generation", description="A token at a time: seconds and state.")
    parser.add_argument("--store", action="store_true", help="put the Trace into data/results/ as well")
    given = parser.parse_args(argv)
    bar = partial(need("tqdm", extra="course").tqdm, desc="about a minute each")
    try:
        trace = per_token(layers(together=1), watch=bar, command="python -m nlviz bench generation")
    except KeyboardInterrupt:
        print("Stopped: nothing is kept, for the least of all tries counts.")
        return 130
    path = trace.save(project() / ".nlviz" / "bench_generation.npz")
    print(*generation_table(trace, YARDSTICK), f"\nThe Trace is in {path}.", sep="\n")
    if given.store:
        _store(path)
    return 0


def _store(path: Path) -> None:
    stored = project() / "data" / "results" / path.name
    stored.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, stored)
    print(f"Stored as {stored}.")


def _room(device: str) -> float:
    """Bytes that one call may take: half of what the machine has, where it says."""
    if device != "cpu":
        return torch.cuda.mem_get_info(device)[1] / 2
    known = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2 if known else float("inf")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
