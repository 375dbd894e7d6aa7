"""What papers report, to stand beside what is measured here: data/paper/, one CSV a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import NamedTuple

from ..runtime import project


class Reported(NamedTuple):
    """One number of a table: of which model, at which task and setting; in percent."""

    table: str
    model: str
    task: str
    setting: str
    value: float
    source: str


def reported(name: str) -> list[Reported]:
    """The numbers of `data/paper/<name>.csv`, in the order of the paper.

    Raises:
        FileNotFoundError: naming the tables that are there.
        ValueError: for a file with other columns.

    >>> reported("formal_languages")[0]
    Reported(table='5', model='LSTM', task='Parity', setting='Bin 0', value=100.0, source='arXiv 2512.24695')
    """
    path = project() / "data" / "paper" / f"{name}.csv"
    if not path.exists():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.csv"))) or "none"
        raise FileNotFoundError(f"no table of a paper is kept in {path}; there are {there}")
    with open(path, encoding="utf8", newline="") as file:
        header, *rows = csv.reader(file)
    if tuple(header) != Reported._fields:
        raise ValueError(f"{path}: the columns are {', '.join(Reported._fields)}; got {', '.join(header)}")
    return [Reported(table, model, task, at, float(value), source) for table, model, task, at, value, source in rows]


def reported_table(name: str) -> Iterator[str]:
    """The same in lines of text: a model a line, a task a column, its settings side by side.

    >>> print(*list(reported_table("formal_languages"))[-1:])
    Hope                100/100       100/100       100/100       100/100       100/100       100/100
    """
    numbers = reported(name)
    models, tasks, settings = (list(dict.fromkeys(column)) for column in list(zip(*numbers, strict=True))[1:4])
    values = {(one.model, one.task, one.setting): f"{one.value:g}" for one in numbers}
    width = 3 + max(len("/".join(values[model, task, s] for s in settings)) for model in models for task in tasks)
    yield f"reported ({numbers[0].source}, Table {numbers[0].table}), %, {'/'.join(settings)}"
    yield f"{'':16}" + "".join(f"{task:>{width}}" for task in tasks)
    for model in models:
        cells = ("/".join(values[model, task, setting] for setting in settings) for task in tasks)
        yield f"{model:16}" + "".join(f"{cell:>{width}}" for cell in cells)
