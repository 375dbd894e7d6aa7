"""Home and away on text: from which of ten files do these bytes come, and what are the files called today?

    x = √(share of each character among the window's), centred, as long as a digit on average

The files are modules of Python's standard library, so every install carries them. Square roots of shares are points on
a sphere whose distances are those of Hellinger: rare characters count.
"""

from __future__ import annotations

import sysconfig
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..runtime import generator
from .stream_home import Lengths, check_lengths, named_then_shuffled, schedule
from .streams import Stream, stack

FILES, WINDOWS, WINDOWS_TEST = 10, 140, 40  # as many examples a class as the digits have
NORM = 3.0
"""Root of the mean squared norm of the centred digits, and of these: equal rates mean equal steps."""

PLACE = torch.tensor([-1] * 32 + [*range(64), *range(32, 64)] + [-1] * 128)
"""Where in the row of 64 characters a byte counts, -1 for nowhere: 32 signs and digits, 32 letters and what is near."""


def home_and_away_files(
    runs: int = 20,
    seed: int = 0,
    steps: int = 1200,
    batch: int = 8,
    home: Lengths = (40, 80),
    away: Lengths = (15, 30),
    window: int = 1024,
) -> Stream:
    """At home ten files are numbered 0 to 9; each excursion numbers them anew.

    Args:
        runs: seeds seed, seed + 1, ...; each its own ten files, windows, schedule and label maps.
        steps: batches in all; the first come from home.
        batch: windows a step.
        home, away: how long a stay is.
        window: bytes of a text that is to be told. What is learned from begins in the first three quarters of a file,
            what is kept apart lies in the last.

    The features are 64: the characters from space to DEL, upper and lower case as one.

    >>> stream = home_and_away_files(runs=2, steps=100)
    >>> x, y = next(iter(stream))
    >>> stream, x.shape
    (Stream: home and away, ten files, 100 steps of 8 examples, 2 runs, torch.Size([2, 8, 64]))
    """
    check_lengths("home_and_away_files", home=home, away=away)
    texts = _modules(32 * window)
    if len(texts) < FILES:
        raise ValueError(
            f"home_and_away_files: ten modules of {32 * window:,} bytes or more are needed, and this Python's library "
            f"has {len(texts)}; take a shorter window, window=1024 say"
        )
    worlds = []
    for s in range(seed, seed + runs):
        draws = generator(s)
        ten = [texts[i] for i in torch.randperm(len(texts), generator=draws)[:FILES].tolist()]
        cuts = [len(text) * 3 // 4 for text in ten]
        x = torch.cat([windows(text[:cut], window, WINDOWS, draws) for text, cut in zip(ten, cuts, strict=True)])
        x_test = torch.cat(
            [windows(text[cut:], window, WINDOWS_TEST, draws) for text, cut in zip(ten, cuts, strict=True)]
        )
        centre = x.mean(0)
        stretch = NORM / (x - centre).square().sum(-1).mean().sqrt()
        task = schedule(draws, steps, home, away)
        worlds.append(
            {
                "x": stretch * (x - centre),
                "y": torch.arange(FILES).repeat_interleave(WINDOWS),
                "x_test": stretch * (x_test - centre),
                "y_test": torch.arange(FILES).repeat_interleave(WINDOWS_TEST),
                "index": torch.randint(len(x), (steps, batch), generator=draws),
                "task": task,
                "labels": named_then_shuffled(draws, int(task.max()), FILES),
            }
        )
    name = "home and away, ten files"
    about = dict(stream=name, seed=seed, runs=runs, steps=steps, batch=batch, home=list(home), away=list(away))
    return stack(worlds, None, name, {**about, "window": window})


@cache
def _modules(shortest: int) -> list[Tensor]:
    """Where in the row of 64 characters each byte of a module stands, -1 for nowhere; of modules long enough."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("[!_]*.py"))
    texts = [torch.from_numpy(np.frombuffer(file.read_bytes(), np.uint8).astype(np.int64)) for file in files]
    return [PLACE[text] for text in texts if len(text) >= shortest]


def windows(text: Tensor, window: int, many: int, draws: torch.Generator) -> Tensor:
    """Root shares of the characters in so many windows of a text, each from a place drawn by lot: `(many, 64)`."""
    starts = torch.randint(len(text) - window + 1, (many, 1), generator=draws)
    shown = text[starts + torch.arange(window)]  # (many, window)
    counts = torch.stack([torch.bincount(one[one >= 0], minlength=64) for one in shown])
    return (counts / counts.sum(-1, keepdim=True)).sqrt()
