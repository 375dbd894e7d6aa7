"""Notebooks out of masters: stubs for the learner, solutions for the teacher, ids that stay, errors in words."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

import nlviz as nl
from nlviz.course import build, masters
from nlviz.course.keeping import fingerprint

MASTER = '''# %% [markdown]
# # 1 · A fake lesson
#
# Run All is safe.

# %%
import torch
import nlviz as nl


# %% exercise="01.A"
def surprise(W, x, y):
    """What the layer said minus what was true."""
    ### BEGIN SOLUTION
    u = torch.softmax(W @ x, dim=0)

    # the label
    u[y] -= 1
    return u
    ### END SOLUTION


# %%
nl.progress()

# %% exercise="01.B" tags=["long"]
def remember(W, x, u, lr):
    ### BEGIN SOLUTION
    return W - lr * torch.outer(u, x)
    ### END SOLUTION

# %%
nl.progress()
'''


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The master of a fake lesson, in a course of its own."""
    folder = tmp_path / "notebooks" / "src"
    folder.mkdir(parents=True)
    monkeypatch.setenv("NLVIZ_PROJECT", str(tmp_path))
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "home"))
    path = folder / "01_fake.py"
    path.write_text(MASTER, "utf8")
    return path


def built(path: Path) -> tuple[Any, Any]:
    """The learner's and the solved notebook of a master, from disk."""
    folder = path.parent.parent
    name = path.with_suffix(".ipynb").name
    return nbformat.read(folder / name, as_version=4), nbformat.read(folder / "solutions" / name, as_version=4)


def test_a_learner_gets_stubs_and_a_teacher_solutions(source: Path) -> None:
    assert build.main([]) == 0
    learner, solved = built(source)
    assert learner.cells[2].source == (
        'def surprise(W, x, y):\n    """What the layer said minus what was true."""\n    ...  # about three lines'
    )
    assert learner.cells[4].source == "def remember(W, x, u, lr):\n    ...  # about one line"
    assert solved.cells[4].source == "def remember(W, x, u, lr):\n    return W - lr * torch.outer(u, x)"
    assert solved.cells[2].source.count("\n") == 6
    text = json.dumps(learner)
    for word in ("SOLUTION", "softmax", "torch.outer", "the label"):
        assert word not in text
    assert "SOLUTION" not in json.dumps(solved)
    assert [a.source == b.source for a, b in zip(learner.cells, solved.cells, strict=True)].count(False) == 2


def test_built_notebooks_carry_nothing_of_a_machine(source: Path) -> None:
    build.main([])
    for notebook in built(source):
        nbformat.validate(notebook)
        assert notebook.metadata == {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "nlviz": {"built": fingerprint(notebook.cells)},
            "title": "1 · A fake lesson",
        }
        codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.outputs == [] and cell.execution_count is None for cell in codes)
        metadata = [dict(cell.metadata) for cell in notebook.cells]
        assert metadata == [{}, {}, {"exercise": "01.A"}, {}, {"exercise": "01.B", "tags": ["long"]}, {}]


def test_editing_a_cell_changes_its_id_and_no_other(source: Path) -> None:
    build.main([])
    before = [[cell.id for cell in notebook.cells] for notebook in built(source)]
    assert before[0] == before[1]
    assert len(set(before[0])) == 6  # the two cells with nl.progress() too
    assert before[0][5] == before[0][3] + "-2"
    source.write_text(MASTER.replace("u[y] -= 1", "u[y] = u[y] - 1"), "utf8")
    build.main([])
    for notebook, ids in zip(built(source), before, strict=True):
        changed = [cell.id != was for cell, was in zip(notebook.cells, ids, strict=True)]
        assert changed == [False, False, True, False, False, False]


