"""Four texts that every install carries: English prose, Python, C++ and JavaScript.

Nothing is downloaded: the prose is Python's own manual as `help()` shows it, the Python source its standard library,
the C++ headers come inside PyTorch, the JavaScript inside JupyterLab. What they hold depends on the versions installed;
`about["sha256"]` says which bytes they are.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path

import torch

from ..runtime import generator
from .text import Text, split

_SHARE = 50
"""Of one file no more is used than a fiftieth of the text: many hands, and what is kept apart is not one file."""
_NOT_SOURCE = {"site-packages", "dist-packages", "test", "tests", "idle_test", "pydoc_data", "encodings", "__pycache__"}


def english(seed: int = 0, test: float = 0.1) -> Text:
    """English prose: Python's language reference as `help()` shows it, split by topic.

    Args:
        seed: of the split.
        test: share of the bytes kept apart.

    Raises:
        ModuleNotFoundError: where Python came without its manual.

    Some topics stand within others, word for word: those passages are taken out of the part to learn from.

    Source: `pydoc_data.topics` of Python (PSF licence).

    >>> text = english()
    >>> text.chance                              # bits per byte of one who knows nothing
    8.0
    """
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "the prose is the manual inside Python, and this Python came without it (pydoc_data); set up one that has "
            "it with `python3 start.py`, or take another text: nl.tasks.python_source()",
            name=missing.name,
        ) from None
    documents = ((name, str(topics[name]).encode()) for name in sorted(topics))
    return split(documents, "English", seed, test)


def python_source(seed: int = 0, test: float = 0.1, most: int = 2_000_000) -> Text:
    """Python source: the standard library without its tests, split by file.

    Args:
        seed: of the choice of files and of the split.
        test: share of the bytes kept apart.
        most: bytes to take, about; files are drawn until there are so many.

    Raises:
        FileNotFoundError: where the library is not there as files.

    Source: Python's standard library (PSF licence).
    """
    folder = Path(sysconfig.get_path("stdlib"))
    files = [file for file in sorted(folder.rglob("*.py")) if not _NOT_SOURCE & set(file.relative_to(folder).parts)]
    return _of_files("Python", folder, files, seed, test, most)


def cpp_headers(seed: int = 0, test: float = 0.1, most: int = 2_000_000) -> Text:
    """C++ headers, those written by hand: PyTorch's c10, ATen/core and C++ interface, split by file.

    Arguments and errors as for `python_source`.

    Source: the headers inside the installed PyTorch (BSD 3-clause).
    """
    folder = Path(torch.__file__).parent / "include"
    files = [file for part in ("c10", "ATen/core", "torch/csrc/api") for file in sorted((folder / part).rglob("*.h"))]
    return _of_files("C++", folder, files, seed, test, most)


def javascript(seed: int = 0, test: float = 0.1, most: int = 2_000_000) -> Text:
    """JavaScript as browsers get it, without line breaks: what JupyterLab serves, split by file.

    Arguments as for `python_source`.

    Raises:
        FileNotFoundError: without JupyterLab, naming the extra that brings it.

    Source: the installed JupyterLab (BSD 3-clause; most of the libraries bundled in it MIT or BSD).
    """
    folder = Path(sysconfig.get_path("data")) / "share" / "jupyter" / "lab" / "static"
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the JavaScript is that of JupyterLab, and {folder} is not there; type: pip install 'nlviz[course]', "
            "or take another text: nl.tasks.english()"
        )
    return _of_files("JavaScript", folder, sorted(folder.glob("*.js")), seed, test, most)


def _of_files(name: str, folder: Path, files: list[Path], seed: int, test: float, most: int) -> Text:
    if not files:
        raise FileNotFoundError(f"{name}: there is no file of it in {folder}; take another text: nl.tasks.english()")
    if most < 1:
        raise ValueError(f"{name}: most is how many bytes to take, 1 or more; got {most}")
    return split(_drawn(folder, files, seed, most), name, seed, test, most=most)


def _drawn(folder: Path, files: list[Path], seed: int, most: int) -> Iterator[tuple[str, bytes]]:
    """Files by lot, until there are enough bytes."""
    room, longest = most, max(most // _SHARE, 1)
    for i in torch.randperm(len(files), generator=generator(seed)).tolist():
        if room <= 0:
            return
        content = files[i].read_bytes().replace(b"\r\n", b"\n")[:longest]
        room -= len(content)
        yield files[i].relative_to(folder).as_posix(), content
