"""What a training run remembers: all that it needs to go on as if it had never been stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..runtime import provenance
from ..trace import Trace
from .checkpoint import read_checkpoint, write_checkpoint

Score = Callable[[nn.Module], float]
_OURS = ("loss", "gradient", "rate")


class History:
    """Steps taken, what was noted at each, and the scores; kept in a checkpoint together with what is trained.

    Args:
        model, optimizer, scaler: what is trained; `scaler` is a GradScaler.
        scores: name -> score.
        path: of the checkpoint, or None.
        settings: words that must be the same for a run to go on.

    Raises:
        ValueError: for a score with the name of something that is noted at every step.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        scores: Mapping[str, Score],
        path: str | os.PathLike[str] | None,
        settings: Mapping[str, str],
    ) -> None:
        if taken := set(scores) & set(_OURS):
            raise ValueError(f"train: {', '.join(sorted(taken))} is noted at every step; give the score another name")
        self.model, self.optimizer, self.scaler, self.scores = model, optimizer, scaler, scores
        self.path = None if path is None else Path(path)
        self.settings = {**settings, "optimizer": " ".join(repr(optimizer).split()), "scores": ", ".join(scores)}
        self.noted: dict[str, list[float]] = {name: [] for name in _OURS}
        self.scored: dict[str, list[float]] = {name: [] for name in scores}
        self.scored_at: list[int] = []
        self.saved_at: int | None = None
        self._seconds, self._since = 0.0, time.perf_counter()

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return len(self.noted["loss"])

    def note(self, loss: float, gradient: float, rate: float) -> None:
        """A step was taken."""
        for name, value in (("loss", loss), ("gradient", gradient), ("rate", rate)):
            self.noted[name].append(value)

    def score(self) -> None:
        """Ask for every score, in `eval` mode; the mode and the random draws of the training stay as they were."""
        modes = {module: module.training for module in self.model.modules()}
        self.model.eval()
        try:
            with torch.random.fork_rng(_gpus()), torch.no_grad():
                for name, score in self.scores.items():
                    self.scored[name].append(float(score(self.model)))
        finally:
            for module, mode in modes.items():
                module.training = mode
        self.scored_at.append(self.steps)

    def save(self) -> None:
        """Write the checkpoint, if there is to be one."""
        if self.path is None:
            return
        content = {
            "settings": self.settings,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "noted": _doubles(self.noted),
            "scored": _doubles(self.scored),
            "scored_at": self.scored_at,
            "seconds": self._worked(),
            "draws": torch.get_rng_state(),
            "draws on CUDA": [torch.cuda.get_rng_state(gpu) for gpu in _gpus()],
        }
        write_checkpoint(self.path, content)
        self.saved_at = self.steps

    def resume(self, last: float) -> dict[str, Any] | None:
        """Go on from the checkpoint, if there is one; gives what is in it.

        Args:
            last: the step to end at.

        Raises:
            ValueError: if it is of another run, is beyond the last step, or cannot be read.
        """
        content = None if self.path is None else read_checkpoint(self.path)
        if content is None:
            return None
        for name, now in self.settings.items():
            if (then := content["settings"].get(name)) != now:
                raise ValueError(
                    f"train: the run in {self.path} has {name} = {then}, this one {name} = {now}; type what it had, "
                    "or name another file to begin anew"
                )
        if (taken := len(content["noted"]["loss"])) > last:
            raise ValueError(
                f"train: the run in {self.path} has taken {taken:,} steps, and this one ends after {last:,}; ask for "
                f"{taken:,} or more, or name another file to begin anew"
            )
        try:
            self.model.load_state_dict(content["model"])
        except RuntimeError as other:
            raise ValueError(
                f"train: {self.path} keeps another model; name another file to begin anew. {other}"
            ) from other
        self.optimizer.load_state_dict(content["optimizer"])
        self.scaler.load_state_dict(content["scaler"])
        self.noted = {name: values.tolist() for name, values in content["noted"].items()}
        self.scored = {name: values.tolist() for name, values in content["scored"].items()}
        self.scored_at = list(content["scored_at"])
        self.saved_at, self._seconds = self.steps, content["seconds"]
        return content

    def trace(self, **about: Any) -> Trace:
        """All notes and scores so far."""
        arrays = {name: np.array(values) for name, values in (self.noted | self.scored).items()}
        axes = {name: ("step",) for name in self.noted} | {name: ("evaluation",) for name in self.scored}
        labels = {"step": list(range(1, self.steps + 1))} | ({"evaluation": self.scored_at} if self.scored else {})
        about = {"steps": self.steps, "seconds": round(self._worked(), 3), **self.settings, **about}
        return Trace(arrays, axes, labels, provenance(**about))

    def _worked(self) -> float:
        """Seconds over all sittings."""
        return self._seconds + time.perf_counter() - self._since


@contextmanager
def own_draws(seed: int) -> Iterator[None]:
    """PyTorch's generators begin at the seed; afterwards they are where they were."""
    with torch.random.fork_rng(_gpus()):
        torch.default_generator.manual_seed(seed)
        if _gpus():
            torch.cuda.manual_seed_all(seed)
        yield


def restore_draws(content: Mapping[str, Any]) -> None:
    """The generators as a checkpoint found them; those of GPUs if there are as many."""
    torch.set_rng_state(content["draws"])
    if len(content["draws on CUDA"]) == len(_gpus()):
        for gpu, state in zip(_gpus(), content["draws on CUDA"], strict=True):
            torch.cuda.set_rng_state(state, gpu)


def _gpus() -> list[int]:
    """All GPUs a draw may come from: none until one is in use."""
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []


def _doubles(lists: Mapping[str, list[float]]) -> dict[str, Tensor]:
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in lists.items()}
