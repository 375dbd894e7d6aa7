"""Is everything in place? A short table of what this machine has, with a cure for whatever is not fine.

Standard library only at import, and every check stands alone: it has to answer where the install is broken.
"""

from __future__ import annotations

import html
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from pathlib import Path

_INSTALL = "python3 start.py lab installs it; elsewhere: pip install 'nlviz[course]'"
_AGAIN = "delete the folder .venv, then: python3 start.py lab"


@dataclass(frozen=True)
class Row:
    """One thing looked at: what was found, and the cure if it is not fine."""

    item: str
    found: str
    cure: str = ""

    @property
    def mark(self) -> str:
        """The verdict in a word."""
        return "look" if self.cure else "fine"


@dataclass(frozen=True)
class Report:
    """What `doctor` found; prints as a table, and shows as one in a notebook."""

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Is everything fine?"""
        return not any(row.cure for row in self.rows)

    @property
    def verdict(self) -> str:
        """The whole in a sentence."""
        ill = [row.item for row in self.rows if row.cure]
        return f"Have a look at: {', '.join(ill)}." if ill else "Everything is in place."

    def __str__(self) -> str:
        wide = max((len(row.item) for row in self.rows), default=0)
        lines = [f"{row.mark}  {row.item:{wide}}  {row.found}" for row in self.rows]
        cures = [f"\n{'':{wide + 8}}{row.cure}" if row.cure else "" for row in self.rows]
        return "\n".join([*(line + cure for line, cure in zip(lines, cures, strict=True)), self.verdict])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head = "".join(f"<th scope='col' style='text-align:left'>{word}</th>" for word in ("", "item", "found", "cure"))
        body = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left;vertical-align:top'>{html.escape(cell)}</td>"
                for cell in (row.mark, row.item, row.found, row.cure)
            )
            + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{html.escape(self.verdict)}</p>"


def doctor() -> Report:
    """Look at Python, PyTorch, the machine, the packages and the course's folders.

    Returns:
        A Report: `.ok`, and one row for each thing looked at with what was found, "fine" or "look", and a cure.
        It raises nothing: what goes wrong is a row.

    >>> import nlviz as nl
    >>> nl.doctor().rows[0].item
    'Python'
    """
    return Report(tuple(_looked_at()))


def _looked_at() -> Iterator[Row]:
    yield _row("Python", _python, "install Python 3.11, 3.12 or 3.13 from https://www.python.org/downloads/")
    yield _row("PyTorch", _torch, _INSTALL)
    yield _row("device", _device, "update the driver; without it set CUDA_VISIBLE_DEVICES= and the CPU is used")
    yield _row("memory", _memory, "close other programs: a lesson needs about 0.5 GB")
    yield _row("disk", _disk, "make room: 0.5 GB are needed")
    for name in ("numpy", "matplotlib", "plotly", "anywidget", "ipywidgets", "jupyterlab"):
        yield _row(name, partial(_package, name), _INSTALL)
    yield _row("digits", _digits, _INSTALL)
    yield _row("lessons", _lessons, "clone the whole repository; then: python3 start.py build")
    yield _row("progress", _progress, "set NLVIZ_HOME to a folder of yours that can be written")


class _Ill(Exception):  # noqa: N818 - a finding, not an error
    """What was found is not fine; with a cure of its own if the usual one does not fit."""

    def __init__(self, found: str, cure: str = "") -> None:
        super().__init__(found)
        self.cure = cure


def _row(item: str, look: Callable[[], str], cure: str) -> Row:
    """Look at one thing. Nothing that can go wrong there ends the table."""
    try:
        return Row(item, look())
    except _Ill as ill:
        return Row(item, str(ill), ill.cure or cure)
    except ModuleNotFoundError as missing:
        return Row(item, f"{missing.name} is not installed", cure)
    except Exception as broken:  # a DLL that does not load, a half-installed package, ...
        said = (str(broken).splitlines() or [""])[0]
        return Row(item, f"does not work: {type(broken).__name__}: {said}", _AGAIN if cure is _INSTALL else cure)


def _python() -> str:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise _Ill(found)
    return found


def _torch() -> str:
    import torch

    if (torch.ones(2, 3) @ torch.ones(3, 2)).tolist() != [[3.0, 3.0], [3.0, 3.0]]:
        raise _Ill(f"{torch.__version__}, and it multiplies wrongly", _AGAIN)
    return str(torch.__version__)


def _device() -> str:
    import torch

    from .runtime import best_device

    device = best_device()
    if torch.ones(2, 2, device=device).sum().item() != 4.0:
        raise _Ill(f"{device}, and it adds wrongly")
    if device.type == "cuda":
        return f"CUDA: {torch.cuda.get_device_name(device)}"
    return "Apple's GPU (MPS)" if device.type == "mps" else f"CPU, {os.cpu_count()} cores; enough for every lesson"


def _memory() -> str:
    found = import_module("psutil").virtual_memory()
    text = f"{found.available / 1e9:.1f} of {found.total / 1e9:.1f} GB free"
    if found.available < 0.5e9:
        raise _Ill(text)
    return text


def _disk() -> str:
    left = shutil.disk_usage(Path(__file__).parent).free / 1e9
    if left < 0.5:
        raise _Ill(f"{left:.1f} GB free")
    return f"{left:.1f} GB free"


def _package(name: str) -> str:
    import_module(name)
    version = metadata.version(name)
    if name == "plotly" and int(version.split(".")[0]) >= 7:
        raise _Ill(f"{version}, whose figures have an upload button", "pip install 'plotly>=6.1,<7'")
    return version


def _digits() -> str:
    images = import_module("sklearn.datasets").load_digits().images
    return f"{len(images)} images, from scikit-learn {metadata.version('scikit-learn')}"


def _lessons() -> str:
    from .runtime import project

    try:
        folder = project() / "notebooks"
    except FileNotFoundError as absent:
        raise _Ill("not beside the package", str(absent)) from None
    lessons = [path for path in folder.glob("[0-9][0-9]_*.ipynb") if "." not in path.stem]  # no copies set aside
    if not lessons:
        raise _Ill(f"none in {folder}")
    return f"{len(lessons)} in {folder}"


def _progress() -> str:
    from .course.records import folder

    place = folder()
    existing = next(path for path in (place, *place.parents) if path.exists())
    with tempfile.TemporaryFile(dir=existing):
        return f"kept in {place}"
