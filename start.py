#!/usr/bin/env python3
"""Set up the course in .venv beside this file, once, and start it. Needs Python 3.11 to 3.13 and nothing else.

    python3 start.py lab       open the course in JupyterLab
    python3 start.py test      lint, format, types and all tests
    python3 start.py doctor    is everything in place on this machine, and if not, what to type
    python3 start.py build     build the notebooks from their masters
    python3 start.py bench     measure speed: our layers, a yardstick, a peer

Further arguments are passed on: `start.py lab --no-browser`, `start.py test -k delta`.
On Windows type `py` for `python3`. On Linux, NLVIZ_TORCH_INDEX may name PyTorch's index of CPU builds, which
saves some gigabytes of CUDA.
"""

# Nothing here is newer than Python 3.6 can read, so that an old Python gets a sentence too, and no SyntaxError.

import os
import platform
import signal
import subprocess
import sys
import time

import start_install as install
from start_install import HERE, PYTHON


def call(*arguments) -> int:
    """Run `python arguments` of .venv to its end, Ctrl-C included: it gets the same one, and may have to tidy up."""
    process = subprocess.Popen([str(PYTHON), *map(str, arguments)], cwd=str(HERE), env=install.environment())
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise


def hand_over(*arguments) -> int:
    """Become `python arguments` of .venv: Ctrl-C and signals reach it, and its exit status is ours."""
    command = [str(PYTHON), *map(str, arguments)]
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, install.environment())
    process = subprocess.Popen(command, env=install.environment())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return process.wait()


def lab(arguments) -> int:
    """JupyterLab on the course's first page."""
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    page = "--LabApp.default_url=/lab/tree/notebooks/00_start.ipynb"
    return hand_over("-m", "jupyterlab", f"--ServerApp.root_dir={HERE}", page, *root, *arguments)


def test(arguments) -> int:
    """All four checks, to the end even if one fails; further arguments go to pytest."""
    workers = [] if any(word.startswith(("-n", "--numprocesses")) for word in arguments) else ["-n", "2"]
    checks = (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["pytest", *workers, *arguments],
    )
    table = []
    for words in checks:
        print(f"\n== {' '.join(words)}", flush=True)
        begun = time.monotonic()
        status = call("-m", *words)
        table.append((status, time.monotonic() - begun, words))
    print()
    for status, seconds, words in table:
        print(f"{'FAILED' if status else 'passed'} {seconds:6.1f} s  {' '.join(words)}", flush=True)
    return int(any(status for status, _, _ in table))


def doctor(arguments) -> int:
    """What can be said without the package, where it is worth saying; then what the package finds."""
    todo = install.missing("torch", "course")
    free, room = install.free(), 0.2 if PYTHON.exists() else install.ROOM
    rows = [
        ("Python", platform.python_version(), install.obstacle()),
        ("disk", f"{free:.1f} GB free", "" if free >= room else f"make room: {room} GB are needed"),
        (
            ".venv",
            f"to be installed: {', '.join(todo)}" if todo else "complete",
            "type: python3 start.py lab" if todo else "",
        ),
    ]
    ill = any(cure for _, _, cure in rows)
    for item, found, cure in rows if ill else []:
        print(f"{'look' if cure else 'fine'}  {item:12}{found}{'  ->  ' if cure else ''}{cure}", flush=True)
    if not install.answer(PYTHON, "-c", "import nlviz; print(1)"):
        return 1
    return int(call("-m", "nlviz", "doctor", *arguments) != 0 or ill)


def main(argv) -> int:
    """The command line."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(__doc__.strip())
        return 0
    command, arguments = argv[0], argv[1:]
    try:
        if command == "doctor":
            return doctor(arguments)
        why = install.obstacle()
        if why:
            raise install.SetUpError(why)
        install.set_up("torch", "course", *[command] * (command in install.STEPS))
        if command in ("lab", "test"):
            return {"lab": lab, "test": test}[command](arguments)
        return hand_over("-m", "nlviz", command, *arguments)
    except install.SetUpError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\n{error}. Is the disk full, the folder not writable, or JupyterLab still open?", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Call again when you like: what was begun is put right first.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
