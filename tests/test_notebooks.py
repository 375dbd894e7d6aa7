"""The lessons themselves: in step with their masters, without outputs or solutions, and running from top to bottom."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path

import jupytext
import nbclient
import nbformat
import pytest

from nlviz.course import build, masters
from nlviz.runtime import project

FOLDER = project() / "notebooks"
LEARNER = [FOLDER / f"{path.stem}.ipynb" for path in masters.masters()]  # not what `build` set aside, not a copy
SOLVED = [FOLDER / "solutions" / path.name for path in LEARNER]
HANG = 600  # seconds


def name(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def test_the_first_lessons_are_there() -> None:
    for folder in (LEARNER, SOLVED):
        assert {"00_start", "01_surprise"} <= {path.stem for path in folder}


def test_every_notebook_is_in_step_with_its_master(capsys: pytest.CaptureFixture[str]) -> None:
    status = build.main(["--check"])
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", LEARNER + SOLVED, ids=name)
def test_a_notebook_holds_no_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert codes
    assert all(cell.outputs == [] and cell.execution_count is None for cell in codes)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "nlviz", "title"}
    assert "Run All" in notebook.cells[0].source


@pytest.mark.parametrize("path", LEARNER, ids=name)
def test_a_learners_notebook_holds_no_line_of_a_solution(path: Path) -> None:
    master = jupytext.read(FOLDER / "src" / f"{path.stem}.py", fmt="py:percent")
    wanted = [cell for cell in master.cells if "exercise" in cell.metadata]
    there = {line.strip() for cell in nbformat.read(path, as_version=4).cells for line in cell.source.split("\n")}
    assert not {masters.BEGIN, masters.END} & there
    for cell in wanted:
        given = set(masters.stub(cell.source, path.name).split("\n"))
        hidden = {line.strip() for line in cell.source.split("\n") if line not in given}
        assert not {line for line in hidden & there if len(line) > 10}


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel of this very interpreter, with folders of its own."""
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.joinpath("kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}), "utf8"
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def begin(home: Path) -> nbformat.NotebookNode:
    """A cell that clears the names of a kernel and lets progress be kept in another folder."""
    return nbformat.v4.new_code_cell(f"%reset -f\nimport os\nos.environ['NLVIZ_HOME'] = {str(home)!r}\ndel os")


def passed(home: Path) -> set[str]:
    """The exercises that were passed."""
    record = home / "progress.json"
    kept = json.loads(record.read_text("utf8"))["exercises"] if record.exists() else {}
    return {exercise for exercise, entry in kept.items() if entry["passed"]}


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(("learner", "solved"), zip(LEARNER, SOLVED, strict=True), ids=[path.stem for path in LEARNER])
def test_a_lesson_runs_from_top_to_bottom_as_it_is_given_and_solved(
    learner: Path, solved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other in one kernel, to start it and to import torch once."""
    given, answered = (nbformat.read(path, as_version=4) for path in (learner, solved))
    homes = tmp_path / "given", tmp_path / "solved"
    begins = [begin(home) for home in homes]
    both = nbformat.v4.new_notebook(metadata=given.metadata)
    both.cells = [begins[0], *given.cells, begins[1], *answered.cells]
    folder = {"metadata": {"path": str(learner.parent)}}
    start = time.time()
    nbclient.NotebookClient(
        both, timeout=HANG, kernel_name="python3", resources=folder, store_widget_state=False
    ).execute()
    half = datetime.fromisoformat(begins[1].metadata["execution"]["iopub.execute_input"]).timestamp()
    with capsys.disabled():
        print(f"\n{learner.stem} ran in {half - start:.1f} s", file=sys.stderr)
        print(f"and solved in {time.time() - half:.1f} s", file=sys.stderr, flush=True)
    assert passed(homes[0]) == set()
    assert passed(homes[1]) == {cell.metadata["exercise"] for cell in answered.cells if "exercise" in cell.metadata}
