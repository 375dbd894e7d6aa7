"""The command line: `python -m nlviz doctor`, `build`, `bench` or `experiments`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    parser = argparse.ArgumentParser(prog="nlviz", description="Nested Learning, hands on.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("doctor", help="is everything in place on this machine, and if not, what to type")
    commands.add_parser("build", help="build the notebooks from their masters", add_help=False)
    commands.add_parser(
        "bench",
        help="speed of our layers beside their peers; bench generation: token by token; bench optim: of optimizers; "
        "bench clocks: what clocks add",
        add_help=False,
    )
    commands.add_parser("experiments", help="run long experiments and keep their Traces", add_help=False)
    given, rest = parser.parse_known_args(argv)
    if given.command == "build":
        from .course import build

        return build.main(rest)
    if given.command == "bench" and rest[:1] in (["optim"], ["clocks"]):
        from . import experiments

        return experiments.bench(rest)
    if given.command == "bench":
        from . import bench

        return bench.main(rest)
    if given.command == "experiments":
        from . import experiments

        return experiments.main(rest)
    if rest:
        parser.error(f"doctor takes no arguments; got {' '.join(rest)}")
    from .checkup import doctor

    report = doctor()
    print(report)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
