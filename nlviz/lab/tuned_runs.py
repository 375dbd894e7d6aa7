"""Models side by side: each rate of one grid once, on seeds apart; then several runs with the best; none of them twice.

A run that is over is kept, and the one in hand from time to time, until the table is whole.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..loops import train, warmup_cosine
from ..loops.checkpoint import previous
from ..trace import Trace
from .side_by_side import Watch


class Entrant(NamedTuple):
    """A model that takes part.

    Args:
        build: seed to a model; tokens `(batch, T)` to logits.
        optimizer: of a model and a learning rate: an optimizer or a clock around one.
    """

    build: Callable[[int], nn.Module]
    optimizer: Callable[[Any, float], torch.optim.Optimizer]


@dataclass(frozen=True, eq=False)
class Attempt:
    """One run: a fresh model, its optimizer at one rate, its seed, and whether it is there to choose the rate alone."""

    name: str
    model: nn.Module
    optimizer: torch.optim.Optimizer
    lr: float
    seed: int
    tunes: bool
    folder: Path | None
    files: list[Path]

    def train(
        self,
        batches: Iterable[Any],
        loss: Callable[[nn.Module, Any], Tensor],
        steps: int,
        score: Callable[[nn.Module], float],
        told: Sequence[Any],
    ) -> Trace:
        """Train for so many steps, a twelfth of them to warm up, or go on where this run was stopped.

        Args:
            batches, loss: see `nl.train`.
            steps: of the run.
            score: of the model, at the start and at the end.
            told: what the batches come from: another text, task or length must not be given this run's numbers.

        Raises:
            FloatingPointError: if it diverges.
            KeyboardInterrupt: after an interrupt; where there is a folder, the run is kept.
        """
        path = None
        if self.folder:
            which = _digest((self.name, *told), self.model, self.optimizer)
            path = self.folder / f"{re.sub('[^A-Za-z0-9]+', '_', self.name)}_{self.lr:g}_{self.seed}_{which}.pt"
            self.files.append(path)
        trace = train(
            self.model,
            batches,
            loss,
            self.optimizer,
            schedule=warmup_cosine(steps, warmup=max(1, steps // 12)),
            clip=1.0,
            evaluate={"score": score},
            evaluate_every=steps,
            checkpoint=path,
            save_every=max(1, steps // 4),
            seed=self.seed,
        )
        if "stopped" in trace.about:
            raise KeyboardInterrupt(trace.about["stopped"])
        return trace


@dataclass(frozen=True, eq=False)
class Tuned:
    """What came of all attempts.

    Args:
        tuning: `(model, rate)`, the last score of each, the less the better; infinite where a rate diverged.
        chosen: name -> rate.
        parameters: `(model,)`.
        found: name -> what each run of it found.
        files: what was kept on the way; `forget` it once the table is whole: to make that again is to run it again.
    """

    tuning: np.ndarray
    chosen: dict[str, float]
    parameters: np.ndarray
    found: dict[str, list[Any]]
    files: list[Path]

    def forget(self) -> None:
        """Delete what was kept."""
        for path in self.files:
            path.unlink(missing_ok=True)
            previous(path).unlink(missing_ok=True)


def tuned_runs(
    who: str,
    entrants: Mapping[str, Entrant],
    rates: Sequence[float],
    attempt: Callable[[Attempt], tuple[float, Any]],
    seeds: Sequence[int],
    apart: int,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
    watch: Watch = iter,
) -> Tuned:
    """Every entrant once with every rate, and with the best one from every seed.

    Args:
        who: asks, for the sentence when all rates of a model diverge.
        entrants: name -> model.
        rates: the grid.
        attempt: runs one; gives its score, which counts where it tunes, and what it found, which counts elsewhere.
        seeds: of the runs that count.
        apart: the seed that rates are chosen with.
        folder: where runs are kept; None: nowhere.
        device: where models run.
        watch: goes through all runs, `tqdm` say.

    Raises:
        FloatingPointError: if a model diverges with every rate, or with the best one in a run that counts.
        KeyboardInterrupt: after an interrupt; where there is a folder, the run in hand is kept.
    """
    tuned = Tuned(
        tuning=np.full((len(entrants), len(rates)), np.inf),
        chosen={},
        parameters=np.zeros(len(entrants), int),
        found={name: [] for name in entrants},
        files=[],
    )
    jobs = [(row, job) for row in range(len(entrants)) for job in range(len(rates) + len(seeds))]
    for row, job in watch(jobs):
        name, entrant = list(entrants.items())[row]
        scores, run = tuned.tuning[row], job - len(rates)
        tunes = run < 0
        if not tunes and np.isinf(scores).all():
            raise FloatingPointError(
                f"{who}: {name!r} diverges with every rate of {', '.join(map(str, rates))}; give smaller ones too"
            )
        lr, seed = (rates[job], apart) if tunes else (rates[int(scores.argmin())], seeds[run])
        model = entrant.build(seed).to(device)
        tuned.parameters[row] = sum(w.numel() for w in model.parameters())
        optimizer = entrant.optimizer(model, lr)
        try:
            score, found = attempt(Attempt(name, model, optimizer, lr, seed, tunes, folder, tuned.files))
        except FloatingPointError:
            if tunes:
                continue
            raise
        if tunes:
            scores[job] = np.nan_to_num(score, nan=np.inf, posinf=np.inf)
        else:
            tuned.chosen[name] = lr
            tuned.found[name].append(found)
    return tuned


def _digest(told: Sequence[Any], model: nn.Module, optimizer: Any) -> str:
    """Which run this is: another text, model or length must not be given its numbers."""
    words = (*told, repr(model), getattr(model, "config", None), repr(optimizer), torch.__version__)
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]
