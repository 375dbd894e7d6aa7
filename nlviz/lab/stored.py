"""Long experiments, run once and kept: each is a name, a question and what makes its Trace."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..runtime import project
from ..trace import Trace
from .side_by_side import Watch

LIMIT = 1_000_000
"""Bytes of a stored Trace."""


@dataclass(frozen=True)
class Experiment:
    """What `python -m nlviz experiments` can run.

    Args:
        name: of the file it is kept in, without `.npz`.
        question: one sentence for the list.
        make: runs it. It is given something to go through its longest loop with, which shows how far it is.
        tell: what it found, in lines of text, for the command line; without it the file is named and no more.
    """

    name: str
    question: str
    make: Callable[[Watch], Trace]
    tell: Callable[[Trace], Iterable[str]] = lambda trace: ()


def store(experiment: Experiment, folder: Path, watch: Watch = iter, again: bool = False) -> Path:
    """Run an experiment and keep its Trace in a folder, all of it or nothing; one that is kept is left as it is.

    Args:
        experiment: which.
        folder: made where it is missing.
        watch: goes through the experiment's longest loop, `tqdm` say.
        again: run it even if it is kept.

    Returns:
        The path of the Trace. Its `about` has the command that made it.

    Raises:
        ValueError: for a Trace that does not say where it comes from, or is too big to be kept.

    >>> import tempfile, numpy as np
    >>> from ..runtime import provenance
    >>> made = Trace({"answer": np.array(42)}, {"answer": ()}, about=provenance(seed=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = store(Experiment("answer", "What is it?", lambda watch: made), Path(folder))
    ...     Trace.load(path).about["command"]
    'python -m nlviz experiments answer'
    """
    path = folder / f"{experiment.name}.npz"
    if path.exists() and not again:
        return path
    trace = experiment.make(watch)
    if missing := {"seed", "versions", "date"} - set(trace.about):
        raise ValueError(f"{experiment.name}: about lacks {', '.join(sorted(missing))}; see runtime.provenance")
    command = f"python -m nlviz experiments {experiment.name}"
    about = {**trace.about, "question": experiment.question, "command": command}
    scratch = Trace(trace.arrays, trace.axes, trace.labels, about).save(path.with_name(f".{path.name}"))
    if (size := scratch.stat().st_size) >= LIMIT:
        scratch.unlink()
        raise ValueError(f"{experiment.name}: {size:,} bytes, and a stored Trace has less than {LIMIT:,}; record less")
    os.replace(scratch, path)
    return path


def kept(name: str) -> Trace:
    """The Trace of an experiment that is kept with the course, in data/results/.

    Raises:
        FileNotFoundError: naming the command that makes it.

    >>> kept("amnesia").about["command"]
    'python -m nlviz experiments amnesia'
    """
    path = project() / "data" / "results" / f"{name}.npz"
    if not path.exists():
        raise FileNotFoundError(f"no Trace is kept in {path}; `python -m nlviz experiments {name}` makes it")
    return Trace.load(path)
