"""How far one is."""

from __future__ import annotations

from . import exercise, records
from .answers import Progress


def progress() -> Progress:
    """The exercises of every lesson: done or not yet, and after how many tries.

    It is kept on this computer only: in $NLVIZ_HOME if that is set, else in the system's folder for your data.

    >>> progress().lessons["01 A gradient is a surprise"][0][:2]
    ('01.A', 'surprise')
    """
    kept, remark = records.read()
    table = {}
    for number in exercise.lessons():
        lesson = exercise.of_lesson(number)
        table[f"{number} {lesson.TITLE}"] = [
            (one.id, one.name, bool(entry.get("passed")), entry.get("tries", 0))
            for one in lesson.EXERCISES
            for entry in [kept.get(one.id, {})]
        ]
    return Progress(table, remark)
