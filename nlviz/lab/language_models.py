"""Language models of bytes side by side: the same bytes, the same grid of rates, several seeds, one text kept apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..loops import bits_per_token, next_token
from ..measure import mean_interval
from ..runtime import provenance
from ..trace import Trace
from .continual import ELSEWHERE
from .ngrams import ngram_table
from .side_by_side import Watch
from .tuned_runs import Attempt, Entrant, tuned_runs

if TYPE_CHECKING:
    from ..tasks.byte_streams import ByteStream
    from ..tasks.text import Text

ORDERS = (0, 1, 2, 3)
"""Of the n-grams that stand beside the models."""


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
        KeyboardInterrupt: after an interrupt; where there is a folder, the run in hand is kept.
    """
    held_out = len(text.train) // 10
    inner = replace(text, train=text.train[:-held_out], test=text.train[-held_out:])
    learned = 0

    def attempt(one: Attempt) -> tuple[float, Trace]:
        nonlocal learned
        batches = stream(inner if one.tunes else text, steps, one.seed)
        learned = int(batches.start.numel() * batches.length)
        score = partial(bits_per_token, batches=batches.exam(0))
        told = (batches.about, steps, held_out if one.tunes else 0)
        trace = one.train(batches, next_token, steps, score, told)
        return trace["score"][-1], trace

    seeds = range(seed, seed + runs)
    tuned = tuned_runs("byte_models", entrants, rates, attempt, seeds, seed + ELSEWHERE, folder, device, watch)
    traces = list(tuned.found.values())
    arrays = {
        "bits per byte": np.array([[trace["score"][-1] for trace in row] for row in traces]),
        "loss": np.array([[trace["loss"] for trace in row] for row in traces], np.float32),
        "tuning": tuned.tuning,
        "seconds": np.array([[trace.about["seconds"] for trace in row] for row in traces]),
        "parameters": tuned.parameters,
        "n-grams": ngram_table(text, ORDERS)["bits per byte"],
    }
    axes: dict[str, tuple[str, ...]] = {
        "bits per byte": ("model", "run"),
        "loss": ("model", "run", "step"),
        "tuning": ("model", "rate"),
        "seconds": ("model", "run"),
        "parameters": ("model",),
        "n-grams": ("order",),
    }
    labels: dict[str, list[Any]] = {"model": list(entrants), "rate": list(rates), "order": list(ORDERS)}
    about = provenance(seed=seed, steps=steps, chosen=tuned.chosen, learned=learned, **text.about)
    trace = Trace(arrays, axes, labels, about)
    tuned.forget()
    return trace


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
