"""`python -m nlviz experiments`: the long experiments of the course, by name, kept in data/results/.

The one place where experiments meet the rules they are about. To add one, add it to the list of its file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from ..lab.stored import store
from ..runtime import need, project
from ..trace import Trace
from . import (
    amnesia,
    answering,
    bench_clocks,
    clocks,
    continual,
    gates,
    in_a_row,
    language,
    optimizers,
)

EXPERIMENTS = [
    *optimizers.EXPERIMENTS,
    *clocks.EXPERIMENTS,
    *continual.EXPERIMENTS,
    *gates.EXPERIMENTS,
    *in_a_row.EXPERIMENTS,
    *amnesia.EXPERIMENTS,
    *bench_clocks.EXPERIMENTS,
    *language.EXPERIMENTS,
    *answering.EXPERIMENTS,
]


def main(argv: Sequence[str]) -> int:
    """Run and keep experiments; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="nlviz experiments", description="Run long experiments and keep their Traces."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; none: all that are not kept yet")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument("--again", action="store_true", help="run also what is kept")
    given = parser.parse_args(argv)
    known = {experiment.name: experiment for experiment in EXPERIMENTS}
    if unknown := set(given.names) - set(known):
        parser.error(f"there is no experiment {', '.join(sorted(unknown))}; --list says which there are")
    folder = project() / "data" / "results"
    chosen = [known[name] for name in given.names] or EXPERIMENTS
    for experiment in chosen:
        kept = (folder / f"{experiment.name}.npz").exists()
        if given.list:
            print(f"{experiment.name:24}{'kept' if kept else '':6}{experiment.question}")
        elif kept and not given.again:
            print(f"{experiment.name} is kept; --again runs it again")
        else:
            bar = partial(need("tqdm", extra="course").tqdm, desc=experiment.name)
            try:
                path = store(experiment, folder, bar, again=given.again)
            except KeyboardInterrupt as stopped:
                print(f"\n{experiment.name} is not kept: {stopped or 'stopped by an interrupt'}")
                return 130
            print(f"{experiment.name}: {path.stat().st_size:,} bytes in {path}")
        for line in () if given.list else experiment.tell(Trace.load(folder / f"{experiment.name}.npz")):
            print(line)
    return 0


def bench(argv: Sequence[str]) -> int:
    """`python -m nlviz bench optim`: measure anew what a step of each optimizer costs, keep it, and print the table.

    `python -m nlviz bench clocks` does the same for what clocks and logs add to a training step.
    """
    return main([f"bench_{argv[0]}", "--again", *argv[1:]])
