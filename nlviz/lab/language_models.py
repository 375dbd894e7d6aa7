"""Language models of bytes side by side: the same bytes, the same grid of rates, several seeds, one text kept apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..loops import bits_per_token, next_token, train, warmup_cosine
from ..loops.checkpoint import previous
from ..measure import mean_interval
from ..runtime import provenance
from ..trace import Trace
from .continual import ELSEWHERE
from .ngrams import ngram_table
from .side_by_side import Watch

if TYPE_CHECKING:
    from ..tasks.byte_streams import ByteStream
    from ..tasks.text import Text

ORDERS = (0, 1, 2, 3)
"""Of the n-grams that stand beside the models."""


class Entrant(NamedTuple):
    """A model that takes part.

    Args:
        build: seed to a model; tokens `(batch, T)` to logits.
        optimizer: of a model and a learning rate: an optimizer or a clock around one.
    """

    build: Callable[[int], nn.Module]
    optimizer: Callable[[Any, float], torch.optim.Optimizer]


def byte_models(
    entrants: Mapping[str, Entrant],
    text: Text,
    stream: Callable[[Text, int, int], ByteStream],
    rates: Sequence[float],
    runs: int = 5,
    seed: int = 0,
    steps: int = 244,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
    watch: Watch = iter,
) -> Trace:
    """Bits per byte on text kept apart, after so many steps on the rest; each model with the best of the same rates.

    A rate is chosen on a last tenth of the part to learn from, by models that did not see it, one run each, with seeds
    of their own; then every run begins anew and learns from all of that part.

    Args:
        entrants: name -> model.
        text: to learn from, and to be asked.
        stream: called as `stream(text, steps, seed)`: the batches.
        rates: the grid.
        runs: seeds seed, seed + 1, ...: of first weights and of the order of the text.
        steps: of every run.
        folder: where runs are kept until all are done; a call that was stopped goes on with what is there. None:
            nothing is kept.
        device: where models run.
        watch: goes through all runs, `tqdm` say.

    Returns:
        A Trace with "bits per byte" `(model, run)` on what was kept apart, "loss" `(model, run, step)` in nats,
        "tuning" `(model, rate)` in bits per byte, infinite where a rate diverged, "seconds" `(model, run)`,
        "parameters" `(model,)`, and "n-grams" `(order,)`, bits per byte too. The rates chosen are in `about`.

    Raises:
        FloatingPointError: if a model diverges with every rate, or with the best one in a run that counts.
        KeyboardInterrupt: after an interrupt; the run in hand is kept.
    """
    held_out = len(text.train) // 10
    inner = replace(text, train=text.train[:-held_out], test=text.train[-held_out:])
    schedule = warmup_cosine(steps, warmup=max(1, steps // 12))
    tuning = np.full((len(entrants), len(rates)), np.inf)
    bits, seconds = np.full((2, len(entrants), runs), np.nan)
    loss = np.full((len(entrants), runs, steps), np.nan, np.float32)
    parameters, chosen, paths = np.zeros(len(entrants), int), {}, []
    for row, job in watch([(row, job) for row in range(len(entrants)) for job in range(len(rates) + runs)]):
        name, entrant = list(entrants.items())[row]
        run = job - len(rates)
        tunes = run < 0
        if not tunes and np.isinf(tuning[row]).all():
            raise FloatingPointError(
                f"byte_models: {name!r} diverges with every rate of {', '.join(map(str, rates))}; give smaller ones too"
            )
        lr = rates[job] if tunes else rates[int(tuning[row].argmin())]
        own = seed + ELSEWHERE if tunes else seed + run
        here = inner if tunes else text
        batches = stream(here, steps, own)
        model = entrant.build(own).to(device)
        optimizer = entrant.optimizer(model, lr)
        path = None
        if folder:
            which = _digest(batches.about, steps, held_out if tunes else 0, model, optimizer)
            path = folder / f"{re.sub('[^A-Za-z0-9]+', '_', name)}_{lr:g}_{own}_{which}.pt"
            paths.append(path)
        parameters[row] = sum(w.numel() for w in model.parameters())
        try:
            trace = train(
                model,
                batches,
                next_token,
                optimizer,
                schedule=schedule,
                clip=1.0,
                evaluate={"bits": partial(bits_per_token, batches=batches.exam(0))},
                evaluate_every=steps,
                checkpoint=path,
                save_every=max(1, steps // 4),
                seed=own,
            )
        except FloatingPointError:
            if tunes:
                continue
            raise
        if "stopped" in trace.about:
            raise KeyboardInterrupt(trace.about["stopped"])
        if tunes:
            tuning[row, job] = np.nan_to_num(trace["bits"][-1], nan=np.inf, posinf=np.inf)
        else:
            chosen[name] = lr
            bits[row, run], loss[row, run] = trace["bits"][-1], trace["loss"]
            seconds[row, run] = trace.about.get("seconds", np.nan)
    arrays = {"bits per byte": bits, "loss": loss, "tuning": tuning, "seconds": seconds, "parameters": parameters}
    axes: dict[str, tuple[str, ...]] = {
        "bits per byte": ("model", "run"),
        "loss": ("model", "run", "step"),
        "tuning": ("model", "rate"),
        "seconds": ("model", "run"),
        "parameters": ("model",),
        "n-grams": ("order",),
    }
    arrays["n-grams"] = ngram_table(text, ORDERS)["bits per byte"]
    labels: dict[str, list[Any]] = {"model": list(entrants), "rate": list(rates), "order": list(ORDERS)}
    about = provenance(
        seed=seed, steps=steps, chosen=chosen, learned=int(batches.start.numel() * batches.length), **text.about
    )
    for path in paths:  # the table is whole: to run it again is to run it
        path.unlink(missing_ok=True)
        previous(path).unlink(missing_ok=True)
    return Trace(arrays, axes, labels, about)


def _digest(stream: Mapping[str, Any], steps: int, held_out: int, model: nn.Module, optimizer: Any) -> str:
    """Which run this is: another text, model or length must not be given its numbers."""
    told = (stream, steps, held_out, repr(model), getattr(model, "config", None), repr(optimizer), torch.__version__)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def byte_table(trace: Trace) -> Iterator[str]:
    """What `byte_models` found, in lines of text: bits per byte with 95 % intervals over runs, and n-grams beside them.

    Each model is compared with the first one, run by run.
    """
    rates, chosen = trace.along("rate"), trace.about["chosen"]
    first = trace["bits per byte"][0]
    yield f"{'':26}{'bits per byte':>16}{'less the first':>18}{'rate':>8}{'parameters':>12}{'seconds':>9}"
    columns = (trace["bits per byte"], trace["parameters"], trace["seconds"])
    for row, (name, bits, size, seconds) in enumerate(zip(trace.along("model"), *columns, strict=True)):
        (mean, half), (less, apart) = mean_interval(bits), mean_interval(bits - first)
        edge = " (the edge of the grid)" if chosen[name] in (rates[0], rates[-1]) else ""
        against = f"{less:+.3f} ± {apart:.3f}" if row else ""
        yield (
            f"{name:26}{mean:8.3f} ± {half:.3f}{against:>18}{chosen[name]:8g}{size:12,}{np.median(seconds):9.0f}{edge}"
        )
    for order, bits in zip(trace.along("order"), trace["n-grams"], strict=True):
        yield f"{f'n-gram of order {order}':26}{bits:8.3f}"
