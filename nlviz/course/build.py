"""Notebooks out of masters: for every notebooks/src/NN_slug.py a learner's and a solved one.

    python -m nlviz build             write them
    python -m nlviz build --check     only say which are out of step

A built notebook has no outputs and no solutions (or all of them, in solutions/), and its cells have ids made from
their content in the master: who edits one cell changes one id, in both. A notebook that somebody has worked in is
kept beside the new one, under a name of its own.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..runtime import need, project
from . import exercise
from .keeping import fingerprint, keep
from .masters import BEGIN, END, MasterError, masters, solved, stub

_KEPT = ("exercise", "tags")  # what of a cell's metadata goes into the notebook


def notebooks() -> dict[Path, str]:
    """Every notebook as it should stand on disk.

    Raises:
        MasterError: a sentence, for the first master that cannot be built.
    """
    folder = project() / "notebooks"
    text = {}
    for path in masters():
        cells = _cells(path)
        name = path.with_suffix(".ipynb").name
        text[folder / name] = _notebook(cells, stub, path)
        text[folder / "solutions" / name] = _notebook(cells, solved, path)
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Build, or with --check compare; the exit status is 1 when something is out of step or cannot be built."""
    parser = argparse.ArgumentParser("nlviz build", description="Build the notebooks from notebooks/src.")
    parser.add_argument("--check", action="store_true", help="write nothing; list the notebooks out of step")
    options = parser.parse_args(argv)
    try:
        text = notebooks()
    except (MasterError, FileNotFoundError, ModuleNotFoundError) as error:
        print(error)
        return 1
    stale = [path for path, wanted in text.items() if not path.exists() or _read(path) != wanted]
    orphans = sorted(set(_standing()) - set(text))
    for path in orphans:
        print(f"{_short(path)} has no master in notebooks/src: write one, or delete it")
    if options.check:
        for path in stale:
            print(f"{_short(path)} is out of step with its master: run python -m nlviz build")
        return 1 if stale or orphans else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kept := keep(path, text[path]):
            print(f"{_short(path)} {kept}")
        path.write_text(text[path], "utf8", newline="\n")
        print(f"built {_short(path)}")
    print(f"{len(text) - len(stale)} of {len(text)} notebooks were in step already")
    return 0


def _short(path: Path) -> str:
    return path.relative_to(project()).as_posix()


def _read(path: Path) -> str:
    return path.read_text("utf8", errors="replace")  # a damaged file is out of step, and no more than that


def _standing() -> list[Path]:
    """The built notebooks on disk; a copy made in JupyterLab, and what `keep` sets aside, have other kinds of names."""
    folder = project() / "notebooks"
    found = [*folder.glob("*.ipynb"), *(folder / "solutions").glob("*.ipynb")]
    return [path for path in found if re.fullmatch(r"\d\d_\w+", path.stem)]


def _cells(path: Path) -> list[Any]:
    """The cells of a master, checked."""
    cells = need("jupytext", extra="course").read(path, fmt="py:percent").cells
    seen: list[str] = []
    for number, cell in enumerate(cells, 1):
        where = f"{path.name}, cell {number}"
        marked = any(line.strip() in (BEGIN, END) for line in cell.source.split("\n"))
        name = cell.metadata.get("exercise")
        if name is None and marked:
            raise MasterError(f'{where}: a solution is marked here, but the cell does not say exercise="NN.X"')
        if name is not None:
            _check_exercise(cell, name, marked, path, where)
            seen.append(name)
    lesson = path.name[:2]
    wanted = [one.id for one in exercise.of_lesson(lesson).EXERCISES] if lesson in exercise.lessons() else []
    if sorted(seen) != sorted(wanted):
        raise MasterError(
            f"{path.name}: its cells are for {seen or 'no exercise'}, the exercises of the lesson {wanted}"
        )
    return list(cells)


def _check_exercise(cell: Any, name: str, marked: bool, path: Path, where: str) -> None:
    """An exercise's cell defines the function that is asked for, and has its solution marked."""
    try:
        wanted = exercise.find(name)
    except LookupError as unknown:
        raise MasterError(f"{where}: {unknown}") from None
    if not name.startswith(f"{path.name[:2]}."):
        raise MasterError(f"{where}: exercise {name} belongs to another lesson than {path.name}")
    if cell.cell_type != "code" or not marked:
        raise MasterError(f"{where}: exercise {name} has no {BEGIN}")
    tree = ast.parse(stub(cell.source, where))
    if wanted.name not in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]:
        raise MasterError(f"{where}: exercise {name} asks for a function {wanted.name}, which is not defined here")


def _notebook(cells: list[Any], turned: Callable[[str, str], str], path: Path) -> str:
    """One notebook as text."""
    nbformat = need("nbformat", extra="course")
    v4 = nbformat.v4
    used: Counter[str] = Counter()
    built = []
    for number, cell in enumerate(cells, 1):
        key = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        used[key] += 1
        name = key if used[key] == 1 else f"{key}-{used[key]}"
        kept = {field: cell.metadata[field] for field in _KEPT if field in cell.metadata}
        if cell.cell_type == "code":
            source = turned(cell.source, f"{path.name}, cell {number}") if "exercise" in kept else cell.source
            built.append(v4.new_code_cell(source, id=name, metadata=kept))
        else:
            built.append(v4.new_markdown_cell(cell.source, id=name, metadata=kept))
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "nlviz": {"built": fingerprint(built)},
        "title": _title(cells, path),
    }
    notebook = v4.new_notebook(cells=built, metadata=metadata)
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook, version=4)).rstrip("\n") + "\n"


def _title(cells: list[Any], path: Path) -> str:
    """The first heading."""
    for cell in cells:
        if cell.cell_type == "markdown" and (heading := re.search(r"(?m)^# (.+)$", cell.source)):
            return heading[1].strip()
    raise MasterError(f"{path.name}: no cell begins with a heading, `# Title`")