def test_building_twice_changes_nothing(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build.main([])
    files = sorted(source.parent.parent.rglob("*.ipynb"))
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    capsys.readouterr()
    assert build.main([]) == 0
    assert capsys.readouterr().out == "2 of 2 notebooks were in step already\n"
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before
    assert all(b"\r" not in content for content, _ in before)


def test_check_lists_what_is_out_of_step_and_writes_nothing(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = source.parent.parent
    assert build.main(["--check"]) == 1
    assert not list(folder.rglob("*.ipynb"))
    build.main([])
    assert build.main(["--check"]) == 0
    capsys.readouterr()
    learner = folder / "01_fake.ipynb"
    learner.write_text(learner.read_text("utf8").replace("is safe", "is dangerous"), "utf8")
    (folder / "solutions" / "07_gone.ipynb").write_text("{}", "utf8")
    (folder / "01_fake-Copy1.ipynb").write_text("{}", "utf8")  # a learner's own copy
    assert build.main(["--check"]) == 1
    assert capsys.readouterr().out == (
        "notebooks/solutions/07_gone.ipynb has no master in notebooks/src: write one, or delete it\n"
        "notebooks/01_fake.ipynb is out of step with its master: run python -m nlviz build\n"
    )
    assert "is dangerous" in learner.read_text("utf8")


def test_an_exercise_mark_survives_jupytext_both_ways(source: Path) -> None:
    notebook = jupytext.read(source, fmt="py:percent")
    again = jupytext.reads(jupytext.writes(notebook, fmt="py:percent"), fmt="py:percent")
    assert [cell.metadata.get("exercise") for cell in again.cells] == [None, None, "01.A", None, "01.B", None]
    assert '# %% exercise="01.A"' in jupytext.writes(notebook, fmt="py:percent")


def test_the_solution_shown_is_the_cell_of_the_solved_notebook(source: Path) -> None:
    build.main([])
    _, solved = built(source)
    assert masters.solution_cell("01.A") == solved.cells[2].source
    assert nl.solution("01.B").code == solved.cells[4].source


WRONG = {
    "BEGIN without END": (
        ("    return u\n    ### END SOLUTION", "    return u"),
        "without an ### END SOLUTION below it",
    ),
    "END without BEGIN": (
        ('true."""\n    ### BEGIN SOLUTION', 'true."""'),
        "cell 3: ### END SOLUTION without a ### BEGIN SOLUTION above it",
    ),
    "BEGIN twice": (("    u[y] -= 1", "    ### BEGIN SOLUTION"), "a second ### BEGIN SOLUTION before"),
    "nothing between": (
        ("    return W - lr * torch.outer(u, x)\n", ""),
        "nothing stands between ### BEGIN SOLUTION and ### END SOLUTION",
    ),
    "no marks": (
        ("    ### BEGIN SOLUTION\n    return W - lr * torch.outer(u, x)\n    ### END SOLUTION", "    return W"),
        "cell 5: exercise 01.B has no ### BEGIN SOLUTION",
    ),
    "not said": (
        ('# %% exercise="01.A"', "# %%"),
        'a solution is marked here, but the cell does not say exercise="NN.X"',
    ),
    "unknown": (('exercise="01.A"', 'exercise="01.Q"'), "there is no exercise '01.Q'; lesson 01 has 01.A, 01.B"),
    "of another lesson": (('exercise="01.A"', 'exercise="00.A"'), "exercise 00.A belongs to another lesson"),
    "another function": (("def remember", "def remembered"), "asks for a function remember, which is not defined here"),
    "twice": (('exercise="01.B"', 'exercise="01.A"'), "asks for a function surprise, which is not defined here"),
    "missing": (
        ('# %% exercise="01.B"' + MASTER.split('# %% exercise="01.B"')[1], "# %%\nnl.progress()"),
        "its cells are for ['01.A'], the exercises of the lesson ['01.A', '01.B']",
    ),
    "stub is not Python": (
        ("    ### END SOLUTION\n\n\n# %%\nnl", "    ### END SOLUTION\n        stray\n\n\n# %%\nnl"),
        "cell 3: without its solution, the cell is not Python (unexpected indent, line 4)",
    ),
    "solution is not Python": (("u[y] -= 1", "u[y -= 1"), "cell 3: solved, the cell is not Python"),
    "no heading": (("# # 1 · A fake lesson", "# A fake lesson"), "no cell begins with a heading, `# Title`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_master_that_cannot_be_built_gets_a_sentence(
    name: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (old, new), words = WRONG[name]
    assert old in MASTER
    source.write_text(MASTER.replace(old, new, 1), "utf8")
    assert build.main([]) == 1
    out = capsys.readouterr().out
    assert words in out
    assert out.startswith("01_fake.py")
    assert out.count("\n") == 1
    assert not list(source.parent.parent.rglob("*.ipynb"))


def test_the_words_count_lines_of_code() -> None:
    for count, words in ((1, "one line"), (2, "two lines"), (12, "twelve lines"), (13, "13 lines")):
        lines = "\n".join(f"    a{n} = {n}" for n in range(count))
        cell = f"def f():\n    ### BEGIN SOLUTION\n{lines}\n    ### END SOLUTION"
        assert masters.stub(cell, "here") == f"def f():\n    ...  # about {words}"


def test_a_block_inside_a_block_keeps_its_indent() -> None:
    block = "        ### BEGIN SOLUTION\n        n += i\n        ### END SOLUTION"
    cell = f"def f(n):\n    for i in range(n):\n{block}\n    return n"
    stub = masters.stub(cell, "here")
    ast.parse(stub)
    assert stub.split("\n")[2] == "        ...  # about one line"


def _stubs() -> list[tuple[str, str]]:
    """(exercise, stub) of the real lessons."""
    found = []
    for path in masters.masters():
        for cell in jupytext.read(path, fmt="py:percent").cells:
            if name := cell.metadata.get("exercise"):
                found.append((name, masters.stub(cell.source, path.name)))
    return found


@pytest.mark.parametrize(("name", "stub"), _stubs(), ids=lambda v: v if re.fullmatch(r"\d\d\.\w+", v) else "")
def test_the_stub_of_every_lesson_is_not_written_yet_and_its_solution_passes(
    name: str, stub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path))
    function = nl.course.exercise.find(name).name
    for cell, status in ((stub, "not written yet"), (masters.solution_cell(name), "pass")):
        space: dict[str, Any] = {"nl": nl, "torch": __import__("torch")}
        exec(cell, space)
        assert nl.check(name, space[function]).status == status
