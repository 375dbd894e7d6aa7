"""What a learner wrote is never lost: `build` sets a notebook aside that somebody has worked in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nlviz.course import build
from nlviz.course.keeping import fingerprint

MASTER = """# %% [markdown]
# # 1 · A fake lesson

# %% exercise="01.A"
def surprise(W, x, y):
    ### BEGIN SOLUTION
    return 1
    ### END SOLUTION

# %% exercise="01.B"
def remember(W, x, u, lr):
    ### BEGIN SOLUTION
    return 2
    ### END SOLUTION
"""
DAY = r"\d{4}-\d\d-\d\d"


@pytest.fixture
def learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A learner's notebook, just built."""
    source = tmp_path / "notebooks" / "src"
    source.mkdir(parents=True)
    monkeypatch.setenv("NLVIZ_PROJECT", str(tmp_path))
    (source / "01_fake.py").write_text(MASTER, "utf8")
    build.main([])
    capsys.readouterr()
    return tmp_path / "notebooks" / "01_fake.ipynb"


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Open a notebook, change it, save it, as an editor does."""
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def write(words: str) -> Callable[[Any], object]:
    return lambda notebook: notebook.cells[1].update(source=f"def surprise(W, x, y):\n    return {words}")


def run(notebook: Any) -> None:
    """What running leaves behind: outputs, counts, an empty cell at the end, more about the kernel."""
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="seen")]
    notebook.cells[1].execution_count = 3
    notebook.cells.append(nbformat.v4.new_code_cell(""))
    notebook.metadata.language_info.version = "3.12.1"


def change_master(learner: Path) -> None:
    source = learner.parent / "src" / "01_fake.py"
    source.write_text(source.read_text("utf8").replace("A fake lesson", "A better lesson"), "utf8")


def aside(learner: Path) -> list[Path]:
    """What stands beside the built notebooks."""
    return sorted(path for path in learner.parent.rglob("*.ipynb") if path.name != learner.name)


def test_what_somebody_wrote_is_kept_beside_the_new_notebook(learner: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = learner.read_bytes()
    edit(learner, write("my own"))
    mine = learner.read_bytes()
    assert build.main([]) == 0
    out = capsys.readouterr().out.splitlines()
    told = (
        rf"notebooks/01_fake.ipynb has been worked in: that work is kept beside the new one as (01_fake\.mine-{DAY}.*)"
    )
    assert (found := re.fullmatch(told, out[0]))
    assert out[1:] == ["built notebooks/01_fake.ipynb", "1 of 2 notebooks were in step already"]
    assert (learner.parent / found[1]).read_bytes() == mine
    assert learner.read_bytes() == new
    assert build.main(["--check"]) == 0  # what is kept is nobody's orphan


def test_the_second_work_of_a_day_does_not_replace_the_first(learner: Path) -> None:
    for words in ("first", "second", "third"):
        edit(learner, write(words))
        build.main([])
    kept = [nbformat.read(path, as_version=4).cells[1].source.split()[-1] for path in aside(learner)]
    assert sorted(kept) == ["first", "second", "third"]
    assert all(re.fullmatch(rf"01_fake\.mine-{DAY}(-[23])?\.ipynb", path.name) for path in aside(learner))


@pytest.mark.parametrize(
    "work",
    [
        lambda notebook: notebook.cells.append(nbformat.v4.new_markdown_cell("my notes")),
        lambda notebook: notebook.cells.pop(1),
        lambda notebook: notebook.cells.reverse(),
        lambda notebook: notebook.cells[0].update(source=notebook.cells[0].source + "\n\nI see."),
        lambda notebook: notebook.cells[2].update(cell_type="raw"),
    ],
    ids=["a cell more", "a cell less", "another order", "notes in the text", "another type"],
)
def test_every_kind_of_work_counts(learner: Path, work: Callable[[Any], object]) -> None:
    edit(learner, work)
    text = learner.read_bytes()
    build.main([])
    assert [path.read_bytes() for path in aside(learner)] == [text]


def test_a_solved_notebook_is_kept_too(learner: Path) -> None:
    edit(learner.parent / "solutions" / learner.name, write("a teacher's"))
    build.main([])
    assert [path.parent.name for path in aside(learner)] == ["solutions"]


@pytest.mark.parametrize("better", [False, True], ids=["same master", "changed master"])
@pytest.mark.parametrize("touch", [run, lambda notebook: None], ids=["run", "untouched"])
def test_a_notebook_that_was_only_run_is_replaced(
    learner: Path, touch: Callable[[Any], object], better: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(learner, touch)
    if better:
        change_master(learner)
    build.main([])
    assert not aside(learner)
    assert "kept" not in capsys.readouterr().out
    assert "seen" not in learner.read_text("utf8")
    assert ("A better lesson" in learner.read_text("utf8")) == better


def test_a_notebook_without_a_fingerprint_is_kept_unless_it_is_the_new_one(learner: Path) -> None:
    edit(learner, lambda notebook: notebook.metadata.pop("nlviz"))
    build.main([])
    assert not aside(learner)
    edit(learner, lambda notebook: notebook.metadata.pop("nlviz"))
    change_master(learner)
    build.main([])
    assert len(aside(learner)) == 1


@pytest.mark.parametrize(
    "damage",
    [b"", b'{"cells": [', b"[1, 2]", b"\xff\xfe\x00", b"{}", b'{"cells": 3, "metadata": {}}', b'{"cells": [{}]}'],
    ids=["empty", "cut", "a list", "no text", "no cells", "a number", "a cell of nothing"],
)
def test_a_damaged_notebook_is_kept_as_it_is(learner: Path, damage: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    new = learner.read_bytes()
    learner.write_bytes(damage)
    assert build.main(["--check"]) == 1
    assert build.main([]) == 0
    assert "notebooks/01_fake.ipynb is damaged: as it is, it is kept beside the new one" in capsys.readouterr().out
    assert [path.read_bytes() for path in aside(learner)] == [damage]
    assert re.fullmatch(rf"01_fake\.damaged-{DAY}\.ipynb", aside(learner)[0].name)
    assert learner.read_bytes() == new


def test_check_looks_at_the_cells_and_not_at_their_fingerprint(
    learner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def forge(notebook: Any) -> None:
        write("my own")(notebook)
        notebook.metadata.nlviz.built = fingerprint(notebook.cells)

    for change in (write("my own"), forge):
        edit(learner, change)
        text = learner.read_bytes()
        assert build.main(["--check"]) == 1
        out = capsys.readouterr().out
        assert out == "notebooks/01_fake.ipynb is out of step with its master: run python -m nlviz build\n"
        assert learner.read_bytes() == text
        assert not aside(learner)
