"""The README keeps its word: its code runs, its links lead somewhere, its commands exist."""

from __future__ import annotations

import re

from nlviz.runtime import project

ROOT = project()
TEXT = (ROOT / "README.md").read_text("utf8")


def test_the_ten_lines_run(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.S)
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.count("squared error") == 2


def test_every_link_and_picture_is_there():
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_every_lesson_there_is_has_a_line():
    for master in (ROOT / "notebooks" / "src").glob("[0-9][0-9]_*.py"):
        assert f"notebooks/{master.stem}.ipynb" in TEXT, master.stem


def test_every_command_is_known_to_start():
    help_of_start = (ROOT / "start.py").read_text("utf8").split('"""')[1]
    for command in set(re.findall(r"python3 start\.py (\w+)", TEXT)):
        assert f"start.py {command}" in help_of_start, command
